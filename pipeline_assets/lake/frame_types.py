"""The types that columns of a spec have in frames, and so in the Parquet objects of the lake."""

from __future__ import annotations

import polars as pl

from pipeline_assets.datasets.spec import ColumnType

FRAME_TYPES: dict[ColumnType, pl.DataType] = {
    "text": pl.String(),
    "number": pl.Float64(),
    "datetime": pl.Datetime("us", "UTC"),
    "integer": pl.Int64(),
    "decimal": pl.Decimal(18, 2),
    "date": pl.Date(),
    "boolean": pl.Boolean(),
}
