"""How values of another type become those of a column without loss."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import polars as pl

from pipeline_assets.datasets.frame_types import frame_type
from pipeline_assets.datasets.spec import Column, ColumnType
from pipeline_assets.datasets.text import PLACEHOLDERS, clean, clean_text

_DIGITS, _CENTS = 18, 2
_INTEGER = r"\A[+-]?[0-9]{1,19}\z"
_DECIMAL = r"\A[+-]?(?:[0-9]{1,16}(?:\.[0-9]{1,2}0*)?|\.[0-9]{1,2}0*)\z"
_NUMBER = r"\A[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?\z"
#: A time to the microsecond: day, time of day, and what says its zone.
_TIME = (
    r"\A([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?)0*"
    r" ?(?:(?i:z|utc|gmt)|([+-][0-9]{2}):?([0-9]{2})?)?\z"
)
#: What text that has to be cleaned looks like.
_ODD = r"[^ -~]|  |\A[ '=]| \z"
_LONGEST_PLACEHOLDER = max(map(len, PLACEHOLDERS))
_TRUTHS = {"true": True, "false": False, "1": True, "0": False}
_IS_TYPE: dict[ColumnType, Callable[[pl.DataType], bool]] = {
    "text": lambda found: isinstance(found, pl.String | pl.Categorical | pl.Enum),
    "integer": lambda found: found.is_integer() and not isinstance(found, pl.UInt64 | pl.Int128 | pl.UInt128),
    "decimal": lambda found: isinstance(found, pl.Decimal) and found.scale <= _CENTS and found.precision <= _DIGITS,
    "number": lambda found: found.is_float(),
    "datetime": lambda found: isinstance(found, pl.Datetime),
}


def is_type(found: pl.DataType, wanted: ColumnType) -> bool:
    """Whether every value of a frame's type has its place in a column's type, so that nothing is converted.

    A time without a zone is in UTC; times are kept to the microsecond.

    Returns
    -------
    bool
        True of any type for a column of nothing but nulls.
    """
    if isinstance(found, pl.Null):
        return True
    return _IS_TYPE[wanted](found) if wanted in _IS_TYPE else found == frame_type(wanted)


def taken(column: pl.Expr, found: pl.DataType, wanted: ColumnType) -> pl.Expr:
    """Cast a column of which `is_type` holds to the type of a frame.

    Parameters
    ----------
    column
        The column.
    found
        Its type in the object.
    wanted
        Its type in the spec.

    Returns
    -------
    pl.Expr
        The same values.
    """
    if wanted == "datetime" and isinstance(found, pl.Datetime):
        zoned = column.dt.convert_time_zone("UTC") if found.time_zone else column.dt.replace_time_zone("UTC")
        return zoned.cast(frame_type(wanted))
    return column.cast(frame_type(wanted))


def converted(column: pl.Expr, found: pl.DataType, wanted: ColumnType) -> pl.Expr | None:
    """Convert a column without loss.

    Parameters
    ----------
    column
        The column.
    found
        Its type in the object.
    wanted
        Its type in the spec.

    Returns
    -------
    pl.Expr or None
        The values that convert, null for the others; None where nothing of such a type ever does.
    """
    if isinstance(found, pl.Object) or found.is_nested():
        return None
    if isinstance(found, pl.Binary):
        # Who writes text without saying so, as old Hive does, has written bytes.
        column, found = column.map_batches(_decoded, return_dtype=pl.String, is_elementwise=True), pl.String()
    if isinstance(found, pl.String | pl.Categorical | pl.Enum):
        return _FROM_TEXT[wanted](column.cast(pl.String))
    if wanted == "text":
        return column.cast(pl.String)
    if found.is_numeric():
        return _from_number(column, found, wanted)
    return _from_moment(column, found, wanted)


def cleaned(text: pl.Expr, column: Column) -> pl.Expr:
    """Clean a text column as it is compared.

    Returns
    -------
    pl.Expr
        Null where a placeholder stands for none and there may be none. What people wrote in their own words stays as
        they wrote it.
    """
    if column.personal == "free_text":
        return text
    make, shortest = (_or_null, _LONGEST_PLACEHOLDER + 1) if column.nullable else (clean, 0)
    return text.map_batches(partial(_cleaned, make, shortest), return_dtype=pl.String, is_elementwise=True)


def _or_null(text: str) -> str | None:
    return clean_text(text) or None


def _cleaned(make: Callable[[str], str | None], shortest: int, values: pl.Series) -> pl.Series:
    # Most values are clean: only those that look odd, or are shorter than that, are looked at one by one.
    found = values.filter(values.str.contains(_ODD) | (values.str.len_bytes() < shortest)).unique()
    changed = {each: new for each in found if each and (new := make(each)) != each}
    return values.replace(list(changed), pl.Series(changed.values(), dtype=pl.String)) if changed else values


def _from_number(column: pl.Expr, found: pl.DataType, wanted: ColumnType) -> pl.Expr | None:
    if wanted in {"datetime", "date"}:
        return pl.lit(None, dtype=frame_type(wanted))  # nothing says of which unit a number is, or since when
    if wanted == "boolean":
        return pl.when((column == 0) | (column == 1)).then(column == 1)
    if found.is_float() and wanted == "decimal":
        # Polars takes a greater one for a failure of the whole, where it should give null.
        column = pl.when(column.abs() < 10 ** (_DIGITS - _CENTS)).then(column)
    value = column.cast(frame_type(wanted), strict=False)
    back = value.cast(pl.Decimal(38, found.scale) if isinstance(found, pl.Decimal) else found, strict=False)
    finite = value.is_finite() if wanted == "number" else pl.lit(value=True)
    return pl.when((back == column) & finite).then(value)


def _from_moment(column: pl.Expr, found: pl.DataType, wanted: ColumnType) -> pl.Expr | None:
    if wanted == "date" and isinstance(found, pl.Datetime):
        return pl.when(column.dt.truncate("1d") == column).then(column.dt.date())
    if wanted == "datetime" and isinstance(found, pl.Date):
        return column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return None


def _as_time(text: pl.Expr) -> pl.Expr:
    day, clock, hours, minutes = (text.str.extract(_TIME, group) for group in range(1, 5))
    zoned = pl.concat_str(day, clock, hours.fill_null("+00"), pl.lit(":"), minutes.fill_null("00"), separator=" ")
    return zoned.str.to_datetime("%Y-%m-%d %H:%M:%S%.f %z", time_unit="us", time_zone="UTC", strict=False)


def _decoded(values: pl.Series) -> pl.Series:
    """Bytes as the text that they are in UTF-8, null for those that are none."""
    return pl.Series(values.name, [None if each is None else _text_of(each) for each in values], pl.String)


def _text_of(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _matching(pattern: str, wanted: ColumnType) -> Callable[[pl.Expr], pl.Expr]:
    return lambda text: pl.when(text.str.contains(pattern)).then(text).cast(frame_type(wanted), strict=False)


_FROM_TEXT: dict[ColumnType, Callable[[pl.Expr], pl.Expr]] = {
    "text": lambda text: text,
    "integer": _matching(_INTEGER, "integer"),
    "decimal": _matching(_DECIMAL, "decimal"),
    "number": _matching(_NUMBER, "number"),
    "datetime": _as_time,
    "date": lambda text: text.str.to_date("%Y-%m-%d", strict=False),
    "boolean": lambda text: text.str.to_lowercase().replace_strict(_TRUTHS, default=None, return_dtype=pl.Boolean),
}
