"""The ledger: one DynamoDB table that knows every receipt, what waits to be reported to Dagster, and the sums.

Items, by partition key and sort key:

- ``receipt#<id>`` / ``receipt``: the receipt, with the number of deliveries of its event;
- ``receipts#<flow>#<digit>`` / ``<id>``: the same receipt among those of its flow, by the first digit of its id;
- ``pending#<flow>`` / ``<recorded at>#<report id>``: a receipt that Dagster has not shown yet;
- ``totals#<flow>`` / ``<digit>``: running sums, in sixteen items so that parallel writers seldom meet;
- the items of `Accounts`, of `Problems` and, for batches of streams, of `pipeline_assets.events.coverage`.

A receipt, its place among those of its flow, its pending item, its open problem and its share of the sums are written
in one transaction, if absent: a second delivery of an event finds the receipt there and only raises `deliveries`. What
an object version is in its partitions is put before it, which says the same however often it is put; what a batch of a
stream is goes with its receipt, since the next delivery may be cut otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from pipeline_assets.errors import TransientError
from pipeline_assets.events.accounts import Accounts, PartitionAccount
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.problems import Problem, Problems, has_problem, problem_actions
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.shares import DIGITS, actions
from pipeline_assets.events.sources import Source, StreamBatch
from pipeline_assets.events.table import CONDITION_FAILED, Item, Table, key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from pipeline_assets.events.coverage import Covered

_RECEIPT = "receipt"
_COUNTED = ("received", "accepted", "quarantined", "duplicate", "superseded", "objects", "refused")
#: Shares of a batch of a stream that go into the transaction of its receipt, each with a sum of its own; the others
#: follow it, and are put again with each delivery.
_WITH_RECEIPT = 30


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
        self._accounts = Accounts(self._table)
        #: What is open of each flow.
        self.problems = Problems(self._table)

    def receipt(self, receipt_id: str) -> Receipt | None:
        """The receipt of an object version, or None while there is none."""
        item = self._table.get(f"receipt#{receipt_id}", _RECEIPT)
        return Receipt.unpacked(item["body"]["B"]) if item else None

    def receipts(self, flow: str) -> list[Receipt]:
        """Every receipt of a flow in the order of the stamps, those just recorded among them."""
        items = (item for digit in DIGITS for item in self._table.query(f"receipts#{flow}#{digit}"))
        return sorted((Receipt.unpacked(item["body"]["B"]) for item in items), key=_by_stamp)

    def deliveries(self, receipt_id: str) -> int:
        """How often the event of a receipt was worked through to its end, the first time included; 0 without one."""
        item = self._table.get(f"receipt#{receipt_id}", _RECEIPT)
        return int(item["deliveries"]["N"]) if item else 0

    def record(
        self, receipt: Receipt, *, report: bool = True, delivery: bool = True, sequence_numbers: Sequence[str] = ()
    ) -> Literal["recorded", "redelivered"]:
        """Put a receipt, if absent or an earlier one; one that is there already only counts one more delivery.

        Parameters
        ----------
        receipt
            What is recorded; of two editions of one receipt the later one stands.
        report
            Whether Dagster has yet to be told.
        delivery
            Whether an event of its source was delivered; where another object changed its counts there was none.
        sequence_numbers
            For a batch of a stream, those of its records.

        Returns
        -------
        Literal["recorded", "redelivered"]
            Which of the two it came to.

        Raises
        ------
        TransientError
            The table does not answer, or records of the batch have got a receipt meanwhile: the event is delivered
            again, and what is left of it is recorded then.
        ValueError
            The numbers are not those of the batch.
        """
        batch = receipt.source if isinstance(receipt.source, StreamBatch) else None
        if batch and self._record_batch(receipt, batch, sequence_numbers):
            return "recorded"
        put = False
        while not ((earlier := self.receipt(receipt.id)) and earlier.edition >= receipt.edition):
            self._accounts.enter(receipt, earlier)
            put = True
            if earlier:
                self._accounts.leave(earlier, kept=receipt.partitions)
            # Whoever tells Dagster: a receipt that was never there before has not been told by anyone.
            if self._put_receipt(receipt, earlier, report=report or not earlier):
                return "recorded"
        if put:
            self._accounts.leave(receipt, kept=earlier.partitions)
            self._accounts.enter(earlier, receipt)
        elif batch:
            self.reinstate(receipt.id)
        return self._count_delivery(receipt.id) if delivery else "redelivered"

    def covered(self, batch: StreamBatch, sequence_numbers: Sequence[str]) -> Covered:
        """Tell the records of a delivered batch that have a receipt from those that have none.

        Parameters
        ----------
        batch
            The batch as it was delivered.
        sequence_numbers
            Those of its records.

        Returns
        -------
        Covered
            The numbers left, which are a batch of their own (`StreamBatch.of`), and the receipts of the others, which
            are told of their delivery (`redelivered`) once it is worked through.
        """
        from pipeline_assets.events.coverage import covered  # noqa: PLC0415 - for flows of streams only

        return covered(batch, sequence_numbers, self._table)

    def redelivered(self, receipt_ids: Iterable[str]) -> None:
        """Count one more delivery of receipts, and see to it that their accounts are complete."""
        for receipt_id in receipt_ids:
            self.reinstate(receipt_id)
            self._count_delivery(receipt_id)

    def reinstate(self, receipt_id: str) -> None:
        """Make the source of a receipt part of its partitions again, as the receipt says.

        A version that gave way to an *older* one may have taken that one out of them before.
        """
        receipt, put = self.receipt(receipt_id), None
        while receipt and receipt != put:
            self._accounts.enter(receipt)
            if has_problem(receipt) and not self._is_replaced(receipt):
                self.problems.put(receipt)
            receipt, put = self.receipt(receipt_id), receipt

    def is_open(self, problem: Problem) -> bool:
        """Look whether a problem is open still; one that was settled, by whoever died over it, is taken out."""
        receipt = self.receipt(problem.receipt.id)
        stands = receipt is not None and not self._is_replaced(receipt)
        if receipt and stands and (receipt.edition == problem.receipt.edition or has_problem(receipt)):
            return True
        self.problems.settle(problem)
        return False

    def pending(self, flow: str, *, limit: int) -> list[PendingReport]:
        """The receipts that wait to be reported to Dagster, oldest first, at most `limit`."""
        return list(self.each_pending(flow, limit=limit))

    def each_pending(self, flow: str, *, limit: int) -> Iterator[PendingReport]:
        """The same one by one, read on page by page: for whoever may stop before the end."""
        for item in islice(self._table.query(f"pending#{flow}", page=limit), limit):
            yield PendingReport(item["sk"]["S"], Receipt.unpacked(item["body"]["B"]))

    def pending_count(self, flow: str) -> int:
        """How many receipts wait to be reported to Dagster."""
        return self._table.count(f"pending#{flow}")

    def is_pending(self, receipt: Receipt) -> bool:
        """Whether a receipt still waits to be reported to Dagster."""
        waiting = pending_item(receipt)
        return self._table.get(waiting["pk"]["S"], waiting["sk"]["S"]) is not None

    def newest(self, uri: str) -> Receipt | None:
        """The receipt of the newest version of an object that was not refused whole, or None while there is none."""
        return self._accounts.newest(uri)

    def reported(self, flow: str, reports: Iterable[PendingReport]) -> None:
        """Take reports out of the pending ones; to be called once their events are seen in Dagster."""
        self._table.delete_all(key(f"pending#{flow}", report.key) for report in reports)

    def sources(self, asset: str, partition: str) -> list[Source]:
        """The sources a partition is made of, in the order of their stamps."""
        return self._accounts.sources(asset, partition)

    def account(self, asset: str, partition: str) -> PartitionAccount:
        """What a partition holds now, by its running sum."""
        return self._accounts.account(asset, partition)

    def recount(self, asset: str, partition: str) -> PartitionAccount:
        """What a partition holds by its sources, added up one by one: what `account` has to say."""
        return self._accounts.recount(asset, partition)

    def mend(self, asset: str, partition: str) -> None:
        """Set the running sum of a partition to what its sources add up to, whoever changes them meanwhile."""
        self._accounts.mend(asset, partition)

    def restate(self, asset: str, partition: str, counts: Mapping[str, Counts]) -> None:
        """Set what the sources of a partition count; sources that are not part of it are not added.

        For partitions that are made of all their sources together, where one source changes what became of the rows of
        another. The receipts and the sums of the flow keep the counts from the arrival of the rows.

        Parameters
        ----------
        asset, partition
            The partition of an asset.
        counts
            Rows by outcome, by receipt id; a source without an entry counts nothing.

        Raises
        ------
        TransientError
            The table does not answer.
        """
        self._accounts.restate(asset, partition, counts)

    def totals(self, flow: str) -> FlowTotals:
        """The sums of one flow over all its receipts."""
        sums = dict.fromkeys(_COUNTED, 0)
        for item in self._table.query(f"totals#{flow}"):
            for name in _COUNTED:
                sums[name] += int(item[name]["N"])
        objects, refused = sums.pop("objects"), sums.pop("refused")
        return FlowTotals(Counts(**sums), objects, refused)

    def _record_batch(self, receipt: Receipt, batch: StreamBatch, sequence_numbers: Sequence[str]) -> bool:
        """Put the first receipt of a batch with its shares and the records it covers; False where there is one."""
        from pipeline_assets.events.coverage import coverage  # noqa: PLC0415 - for flows of streams only

        # Who gives the numbers has just seen that none has a receipt: the transaction says whether that holds still.
        recorded = None if sequence_numbers else self.receipt(receipt.id)
        if recorded is None:
            shares = self._accounts.entries(receipt)
            with_it = actions(shares[:_WITH_RECEIPT], self._table.name)
            with_it += coverage(batch, sequence_numbers, self._table.name)
            if self._put_receipt(receipt, None, report=True, with_it=with_it):
                if len(shares) > _WITH_RECEIPT:
                    self.reinstate(receipt.id)
                return True
            recorded = self.receipt(receipt.id)
        if recorded is None or recorded.source != batch:
            message = f"others have recorded part of the {batch.records} records from {batch.uri} on"
            raise TransientError(message, flow=receipt.flow, object_uri=batch.uri)
        return False

    def _put_receipt(
        self, receipt: Receipt, earlier: Receipt | None, *, report: bool, with_it: Sequence[Item] = ()
    ) -> bool:
        """Put receipt, pending item and sums together; False when another worker was quicker."""
        body = {"B": receipt.packed()}
        put: dict[str, Any] = {
            "TableName": self._table.name,
            "Item": key(f"receipt#{receipt.id}", _RECEIPT)
            | {"run": {"N": str(receipt.run)}, "revision": {"N": str(receipt.revision)}}
            | {"deliveries": {"N": str(self.deliveries(receipt.id) if _revises(receipt, earlier) else 1)}}
            | {"body": body},
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        if earlier:
            put["ConditionExpression"] = "run = :run AND revision = :revision"
            run, revision = earlier.edition
            put["ExpressionAttributeValues"] = {":run": {"N": str(run)}, ":revision": {"N": str(revision)}}
        replaced = earlier is not None and has_problem(receipt) and self._is_replaced(receipt)
        listed = key(f"receipts#{receipt.flow}#{receipt.id[0]}", receipt.id) | {"body": body}
        transaction: list[Item] = [
            {"Put": put},
            {"Put": {"TableName": self._table.name, "Item": listed}},
            {"Update": self._add_to_totals(receipt, earlier)},
            *problem_actions(receipt, earlier, self._table.name, replaced=replaced),
            *with_it,
        ]
        if report:
            reported = receipt.revising(earlier) if earlier and _revises(receipt, earlier) else receipt
            transaction.append({"Put": {"TableName": self._table.name, "Item": pending_item(reported)}})
        try:
            reasons = self._table.transact(transaction)
        except TransientError as error:
            message = f"the ledger did not take the receipt of {receipt.source.uri}: {error}"
            raise TransientError(message, flow=receipt.flow, object_uri=receipt.source.uri) from error
        return not any(reason.get("Code") == CONDITION_FAILED for reason in reasons or ())

    def _is_replaced(self, receipt: Receipt) -> bool:
        """Whether a newer version of its object decides what the object holds."""
        newest = self.newest(receipt.source.uri)
        return newest is not None and newest.source.stamp > receipt.source.stamp

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

    def _count_delivery(self, receipt_id: str) -> Literal["redelivered"]:
        self._table.add(f"receipt#{receipt_id}", _RECEIPT, "deliveries")
        return "redelivered"


def pending_item(receipt: Receipt) -> Item:
    """The item of a receipt that waits to be reported to Dagster."""
    waiting = key(f"pending#{receipt.flow}", f"{receipt.recorded_at}#{receipt.report_id}")
    return waiting | {"body": {"B": receipt.packed()}}


def _revises(receipt: Receipt, earlier: Receipt | None) -> bool:
    return earlier is not None and earlier.run == receipt.run


def _by_stamp(receipt: Receipt) -> str:
    return receipt.source.stamp
