"""Waiting for what comes about by itself, for as long as a busy machine may take."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


#: A pause between two looks that grows: looks cost those who are waited for what they need to get ready.
_FIRST_PAUSE, _LONGEST_PAUSE, _OF_THE_WAIT = 0.02, 0.5, 0.1


def eventually(look: Callable[[], T], seconds: float = 30, every: float | None = None) -> T:
    """What a look finds as soon as it is something, else what the last one found.

    Without `every` the pause between two looks is a tenth of what was waited, at most half a second.
    """
    began = time.monotonic()
    while not (found := look()) and (waited := time.monotonic() - began) < seconds:
        time.sleep(every or min(max(_FIRST_PAUSE, _OF_THE_WAIT * waited), _LONGEST_PAUSE))
    return found


def until(look: Callable[[], T], seconds: float = 90, what: str = "", every: float | None = None) -> T:
    """What a look finds as soon as it is something; `what` is said when it never is."""
    found = eventually(look, seconds, every)
    assert found, f"not within {seconds} s{what and f': {what}'}"
    return found
