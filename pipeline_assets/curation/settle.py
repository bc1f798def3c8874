"""Which row of a key is the latest, the same on every engine: by the order columns, the load, the object and the row.

A tombstone is not compared by its time, which is of another clock than those of the rows. It says that the row was
gone when its load looked, so it buries what loads before that one have read, whatever their times say; what its own
load or a later one has read was there afterwards, and outdoes it.

The order is total, so that any engine and any order of arrival choose the same row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import narwhals as nw
import polars as pl

from pipeline_assets.curation.judge import JudgedSource
from pipeline_assets.curation.read import DELETED, LOAD_ID, SOURCE, RawFile
from pipeline_assets.curation.rules import ROW
from pipeline_assets.datasets.frame_types import frame_type
from pipeline_assets.datasets.spec import Dataset

if TYPE_CHECKING:
    from narwhals.typing import FrameT

OUTCOME, DELETED_BY, OBJECT, GONE = "_outcome", "_deleted_by", "_object", "_gone_by"
_PLACE, _OF, _WINNER, _COUNTS = "_place_of_key", "_rows_of_key", "_winner_of_key", "_counts"


def settled(frame: FrameT, dataset: Dataset) -> FrameT:
    """Settle which row of a key stands.

    Parameters
    ----------
    frame
        The key, the order columns, ``_deleted``, ``_load_id``, ``_source`` and ``_row``.
    dataset
        The spec, which has the key and the order.

    Returns
    -------
    FrameT
        The frame with ``_outcome`` (String): accepted for the latest row of a key; of any other duplicate where the
        latest is of the same object (``_source``), superseded where it is of another.
    """
    # What counts is later than what does not, and a row that was there afterwards than its tombstone.
    order = [_COUNTS, *dataset.order, LOAD_ID, SOURCE, ROW]
    gone = nw.when(nw.col(DELETED)).then(nw.col(LOAD_ID)).max().over(*dataset.key)
    counts = nw.when(nw.col(DELETED)).then(nw.lit(1)).otherwise(nw.lit(2))
    buried = frame.with_columns(gone.alias(GONE)).with_columns(
        nw.when(nw.col(LOAD_ID) < nw.col(GONE)).then(nw.lit(0)).otherwise(counts).alias(_COUNTS)
    )
    placed = buried.with_columns(
        nw.col(ROW).cum_count().over(*dataset.key, order_by=order).alias(_PLACE),
        nw.len().over(*dataset.key).alias(_OF),
    )
    latest = nw.col(_PLACE) == nw.col(_OF)
    found = placed.with_columns(nw.when(latest).then(nw.col(SOURCE)).max().over(*dataset.key).alias(_WINNER))
    lost = nw.when(nw.col(_WINNER) == nw.col(SOURCE)).then(nw.lit("duplicate")).otherwise(nw.lit("superseded"))
    outcome = nw.when(latest).then(nw.lit("accepted")).otherwise(lost)
    return found.with_columns(outcome.alias(OUTCOME)).drop(_PLACE, _OF, _WINNER, GONE, _COUNTS)


def lost_rows(files: Sequence[RawFile], sources: Sequence[JudgedSource], dataset: Dataset) -> pl.DataFrame:
    """Find the rows that are not the latest of their keys.

    Parameters
    ----------
    files
        The raw objects of a day.
    sources
        The same, judged.
    dataset
        The spec.

    Returns
    -------
    pl.DataFrame
        Columns: ``_object`` (Int32, place in `files` from 0), ``_row`` (Int64), ``_outcome`` (String, duplicate or
        superseded).
    """
    none = pl.DataFrame(schema={OBJECT: pl.Int32, ROW: pl.Int64, OUTCOME: pl.String})
    kept = [
        source.index.with_columns(pl.lit(place, dtype=pl.Int32).alias(OBJECT))
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
        pl.lit(pl.Series([file.version.uri for file in files])).gather(OBJECT).alias(SOURCE),
        pl.lit(pl.Series([file.raw.load_id for file in files])).gather(OBJECT).alias(LOAD_ID),
        pl.lit(pl.Series([file.raw.deletes for file in files])).gather(OBJECT).alias(DELETED),
    )
    outcomes: pl.DataFrame = settled(nw.from_native(rivals), dataset).to_native()
    return outcomes.filter(pl.col(OUTCOME) != "accepted").select(none.columns)


def gone_keys(files: Sequence[RawFile], sources: Sequence[JudgedSource], dataset: Dataset) -> pl.DataFrame:
    """Find the keys that loads of a day found gone.

    Parameters
    ----------
    files
        The raw objects of the day.
    sources
        The same, judged.
    dataset
        The spec.

    Returns
    -------
    pl.DataFrame
        Columns: the key, and ``_deleted_by`` (String), the last load that found it gone.
    """
    none = pl.DataFrame(
        schema={**{name: frame_type(dataset.column(name).type) for name in dataset.key}, DELETED_BY: pl.String}
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
