"""Masking of frames: personal columns become last digits and tokens, free text loses the numbers in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TypeAlias

import polars as pl

from pipeline_assets.datasets.spec import Column, Dataset, stored_as
from pipeline_assets.errors import TerminalError
from pipeline_assets.privacy.cards import Where, holds_number, without_numbers
from pipeline_assets.privacy.context import SAYS_SO
from pipeline_assets.privacy.digits import LEAST_DIGITS, OF_NETWORK, SSN_DIGITS, issuer, last_four
from pipeline_assets.privacy.readings import KINDS, LOST, as_text, card_digits, ssn_digits
from pipeline_assets.privacy.security_codes import NAMED, says_security_code
from pipeline_assets.privacy.suspicion import MAY_HOLD_ENCODED, MAY_HOLD_NUMBER, NINE_DIGITS, has_code_fields
from pipeline_assets.privacy.tokens import TokenKey

#: What is stored of one number, in the order of `stored_as`.
Stored: TypeAlias = tuple[str | None, ...]


#: Smaller numbers are none of a card.
_LEAST_CARD = 10 ** (LEAST_DIGITS - 1)


class UnmaskableError(TerminalError):
    """A column of numbers has a type that no number can be read from, or a number is the name of one; quotes none."""


def mask(frame: pl.DataFrame, dataset: Dataset, key: TokenKey) -> pl.DataFrame:
    """Mask the personal data of a frame.

    Card and social security numbers become last digits and token, security codes are dropped unread, and every other
    text loses the numbers that someone typed into it.

    Parameters
    ----------
    frame
        Rows with columns of the source, of any type.
    dataset
        Spec that says which columns are personal, and how.
    key
        Key of the tokens.

    Returns
    -------
    pl.DataFrame
        As many rows in the same order. Columns: `stored_columns` of the spec, in its order, as far as `frame` has what
        they are made from; then the columns that the spec does not know, masked likewise.

    Raises
    ------
    UnmaskableError
        A column of numbers has a type that no number can be read from, or the name of a column holds a number or is
        that of a column made here.
    """
    present = [column for column in dataset.columns if column.name in frame.columns]
    known = [stored for column in present for stored in _known(frame, dataset, column, key)]
    unknown = [name for name in frame.columns if name not in dataset.column_names]
    made = {stored.name for stored in known}
    for name in unknown:
        if holds_number(name):
            raise UnmaskableError("it has a column whose name holds a card or social security number")
        if name in made:
            raise UnmaskableError(f"it has the column {name}, and one that this is made from; expected one of both")
    kept = (mask_text(frame[name], dataset) for name in unknown if not says_security_code(name))
    return pl.DataFrame([*known, *kept])


def _known(frame: pl.DataFrame, dataset: Dataset, column: Column, key: TokenKey) -> Iterator[pl.Series]:
    if column.personal == "security_code":
        return
    values = frame[column.name]
    if column.personal in {"card_number", "ssn"}:
        yield from _tokenise(values, column, key)
    else:
        # Whole numbers where numbers belong are identifiers and amounts; anything else may be what somebody typed.
        yield values if values.dtype.is_numeric() and column.type != "text" else mask_text(values, dataset)


def _tokenise(values: pl.Series, column: Column, key: TokenKey) -> Iterator[pl.Series]:
    """Stored columns of a column of numbers; each distinct number is looked at once."""
    text = as_text(values)
    if text is None:
        raise UnmaskableError(f"it has the column {values.name} as {values.dtype}; expected text or whole numbers")
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
    return None, LOST if number.strip() else None, None


def _ssn(number: str, key: TokenKey) -> Stored:
    if digits := ssn_digits(number):
        return last_four(digits), key.token("ssn", digits)
    return LOST if number.strip() else None, None


def mask_text(values: pl.Series, dataset: Dataset) -> pl.Series:
    """Mask card numbers, social security numbers and security codes in the values of a column.

    The name of the column, and whether the dataset says that it holds identifiers, decide with the value what a number
    is taken for.

    Returns
    -------
    pl.Series
        The values, as text where one had to be masked, unchanged otherwise. Categories always become text: they lie
        beside the values, also those that no row has.
    """
    where = Where.of(values.name, identifiers=values.name.lower() in dataset.identifiers)
    if values.dtype.is_temporal() or values.dtype in {pl.Boolean, pl.Null} or _are_small(values, where):
        return values
    if isinstance(values.dtype, KINDS):
        values = values.cast(pl.String)
    elif has_code_fields(values.dtype):
        values = pl.Series(values.name, map(_spelled, values.to_list()), pl.String)
    text = _as_written(values, where)
    suspicious = _suspicious(text, values.dtype, where)
    replaced = pl.Series([without_numbers(each, where) for each in suspicious], dtype=pl.String)
    if (changed := suspicious != replaced).any():
        return text.replace(suspicious.filter(changed), replaced.filter(changed))
    return values


def _are_small(values: pl.Series, where: Where) -> bool:
    """Whether values are numbers, and all of them too small for a number of a person."""
    if not values.dtype.is_numeric() or where.ssn:
        return False
    return not (values.cast(pl.Float64, strict=False).abs() >= _LEAST_CARD).any()


def _as_written(values: pl.Series, where: Where) -> pl.Series:
    if values.dtype.is_integer():
        text = values.cast(pl.String)
        return text.str.zfill(SSN_DIGITS) if where.ssn else text  # a number has no leading zeros
    return values if values.dtype == pl.String else pl.Series(values.name, map(_spelled, values.to_list()), pl.String)


def _suspicious(text: pl.Series, was: pl.DataType, where: Where) -> pl.Series:
    """The distinct texts in which there may be a number."""
    if was.is_integer() and not (where.card or where.ssn):
        return text.filter(text.str.contains(OF_NETWORK)).unique()
    encoded, nine_digits = MAY_HOLD_ENCODED
    near = text.filter(text.str.contains(NINE_DIGITS))
    if not (where.card or where.ssn):
        near = near.filter(near.str.contains(MAY_HOLD_NUMBER) | near.str.contains(SAYS_SO))
    apart = text.filter(text.str.contains(encoded))
    codes = text.filter(text.str.contains(NAMED))
    return pl.concat([near, apart.filter(apart.str.contains(nine_digits)), codes]).unique()


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
