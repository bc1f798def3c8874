"""Frames of a source's rows into frames of what is stored: see `stored_columns` for what becomes of which column."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

import polars as pl

from pipeline_assets.datasets.spec import Column, Dataset
from pipeline_assets.datasets.stored import stored_as
from pipeline_assets.events.outcomes import TerminalError
from pipeline_assets.privacy.cards import (
    SSN_DIGITS,
    SUSPICIOUS,
    UNREADABLE,
    card_digits,
    issuer,
    last_four,
    ssn_digits,
    without_numbers,
)
from pipeline_assets.privacy.tokens import TokenKey

if TYPE_CHECKING:
    from polars.datatypes import DataTypeClass

#: What is stored of one number, in the order of `stored_as`.
Stored: TypeAlias = tuple[str | None, ...]
_KINDS = (pl.Categorical, pl.Enum)
#: Columns that a spec does not know and whose name says that they hold security codes; nothing of them is kept.
_SECURITY_CODE = re.compile(
    r"cv[vcn]|(?:^|_)(?:csc\d?|cv2)(?:_|$)|security_?code|verification_?(?:code|value)|(?:^|_)card_?code"
)


class UnmaskableError(TerminalError):
    """A column of numbers has a type that no number can be read from, or a number is the name of one; quotes none."""


def mask(frame: pl.DataFrame, dataset: Dataset, key: TokenKey) -> pl.DataFrame:
    """The columns that are stored of a frame with columns of the source, in the order of the spec; the rows stay.

    Card and social security numbers become last digits and token, security codes are dropped unread, and every other
    text loses the numbers that someone typed into it. Columns that the spec does not know follow, cleaned likewise.
    A column of the spec that is not there is not made up. Raises `UnmaskableError`.
    """
    known = [
        stored for column in dataset.columns if column.name in frame.columns for stored in _known(frame, column, key)
    ]
    unknown = [name for name in frame.columns if name not in dataset.column_names]
    made = {stored.name for stored in known}
    for name in unknown:
        if without_numbers(name) != name:
            raise UnmaskableError(
                "it has a column whose name holds a card or social security number, or a security code"
            )
        if name in made:
            raise UnmaskableError(f"it has the column {name}, and one that this is made from; expected one of both")
    return pl.DataFrame([*known, *(_cleaned(frame[name]) for name in unknown if not says_security_code(name))])


def says_security_code(name: str) -> bool:
    """Whether a column's name says that it holds security codes of cards."""
    return bool(_SECURITY_CODE.search(re.sub(r"[\s-]+", "_", name.strip().lower())))


def holds_security_code(name: str, dtype: pl.DataType | DataTypeClass) -> bool:
    """Whether a column, or a field within its values, has a name that says so."""
    return says_security_code(name) or _has_codes(dtype)


def _has_codes(dtype: pl.DataType | DataTypeClass) -> bool:
    if isinstance(dtype, pl.Struct):
        return any(holds_security_code(name, inner) for name, inner in dtype.to_schema().items())
    return isinstance(dtype, pl.List | pl.Array) and _has_codes(dtype.inner)


def _known(frame: pl.DataFrame, column: Column, key: TokenKey) -> Iterator[pl.Series]:
    if column.personal == "security_code":
        return
    values = frame[column.name]
    if column.personal in {"card_number", "ssn"}:
        yield from _tokenised(values, column, key)
    else:
        # Whole numbers where numbers belong are identifiers and amounts; anything else may be what somebody typed.
        yield values if values.dtype.is_numeric() and column.type != "text" else _cleaned(values)


def _tokenised(values: pl.Series, column: Column, key: TokenKey) -> Iterator[pl.Series]:
    """What is stored of a column of numbers, each distinct one being looked at once."""
    text = _as_text(values)
    if column.personal == "ssn" and values.dtype.is_numeric():
        text = text.str.zfill(SSN_DIGITS)  # a number has no leading zeros
    names = [stored.name for stored in stored_as(column)]
    replaced = _card if column.personal == "card_number" else _ssn
    distinct = text.drop_nulls().unique()
    rows = [replaced(number, key) for number in distinct]
    schema = dict.fromkeys(names, pl.String)
    table = pl.DataFrame(rows, schema=schema, orient="row").insert_column(0, distinct.alias("")) if rows else None
    if table is None:
        yield from pl.DataFrame(schema=schema).clear(len(values)).iter_columns()
    else:
        joined = text.alias("").to_frame().join(table, on="", how="left", maintain_order="left")
        yield from joined.drop("").iter_columns()


def _card(number: str, key: TokenKey) -> Stored:
    if digits := card_digits(number):
        return last_four(digits), issuer(digits), key.token("card_number", digits)
    return None, UNREADABLE if number.strip() else None, None


def _ssn(number: str, key: TokenKey) -> Stored:
    digits = ssn_digits(number)
    return (last_four(digits), key.token("ssn", digits)) if digits else (None, None)


def _as_text(values: pl.Series) -> pl.Series:
    if values.dtype == pl.String:
        return values
    if values.dtype.is_float():
        values = values.cast(pl.Int64, strict=False)
    if values.dtype.is_integer() or values.dtype == pl.Null or isinstance(values.dtype, _KINDS):
        return values.cast(pl.String)
    raise UnmaskableError(f"it has the column {values.name} as {values.dtype}; expected text or whole numbers")


def _cleaned(values: pl.Series) -> pl.Series:
    """The same values without card and social security numbers; they become text only where that changes one.

    Values of few kinds always do: the kinds lie beside the values, also those that no row has.
    """
    if values.dtype.is_temporal() or values.dtype in {pl.Boolean, pl.Null}:
        return values
    if isinstance(values.dtype, _KINDS):
        values = values.cast(pl.String)
    elif _has_codes(values.dtype):
        values = pl.Series(values.name, map(_spelled, values.to_list()), pl.String)
    text = values if values.dtype == pl.String else pl.Series(values.name, map(_spelled, values.to_list()), pl.String)
    suspicious = text.filter(text.str.contains(SUSPICIOUS)).unique()
    cleaned = pl.Series([without_numbers(each) for each in suspicious], dtype=pl.String)
    if (changed := suspicious != cleaned).any():
        return text.replace(suspicious.filter(changed), cleaned.filter(changed))
    return values


def _spelled(value: object) -> str | None:
    """A value that is no text as text: whole numbers with all their digits, nested values as JSON."""
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return (
        json.dumps(_without_codes(value), default=_readable, ensure_ascii=False)
        if isinstance(value, list | dict)
        else _readable(value)
    )


def _without_codes(value: object) -> object:
    """Nested values without the fields whose names say that they hold security codes."""
    if isinstance(value, dict):
        return {name: _without_codes(inner) for name, inner in value.items() if not says_security_code(name)}
    return [_without_codes(each) for each in value] if isinstance(value, list) else value


def _readable(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
