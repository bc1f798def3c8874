"""Types of columns in frames of Polars."""

from __future__ import annotations

from functools import cache

import polars as pl

from pipeline_assets.datasets.spec import ColumnType
from pipeline_assets.datasets.types import TYPES


@cache
def frame_type(kind: ColumnType) -> pl.DataType:
    """Type of Polars for a type of columns."""
    name, *arguments = TYPES[kind].frame
    made: pl.DataType = getattr(pl, str(name))(*arguments)
    return made
