"""Ingestion of one CSV file into its target, up to its receipt: the template of all flows of CSV files.

A flow defines the rows and where they go (`CsvFlow`); the crash-safe order of the steps, by which no row is lost or
doubled whenever a process dies, is here.
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
from pipeline_assets.csv_files.download import temporary_download
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


class Ingestion(Protocol):
    """Progress of one run of an object version; all records before `next_row` are in and counted."""

    @property
    def version(self) -> ObjectVersion:
        """Object version, with the stamp that it was begun with."""

    @property
    def run(self) -> int:
        """Number of the run, from 1."""

    @property
    def next_row(self) -> int:
        """Number of the first record that is not in yet, from 1."""

    @property
    def done(self) -> bool:
        """Whether all records are in."""

    @property
    def counts(self) -> Counts:
        """Rows of this run by outcome."""


class CsvStores(FlowStores, Protocol):
    """Stores of a flow of CSV files: rejected rows are quarantined as text."""

    @property
    def quarantine(self) -> JsonLinesQuarantine:
        """Quarantine of the flow."""


IngestionT = TypeVar("IngestionT", bound=Ingestion)
StoresT = TypeVar("StoresT", bound=CsvStores)


class CsvFlow(ObjectFlow[StoresT, Receipt], Generic[IngestionT, StoresT]):
    """Flow of CSV files: its dataset, its rules and its target."""

    dataset: Dataset
    #: Clause, after "and", on rows that a newer version of a file leaves out.
    left_out: str

    @property
    def name(self) -> str:
        """Name of the flow: that of its dataset."""
        return self.dataset.name

    @property
    def rule_names(self) -> tuple[str, ...]:
        """Rules that quarantine a row or a file."""
        return tuple(rule.name for rule in self.dataset.rules if rule.severity != "warn")

    @property
    def column_names(self) -> tuple[str, ...]:
        """Columns of a file, in their order."""
        return self.dataset.column_names

    @property
    def landed(self) -> str:
        """Asset of the files that arrived, by UTC day of arrival."""
        return f"{self.name}/landed"

    @abstractmethod
    def known(self, version: ObjectVersion, stores: StoresT) -> IngestionT | None:
        """Read the progress of an object version from the target; None when nothing of it is known there."""

    @abstractmethod
    def begin(self, version: ObjectVersion, run: int) -> IngestionT:
        """Progress of a run before its first row."""

    @abstractmethod
    def judge(self, file: CsvFile, version: ObjectVersion) -> Iterator[object]:
        """Apply the row rules to each record of a file: a row or a `Rejection`; changes nothing."""

    @abstractmethod
    def put_rows(self, file: CsvFile, ingestion: IngestionT, stores: StoresT, budget: TimeBudget) -> IngestionT:
        """Write the records from `ingestion.next_row` on into the target.

        Parameters
        ----------
        file
            The file, before its first record.
        ingestion
            Progress of the run.
        stores
            Stores of the flow.
        budget
            Time that is left; asked before every batch.

        Returns
        -------
        IngestionT
            Progress at the end of the file.

        Raises
        ------
        OvertakenError
            Another worker is further.
        """

    @abstractmethod
    def refused(self, ingestion: IngestionT) -> IngestionT:
        """Progress of a refused file: it decides nothing."""

    @abstractmethod
    def finish(self, ingestion: IngestionT, stores: StoresT, budget: TimeBudget) -> IngestionT:
        """Do what is left once all records are in.

        Parameters
        ----------
        ingestion
            Progress at the end of the file.
        stores
            Stores of the flow.
        budget
            Time that is left.

        Returns
        -------
        IngestionT
            Progress with nothing left to do.

        Raises
        ------
        OvertakenError
            Another worker is further.
        """

    @abstractmethod
    def partitions(self, ingestion: IngestionT, counts: Counts) -> tuple[PartitionCounts, ...]:
        """Counts of the receipt by asset and partition, beside those of `landed`."""

    @abstractmethod
    def effects(self, ingestion: IngestionT) -> dict[str, int]:
        """Changes of the target, by name."""

    @abstractmethod
    def follow_up(self, receipt: Receipt, stores: StoresT, budget: TimeBudget) -> None:
        """Do what is left once the receipt is recorded, also where an earlier delivery died right after that.

        Parameters
        ----------
        receipt
            The receipt, as it is in the ledger.
        stores
            Stores of the flow.
        budget
            Time that is left.
        """

    def revision(self, ingestion: IngestionT) -> int:  # noqa: ARG002 - for flows in which it happens
        """Number of changes to the outcome of the rows by work on other objects, from 0."""
        return 0

    def refusal(self, ingestion: IngestionT) -> str:
        """Why a file that was read to its end counts as refused; empty when it does not."""
        received = ingestion.counts.received
        if not received or received > ingestion.counts.quarantined:
            return ""
        expected = self.dataset.rule("some_row_valid").expected
        return f"{ingestion.version.key}: all {received} rows were rejected; expected {expected}"

    def header_fault(self, header: Sequence[str], version: ObjectVersion) -> str:  # noqa: ARG002 - for flows that ask
        """Validate a header, in lower case: why it is not the dataset's; empty when it is."""
        return self.dataset.header_fault(header)

    def work(self, version: ObjectVersion, stores: StoresT, attempt: Attempt) -> Receipt:
        """Ingest a file, unless it has a receipt and is not to be reprocessed.

        Parameters
        ----------
        version
            The object version.
        stores
            Stores of the flow.
        attempt
            Time budget and options.

        Returns
        -------
        Receipt
            Its receipt, the earlier one where there is nothing left to do.
        """
        receipt = stores.ledger.receipt(version.id)
        if receipt and not attempt.redo:
            self.follow_up(receipt, stores, attempt.budget)
            stores.ledger.record(receipt)
            return receipt
        return self.work_from(version, stores, receipt, attempt)

    def restore(self, version: ObjectVersion, stores: StoresT, attempt: Attempt) -> Receipt:
        """Ingest a file whether or not it has a receipt, into a target that has lost what the ledger knows.

        Parameters
        ----------
        version
            The object version.
        stores
            Stores of the flow.
        attempt
            Time budget and options.

        Returns
        -------
        Receipt
            Its receipt. Where the ledger knows the object and it is gone from its bucket, nothing changes, and the
            receipt says so, without rows and partitions.
        """
        return self.work_from(version, stores, stores.ledger.receipt(version.id), attempt)

    def preview(self, path: Path, key: str) -> Preview:
        """Dry run: judge a file by today's rules as if it arrived now under `key`; changes nothing."""
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
        """Ingest a file from where the target has it.

        Parameters
        ----------
        version
            The object version.
        stores
            Stores of the flow.
        earlier
            Receipt that it has; None for none.
        attempt
            Time budget and options.

        Returns
        -------
        Receipt
            The receipt, as it is recorded.

        Raises
        ------
        TransientError
            Another worker is on the object, a store does not answer, or the time is over.
        """
        started = time.monotonic()
        budget = attempt.budget
        # A hanging target takes seconds to time out: not every message of a batch may wait for it.
        budget.check(self.name, version.uri)
        try:
            ingestion = self._start(version, stores, earlier, redo=attempt.redo)
            try:
                ingestion = self._put_file(ingestion, stores, budget)
                counts, refused = ingestion.counts, self.refusal(ingestion)
            except RefusedFileError as error:
                refused = str(error)
                if error.rule == "present" and earlier and not earlier.refused:
                    return replace(earlier, counts=Counts(), partitions=(), refused=refused)
                stores.quarantine.keep_file(version, ingestion.run, error.rule, refused, error.shown)
                ingestion, counts = self._refuse(ingestion, error, stores, budget)
        except OvertakenError as error:
            message = f"another worker is on the object: {error}"
            raise TransientError(message, flow=self.name, object_uri=version.uri) from error
        receipt = self.receipt(ingestion, counts, refused, time.monotonic() - started)
        stores.ledger.record(receipt, report=attempt.report)
        self.follow_up(receipt, stores, budget)
        if earlier and earlier.run < ingestion.run:
            stores.quarantine.drop_earlier_runs(version, ingestion.run)
        return receipt

    def receipt(self, ingestion: IngestionT, counts: Counts, refused: str, seconds: float) -> Receipt:
        """Receipt of a run that is at its end.

        Parameters
        ----------
        ingestion
            Progress of the run.
        counts
            Rows by outcome.
        refused
            Why the whole file is refused; empty when it is not.
        seconds
            Time that the work took.

        Returns
        -------
        Receipt
            Not yet recorded.
        """
        version = ingestion.version
        landed = PartitionCounts(self.landed, version.arrival_day, counts, of_arrival=True)
        return Receipt(
            flow=self.name,
            source=version,
            run=ingestion.run,
            counts=counts,
            partitions=(landed, *self.partitions(ingestion, counts)),
            size=version.size,
            seconds=round(seconds, 3),
            code_version=__version__,
            recorded_at=iso_utc(datetime.now(UTC)),
            refused=refused,
            effects=self.effects(ingestion),
            revision=self.revision(ingestion),
        )

    def _start(self, version: ObjectVersion, stores: StoresT, receipt: Receipt | None, *, redo: bool) -> IngestionT:
        """Resume at the progress in the target, or for a redo begin a run that neither target nor ledger has seen."""
        known = self.known(version, stores)
        recorded = receipt.run if receipt else 0
        if not redo:
            return known or self.begin(version, max(recorded, 1))
        begun = known.version if known else version
        return self.begin(begun, max(known.run if known else 0, recorded) + 1)

    def _refuse(
        self, ingestion: IngestionT, error: RefusedFileError, stores: StoresT, budget: TimeBudget
    ) -> tuple[IngestionT, Counts]:
        """End the run of a file that is refused as a whole.

        The flow decides what becomes of rows that are in already: of a file that vanished halfway, or of an earlier
        run.

        Returns
        -------
        tuple of (IngestionT, Counts)
            Progress at its end, and the rows by outcome.
        """
        if ingestion.next_row > 1:
            ingestion = self.finish(self.refused(ingestion), stores, budget)
            return ingestion, ingestion.counts
        if ingestion.run > 1 and self.known(ingestion.version, stores):
            ingestion = self.finish(self.refused(ingestion), stores, budget)
        return ingestion, Counts(received=error.rows, quarantined=error.rows)

    def _put_file(self, ingestion: IngestionT, stores: StoresT, budget: TimeBudget) -> IngestionT:
        version = ingestion.version
        if not ingestion.done:
            check = partial(budget.check, self.name, version.uri)
            fault = partial(self.header_fault, version=version)
            with (
                temporary_download(stores.storage, version, budget, self.dataset) as path,
                open_csv(
                    path, version.key, self.dataset, check, header_fault=fault, measure=ingestion.next_row == 1
                ) as file,
            ):
                ingestion = self.put_rows(file, ingestion, stores, budget)
        return self.finish(ingestion, stores, budget)
