"""A curated day worked out on Spark: the same rules on the same rows, by many tasks, none of which holds the day.

Tasks read the raw objects split by split, judge their rows with the code that judges them on one machine, and write
what they keep and what they reject as pieces; Spark is given the key and order columns. It settles which row of a key
stands, and pieces that lose rows by that are written anew. The driver learns the account of each split and the names of
the pieces, which it streams into the object of the day in the order of the raw objects.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import narwhals as nw
import polars as pl

from pipeline_assets import __version__
from pipeline_assets.curation.day import DayAccount, WorkedDay, schema_of
from pipeline_assets.curation.judge import (
    QUARANTINED,
    SourceAccount,
    account_of_parts,
    refusal_of,
    refused_source,
)
from pipeline_assets.curation.publish import check_withheld
from pipeline_assets.curation.read import DELETED, LOAD_ID, SOURCE, RefusedObjectError
from pipeline_assets.curation.rules import ROW
from pipeline_assets.curation.settle import GONE, OUTCOME, settled
from pipeline_assets.curation.spark_tasks import (
    PART,
    SETTLED_COLUMNS,
    TOLD,
    DayTasks,
    Told,
    kept_name,
    rejected_name,
    settled_name,
)
from pipeline_assets.curation.stores import CurationStores
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.spark.failures import spark_failures
from pipeline_assets.spark.pieces import Piece, Staging, scanned, staging
from pipeline_assets.spark.session import PARTITION_BYTES
from pipeline_assets.spark.splits import read_splits, splits_of
from pipeline_assets.storage.bucket import Bucket, GoneError
from pipeline_assets.storage.documents import from_json

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True, slots=True)
class SparkDays:
    """The engine that works days out on Spark.

    Parameters
    ----------
    session
        The session.
    split_bytes
        How large a split of a raw object is at least, if the object is not smaller.
    log
        Told how far a day is.
    """

    session: SparkSession
    split_bytes: int = PARTITION_BYTES
    log: Callable[[str], object] = str

    @contextmanager
    def worked_out(
        self,
        dataset: Dataset,
        day: str,
        versions: Sequence[ObjectVersion],
        stores: CurationStores,
        standing: DayAccount | None,
    ) -> Iterator[WorkedDay]:
        """Work a day out from its raw objects; it is there as long as the block lasts.

        Parameters
        ----------
        dataset
            The spec.
        day
            The load day, ISO.
        versions
            Its raw objects.
        stores
            The stores of curation.
        standing
            Account of the day as it stands, if it does.

        Yields
        ------
        WorkedDay
            The day.

        Raises
        ------
        GoneError
            A raw object was replaced or deleted since it was listed.
        TransientError
            A store does not answer, an executor or the driver was lost, or an object is withheld that the day has.
        TerminalError
            The work can never be done as it is.
        """
        ordered = tuple(sorted(versions, key=lambda version: version.key))
        with (
            spark_failures(f"{dataset.name} of {day}"),
            staging(stores.curated, f"curated/{dataset.name}/{day}") as place,
            TemporaryDirectory(prefix="cesta-") as directory,
        ):
            tasks = DayTasks(dataset, ordered, place)
            splits = splits_of(stores.raw, ordered, split_bytes=self.split_bytes)
            self.log(f"{dataset.name} of {day}: raw objects: {len(ordered)}, splits: {len(splits)}")
            judged = read_splits(
                self.session, splits, tasks.judge, tasks.index, lost=tasks.lost, task_bytes=self.split_bytes
            ).persist()
            try:
                found = _Found(tasks, told := _told(judged), standing)
                self.log(f"{dataset.name} of {day}: objects that are not refused: {len(found.numbers)}")
                found.settle(_settled(judged, tasks, found.numbers))
                # Splits of an executor that was lost were read again: what went meanwhile is missing from the settling.
                if _told(judged) != told:
                    raise GoneError(f"of {day} was replaced or deleted while its rows were settled")
            finally:
                judged.unpersist()
            self.log(f"{dataset.name} of {day}: {found.counts}")
            yield found.day(day, stores.curated, Path(directory))


def _told(judged: DataFrame) -> dict[int, dict[int, Told]]:
    """What was told of each split, by the numbers of object and part."""
    told: dict[int, dict[int, Told]] = {}
    for row in judged.where(judged[TOLD].isNotNull()).select(SOURCE, PART, TOLD).collect():
        told.setdefault(row[SOURCE], {})[row[PART]] = from_json(row[TOLD], Told)
    return told


def _settled(judged: DataFrame, tasks: DayTasks, numbers: Sequence[int]) -> list[Mapping[str, int]]:
    """Settle which rows of these objects stand, and write anew the pieces of splits that lose any by it."""

    # By the number of its parameters Spark tells what a function wants, and counts that of a method with them.
    def settle(changes: pa.Table) -> pa.Table:
        return tasks.settle(changes)

    changed = changes_of(judged, tasks.dataset, numbers).groupBy(SOURCE, PART)
    return [row.asDict() for row in changed.applyInArrow(settle, SETTLED_COLUMNS).collect()]


def changes_of(judged: DataFrame, dataset: Dataset, numbers: Sequence[int]) -> DataFrame:
    """Find the rows that do not stand as they were judged.

    Parameters
    ----------
    judged
        Columns of `DayTasks.index`.
    dataset
        The spec.
    numbers
        Numbers of the objects that are not refused.

    Returns
    -------
    DataFrame
        Columns: ``_source``, ``_part``, ``_row``, ``_outcome``, and ``_gone_by``, the last load that found the row
        gone. No join: rows of a key meet in one shuffle, and nothing else is moved.
    """
    rows = judged.where(judged[TOLD].isNull() & judged[SOURCE].isin(list(numbers))).drop(TOLD)
    frame = settled(nw.from_native(rows), dataset)
    gone = nw.when(nw.col(DELETED)).then(nw.col(LOAD_ID)).max().over(*dataset.key)
    changed = frame.with_columns(gone.alias(GONE)).filter((nw.col(OUTCOME) != "accepted") | ~nw.col(GONE).is_null())
    found: DataFrame = changed.select(SOURCE, PART, ROW, OUTCOME, GONE).to_native()
    return found


@dataclass(slots=True)
class _Found:
    """What the driver knows of a day: accounts and names, no rows."""

    tasks: DayTasks
    told: dict[int, dict[int, Told]]
    standing: DayAccount | None
    accounts: list[SourceAccount] = field(default_factory=list)
    refused: dict[str, pl.DataFrame] = field(default_factory=dict)
    #: Rows of the pieces that were written anew, by object and part.
    anew: dict[tuple[int, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, version in enumerate(self.tasks.versions):
            parts = [told for _, told in sorted(self.told[number].items())]
            if gone := next((part.gone for part in parts if part.gone), ""):
                raise GoneError(gone)
            if withheld := next((part.withheld for part in parts if part.withheld), ""):
                check_withheld(version, withheld, self.standing)
                refusal: RefusedObjectError | None = RefusedObjectError("present", withheld)
            else:
                refusal = refusal_of([part.account for part in parts])
            if refusal:
                source = refused_source(version, refusal)
                self.refused[version.id] = source.rejected
                self.accounts.append(source.account)
            else:
                self.accounts.append(account_of_parts(version, [part.account for part in parts]))

    @property
    def numbers(self) -> list[int]:
        """The numbers of the objects that are not refused whole."""
        return [number for number, version in enumerate(self.tasks.versions) if version.id not in self.refused]

    @property
    def counts(self) -> str:
        """The rows by outcome, for people."""
        account = DayAccount("", "", "", "", tuple(self.accounts))
        return ", ".join(f"{number} {name}" for name, number in account.counts.as_dict().items())

    def settle(self, settled_splits: Sequence[Mapping[str, int]]) -> None:
        """Take note of what was lost to rows of the same key."""
        for row in settled_splits:
            number = row[SOURCE]
            self.accounts[number] = self.accounts[number].lost(row["duplicate"], row["superseded"])
            self.anew[number, row[PART]] = row["kept"]

    def day(self, day: str, bucket: Bucket, directory: Path) -> WorkedDay:
        """The day, its pieces downloaded into a directory."""
        dataset, place = self.tasks.dataset, self.tasks.place
        schema = schema_of(dataset)
        frames = scanned(bucket, list(self._kept(place)), directory, schema)
        return _Day(
            pl.concat([schema.to_frame().lazy(), *frames]),
            DayAccount(dataset.name, day, dataset.fingerprint, __version__, tuple(self.accounts)),
            _Rejected(self, bucket, directory / "rejected"),
        )

    def rejected(self, number: int) -> list[Piece]:
        """The pieces of the rejected rows of an object."""
        place = self.tasks.place
        parts = sorted(self.told[number].items())
        return [place.piece(rejected_name(number, part), told.rejected) for part, told in parts if told.rejected]

    def _kept(self, place: Staging) -> Iterator[Piece]:
        for number in self.numbers:
            for part, told in sorted(self.told[number].items()):
                name = settled_name if (number, part) in self.anew else kept_name
                if rows := self.anew.get((number, part), told.kept):
                    yield place.piece(name(number, part), rows)


@dataclass(frozen=True, slots=True)
class _Day:
    """A day of which the driver has the files."""

    rows: pl.LazyFrame
    account: DayAccount
    rejected: _Rejected


@dataclass(frozen=True, slots=True)
class _Rejected(Mapping[str, "pl.DataFrame | pl.LazyFrame"]):
    """The rejected rows of each object, downloaded when they are asked for, one object at a time."""

    found: _Found
    bucket: Bucket
    directory: Path

    def __getitem__(self, version_id: str) -> pl.DataFrame | pl.LazyFrame:
        if version_id in self.found.refused:
            return self.found.refused[version_id]
        number = next(place for place, each in enumerate(self.found.tasks.versions) if each.id == version_id)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir()
        pieces = scanned(self.bucket, self.found.rejected(number), self.directory, pl.Schema(QUARANTINED))
        return pl.concat(pieces) if pieces else pl.DataFrame(schema=QUARANTINED)

    def __iter__(self) -> Iterator[str]:
        return (version.id for version in self.found.tasks.versions)

    def __len__(self) -> int:
        return len(self.found.tasks.versions)
