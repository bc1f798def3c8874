"""Which row of a key is the latest, the same on every engine: by the order columns, the load, the object and the row.

A tombstone is not compared by its time, which is of another clock than those of the rows. It says that the row was
gone when its load looked, so it buries what loads before that one have read, whatever their times say; what its own
load or a later one has read was there afterwards, and outdoes it.

The order is total, so that any engine and any order of arrival choose the same row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import narwhals as nw

from pipeline_assets.curation.rules import ROW
from pipeline_assets.datasets.spec import Dataset

if TYPE_CHECKING:
    from narwhals.typing import FrameT

SOURCE, LOAD_ID, OUTCOME = "_source", "_load_id", "_outcome"
DELETED, DELETED_BY = "_deleted", "_deleted_by"
_PLACE, _OF, _WINNER, _GONE, _COUNTS = "_place_of_key", "_rows_of_key", "_winner_of_key", "_gone_by", "_counts"


def settled(frame: FrameT, dataset: Dataset) -> FrameT:
    """The frame with `_outcome`: accepted for the latest row of a key, for any other what the latest makes of it.

    It has the key, the order columns, `_deleted`, `_load_id`, `_source` and `_row`.

    It is duplicate where the latest is of the same object (`_source`), superseded where it is of another.
    """
    # What counts is later than what does not, and a row that was there afterwards than its tombstone.
    order = [_COUNTS, *dataset.order, LOAD_ID, SOURCE, ROW]
    gone = nw.when(nw.col(DELETED)).then(nw.col(LOAD_ID)).max().over(*dataset.key)
    counts = nw.when(nw.col(DELETED)).then(nw.lit(1)).otherwise(nw.lit(2))
    buried = frame.with_columns(gone.alias(_GONE)).with_columns(
        nw.when(nw.col(LOAD_ID) < nw.col(_GONE)).then(nw.lit(0)).otherwise(counts).alias(_COUNTS)
    )
    placed = buried.with_columns(
        nw.col(ROW).cum_count().over(*dataset.key, order_by=order).alias(_PLACE),
        nw.len().over(*dataset.key).alias(_OF),
    )
    latest = nw.col(_PLACE) == nw.col(_OF)
    found = placed.with_columns(nw.when(latest).then(nw.col(SOURCE)).max().over(*dataset.key).alias(_WINNER))
    lost = nw.when(nw.col(_WINNER) == nw.col(SOURCE)).then(nw.lit("duplicate")).otherwise(nw.lit("superseded"))
    outcome = nw.when(latest).then(nw.lit("accepted")).otherwise(lost)
    return found.with_columns(outcome.alias(OUTCOME)).drop(_PLACE, _OF, _WINNER, _GONE, _COUNTS)
