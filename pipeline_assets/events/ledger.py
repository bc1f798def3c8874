"""The ledger: one DynamoDB table that knows every receipt, what waits to be reported to Dagster, and the sums.

Items, by partition key and sort key:

- ``receipt#<id>`` / ``receipt``: the receipt, with the number of deliveries of its event;
- ``pending#<flow>`` / ``<recorded at>#<report id>``: a receipt that Dagster has not shown yet;
- ``totals#<flow>`` / ``<digit>``: running sums, in sixteen items so that parallel writers seldom meet;
- the items of `Partitions`.

A receipt, its pending item and its share of the sums are written in one transaction, if absent: a second delivery of
an event finds the receipt there and only raises `deliveries`. The partition items are put before it; they say the
same thing however often they are put.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets.errors import TransientError
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.partitions import PartitionAccount, Partitions
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.events.table import Item, Table, key, transient

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_RECEIPT = "receipt"
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
        self._table = Table(client, table)
        self._partitions = Partitions(self._table)

    def receipt(self, receipt_id: str) -> Receipt | None:
        """The receipt of an object version, or None while there is none."""
        item = self._table.get(f"receipt#{receipt_id}", _RECEIPT)
        return Receipt.unpacked(item["body"]["B"]) if item else None

    def receipts(self, flow: str) -> list[Receipt]:
        """Every receipt of a flow in the order of the stamps: a scan of the whole table, for rebuilding only."""
        with transient("scan the receipts"):
            pages = self._table.client.get_paginator("scan").paginate(
                TableName=self._table.name,
                ConsistentRead=True,
                FilterExpression="sk = :receipt AND flow = :flow",
                ExpressionAttributeValues={":receipt": {"S": _RECEIPT}, ":flow": {"S": flow}},
            )
            found = [Receipt.unpacked(item["body"]["B"]) for page in pages for item in page["Items"]]
        return sorted(found, key=lambda receipt: receipt.source.stamp)

    def deliveries(self, receipt_id: str) -> int:
        """How often the event of a receipt was worked through to its end, the first time included; 0 without one."""
        item = self._table.get(f"receipt#{receipt_id}", _RECEIPT)
        return int(item["deliveries"]["N"]) if item else 0

    def record(
        self, receipt: Receipt, *, report: bool = True, delivery: bool = True
    ) -> Literal["recorded", "redelivered"]:
        """Put the receipt, if absent or an earlier one; `report` says whether Dagster has yet to be told.

        A receipt that is there already as it is, or as a later one, only counts one more delivery, unless there was no
        `delivery` of it: another object has changed its counts.
        """
        put = False
        while not ((earlier := self.receipt(receipt.id)) and earlier.edition >= receipt.edition):
            self._partitions.put(receipt)
            put = True
            if earlier:
                self._partitions.drop(earlier, kept=receipt.partitions)
            # Whoever tells Dagster: a receipt that was never there before has not been told by anyone.
            if self._put_receipt(receipt, earlier, report=report or not earlier):
                return "recorded"
        if put:
            self._partitions.drop(receipt, kept=earlier.partitions)
            self._partitions.put(earlier)
        return self._count_delivery(receipt) if delivery else "redelivered"

    def account_again(self, receipt_id: str) -> None:
        """Put what the receipt of an object version says of its partitions again.

        A version that gave way to an *older* one may have taken that one out of them before.
        """
        receipt, put = self.receipt(receipt_id), None
        while receipt and receipt != put:
            self._partitions.put(receipt)
            receipt, put = self.receipt(receipt_id), receipt

    def pending(self, flow: str, *, limit: int) -> list[PendingReport]:
        """The receipts that wait to be reported to Dagster, oldest first, at most `limit`."""
        found: list[PendingReport] = []
        for item in self._table.query(f"pending#{flow}", page=limit):
            found.append(PendingReport(item["sk"]["S"], Receipt.unpacked(item["body"]["B"])))
            if len(found) == limit:
                break
        return found

    def pending_count(self, flow: str) -> int:
        """How many receipts wait to be reported to Dagster."""
        return self._table.count(f"pending#{flow}")

    def is_pending(self, receipt: Receipt) -> bool:
        """Whether a receipt still waits to be reported to Dagster."""
        waiting = pending_item(receipt)
        return self._table.get(waiting["pk"]["S"], waiting["sk"]["S"]) is not None

    def newest(self, uri: str) -> Receipt | None:
        """The receipt of the newest version of an object that was not refused whole, or None while there is none."""
        return self._partitions.newest(uri)

    def reported(self, flow: str, reports: Iterable[PendingReport]) -> None:
        """Take reports out of the pending ones; to be called once their events are seen in Dagster."""
        self._table.delete_all(key(f"pending#{flow}", report.key) for report in reports)

    def objects(self, asset: str, partition: str) -> list[ObjectVersion]:
        """The object versions a partition is made of, in the order of their stamps."""
        return self._partitions.objects(asset, partition)

    def account(self, asset: str, partition: str) -> PartitionAccount:
        """What a partition holds now."""
        return self._partitions.account(asset, partition)

    def recount(self, asset: str, partition: str, counts: Mapping[str, Counts]) -> None:
        """Set what object versions count in a partition, by the ids of their receipts; nothing, where none is given.

        For what is made of all of them together, where one changes what became of the rows of another. Their receipts,
        and the sums of the flow, keep saying what became of the rows when they came.
        """
        self._partitions.recount(asset, partition, counts)

    def totals(self, flow: str) -> FlowTotals:
        """The sums of one flow over all its receipts."""
        sums = dict.fromkeys(_COUNTED, 0)
        for item in self._table.query(f"totals#{flow}"):
            for name in _COUNTED:
                sums[name] += int(item[name]["N"])
        objects, refused = sums.pop("objects"), sums.pop("refused")
        return FlowTotals(Counts(**sums), objects, refused)

    def _put_receipt(self, receipt: Receipt, earlier: Receipt | None, *, report: bool) -> bool:
        """Put receipt, pending item and sums together; False when another worker was quicker."""
        put: dict[str, Any] = {
            "TableName": self._table.name,
            "Item": key(f"receipt#{receipt.id}", _RECEIPT)
            | {"flow": {"S": receipt.flow}, "run": {"N": str(receipt.run)}, "revision": {"N": str(receipt.revision)}}
            | {"deliveries": {"N": str(self.deliveries(receipt.id) if _revises(receipt, earlier) else 1)}}
            | {"body": {"B": receipt.packed()}},
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        if earlier:
            put["ConditionExpression"] = "run = :run AND (revision = :revision OR attribute_not_exists(revision))"
            run, revision = earlier.edition
            put["ExpressionAttributeValues"] = {":run": {"N": str(run)}, ":revision": {"N": str(revision)}}
        transaction: list[Any] = [{"Put": put}, {"Update": self._add_to_totals(receipt, earlier)}]
        if report:
            told = receipt.revising(earlier) if earlier and _revises(receipt, earlier) else receipt
            transaction.append({"Put": {"TableName": self._table.name, "Item": pending_item(told)}})
        client = self._table.client
        try:
            client.transact_write_items(TransactItems=transaction)
        except client.exceptions.TransactionCanceledException as cancelled:
            reasons = [reason.get("Code") for reason in cancelled.response.get("CancellationReasons", [])]
            if "ConditionalCheckFailed" in reasons:
                return False
            raise _not_taken(receipt, ", ".join(map(str, reasons))) from cancelled
        except (BotoCoreError, ClientError) as error:
            raise _not_taken(receipt, str(error)) from error
        return True

    def _add_to_totals(self, receipt: Receipt, earlier: Receipt | None) -> dict[str, Any]:
        amounts = (receipt.counts - earlier.counts if earlier else receipt.counts).as_dict()
        amounts["objects"] = 0 if earlier else 1
        amounts["refused"] = bool(receipt.refused) - bool(earlier and earlier.refused)
        return {
            "TableName": self._table.name,
            "Key": key(f"totals#{receipt.flow}", receipt.id[0]),
            "UpdateExpression": "ADD " + ", ".join(f"{name} :{name}" for name in _COUNTED),
            "ExpressionAttributeValues": {f":{name}": {"N": str(amounts[name])} for name in _COUNTED},
        }

    def _count_delivery(self, receipt: Receipt) -> Literal["redelivered"]:
        with transient("count a delivery"):
            self._table.client.update_item(
                TableName=self._table.name,
                Key=key(f"receipt#{receipt.id}", _RECEIPT),
                UpdateExpression="ADD deliveries :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )
        return "redelivered"


def pending_item(receipt: Receipt) -> Item:
    """The item of a receipt that waits to be reported to Dagster."""
    waiting = key(f"pending#{receipt.flow}", f"{receipt.recorded_at}#{receipt.report_id}")
    return waiting | {"body": {"B": receipt.packed()}}


def _revises(receipt: Receipt, earlier: Receipt | None) -> bool:
    return earlier is not None and earlier.run == receipt.run


def _not_taken(receipt: Receipt, why: str) -> TransientError:
    message = f"the ledger did not take the receipt of {receipt.source.uri}: {why}"
    return TransientError(message, flow=receipt.flow, object_uri=receipt.source.uri)
