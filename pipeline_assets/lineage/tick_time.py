"""The time of one sensor tick: the daemon gives up a tick after 60 seconds, and with it all that it returns.

Every part of a tick has its own end, counted from the tick's beginning, so that no part eats up the time of those after
it. What is begun just before an end may take as long as a store needs to be found hanging, 24 seconds, and still ends
within the 60.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

from botocore.config import Config

T = TypeVar("T")

#: Until when waiting receipts are read, oldest first, in seconds since the tick began; the rest is for later ticks.
READING_ENDS: Final = 6.0
#: Until when the receipts of another flow are read, where places are made of what it tells.
OTHERS_END: Final = 9.0
#: Until when Dagster is asked what it shows already.
LOOK_UP_ENDS: Final = 14.0
#: Until when receipts that are seen are taken out of the pending ones.
CLEARING_ENDS: Final = 20.0
#: Until when checks are judged by what is open; those that are left out keep their last result until the watch looks.
CHECKS_END: Final = 23.0
#: Until when partitions are added up.
STATES_END: Final = 26.0
#: Until when events are made of them.
EVENTS_END: Final = 31.0
#: How the stores are asked within a tick: at most two attempts of 11 seconds, so that one that hangs fails the tick
#: with its own error instead of the daemon's time-out.
STORE_IN_TICK: Final = Config(connect_timeout=3, read_timeout=8, retries={"mode": "standard", "total_max_attempts": 2})
#: A metric is worth no wait.
METRIC_IN_TICK: Final = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 1})


class TickTime:
    """The seconds since a tick began; `clock` counts seconds from anywhere."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()

    @property
    def passed(self) -> float:
        """The seconds since the tick began."""
        return self._clock() - self._began

    def shares(self, items: Iterable[T], until: float) -> Iterator[tuple[T, float]]:
        """Each item with the second at which its even share of the time until then ends."""
        waiting = list(items)
        for number, item in enumerate(waiting):
            now = self.passed
            yield item, now + max(until - now, 0.0) / (len(waiting) - number)

    def while_left(self, items: Iterable[T], until: float) -> Iterator[T]:
        """The items one by one while there is time; the first in any case, so that every tick gets on."""
        for number, item in enumerate(items):
            if number and self.passed > until:
                return
            yield item
