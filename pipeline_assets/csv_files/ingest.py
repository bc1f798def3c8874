"""Ingest of one CSV file into its target, up to its receipt: what every flow of CSV files does the same way.

A flow says what a file's rows are and where they go (`CsvFlow`); the order of the steps, on which it depends that
nothing is lost or doubled whenever a process dies, is here.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from pipeline_assets import __version__
from pipeline_assets.csv_files.download import downloaded
from pipeline_assets.csv_files.reading import CsvFile, RefusedFileError, open_csv
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.errors import TransientError
from pipeline_assets.events.flow import Attempt, FlowStores, ObjectFlow, Preview
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.outcomes import Counts, OvertakenError
from pipeline_assets.events.quarantine import JsonLinesQuarantine
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.rejection import Rejection
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.events.time_budget import TimeBudget

#: The most rejections that a preview shows.
_SHOWN = 20


class Load(Protocol):
    """How far one run of an object version has come; all records before `next_row` are in and counted."""

    @property
    def version(self) -> ObjectVersion:
        """The object version, in the place in the order that it was begun with."""

    @property
    def run(self) -> int:
        """How often the version was begun from row 1."""

    @property
    def next_row(self) -> int:
        """The first record not yet in."""

    @property
    def done(self) -> bool:
        """Whether all records are in."""

    @property
    def counts(self) -> Counts:
        """The rows of this run by outcome."""


class CsvStores(FlowStores, Protocol):
    """Stores of a flow of CSV files: its rejected rows are kept as text."""

    @property
    def quarantine(self) -> JsonLinesQuarantine:
        """What the flow rejects."""


LoadT = TypeVar("LoadT", bound=Load)
StoresT = TypeVar("StoresT", bound=CsvStores)


class CsvFlow(ObjectFlow[StoresT, Receipt], Generic[LoadT, StoresT]):
    """Flow of CSV files: its dataset, and what becomes of the rows."""

    dataset: Dataset
    #: What becomes of what a newer version of a file leaves out, after "and".
    left_out: str

    @property
    def name(self) -> str:
        """The flow's name, which is its dataset's."""
        return self.dataset.name

    @property
    def rule_names(self) -> tuple[str, ...]:
        """The rules that what lies in the quarantine may have broken."""
        return tuple(rule.name for rule in self.dataset.rules if rule.severity != "warn")

    @property
    def column_names(self) -> tuple[str, ...]:
        """Columns of a file, in their order."""
        return self.dataset.column_names

    @property
    def landed(self) -> str:
        """The asset that accounts for what arrived, by the day it arrived."""
        return f"{self.name}/landed"

    @abstractmethod
    def known(self, version: ObjectVersion, stores: StoresT) -> LoadT | None:
        """Where an object version stands in the target, or None when nothing of it is known there."""

    @abstractmethod
    def begin(self, version: ObjectVersion, run: int) -> LoadT:
        """A run of an object version before its first row."""

    @abstractmethod
    def judge(self, file: CsvFile, version: ObjectVersion) -> Iterator[object]:
        """What each record of a file is by the row rules, a `Rejection` or a row; changes nothing."""

    @abstractmethod
    def put_rows(self, file: CsvFile, load: LoadT, stores: StoresT, budget: TimeBudget) -> LoadT:
        """Bring in the records from where `load` stands; raises `OvertakenError` when another worker is further."""

    @abstractmethod
    def refused(self, load: LoadT) -> LoadT:
        """The same load for a file that was refused: it decides nothing."""

    @abstractmethod
    def finish(self, load: LoadT, stores: StoresT, budget: TimeBudget) -> LoadT:
        """What is left to do once all records are in; raises `OvertakenError` as `put_rows`."""

    @abstractmethod
    def partitions(self, load: LoadT, counts: Counts) -> tuple[PartitionCounts, ...]:
        """What the receipt says beside what landed."""

    @abstractmethod
    def effects(self, load: LoadT) -> dict[str, int]:
        """What changed in the target, by name."""

    @abstractmethod
    def follow_up(self, receipt: Receipt, stores: StoresT, budget: TimeBudget) -> None:
        """What is left to do once the receipt is recorded, also by an earlier delivery that died right after it."""

    def revision(self, load: LoadT) -> int:  # noqa: ARG002 - for flows in which it happens
        """How often work on other objects has changed what became of the rows."""
        return 0

    def refusal(self, load: LoadT) -> str:
        """Why a file of which every record was read counts as refused; empty when it does not."""
        received = load.counts.received
        if not received or received > load.counts.quarantined:
            return ""
        expected = self.dataset.rule("some_row_valid").expected
        return f"{load.version.key}: all {received} rows were rejected; expected {expected}"

    def header_fault(self, header: Sequence[str], version: ObjectVersion) -> str:  # noqa: ARG002 - for flows that ask
        """What keeps a header, in lower case, from being the dataset's; empty when nothing does."""
        return self.dataset.header_fault(header)

    def work(self, version: ObjectVersion, stores: StoresT, attempt: Attempt) -> Receipt:
        """Make one attempt at a file, unless its receipt is there and it is not to be worked through again."""
        receipt = stores.ledger.receipt(version.id)
        if receipt and not attempt.redo:
            self.follow_up(receipt, stores, attempt.budget)
            stores.ledger.record(receipt)
            return receipt
        return self.work_from(version, stores, receipt, attempt)

    def restore(self, version: ObjectVersion, stores: StoresT, attempt: Attempt) -> Receipt:
        """Work a file in whatever the ledger says: for a target that does not hold what the ledger knows.

        An object that the ledger knows but that is no longer in its bucket changes nothing; the receipt that comes back
        says so, counts no rows and names no partition.
        """
        return self.work_from(version, stores, stores.ledger.receipt(version.id), attempt)

    def preview(self, path: Path, key: str) -> Preview:
        """Judge a file by today's rules as if it arrived now under `key`; changes nothing."""
        version = ObjectVersion("", key, "", "", 0, iso_utc(datetime.now(UTC)), "")
        fault = partial(self.header_fault, version=version)
        rows = rejected = 0
        first: list[Rejection] = []
        try:
            with open_csv(path, key, self.dataset, header_fault=fault) as file:
                for outcome in self.judge(file, version):
                    rows += 1
                    if isinstance(outcome, Rejection):
                        rejected += 1
                        first += [outcome] if len(first) < _SHOWN else []
        except RefusedFileError as error:
            return Preview(refused=str(error))
        return Preview(rows, rejected, tuple(first))

    def work_from(self, version: ObjectVersion, stores: StoresT, earlier: Receipt | None, attempt: Attempt) -> Receipt:
        """Make one attempt at a file, `earlier` being the receipt that it has."""
        started = time.monotonic()
        budget = attempt.budget
        # A target that hangs takes seconds to be found out: the messages of a batch must not all wait for it.
        budget.check(self.name, version.uri)
        try:
            load = self._start(version, stores, earlier, redo=attempt.redo)
            try:
                load = self._bring_in(load, stores, budget)
                counts, refused = load.counts, self.refusal(load)
            except RefusedFileError as error:
                refused = str(error)
                if error.rule == "present" and earlier and not earlier.refused:
                    return replace(earlier, counts=Counts(), partitions=(), refused=refused)
                stores.quarantine.keep_file(version, load.run, error.rule, refused, error.shown)
                load, counts = self._refuse(load, error, stores, budget)
        except OvertakenError as error:
            message = f"another worker is on the object: {error}"
            raise TransientError(message, flow=self.name, object_uri=version.uri) from error
        receipt = self.receipt(load, counts, refused, time.monotonic() - started)
        stores.ledger.record(receipt, report=attempt.report)
        self.follow_up(receipt, stores, budget)
        if earlier and earlier.run < load.run:
            stores.quarantine.drop_earlier_runs(version, load.run)
        return receipt

    def receipt(self, load: LoadT, counts: Counts, refused: str, seconds: float) -> Receipt:
        """The receipt of a load that has come to its end; `seconds` is the time the work took."""
        version = load.version
        landed = PartitionCounts(self.landed, version.arrival_day, counts, of_arrival=True)
        return Receipt(
            flow=self.name,
            source=version,
            run=load.run,
            counts=counts,
            partitions=(landed, *self.partitions(load, counts)),
            size=version.size,
            seconds=round(seconds, 3),
            code_version=__version__,
            recorded_at=iso_utc(datetime.now(UTC)),
            refused=refused,
            effects=self.effects(load),
            revision=self.revision(load),
        )

    def _start(self, version: ObjectVersion, stores: StoresT, receipt: Receipt | None, *, redo: bool) -> LoadT:
        """Where to go on: where the target stands, or for a redo a run that neither target nor ledger has seen."""
        known = self.known(version, stores)
        recorded = receipt.run if receipt else 0
        if not redo:
            return known or self.begin(version, max(recorded, 1))
        begun = known.version if known else version
        return self.begin(begun, max(known.run if known else 0, recorded) + 1)

    def _refuse(
        self, load: LoadT, error: RefusedFileError, stores: StoresT, budget: TimeBudget
    ) -> tuple[LoadT, Counts]:
        """The end of a file that is refused whole, which decides nothing.

        What becomes of the rows of one that went away in the middle, or that an earlier run had accepted, is the
        flow's to say.
        """
        if load.next_row > 1:
            load = self.finish(self.refused(load), stores, budget)
            return load, load.counts
        if load.run > 1 and self.known(load.version, stores):
            load = self.finish(self.refused(load), stores, budget)
        return load, Counts(received=error.rows, quarantined=error.rows)

    def _bring_in(self, load: LoadT, stores: StoresT, budget: TimeBudget) -> LoadT:
        version = load.version
        if not load.done:
            check = partial(budget.check, self.name, version.uri)
            fault = partial(self.header_fault, version=version)
            with (
                downloaded(stores.storage, version, budget, self.dataset) as path,
                open_csv(
                    path, version.key, self.dataset, check, header_fault=fault, measure=load.next_row == 1
                ) as file,
            ):
                load = self.put_rows(file, load, stores, budget)
        return self.finish(load, stores, budget)
