"""One curated day: a pure function of its raw objects and the spec.

The frame of a day has the stored columns of its dataset and

==================  ====================================================================================
``other_columns``   text: a JSON object of the columns that the spec does not know, where they are kept
``_deleted``        boolean: the source no longer has the row; only its key and its order column are set
``_deleted_by``     text: the last of the day's loads that found the row gone, which those of other days may not know
``_load_id``        text: the load that brought it
``_source``         text: the raw object it came from, ``s3://bucket/key``
``_row``            integer: its number in that object, from 1
==================  ====================================================================================

with one row per key, in the order of the keys of the raw objects and of the rows in them.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from pipeline_assets import __version__
from pipeline_assets.curation.judge import SourceAccount, judged_source
from pipeline_assets.curation.read import DELETED, LOAD_ID, OTHER_COLUMNS, SOURCE, RawFile
from pipeline_assets.curation.rules import ROW
from pipeline_assets.curation.settle import DELETED_BY, OBJECT, OUTCOME, gone_keys, lost_rows
from pipeline_assets.datasets.frame_types import frame_type
from pipeline_assets.datasets.spec import Dataset, stored_columns
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.storage.documents import from_json

#: The name of the entry in the footer's key-value metadata.
FOOTER_KEY = "cesta"


@dataclass(frozen=True, slots=True)
class DayAccount:
    """Account of a curated day, which lies in the footer of its object.

    Parameters
    ----------
    dataset, day
        Which day it is, ISO.
    fingerprint
        That of the spec by which it was made.
    code_version
        Release that made it.
    sources
        Accounts of its raw objects.
    """

    dataset: str
    day: str
    fingerprint: str
    code_version: str
    sources: tuple[SourceAccount, ...]

    @property
    def counts(self) -> Counts:
        """The rows of all its raw objects by outcome; the accepted ones are the rows of the curated object."""
        return sum((source.counts for source in self.sources), Counts())

    def source(self, version: ObjectVersion) -> SourceAccount | None:
        """The account of a raw object's version, or None where the day was made without it."""
        return next((source for source in self.sources if source.is_of(version)), None)

    @classmethod
    def of_parquet(cls, tail: bytes) -> DayAccount | None:
        """What the end of a curated object says, or None where it says nothing that this code can read."""
        try:
            return from_json(pl.read_parquet_metadata(io.BytesIO(tail))[FOOTER_KEY], cls)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError, KeyError):
            return None


class WorkedDay(Protocol):
    """A day worked out by any engine, as `CuratedDay` is; rejected rows are lazy where they are too many."""

    @property
    def rows(self) -> pl.LazyFrame:
        """Its rows."""

    @property
    def account(self) -> DayAccount:
        """Its account."""

    @property
    def rejected(self) -> Mapping[str, pl.DataFrame | pl.LazyFrame]:
        """Rows to be quarantined."""


@dataclass(frozen=True, slots=True)
class CuratedDay:
    """A day worked out.

    Parameters
    ----------
    rows
        Its rows, with the columns of `schema_of`; read from the files that the day was worked out from, which have to
        be there still.
    account
        Its account.
    rejected
        Rows to be quarantined, by the id of the raw object's receipt.
    """

    rows: pl.LazyFrame
    account: DayAccount
    rejected: Mapping[str, pl.DataFrame]


def schema_of(dataset: Dataset) -> pl.Schema:
    """The columns of a curated object in their order, with their types in a frame."""
    columns: dict[str, pl.DataType] = {column.name: frame_type(column.type) for column in stored_columns(dataset)}
    added = {
        OTHER_COLUMNS: pl.String(),
        DELETED: pl.Boolean(),
        DELETED_BY: pl.String(),
        LOAD_ID: pl.String(),
        SOURCE: pl.String(),
        ROW: pl.Int64(),
    }
    return pl.Schema(columns | added)


def curate(dataset: Dataset, day: str, files: Iterable[RawFile]) -> CuratedDay:
    """Work a day out from its raw objects, whatever their order.

    The memory holds some rows at a time, and key and order columns of all.

    Parameters
    ----------
    dataset
        The spec.
    day
        The load day, ISO.
    files
        The day's raw objects.

    Returns
    -------
    CuratedDay
        `rows` has the columns of `schema_of`, one row per key; `rejected` those of `curation.judge.QUARANTINED`.
    """
    ordered = sorted(files, key=lambda file: file.raw.key)
    sources = [judged_source(dataset, file) for file in ordered]
    lost, gone = lost_rows(ordered, sources, dataset), gone_keys(ordered, sources, dataset)
    schema = schema_of(dataset)
    frames = [schema.to_frame().lazy()]
    accounts = []
    for number, source in enumerate(sources):
        mine = lost.filter(pl.col(OBJECT) == number)
        duplicate = mine.filter(pl.col(OUTCOME) == "duplicate").height
        accounts.append(source.account.lost(duplicate, mine.height - duplicate))
        if source.index.height > mine.height:
            kept = without(source.rows, source.rejected["row"], mine[ROW])
            if not gone.is_empty():
                kept = kept.join(gone.lazy(), on=dataset.key, how="left", maintain_order="left")
            frames.append(uniform(kept, schema))
    return CuratedDay(
        pl.concat(frames),
        DayAccount(dataset.name, day, dataset.fingerprint, __version__, tuple(accounts)),
        {source.account.id: source.rejected for source in sources},
    )


def without(rows: pl.LazyFrame, *numbers: pl.Series) -> pl.LazyFrame:
    """The rows but for those of these numbers."""
    out = pl.concat(numbers)
    return rows.filter(~pl.col(ROW).is_in(out.implode())) if len(out) else rows


def uniform(rows: pl.LazyFrame, schema: pl.Schema) -> pl.LazyFrame:
    """The rows with exactly these columns; those that they do not have are null."""
    there = rows.collect_schema()
    return rows.select(
        (pl.col(name) if name in there else pl.lit(None)).cast(kind).alias(name) for name, kind in schema.items()
    )
