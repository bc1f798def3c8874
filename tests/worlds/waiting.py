"""Waiting for what comes about by itself, for as long as a busy machine may take."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T], seconds: float = 30, every: float = 0.05) -> T:
    """What a look finds as soon as it is something, else what the last one found."""
    deadline = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(every)
    return found


def until(look: Callable[[], T], seconds: float = 90, what: str = "", every: float = 0.05) -> T:
    """What a look finds as soon as it is something; `what` is said when it never is."""
    found = eventually(look, seconds, every)
    assert found, f"not within {seconds} s{what and f': {what}'}"
    return found
