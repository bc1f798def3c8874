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

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import narwhals as nw
import polars as pl

from pipeline_assets import __version__
from pipeline_assets.curation.account import DayAccount
from pipeline_assets.curation.contract import OTHER_COLUMNS
from pipeline_assets.curation.latest import DELETED, DELETED_BY, LOAD_ID, OUTCOME, SOURCE, settled
from pipeline_assets.curation.rules import ROW
from pipeline_assets.curation.source import JudgedSource, RawFile, judged_source
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.datasets.stored import stored_columns
from pipeline_assets.lake.frame_types import FRAME_TYPES

_OBJECT = "_object"


@dataclass(frozen=True, slots=True)
class CuratedDay:
    """A day worked out; `rejected` are the rows to be quarantined, by the id of the raw object's receipt.

    `rows` reads the files that the day was worked out from, which have to be there still.
    """

    rows: pl.LazyFrame
    account: DayAccount
    rejected: dict[str, pl.DataFrame]


def schema_of(dataset: Dataset) -> pl.Schema:
    """The columns of a curated object in their order, with their types in a frame."""
    columns: dict[str, pl.DataType] = {column.name: FRAME_TYPES[column.type] for column in stored_columns(dataset)}
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
    """
    ordered = sorted(files, key=lambda file: file.raw.key)
    sources = [judged_source(dataset, file) for file in ordered]
    lost, gone = _lost(ordered, sources, dataset), _gone(ordered, sources, dataset)
    schema = schema_of(dataset)
    frames = [schema.to_frame().lazy()]
    accounts = []
    for number, source in enumerate(sources):
        mine = lost.filter(pl.col(_OBJECT) == number)
        duplicate = mine.filter(pl.col(OUTCOME) == "duplicate").height
        accounts.append(source.account.lost(duplicate, mine.height - duplicate))
        if source.index.height > mine.height:
            kept = _without(source.rows, source.rejected["row"], mine[ROW])
            if not gone.is_empty():
                kept = kept.join(gone.lazy(), on=dataset.key, how="left", maintain_order="left")
            frames.append(_uniform(kept, schema))
    return CuratedDay(
        pl.concat(frames),
        DayAccount(dataset.name, day, dataset.fingerprint, __version__, tuple(accounts)),
        {source.account.id: source.rejected for source in sources},
    )


def _lost(files: Sequence[RawFile], sources: Sequence[JudgedSource], dataset: Dataset) -> pl.DataFrame:
    """The rows that are not the latest of their keys: the place of their object, their number in it, their outcome."""
    none = pl.DataFrame(schema={_OBJECT: pl.Int32, ROW: pl.Int64, OUTCOME: pl.String})
    kept = [
        source.index.with_columns(pl.lit(place, dtype=pl.Int32).alias(_OBJECT))
        for place, source in enumerate(sources)
        if source.index.height
    ]
    rows = pl.concat(kept) if kept else none
    if not kept or _in_order(rows, dataset.key):
        return none
    # Only the rows of keys that are there more than once have to be compared.
    rows = rows.sort(dataset.key)
    same = pl.all_horizontal(pl.col(name) == pl.col(name).shift() for name in dataset.key).fill_null(value=False)
    rivals = rows.filter(same | same.shift(-1, fill_value=False)).with_columns(
        pl.lit(pl.Series([file.version.uri for file in files])).gather(_OBJECT).alias(SOURCE),
        pl.lit(pl.Series([file.raw.load_id for file in files])).gather(_OBJECT).alias(LOAD_ID),
        pl.lit(pl.Series([file.raw.deletes for file in files])).gather(_OBJECT).alias(DELETED),
    )
    outcomes: pl.DataFrame = settled(nw.from_native(rivals), dataset).to_native()
    return outcomes.filter(pl.col(OUTCOME) != "accepted").select(none.columns)


def _gone(files: Sequence[RawFile], sources: Sequence[JudgedSource], dataset: Dataset) -> pl.DataFrame:
    """Keys that loads of the day found gone, each with the last load that did."""
    none = pl.DataFrame(
        schema={**{name: FRAME_TYPES[dataset.column(name).type] for name in dataset.key}, DELETED_BY: pl.String}
    )
    found = [
        source.index.select(*dataset.key, pl.lit(file.raw.load_id).alias(DELETED_BY))
        for file, source in zip(files, sources, strict=True)
        if file.raw.deletes and source.index.height
    ]
    return pl.concat([none, *found]).group_by(dataset.key).agg(pl.col(DELETED_BY).max())


def _in_order(rows: pl.DataFrame, key: Sequence[str]) -> bool:
    """Whether each key is greater than the one before it: in order, and none there twice."""
    rises = pl.lit(value=False)
    for name in reversed(key):
        before = pl.col(name).shift()
        rises = (pl.col(name) > before) | ((pl.col(name) == before) & rises)
    return bool(rows.select(rises.slice(1).all()).item())


def _without(rows: pl.LazyFrame, *numbers: pl.Series) -> pl.LazyFrame:
    """The rows but for those of these numbers."""
    out = pl.concat(numbers)
    return rows.filter(~pl.col(ROW).is_in(out.implode())) if len(out) else rows


def _uniform(rows: pl.LazyFrame, schema: pl.Schema) -> pl.LazyFrame:
    """The rows with exactly these columns; those that they do not have are null."""
    there = rows.collect_schema()
    return rows.select(
        (pl.col(name) if name in there else pl.lit(None)).cast(kind).alias(name) for name, kind in schema.items()
    )
