"""Days of a deployment: the first that data are of, the first on which files arrived, and the closed ones.

All are settings that may be absent. Which days a row may be of is another matter, and the rules' own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final, Self

from pipeline_assets.datasets.calendar import CALENDARS, RETAIL, Calendar
from pipeline_assets.events.environment import Environment, UnknownSettingError, optional

FIRST_DAY: Final = "CESTA_FIRST_DAY"
FIRST_PRICE_DAY: Final = "CESTA_FIRST_PRICE_DAY"
FIRST_ARRIVAL_DAY: Final = "CESTA_FIRST_ARRIVAL_DAY"
CLOSED_DAYS: Final = "CESTA_CLOSED_DAYS"
SETTINGS: Final = (FIRST_DAY, FIRST_PRICE_DAY, FIRST_ARRIVAL_DAY, CLOSED_DAYS)
#: Where nobody says otherwise. Never a day that moves: partitions that were there have to stay.
_FIRST_DAY = "2026-01-01"
#: The flow of prices: markets have days of their own.
_PRICES = "stocks"
_CLOSED = re.compile(r"(\d{4}-)?\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Days:
    """Days of a deployment.

    Parameters
    ----------
    first
        First day that data are of.
    first_price
        First day that prices are of, which may come from elsewhere.
    first_arrival
        First day on which files arrived.
    closed
        Days on which the shops are closed, as `Calendar` has them.
    """

    first: date
    first_price: date
    first_arrival: date
    closed: frozenset[str]

    @classmethod
    def from_environment(cls, environment: Environment = None) -> Self:
        """Read the days.

        Returns
        -------
        Days
            What the variables say, and the defaults of the others.

        Raises
        ------
        UnknownSettingError
            A variable holds no day, or a first day that has not begun.
        """
        first = _day(environment, FIRST_DAY, _FIRST_DAY)
        text = optional(environment, CLOSED_DAYS, ",".join(sorted(RETAIL.closed_days)))
        closed = frozenset(day.strip() for day in text.split(",")) - {"none"}
        if wrong := next((day for day in sorted(closed) if not _is_day(day)), None):
            raise UnknownSettingError(CLOSED_DAYS, wrong, "days such as 12-25 or 2026-11-23, or none")
        price, arrival = (_day(environment, name, first.isoformat()) for name in (FIRST_PRICE_DAY, FIRST_ARRIVAL_DAY))
        return cls(first, price, arrival, closed)

    def calendar(self, name: str) -> Calendar:
        """The calendar of a name, with the closed days of this deployment."""
        return replace(RETAIL, closed_days=self.closed) if name == RETAIL.name else CALENDARS[name]

    def begins(self, flow: str) -> tuple[str, date]:
        """The setting by which the data of a flow begin, and that day."""
        return (FIRST_PRICE_DAY, self.first_price) if flow == _PRICES else (FIRST_DAY, self.first)

    def leaves_out(self, day: str, flow: str) -> bool:
        """Whether no partition of a flow is of this day, since it is before the first one or a closed one."""
        is_closed = flow != _PRICES and not self.calendar(RETAIL.name).expects(date.fromisoformat(day))
        return is_closed or day < self.begins(flow)[1].isoformat()


def _day(environment: Environment, variable: str, default: str) -> date:
    text = optional(environment, variable, default)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise UnknownSettingError(variable, text, "a day such as 2026-01-01") from None
    if day > datetime.now(UTC).date():
        raise UnknownSettingError(variable, text, "a day that has begun, in UTC")
    return day


def _is_day(text: str) -> bool:
    try:
        # Of a leap year, where none is named.
        date.fromisoformat(text if len(text) > len("12-25") else f"2024-{text}")
    except ValueError:
        return False
    return bool(_CLOSED.fullmatch(text))
