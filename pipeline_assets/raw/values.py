"""Values as a source gives them in the types of the lake, wherever that loses nothing."""

from __future__ import annotations

from contextlib import suppress

import polars as pl

from pipeline_assets.datasets.spec import Column, ColumnType
from pipeline_assets.datasets.types import frame_type

_AS_TEXT = "%Y-%m-%d %H:%M:%S%.f"
_MOST_OFF = 1e-6
#: Texts that are values of a type: as databases write them.
_WRITTEN: dict[ColumnType, str] = {
    "integer": r"\A-?[0-9]{1,18}\z",
    "decimal": r"\A-?[0-9]{1,16}(?:\.[0-9]{1,2}0*)?\z",
    "number": r"\A-?[0-9]+(?:\.[0-9]+)?\z",
}


def typed(values: pl.Series, column: Column) -> pl.Series:
    """Values in the type of their column, or as they are where that would lose one: the rules judge each row."""
    if values.dtype == pl.Binary:
        values = _decoded(values)
    if values.dtype == pl.Float32:
        # The shortest text is what was meant by it: 12.3 and not 12.300000190734863.
        values = values.cast(pl.String).cast(pl.Float64)
    wanted = frame_type(column.type)
    if values.dtype == wanted:
        return values
    if values.dtype == pl.String:
        return _from_text(values, column.type)
    if wanted.is_temporal() and values.dtype != pl.Null:
        return values  # a number is no time: nothing says of which unit, or since when
    with suppress(pl.exceptions.PolarsError):
        made = values.cast(wanted)
        off = made.cast(pl.Float64) - values if values.dtype.is_float() else None
        kept = made.cast(values.dtype) == values if off is None else off.abs() < _MOST_OFF
        if kept.all():
            return made
    return values


def moments(values: pl.Series) -> pl.Series:
    """Microseconds since 1970 as times."""
    return values.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _decoded(values: pl.Series) -> pl.Series:
    """Bytes as the text that they are, or as they are where they are none."""
    try:
        return values.cast(pl.String)
    except pl.exceptions.PolarsError:
        return values


def _from_text(values: pl.Series, wanted: ColumnType) -> pl.Series:
    if wanted == "datetime":
        made = values.str.to_datetime(_AS_TEXT, time_unit="us", time_zone="UTC", strict=False, cache=False)
    elif wanted == "date":
        made = values.str.to_date("%Y-%m-%d", strict=False)
    elif wanted in _WRITTEN and values.str.contains(_WRITTEN[wanted]).all():
        made = values.cast(frame_type(wanted), strict=False)
    else:
        return values
    return made if made.null_count() == values.null_count() else values
