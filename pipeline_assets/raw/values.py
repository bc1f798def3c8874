"""Lossless casts of source values to the types of the lake."""

from __future__ import annotations

from contextlib import suppress

import polars as pl

from pipeline_assets.datasets.frame_types import frame_type
from pipeline_assets.datasets.spec import Column, ColumnType

_AS_TEXT = "%Y-%m-%d %H:%M:%S%.f"
_MOST_OFF = 1e-6
#: Texts that are values of a type, as databases write them.
_WRITTEN: dict[ColumnType, str] = {
    "integer": r"\A-?[0-9]{1,18}\z",
    "decimal": r"\A-?[0-9]{1,16}(?:\.[0-9]{1,2}0*)?\z",
    "number": r"\A-?[0-9]+(?:\.[0-9]+)?\z",
}


def cast_lossless(values: pl.Series, column: Column) -> pl.Series:
    """Cast values to the type of their column, unless that would lose one: the rules of curation judge each row.

    Returns
    -------
    polars.Series
        In the type of the column, or as they came where a single value does not fit it.
    """
    if values.dtype == pl.Binary:
        values = _decode(values)
    if values.dtype == pl.Float32:
        # By way of the shortest text: 12.3 and not 12.300000190734863.
        values = values.cast(pl.String).cast(pl.Float64)
    dtype = frame_type(column.type)
    if values.dtype == dtype:
        return values
    if values.dtype == pl.String:
        return _from_text(values, column.type)
    if dtype.is_temporal() and values.dtype != pl.Null:
        return values  # a number is no time: nothing says of which unit, or since when
    with suppress(pl.exceptions.PolarsError):
        cast = values.cast(dtype)
        off = cast.cast(pl.Float64) - values if values.dtype.is_float() else None
        kept = cast.cast(values.dtype) == values if off is None else off.abs() < _MOST_OFF
        if kept.all():
            return cast
    return values


def utc_times(values: pl.Series) -> pl.Series:
    """Cast microseconds since 1970 to times in UTC."""
    return values.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _decode(values: pl.Series) -> pl.Series:
    """Decode bytes as UTF-8; as they are where a value is not."""
    try:
        return values.cast(pl.String)
    except pl.exceptions.PolarsError:
        return values


def _from_text(values: pl.Series, kind: ColumnType) -> pl.Series:
    if kind == "datetime":
        cast = values.str.to_datetime(_AS_TEXT, time_unit="us", time_zone="UTC", strict=False, cache=False)
    elif kind == "date":
        cast = values.str.to_date("%Y-%m-%d", strict=False)
    elif kind in _WRITTEN and values.str.contains(_WRITTEN[kind]).all():
        cast = values.cast(frame_type(kind), strict=False)
    else:
        return values
    return cast if cast.null_count() == values.null_count() else values
