"""The ledger's DynamoDB table: items by partition key and sort key, both text; and transactions of any table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets.errors import TransientError
from pipeline_assets.events.table_errors import BusyError, failure_of, transient
from pipeline_assets.storage.retries import retries

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import WriteRequestTypeDef

Item = dict[str, Any]
#: Why one action of a transaction was refused: a `Code`, and with it the `Item` that stood in its way, where asked for.
Reason = dict[str, Any]
#: The most requests DynamoDB takes in one BatchWriteItem.
_BATCH = 25
#: The most actions DynamoDB takes in one transaction.
TRANSACTION = 100
#: The code of an action whose condition did not hold.
CONDITION_FAILED = "ConditionalCheckFailed"
#: Codes to send the same again after a rest: another writer has an item in hand, or the table is throttled.
#: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
_BUSY_REASONS = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})


def key(pk: str, sk: str) -> Item:
    """The key of an item."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


class Table:
    """Reads that see every write before them, batches and transactions.

    Every method raises `TransientError` on failure, those that write only after they were refused as busy several
    times.
    """

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self.client = client
        self.name = name

    def get(self, pk: str, sk: str) -> Item | None:
        """One item, or None."""
        with transient("read an item"):
            return self.client.get_item(TableName=self.name, Key=key(pk, sk), ConsistentRead=True).get("Item")

    def query(
        self, pk: str, *, page: int | None = None, only: str = "", begins: str = "", since: str = ""
    ) -> Iterator[Item]:
        """Query the items of a partition key.

        Parameters
        ----------
        pk
            The partition key.
        page
            How many to read at a time; as many as fit into an answer unless given.
        only
            Attributes to read, separated by commas; all unless given.
        begins, since
            What the sort keys begin with, or what they are not below; at most one of the two.

        Yields
        ------
        Item
            In the order of the sort keys.
        """
        chosen: dict[str, Any] = {"Limit": page} if page else {}
        if only:
            chosen["ProjectionExpression"] = only
        with transient(f"query {pk.split('#', 1)[0]} items"):
            for answer in self.client.get_paginator("query").paginate(**self._of(pk, begins, since), **chosen):
                yield from answer["Items"]

    def count(self, pk: str) -> int:
        """How many items a partition key has."""
        with transient(f"count {pk.split('#', 1)[0]} items"):
            pages = self.client.get_paginator("query").paginate(**self._of(pk), Select="COUNT")
            return sum(answer["Count"] for answer in pages)

    def add(self, pk: str, sk: str, name: str, amount: int = 1) -> None:
        """Increment a number of an item, which is made where it is missing.

        Parameters
        ----------
        pk, sk
            Key of the item.
        name
            The attribute that holds the number.
        amount
            What is added.

        Raises
        ------
        TransientError
            The table does not answer.
        """
        for attempt in retries(BusyError):
            with attempt, transient("add to an item"):
                self.client.update_item(
                    TableName=self.name,
                    Key=key(pk, sk),
                    UpdateExpression="ADD #name :amount",
                    ExpressionAttributeNames={"#name": name},
                    ExpressionAttributeValues={":amount": {"N": str(amount)}},
                )

    def put_all(self, items: Iterable[Item]) -> None:
        """Put items, in batches."""
        self._write({"PutRequest": {"Item": item}} for item in items)

    def delete_all(self, keys: Iterable[Item]) -> None:
        """Delete items by their keys, in batches; those that are not there are passed over."""
        self._write({"DeleteRequest": {"Key": each}} for each in keys)

    def transact(self, actions: Sequence[Item]) -> Sequence[Reason] | None:
        """Run a transaction: all actions or none.

        Parameters
        ----------
        actions
            At most `TRANSACTION`, as DynamoDB takes them.

        Returns
        -------
        Sequence[Reason] | None
            None when it is done; else a reason for each action, at least one of them a condition that did not hold.

        Raises
        ------
        BusyError
            Other writers keep an item, or the table is throttled, through all retries.
        TransientError
            The table does not answer.
        """
        for attempt in retries(BusyError):
            with attempt:
                reasons = transact(self.client, actions)
                if reasons is None or any(reason.get("Code") == CONDITION_FAILED for reason in reasons):
                    return reasons
                raise BusyError(f"the ledger refused a transaction: {codes_of(reasons)}")
        return None

    def _of(self, pk: str, begins: str = "", since: str = "") -> Any:  # noqa: ANN401 - one set of arguments for two overloads
        asked: dict[str, Any] = {
            "TableName": self.name,
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": pk}},
        }
        if begins or since:
            asked["KeyConditionExpression"] += " AND begins_with(sk, :sk)" if begins else " AND sk >= :sk"
            asked["ExpressionAttributeValues"][":sk"] = {"S": begins or since}
        return asked

    def _write(self, requests: Iterable[WriteRequestTypeDef]) -> None:
        waiting = list(requests)
        while waiting:
            waiting = [*self._written(waiting[:_BATCH]), *waiting[_BATCH:]]

    def _written(self, batch: list[WriteRequestTypeDef]) -> list[WriteRequestTypeDef]:
        """What is left of a batch, which is less than there was."""
        for attempt in retries(BusyError):
            with attempt:
                with transient("write items"):
                    answer = self.client.batch_write_item(RequestItems={self.name: batch})
                left = cast("list[WriteRequestTypeDef]", answer.get("UnprocessedItems", {}).get(self.name, []))
                if len(left) == len(batch):
                    raise BusyError(f"the table {self.name} left {len(left)} items unprocessed: it is throttled")
                return left
        return []


def transact(client: DynamoDBClient, actions: Sequence[Item]) -> Sequence[Reason] | None:
    """Send one transaction, once.

    Parameters
    ----------
    client
        Client of the tables.
    actions
        At most a hundred.

    Returns
    -------
    Sequence[Reason] | None
        None when it is in; else why each action was refused: a condition that did not hold, or what is worth sending
        again.

    Raises
    ------
    TransientError
        The table does not answer, or takes no such transaction; `BusyError` where it is worth sending again.
    """
    try:
        client.transact_write_items(TransactItems=cast("Any", list(actions)))
    except client.exceptions.TransactionCanceledException as cancelled:
        reasons = cast("list[Reason]", cancelled.response.get("CancellationReasons", []))
        known = {CONDITION_FAILED, *_BUSY_REASONS, "None", None}
        if len(reasons) != len(actions) or any(reason.get("Code") not in known for reason in reasons):
            raise TransientError(codes_of(reasons) or str(cancelled)) from cancelled
        return reasons
    except (BotoCoreError, ClientError) as error:
        raise failure_of(error)(str(error)) from error
    return None


def codes_of(reasons: Sequence[Reason]) -> str:
    """The codes of the reasons for which a transaction was refused, each once."""
    return ", ".join(sorted({str(reason.get("Code")) for reason in reasons} - {"None"}))
