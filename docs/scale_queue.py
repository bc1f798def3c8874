"""A day of a thousand stores through a queue, event by event: when files arrive, and how long they wait for a worker.

Nothing is drawn at random: sizes of stores are quantiles of a distribution, and moments follow from their numbers. So
the page that is made of it is the same on every machine.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from statistics import NormalDist
from typing import Final

STORES: Final = 1_000
OPENS: Final = 8
#: Shares of a day's lines by hour, from the opening on: noon and the early evening stand out.
HOURS: Final = (2, 3, 4, 6, 8, 9, 7, 6, 7, 9, 12, 13, 9, 5)
FILES_AN_HOUR: Final = 4
#: All stores send their quarter of an hour within so many seconds after it.
_BURST_SECONDS: Final = 120
#: Of the logarithm of a store's size: the greatest of a thousand is fourteen times the middle one.
_SPREAD: Final = 0.8
_GOLDEN: Final = 0.618_033_988_749_895


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file that arrives: the second of the day, and its lines."""

    second: float
    lines: float


@dataclass(frozen=True, slots=True)
class Waits:
    """What a day through a queue comes to: seconds that files wait, how many wait at most, how busy the workers are."""

    middle: float
    late: float
    longest: float
    most_waiting: int
    busiest_minute: int
    busy: float


def arrivals(lines_of_day: float) -> list[Arrival]:
    """Files of all stores in the order in which they arrive."""
    normal = NormalDist()
    sizes = [exp(_SPREAD * normal.inv_cdf((number + 0.5) / STORES)) for number in range(STORES)]
    of_all = sum(sizes)
    found = [
        Arrival(
            (OPENS + hour) * 3600 + (quarter + 1) * 3600 / FILES_AN_HOUR + number * _GOLDEN % 1 * _BURST_SECONDS,
            lines_of_day * share / sum(HOURS) / FILES_AN_HOUR * size / of_all,
        )
        for hour, share in enumerate(HOURS)
        for quarter in range(FILES_AN_HOUR)
        for number, size in enumerate(sizes)
    ]
    return sorted(found, key=lambda each: each.second)


def through_a_queue(files: Sequence[Arrival], workers: int, *, seconds_a_file: float, lines_a_second: float) -> Waits:
    """Let workers take the files in their order, each one at a time."""
    free = [0.0] * workers
    waits: list[float] = []
    begun: list[float] = []
    work = 0.0
    for file in files:
        begins = max(file.second, heapq.heappop(free))
        seconds = seconds_a_file + file.lines / lines_a_second
        heapq.heappush(free, begins + seconds)
        waits.append(begins - file.second)
        begun.append(begins)
        work += seconds
    changes = sorted([(file.second, 1) for file in files] + [(begins, -1) for begins in begun])
    waiting, most = 0, 0
    for _, change in changes:
        waiting += change
        most = max(most, waiting)
    minutes = Counter(int(file.second // 60) for file in files)
    ordered = sorted(waits)
    return Waits(
        middle=ordered[len(ordered) // 2],
        late=ordered[len(ordered) * 99 // 100],
        longest=ordered[-1],
        most_waiting=most,
        busiest_minute=max(minutes.values()),
        busy=work / (workers * len(HOURS) * 3600),
    )
