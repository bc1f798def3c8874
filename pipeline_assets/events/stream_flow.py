"""Base of the flows whose input is the stream of a table: batches, coverage, receipts, replay.

Records of a shard come in order and are worked in order. A record that breaks a rule is quarantined as a record and
passed by; where a store does not answer, the work stops at that record, so that a later change of an item is never
written before an earlier one, and Lambda delivers from there on again. A flow whose writes are safe in any order may
work many records at once, those behind one that has to be delivered again too (`StreamFlow.work_all`).
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any, Generic, Protocol, TypeVar

from pipeline_assets import __version__
from pipeline_assets.errors import TransientError
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.quarantine import JsonLinesQuarantine
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.rejection import RejectedChange
from pipeline_assets.events.sources import StreamBatch, padded_sequence_number
from pipeline_assets.events.stream_records import BY_HAND, StreamRecord, batch_of, batches, stream_records
from pipeline_assets.storage.bucket import Storage

#: No record is begun with less than this left of the function's time: the receipts have to be put within it.
RESERVE_SECONDS = 10.0


class StreamStores(Protocol):
    """Stores that every flow of a stream has."""

    @property
    def storage(self) -> Storage:
        """The buckets."""

    @property
    def ledger(self) -> Ledger:
        """The receipts."""

    @property
    def quarantine(self) -> JsonLinesQuarantine:
        """What the flow rejects."""


StoresT = TypeVar("StoresT", bound=StreamStores)


@dataclass(frozen=True, slots=True)
class Worked:
    """What one record came to: the partitions that it counts in, by asset, and what it changed, by name."""

    partitions: tuple[tuple[str, str], ...]
    effects: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the work on some records came.

    Parameters
    ----------
    outcomes
        What they came to, in their order: None for one that has to be delivered again, as those have to that are left
        out at the end.
    failure
        Why the first of those has to be delivered again; None where all are done.
    """

    outcomes: Sequence[Worked | RejectedChange | None]
    failure: TransientError | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one event of a stream.

    Parameters
    ----------
    receipts
        Receipts of its batches, those that were there before left out.
    redelivered
        How many of its records had a receipt before.
    faults
        How many of them are no records.
    failed
        Sequence number of the first record that has to be delivered again, as the event has it; empty for none.
    failure
        Why.
    """

    receipts: tuple[Receipt, ...]
    redelivered: int = 0
    faults: int = 0
    failed: str = ""
    failure: Exception | None = None


class StreamFlow(ABC, Generic[StoresT]):
    """Flow of the changes of a table."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the flow, as in the registry."""

    @property
    @abstractmethod
    def landed(self) -> str:
        """Key, with slashes, of the asset of what arrived, by day."""

    @property
    @abstractmethod
    def rule_names(self) -> tuple[str, ...]:
        """Rules that what lies in the quarantine may have broken."""

    @abstractmethod
    def work(self, record: StreamRecord, stores: StoresT) -> Worked | RejectedChange:
        """Bring one record in; doing it again changes nothing.

        Parameters
        ----------
        record
            The change.
        stores
            The stores of the flow.

        Returns
        -------
        Worked or RejectedChange
            What it came to; a change that breaks a rule writes nothing.

        Raises
        ------
        TransientError
            A store does not answer: the record is to be delivered again.
        """

    def work_all(self, records: Sequence[StreamRecord], stores: StoresT, seconds_left: Callable[[], float]) -> Progress:
        """Bring records of a batch in: one after the other, up to the first for which a store does not answer.

        Parameters
        ----------
        records
            In the order of the stream, none of which has a receipt.
        stores
            The stores of the flow.
        seconds_left
            Tells how much time the process has.

        Returns
        -------
        Progress
            With an outcome of each record before the one that is to be delivered again; a flow that overrides this may
            have outcomes of later ones too.
        """
        outcomes: list[Worked | RejectedChange] = []
        for record in records:
            if seconds_left() < RESERVE_SECONDS:
                return Progress(outcomes, TransientError("the time is used up", flow=self.name))
            try:
                outcomes.append(self.work(record, stores))
            except TransientError as error:
                return Progress(outcomes, error)
        return Progress(outcomes)

    def ingest(self, event: object, stores: StoresT, *, seconds_left: Callable[[], float] | None = None) -> Delivery:
        """Bring the records of one event in and leave a receipt for each batch; a repeated delivery changes nothing.

        Parameters
        ----------
        event
            The event, as Lambda or a person gave it.
        stores
            The stores of the flow.
        seconds_left
            Tells how much time the process has; None where nobody counts.

        Returns
        -------
        Delivery
            With the first record that has to be delivered again, where a store did not answer.

        Raises
        ------
        TransientError
            What is no record cannot be kept now.
        """
        records, faults = stream_records(event)
        for fault in faults:
            reason = f"{fault.place}: {fault.reason}"
            stores.quarantine.messages.keep(fault.id, fault.content, "stream_record", reason)
        receipts: list[Receipt] = []
        distinct = list({(each.stream, each.sequence_number): each for each in records}.values())
        redelivered = len(records) - len(distinct)
        for batch, held in batches(self.name, distinct, datetime.now(UTC)):
            try:
                left, done = self._left(batch, held, stores)
                redelivered += len(held) - len(left)
                receipt, stopped = self._worked(left, batch, stores, seconds_left)
                if receipt:
                    receipts.append(receipt)
                stores.ledger.redelivered(done)
            except TransientError as error:
                return Delivery(tuple(receipts), redelivered, len(faults), _as_delivered(held[0]), error)
            if stopped:
                return Delivery(tuple(receipts), redelivered, len(faults), _as_delivered(stopped[0]), stopped[1])
        return Delivery(tuple(receipts), redelivered, len(faults))

    def replay(self, receipt: Receipt, stores: StoresT) -> Receipt:
        """Bring what was rejected of a batch in by today's rules, as a new run of it.

        Parameters
        ----------
        receipt
            Receipt of the batch.
        stores
            The stores of the flow.

        Returns
        -------
        Receipt
            The new one, with what is still rejected.

        Raises
        ------
        TransientError
            A store does not answer: the receipt stays as it is.
        TypeError
            The receipt is of no batch.
        """
        batch = receipt.source
        if not isinstance(batch, StreamBatch):
            raise TypeError(f"{receipt.source.uri} is no batch of a stream")
        started = time.monotonic()
        account = _Account(self.landed, batch.arrival_day)
        records = [_record_of(each, batch) for each in stores.quarantine.documents(receipt)]
        for record in sorted(records, key=lambda each: each.sequence_number):
            account.add(self.work(record, stores))
        again = account.receipt(self.name, batch, receipt.run + 1, started)
        merged = replace(
            again,
            counts=receipt.counts - Counts(received=len(records), quarantined=len(records)) + again.counts,
            partitions=_merged(receipt.partitions, again.partitions, len(records), self.landed),
        )
        stores.quarantine.keep_changes(batch, merged.run, account.rejected)
        stores.ledger.record(merged, delivery=False)
        stores.quarantine.drop_earlier_runs(batch, merged.run)
        return merged

    def _left(
        self, batch: StreamBatch, records: Sequence[StreamRecord], stores: StoresT
    ) -> tuple[list[StreamRecord], tuple[str, ...]]:
        """The records of a batch that have no receipt yet, and the receipts of the others."""
        if batch.stream == BY_HAND:
            there = stores.ledger.receipt(batch.id)
            return ([], (batch.id,)) if there else (list(records), ())
        covered = stores.ledger.covered(batch, [each.sequence_number for each in records])
        left = set(covered.left)
        return [each for each in records if each.sequence_number in left], covered.receipt_ids

    def _worked(
        self,
        records: Sequence[StreamRecord],
        batch: StreamBatch,
        stores: StoresT,
        seconds_left: Callable[[], float] | None,
    ) -> tuple[Receipt | None, tuple[StreamRecord, Exception] | None]:
        """Work records in, and leave the receipt of those that are done; tells the first that is not, and why."""
        started = time.monotonic()
        account = _Account(self.landed, "")
        progress = self.work_all(records, stores, seconds_left or _without_end)
        done: list[StreamRecord] = []
        left: list[StreamRecord] = []
        for record, outcome in zip_longest(records, progress.outcomes):
            if outcome is None:
                left.append(record)
                continue
            done.append(record)
            account.add(outcome)
        stopped = None
        if failure := progress.failure:
            failure.object_uri = failure.object_uri or batch.uri
            stopped = left[0], failure
        if not done:
            return None, stopped
        mine = batch if len(done) == batch.records else batch_of(self.name, done, datetime.now(UTC))
        stores.quarantine.keep_changes(mine, 1, account.rejected)
        receipt = replace(account, arrival_day=mine.arrival_day).receipt(self.name, mine, 1, started)
        stores.ledger.record(receipt, sequence_numbers=[each.sequence_number for each in done])
        return receipt, stopped


