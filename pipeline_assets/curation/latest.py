"""Which row of a key is the latest, the same on every engine: by the order columns, the load, the object and the row.

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
_PLACE, _OF, _WINNER = "_place_of_key", "_rows_of_key", "_winner_of_key"


def settled(frame: FrameT, dataset: Dataset) -> FrameT:
    """The frame with `_outcome`: accepted for the latest row of a key, for any other what the latest makes of it.

    It is duplicate where the latest is of the same object (`_source`), superseded where it is of another.
    """
    order = [*dataset.order, LOAD_ID, SOURCE, ROW]
    placed = frame.with_columns(
        nw.col(ROW).cum_count().over(*dataset.key, order_by=order).alias(_PLACE),
        nw.len().over(*dataset.key).alias(_OF),
    )
    latest = nw.col(_PLACE) == nw.col(_OF)
    found = placed.with_columns(nw.when(latest).then(nw.col(SOURCE)).max().over(*dataset.key).alias(_WINNER))
    lost = nw.when(nw.col(_WINNER) == nw.col(SOURCE)).then(nw.lit("duplicate")).otherwise(nw.lit("superseded"))
    outcome = nw.when(latest).then(nw.lit("accepted")).otherwise(lost)
    return found.with_columns(outcome.alias(OUTCOME)).drop(_PLACE, _OF, _WINNER)
