"""Dialects of well-known sources of prices: how they write dates and amounts, known by a column only they name so."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

#: In this order, dates can be taken for no other day whatever stands between the numbers.
_YEAR_FIRST = re.compile(r"(\d{4})([./])(\d\d)\2(\d\d)(?!\d)", re.ASCII)
_MONTH_FIRST = re.compile(r"(0?[1-9]|1[0-2])/(0?[1-9]|[12]\d|3[01])/(\d{4})", re.ASCII)
_MONTH_NAME = re.compile(r"([A-Z][a-z]{2}) (\d\d?), (\d{4})", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Source:
    """Whether dates may be written as the United States do, 03/02/2026 or Mar 2, 2026, and prices with a dollar."""

    month_first: bool = False
    month_names: bool = False
    dollars: bool = False

    def iso(self, text: str) -> str:
        """A date in the order of ISO-8601; a text that is no such date as it is."""
        if found := _YEAR_FIRST.match(text):
            return f"{found[1]}-{found[3]}-{found[4]}{text[found.end() :]}"
        if self.month_first and (found := _MONTH_FIRST.fullmatch(text)):
            return f"{found[3]}-{found[1]:0>2}-{found[2]:0>2}"
        if self.month_names and (found := _MONTH_NAME.fullmatch(text)) and found[1] in _MONTHS:
            return f"{found[3]}-{_MONTHS.index(found[1]) + 1:02}-{found[2]:0>2}"
        return text

    def amount(self, text: str) -> str:
        """A price without the sign of its currency."""
        return text.removeprefix("$") if self.dollars else text


_ANY = Source()
#: By the column: Nasdaq's historical quotes, and the table of Yahoo's page.
_KNOWN = {"close/last": Source(month_first=True, dollars=True), "close*": Source(month_names=True)}


def source_of(header: Collection[str]) -> Source:
    """The source of a file with this header, in lower case."""
    return next((source for column, source in _KNOWN.items() if column in header), _ANY)