@dataclass
class _Account:
    """Counts of a batch while it is worked in."""

    landed: str
    arrival_day: str
    accepted: Counter[tuple[str, str]] = field(default_factory=Counter)
    effects: Counter[str] = field(default_factory=Counter)
    rejected: list[RejectedChange] = field(default_factory=list)
    received: int = 0

    def add(self, outcome: Worked | RejectedChange) -> None:
        """Count what a record came to."""
        self.received += 1
        if isinstance(outcome, RejectedChange):
            self.rejected.append(outcome)
            return
        for partition in outcome.partitions:
            self.accepted[partition] += 1
        for name, number in outcome.effects.items():
            self.effects[name] += number

    def receipt(self, flow: str, batch: StreamBatch, run: int, started: float) -> Receipt:
        """The receipt of what was counted."""
        rejected = len(self.rejected)
        counts = Counts(received=self.received, accepted=self.received - rejected, quarantined=rejected)
        parts = (
            PartitionCounts(asset, partition, Counts(received=number, accepted=number))
            for (asset, partition), number in sorted(self.accepted.items())
        )
        return Receipt(
            flow=flow,
            source=batch,
            run=run,
            counts=counts,
            partitions=(PartitionCounts(self.landed, self.arrival_day, counts, of_arrival=True), *parts),
            size=self.effects.get("bytes", 0),
            seconds=round(time.monotonic() - started, 3),
            code_version=__version__,
            recorded_at=iso_utc(datetime.now(UTC)),
            effects={name: number for name, number in self.effects.items() if name != "bytes"},
        )


def _merged(
    before: Iterable[PartitionCounts], again: Iterable[PartitionCounts], replayed: int, landed: str
) -> tuple[PartitionCounts, ...]:
    """The partitions of a batch after a replay of what was rejected of it."""
    found = {(part.asset, part.partition): part for part in before}
    for part in again:
        place = part.asset, part.partition
        was = found.get(place)
        counts = was.counts + part.counts if was else part.counts
        if part.asset == landed:
            counts = counts - Counts(received=replayed, quarantined=replayed)
        found[place] = replace(part, counts=counts)
    return tuple(found.values())


def _record_of(document: dict[str, Any], batch: StreamBatch) -> StreamRecord:
    """The record of which a document of the quarantine is."""
    return StreamRecord(
        event_id=document["event_id"],
        event_name=document["event_name"],
        event_source="",
        region=document["region"],
        stream=batch.stream,
        sequence_number=padded_sequence_number(document["sequence_number"]),
        at=document["at"],
        keys=document["keys"],
        old=document["old"],
        new=document["new"],
    )


def _without_end() -> float:
    return math.inf


def _as_delivered(record: StreamRecord) -> str:
    return record.sequence_number.lstrip("0")
