"""Reading of card and social security numbers: values of a column to the digits they were given with.

A value that lost digits on its way, as in a binary fraction or an exponent, is `LOST`: it is nobody's number, and no
token is made of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import polars as pl

from pipeline_assets.privacy.cards import card_numbers
from pipeline_assets.privacy.digits import (
    LEAST_DIGITS,
    MOST_DIGITS,
    SSN_DIGITS,
    digits_of,
    is_card_number,
)
from pipeline_assets.privacy.spellings import views

#: Stands for what cannot be read: something was given, and what it was is not kept.
LOST = "unreadable"
_POWER = re.compile(r"[+-]?(\d+)(?:[.,](\d*))?[eE]([+-]?\d{1,3})")
_DECIMALS = re.compile(r"([^.]*)\.(\d*)|([^,]*),(\d*)")
_SHORTENED = re.compile(r"\d{7,8}[.,]0")
#: Digits of most cards.
_USUAL, _CENTS = 16, 2
#: Digits that a spreadsheet keeps of a number; it puts zeros for the rest.
_KEPT = 15
KINDS = (pl.Categorical, pl.Enum)


def as_text(values: pl.Series) -> pl.Series | None:
    """Values of a column of numbers as text.

    Returns
    -------
    pl.Series or None
        Text; whole numbers have all their digits, and those that are not exact are `LOST`. None for a type that no
        number can be read from.
    """
    dtype = values.dtype
    if dtype == pl.String:
        return values
    if dtype.is_float():
        # As many digits, in binary, as the type keeps of a number.
        exact = 1 << (53 if dtype == pl.Float64 else 24 if dtype == pl.Float32 else 11)
        kept = values.is_null() | values.is_nan() | ((values == values.floor()) & (values.abs() < exact))
        # What has no value is written as NaN by some.
        whole = values.fill_nan(None).cast(pl.Int64, strict=False).cast(pl.String)
        return whole.zip_with(kept.fill_null(value=True), pl.Series([LOST], dtype=pl.String)).alias(values.name)
    if dtype.is_decimal():
        return values.cast(pl.String).str.replace(r"\.0*$", "")
    if dtype.is_integer() or dtype == pl.Null or isinstance(dtype, KINDS):
        return values.cast(pl.String)
    return None


def card_digits(text: str) -> str | None:
    """Digits of what was given as a card number.

    The check digit is not asked for: a number with a wrong digit is nearly somebody's, and treated like one, unless it
    ends as a spreadsheet ends what it cannot keep. Where more was given beside a card number, such as the month it ends
    in, or zeros that fill a field, the number alone counts.

    Returns
    -------
    str or None
        12 to 19 digits; None for what has fewer or more and so is no card number.
    """
    if text.isascii() and text.isdigit():
        read: str | None = text
    else:
        readings = [_read(view.text, LEAST_DIGITS, is_card_number) for view in views(text)]
        # Undone as far as it goes, unless it is a card number as it is.
        read = next((each for each in readings if each and is_card_number(digits_of(each))), readings[-1])
    digits = digits_of(read or "")
    if len(digits) < LEAST_DIGITS:
        return None
    for given in (digits, digits.lstrip("0")):
        if is_card_number(given):
            return given
    if (len(digits) > _KEPT and not digits[_KEPT:].strip("0")) or not digits.strip("0"):
        return None
    if len(digits) > _USUAL and (inner := {each.digits for each in card_numbers(text)}):
        return inner.pop() if len(inner) == 1 else None
    return digits if len(digits) <= MOST_DIGITS else None


def ssn_digits(text: str) -> str | None:
    """Nine digits of what was given as a social security number; None for what has not nine."""
    if _SHORTENED.fullmatch(text.strip()):
        text = text.strip()[:-2].zfill(SSN_DIGITS)  # it was a number, and has no leading zeros
    readings = [digits_of(_read(view.text, SSN_DIGITS) or "") for view in views(text)]
    return next((digits for digits in readings if len(digits) == SSN_DIGITS and digits.strip("0")), None)


def _read(text: str, least: int, is_number: Callable[[str], bool] = lambda _: False) -> str | None:
    """The text without decimals that are zero, and with its exponent worked out; None where digits were lost."""
    plain = text.strip("'\"= \t\r\n\u00a0\ufeff")
    if power := _POWER.fullmatch(plain):
        return _of_power(power[1] + (power[2] or ""), len(power[1]) + int(power[3]))
    found = _DECIMALS.fullmatch(plain)
    if found is None:
        return plain
    whole, decimals = (found[1], found[2]) if found[1] is not None else (found[3], found[4])
    if len(digits_of(whole)) < least or (len(decimals) > _CENTS and is_number(digits_of(plain))):
        return plain  # it is a mark between groups
    return None if decimals.strip("0") else whole


def _of_power(given: str, point: int) -> str | None:
    """The digits that are given of a number as far as its point, where they go so far and are zero behind it."""
    whole = given[: max(point, 0)]
    return whole.lstrip("0") if len(given) >= point and not given[len(whole) :].strip("0") else None
