"""The ledger's DynamoDB table: items by partition key and sort key, both text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets.errors import TransientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import WriteRequestTypeDef

Item = dict[str, Any]
#: The most requests DynamoDB takes in one BatchWriteItem.
_BATCH = 25
#: How often unprocessed items of a batch are sent again before the event itself is tried again.
_BATCH_ATTEMPTS = 8


def key(pk: str, sk: str) -> Item:
    """The key of an item."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


class Table:
    """Reads that see every write before them, and batches; every method raises `TransientError` on failure."""

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self.client = client
        self.name = name

    def get(self, pk: str, sk: str) -> Item | None:
        """One item, or None."""
        with transient("read an item"):
            return self.client.get_item(TableName=self.name, Key=key(pk, sk), ConsistentRead=True).get("Item")

    def query(self, pk: str, *, page: int | None = None, only: str = "") -> Iterator[Item]:
        """The items of a partition key in the order of their sort keys, `page` at a time; `only` these attributes."""
        chosen: dict[str, Any] = {"Limit": page} if page else {}
        if only:
            chosen["ProjectionExpression"] = only
        with transient(f"query {pk.split('#', 1)[0]} items"):
            for answer in self.client.get_paginator("query").paginate(**self._of(pk), **chosen):
                yield from answer["Items"]

    def count(self, pk: str) -> int:
        """How many items a partition key has."""
        with transient(f"count {pk.split('#', 1)[0]} items"):
            pages = self.client.get_paginator("query").paginate(**self._of(pk), Select="COUNT")
            return sum(answer["Count"] for answer in pages)

    def change(self, pk: str, sk: str, name: str, value: Any) -> None:  # noqa: ANN401 - an attribute of any type
        """Set one attribute of an item; one that is not there any more is passed over."""
        with transient("change an item"), suppress(self.client.exceptions.ConditionalCheckFailedException):
            self.client.update_item(
                TableName=self.name,
                Key=key(pk, sk),
                UpdateExpression="SET #name = :value",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeNames={"#name": name},
                ExpressionAttributeValues={":value": value},
            )

    def put_all(self, items: Iterable[Item]) -> None:
        """Put items, in batches."""
        self._write({"PutRequest": {"Item": item}} for item in items)

    def delete_all(self, keys: Iterable[Item]) -> None:
        """Delete items by their keys, in batches; those that are not there are passed over."""
        self._write({"DeleteRequest": {"Key": each}} for each in keys)

    def _of(self, pk: str) -> Any:  # noqa: ANN401 - one set of arguments for two overloads
        return {
            "TableName": self.name,
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": pk}},
        }

    def _write(self, requests: Iterable[WriteRequestTypeDef]) -> None:
        waiting = list(requests)
        attempts = 0
        while waiting:
            batch, waiting = waiting[:_BATCH], waiting[_BATCH:]
            with transient("write items"):
                answer = self.client.batch_write_item(RequestItems={self.name: batch})
            unprocessed = cast("list[WriteRequestTypeDef]", answer.get("UnprocessedItems", {}).get(self.name, []))
            attempts = attempts + 1 if unprocessed else 0
            if attempts == _BATCH_ATTEMPTS:
                message = f"the ledger left {len(unprocessed)} items unprocessed {attempts} times: it is throttled"
                raise TransientError(message)
            waiting = [*unprocessed, *waiting]


@contextmanager
def transient(doing: str) -> Iterator[None]:
    """Turn a failure of the table into `TransientError`."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        message = f"the ledger could not {doing}: {error}"
        raise TransientError(message) from error
