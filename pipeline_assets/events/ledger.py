"""The ledger: one DynamoDB table that knows every receipt, what waits to be reported to Dagster, and the sums.

Items, by partition key and sort key:

- ``receipt#<id>`` / ``receipt``: the receipt, with the number of deliveries of its event;
- ``pending#<flow>`` / ``<recorded at>#<report id>``: a receipt that Dagster has not shown yet;
- ``partition#<asset>#<partition>`` / ``<receipt id>``: which object versions a partition is made of, with their counts;
- ``totals#<flow>`` / ``<digit>``: running sums, in sixteen items so that parallel writers seldom meet.

A receipt, its pending item and its share of the sums are written in one transaction, if absent: a second delivery of
an event finds the receipt there and only raises `deliveries`. The partition items are put before it; they say the
same thing however often they are put.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets.events.object_version import ObjectVersion
from pipeline_assets.events.outcomes import Counts, TransientError
from pipeline_assets.events.receipt import Receipt

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import WriteRequestTypeDef

#: The most requests DynamoDB takes in one BatchWriteItem.
_BATCH = 25
#: How often unprocessed items of a batch are sent again before the event itself is tried again.
_BATCH_ATTEMPTS = 8
_COUNTED = ("received", "accepted", "quarantined", "duplicate", "superseded", "objects", "refused")


@dataclass(frozen=True, slots=True)
class FlowTotals:
    """The sums of one flow over all its receipts: rows by outcome, object versions, and those refused whole."""

    counts: Counts
    objects: int
    refused: int


@dataclass(frozen=True, slots=True)
class PendingReport:
    """A receipt that waits to be seen in Dagster, and the key it waits under."""

    key: str
    receipt: Receipt


class Ledger:
    """The receipts of all flows in one table; every method raises `TransientError` when the table cannot be reached."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def receipt(self, receipt_id: str) -> Receipt | None:
        """The receipt of an object version, or None while there is none."""
        with _transient("read a receipt"):
            answer = self._client.get_item(TableName=self._table, Key=_receipt_key(receipt_id), ConsistentRead=True)
        item = answer.get("Item")
        return Receipt.from_json(item["body"]["S"]) if item else None

    def receipts(self, flow: str) -> list[Receipt]:
        """Every receipt of a flow in the order of the stamps: a scan of the whole table, for rebuilding only."""
        with _transient("scan the receipts"):
            pages = self._client.get_paginator("scan").paginate(
                TableName=self._table,
                ConsistentRead=True,
                FilterExpression="sk = :receipt AND flow = :flow",
                ExpressionAttributeValues={":receipt": {"S": "receipt"}, ":flow": {"S": flow}},
            )
            found = [Receipt.from_json(item["body"]["S"]) for page in pages for item in page["Items"]]
        return sorted(found, key=lambda receipt: receipt.source.stamp)

    def deliveries(self, receipt_id: str) -> int:
        """How often the event of a receipt was worked through to its end, the first time included; 0 without one."""
        with _transient("read a receipt"):
            answer = self._client.get_item(TableName=self._table, Key=_receipt_key(receipt_id), ConsistentRead=True)
        item = answer.get("Item")
        return int(item["deliveries"]["N"]) if item else 0

    def record(self, receipt: Receipt, *, report: bool = True) -> Literal["recorded", "redelivered"]:
        """Put the receipt, if absent or of an earlier run; `report` says whether Dagster has yet to be told.

        A receipt that is there already with the same or a later run only counts one more delivery.
        """
        earlier = self.receipt(receipt.id)
        if earlier and earlier.run >= receipt.run:
            return self._count_delivery(receipt)
        self._put_partitions(receipt)
        if not self._put_receipt(receipt, earlier, report=report):
            return self._count_delivery(receipt)
        if earlier:
            self._drop_partitions(earlier, receipt)
        return "recorded"

    def pending(self, flow: str, *, limit: int) -> list[PendingReport]:
        """The receipts that wait to be reported to Dagster, oldest first, at most `limit`."""
        found: list[PendingReport] = []
        for item in self._query(f"pending#{flow}", limit=limit):
            found.append(PendingReport(item["sk"]["S"], Receipt.from_json(item["body"]["S"])))
            if len(found) == limit:
                break
        return found

    def pending_count(self, flow: str) -> int:
        """How many receipts wait to be reported to Dagster."""
        with _transient("count the pending receipts"):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                Select="COUNT",
                ConsistentRead=True,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": f"pending#{flow}"}},
            )
            return sum(page["Count"] for page in pages)

    def reported(self, flow: str, reports: Iterable[PendingReport]) -> None:
        """Take reports out of the pending ones; to be called once their events are seen in Dagster."""
        self._batch_write(
            {"DeleteRequest": {"Key": {"pk": {"S": f"pending#{flow}"}, "sk": {"S": report.key}}}} for report in reports
        )

    def objects(self, asset: str, partition: str) -> list[ObjectVersion]:
        """The object versions a partition is made of, in the order of their stamps."""
        items = self._query(_partition_key(asset, partition))
        return sorted((ObjectVersion.from_dict(json.loads(item["source"]["S"])) for item in items), key=_by_stamp)

    def partition_counts(self, asset: str, partition: str) -> Counts:
        """What a partition holds now: the sum over its object versions."""
        items = self._query(_partition_key(asset, partition))
        return sum((Counts(**json.loads(item["counts"]["S"])) for item in items), Counts())

    def totals(self, flow: str) -> FlowTotals:
        """The sums of one flow over all its receipts."""
        sums = dict.fromkeys(_COUNTED, 0)
        for item in self._query(f"totals#{flow}"):
            for name in _COUNTED:
                sums[name] += int(item[name]["N"]) if name in item else 0
        objects, refused = sums.pop("objects"), sums.pop("refused")
        return FlowTotals(Counts(**sums), objects, refused)

    def _put_partitions(self, receipt: Receipt) -> None:
        source = {"S": json.dumps(receipt.source.as_dict(), ensure_ascii=False)}
        self._batch_write(
            {
                "PutRequest": {
                    "Item": {
                        "pk": {"S": _partition_key(part.asset, part.partition)},
                        "sk": {"S": receipt.id},
                        "source": source,
                        "counts": {"S": json.dumps(part.counts.as_dict())},
                    }
                }
            }
            for part in receipt.partitions
        )

    def _drop_partitions(self, earlier: Receipt, receipt: Receipt) -> None:
        kept = {_partition_key(part.asset, part.partition) for part in receipt.partitions}
        gone = {_partition_key(part.asset, part.partition) for part in earlier.partitions} - kept
        self._batch_write(
            {"DeleteRequest": {"Key": {"pk": {"S": key}, "sk": {"S": receipt.id}}}} for key in sorted(gone)
        )

    def _put_receipt(self, receipt: Receipt, earlier: Receipt | None, *, report: bool) -> bool:
        """Put receipt, pending item and sums together; False when another worker was quicker."""
        body = receipt.to_json()
        put: dict[str, Any] = {
            "TableName": self._table,
            "Item": {
                **_receipt_key(receipt.id),
                "flow": {"S": receipt.flow},
                "run": {"N": str(receipt.run)},
                "deliveries": {"N": "1"},
                "body": {"S": body},
            },
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        if earlier:
            put["ConditionExpression"] = "run = :earlier"
            put["ExpressionAttributeValues"] = {":earlier": {"N": str(earlier.run)}}
        transaction: list[Any] = [{"Put": put}, {"Update": self._add_to_totals(receipt, earlier)}]
        if report:
            waiting = {
                "pk": {"S": f"pending#{receipt.flow}"},
                "sk": {"S": f"{receipt.recorded_at}#{receipt.report_id}"},
                "body": {"S": body},
            }
            transaction.append({"Put": {"TableName": self._table, "Item": waiting}})
        try:
            self._client.transact_write_items(TransactItems=transaction)
        except self._client.exceptions.TransactionCanceledException as cancelled:
            reasons = [reason.get("Code") for reason in cancelled.response.get("CancellationReasons", [])]
            if "ConditionalCheckFailed" in reasons:
                return False
            message = f"the ledger did not take the receipt of {receipt.source.uri}: {', '.join(map(str, reasons))}"
            raise TransientError(message, flow=receipt.flow, object_uri=receipt.source.uri) from cancelled
        except (BotoCoreError, ClientError) as error:
            message = f"the ledger did not take the receipt of {receipt.source.uri}: {error}"
            raise TransientError(message, flow=receipt.flow, object_uri=receipt.source.uri) from error
        return True

    def _add_to_totals(self, receipt: Receipt, earlier: Receipt | None) -> dict[str, Any]:
        change = receipt.counts - earlier.counts if earlier else receipt.counts
        amounts = change.as_dict()
        amounts["objects"] = 0 if earlier else 1
        amounts["refused"] = bool(receipt.refused) - bool(earlier.refused if earlier else "")
        return {
            "TableName": self._table,
            "Key": {"pk": {"S": f"totals#{receipt.flow}"}, "sk": {"S": receipt.id[0]}},
            "UpdateExpression": "ADD " + ", ".join(f"{name} :{name}" for name in _COUNTED),
            "ExpressionAttributeValues": {f":{name}": {"N": str(amounts[name])} for name in _COUNTED},
        }

    def _count_delivery(self, receipt: Receipt) -> Literal["redelivered"]:
        with _transient("count a delivery"):
            self._client.update_item(
                TableName=self._table,
                Key=_receipt_key(receipt.id),
                UpdateExpression="ADD deliveries :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )
        return "redelivered"

    def _query(self, pk: str, *, limit: int | None = None) -> Iterator[dict[str, Any]]:
        arguments: dict[str, Any] = {"Limit": limit} if limit else {}
        with _transient(f"query {pk.split('#', 1)[0]} items"):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                ConsistentRead=True,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": pk}},
                **arguments,
            )
            for page in pages:
                yield from page["Items"]

    def _batch_write(self, requests: Iterable[Any]) -> None:
        waiting: list[WriteRequestTypeDef] = list(requests)
        attempts = 0
        while waiting:
            batch, waiting = waiting[:_BATCH], waiting[_BATCH:]
            with _transient("write items"):
                answer = self._client.batch_write_item(RequestItems={self._table: batch})
            unprocessed = answer.get("UnprocessedItems", {}).get(self._table, [])
            attempts = attempts + 1 if unprocessed else 0
            if attempts == _BATCH_ATTEMPTS:
                message = f"the ledger left {len(unprocessed)} items unprocessed {attempts} times: it is throttled"
                raise TransientError(message)
            waiting = [*cast("list[WriteRequestTypeDef]", unprocessed), *waiting]


def _by_stamp(version: ObjectVersion) -> str:
    return version.stamp


def _receipt_key(receipt_id: str) -> dict[str, Any]:
    return {"pk": {"S": f"receipt#{receipt_id}"}, "sk": {"S": "receipt"}}


def _partition_key(asset: str, partition: str) -> str:
    return f"partition#{asset}#{partition}"


@contextmanager
def _transient(doing: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        message = f"the ledger could not {doing}: {error}"
        raise TransientError(message) from error
