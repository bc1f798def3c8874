"""How long work on one event may go on before it has to leave the rest to a continuation."""

from __future__ import annotations

import math
from collections.abc import Callable

from pipeline_assets.errors import TimeBudgetReachedError

#: Work on the graph stops with this left: a batch begun just before ends within it, waiting for its turn included.
RESERVE_SECONDS = 25.0


class TimeBudget:
    """The time of one event; `seconds_left` tells what the process has, None that nobody counts.

    Work stops with `reserve` seconds left: what is begun just before has to end within them.
    """

    def __init__(self, seconds_left: Callable[[], float] | None = None, reserve: float = RESERVE_SECONDS) -> None:
        self._seconds_left = seconds_left or (lambda: math.inf)
        self._reserve = reserve
        self._moved = False

    def moved_on(self) -> None:
        """Take note of a step that stays done."""
        self._moved = True

    def check(self, flow: str, object_uri: str) -> None:
        """Stop the work when its time is used up.

        Parameters
        ----------
        flow
            Name of the flow.
        object_uri
            The object that is worked on.

        Raises
        ------
        TimeBudgetReachedError
            Less time is left than the reserve.
        """
        if self._seconds_left() < self._reserve:
            message = f"the time for {object_uri} is used up"
            raise TimeBudgetReachedError(message, flow=flow, object_uri=object_uri, moved=self._moved)
