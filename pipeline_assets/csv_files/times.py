"""Timestamp parser: ISO-8601 in its common forms, as UTC text."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from pipeline_assets.datasets.text import clean
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.rejection import BrokenRuleError

#: Beyond this `datetime.fromisoformat` guesses: any character before the time, weeks without a day.
_DATE_THEN_TIME = re.compile(r"\d{4}(-?)\d\d\1\d\d(?:[T ]|$)", re.ASCII)
#: Fraction finer than milliseconds: cut off, two times would become one.
_FINER = re.compile(r"[.,]\d{3}\d*[1-9]", re.ASCII)
_REMEMBERED = 50_000


class Times(dict[str, tuple[str, str]]):
    """Cache of parsed timestamps: from a text to its UTC text in milliseconds and its day.

    Times without a zone are in UTC. A lookup raises `BrokenRuleError` for a text that breaks a rule.

    Parameters
    ----------
    first, last
        Range of times that are valid, both included.
    exact
        Reject fractions finer than milliseconds.
    of_days
        Midnight stands for its day and not for an instant: with whatever offset, it is that day at midnight UTC.
    day_begins
        Beginning of a day after midnight UTC.
    """

    def __init__(
        self,
        first: date,
        last: datetime,
        *,
        exact: bool = False,
        of_days: bool = False,
        day_begins: timedelta = timedelta(),
    ) -> None:
        super().__init__()
        self._first = datetime(first.year, first.month, first.day, tzinfo=UTC) + day_begins
        self._day_begins = day_begins
        self._last = last
        self._exact = exact
        self._of_days = of_days

    def __missing__(self, text: str) -> tuple[str, str]:
        # A spreadsheet's apostrophe is in front of what is no number, too.
        upper = clean(text).removeprefix("'").upper()
        try:
            # The standard library reads up to a NUL.
            if not _DATE_THEN_TIME.match(upper) or "\x00" in upper or (self._exact and _FINER.search(upper)):
                raise BrokenRuleError("timestamp_readable", "timestamp", text.strip())
            moment = datetime.fromisoformat(upper)
            if moment.tzinfo is None or (self._of_days and moment.time() == time()):
                moment = moment.replace(tzinfo=UTC)
            moment = moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise BrokenRuleError("timestamp_readable", "timestamp", text.strip()) from None
        if not self._first <= moment <= self._last:
            raise BrokenRuleError("timestamp_in_range", "timestamp", text.strip())
        utc = iso_utc(moment)
        if len(self) >= _REMEMBERED:
            self.clear()
        self[text] = utc, (moment - self._day_begins).date().isoformat()
        return self[text]
