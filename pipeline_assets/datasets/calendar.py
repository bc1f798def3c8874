"""Business calendars: the days on which data are expected, by the UTC day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Final

_FOUR_YEARS = 1_461


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days on which data are expected: all but the closed ones.

    Parameters
    ----------
    name
        The name of the calendar, for people.
    closed_weekdays
        Weekdays without data, 0 for Monday to 6 for Sunday; not all seven.
    closed_days
        Days without data: of every year as ``MM-DD``, of one year as ``YYYY-MM-DD``.

    Examples
    --------
    >>> shop = Calendar("shop", closed_weekdays=frozenset({6}), closed_days=frozenset({"12-25"}))
    >>> shop.expects(date(2026, 12, 25)), shop.expects(date(2026, 12, 26))
    (False, True)
    >>> shop.last_expected(date(2026, 12, 28))
    datetime.date(2026, 12, 26)
    """

    name: str
    closed_weekdays: frozenset[int] = frozenset()
    closed_days: frozenset[str] = frozenset()

    def expects(self, day: date) -> bool:
        """Whether there are data of a day."""
        closed = {day.strftime("%m-%d"), day.isoformat()} & self.closed_days
        return day.weekday() not in self.closed_weekdays and not closed

    def last_expected(self, today: date) -> date:
        """The last day before today of which there are data."""
        return next(day for back in range(1, _FOUR_YEARS) if self.expects(day := today - timedelta(days=back)))

    def expected_between(self, first: date, last: date) -> list[date]:
        """The days of which there are data, from the first to the last one given."""
        days = (first + timedelta(days=number) for number in range((last - first).days + 1))
        return [day for day in days if self.expects(day)]

    @property
    def longest_closure(self) -> timedelta:
        """The most closed days in a row, over four years and so whatever weekday a closed day falls on."""
        return _longest_closure(self)


# Every asset with a calendar asks, wherever the definitions are loaded.
@cache
def _longest_closure(calendar: Calendar) -> timedelta:
    longest = closed = 0
    for number in range(_FOUR_YEARS * 7):
        closed = 0 if calendar.expects(date(2024, 1, 1) + timedelta(days=number)) else closed + 1
        longest = max(longest, closed)
    return timedelta(days=longest)


#: Shops that sell food: open every day but Christmas Day.
RETAIL: Final = Calendar("retail", closed_days=frozenset({"12-25"}))
CALENDARS: Final = {calendar.name: calendar for calendar in (RETAIL,)}
