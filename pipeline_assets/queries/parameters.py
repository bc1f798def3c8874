"""Parameters of named queries: what each kind takes, and how a value is read from text and from JSON.

======== =============================================================
share    a number from 0 to 1
count    a whole number from 1 to 2147483647, as far as Athena's LIMIT goes
text     a text that is not empty
amount   an amount of money from 0 on with at most two digits after the point, such as ``12.50``
day      a day in UTC; as text ``2026-03-01``, ``today`` or ``today-29``
as_of    a day that a prod set was made as of, such as ``2026-03-01``, or ``newest``
place    a whole number from 0 to 2147483647: the place in a list after which an answer begins
a|b      one of the texts named
======== =============================================================

``none`` as the default makes a parameter optional. Parameters are always bound, never pasted into the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import cast

from pipeline_assets.queries.errors import QueryError

Value = str | int | float | Decimal | date | None

_RELATIVE_DAY = re.compile(r"today(?:-(\d{1,5}))?")
_AMOUNT = re.compile(r"\d{1,16}(\.\d{1,2})?", re.ASCII)
#: Stands for no value, where a parameter is optional.
NONE = "none"
#: Stands for the newest day that a prod set was made as of, until an engine has looked which one that is.
NEWEST = "newest"
#: Athena takes no greater number for LIMIT.
_GREATEST_COUNT = 2**31 - 1
#: The least whole number of the kinds that are one.
_LEAST = {"count": 1, "place": 0}
#: Kinds whose values are days, and those that are texts in JSON.
_DAYS = ("day", "as_of")
_WRITTEN = (*_DAYS, "amount")
_TAKES = {
    "share": "a number from 0 to 1",
    "count": "a whole number from 1 to 2147483647",
    "text": "a text that is not empty",
    "amount": "an amount such as 12.50, below 10^16 and with at most two digits after the point",
    "day": "a day such as 2026-03-01, today or today-29",
    "as_of": "a day such as 2026-03-01, or newest",
    "place": "a whole number from 0 to 2147483647",
}


@dataclass(frozen=True)
class Parameter:
    """Parameter of a named query.

    Parameters
    ----------
    name
        Its name in the statement and on the command line.
    kind
        ``share``, ``count``, ``text``, ``day``, ``as_of``, ``place``, or texts to choose from with ``|`` between.
    required
        Whether a value has to be given.
    default
        Value where none is given; None both for a required and for an optional one, text for a day.
    meaning
        What it is for, in words.
    """

    name: str
    kind: str
    required: bool
    default: Value
    meaning: str

    @property
    def optional(self) -> bool:
        """Whether None is a value of this parameter."""
        return not self.required and self.default is None

    @property
    def takes(self) -> str:
        """Values that it takes, in words."""
        takes = _TAKES.get(self.kind) or f"one of {', '.join(self.kind.split('|'))}"
        return f"{takes}, or none" if self.optional else takes

    @property
    def fallback(self) -> Value:
        """Value where none is given; a day is counted from today."""
        return self.read(self.default) if self.kind == "day" and isinstance(self.default, str) else self.default

    def check(self, value: object) -> Value:
        """Check a value and give it back as the kind has it.

        Parameters
        ----------
        value
            Value of any type.

        Returns
        -------
        Value
            The value; a share as a float.

        Raises
        ------
        QueryError
            The value is not of this parameter's kind.
        """
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is None and self.optional:
            return None
        if self.kind == "share" and number and 0 <= cast("float", value) <= 1:
            return float(cast("float", value))
        least = _LEAST.get(self.kind, _GREATEST_COUNT + 1)
        if number and isinstance(value, int) and least <= value <= _GREATEST_COUNT:
            return value
        if self.kind == "amount" and isinstance(value, Decimal) and _AMOUNT.fullmatch(format(value, "f")):
            return value
        if self.kind in _DAYS and isinstance(value, date) and not isinstance(value, datetime):
            return value
        if isinstance(value, str) and (value.strip() if self.kind == "text" else value in self._choices):
            return value
        raise QueryError(f"`{self.name}` must be {self.takes}, not {value!r}.", code="bad_parameter")

    @property
    def _choices(self) -> tuple[str, ...]:
        """Texts that it takes, where it does not take any."""
        return (NEWEST,) if self.kind == "as_of" else tuple(self.kind.split("|")) if "|" in self.kind else ()

    def from_json(self, value: object) -> Value:
        """Check a value of a JSON document, where days and amounts are text.

        Parameters
        ----------
        value
            Value of any type.

        Returns
        -------
        Value
            The value as the kind has it.

        Raises
        ------
        QueryError
            The value is not of this parameter's kind.
        """
        return self.read(value) if self.kind in _WRITTEN and isinstance(value, str) else self.check(value)

    def read(self, text: str) -> Value:
        """Read a value from text, such as the command line's.

        Parameters
        ----------
        text
            Value as a person writes it; ``none`` where it is optional.

        Returns
        -------
        Value
            Value of this parameter's kind.

        Raises
        ------
        QueryError
            The text is no value of this parameter's kind.
        """
        if text == NONE and self.optional:
            return None
        try:
            value = _READERS.get(self.kind, str)(text)
        except (ValueError, OverflowError):
            value = text
        return self.check(value)


def _day(text: str) -> date:
    relative = _RELATIVE_DAY.fullmatch(text)
    if relative:
        return datetime.now(UTC).date() - timedelta(days=int(relative[1] or 0))
    return date.fromisoformat(text)


def _amount(text: str) -> Decimal:
    if not _AMOUNT.fullmatch(text):
        raise ValueError
    return Decimal(text)


def _day_or_newest(text: str) -> Value:
    return text if text == NEWEST else date.fromisoformat(text)


#: How the text of a kind is read; a kind that is not here is text.
_READERS: Mapping[str, Callable[[str], Value]] = {
    "share": float,
    "count": int,
    "place": int,
    "day": _day,
    "as_of": _day_or_newest,
    "amount": _amount,
}
