"""Rounds of two sides in turn: shared machines are noisy, so only what ran next to each other is compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

#: Measures one round and returns the rate it reached, in units per second.
Side = Callable[[int], float]


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some measurements, with the least and the greatest of them."""

    values: tuple[float, ...]

    def __str__(self) -> str:
        return f"{_short(median(self.values))} ({_short(min(self.values))} to {_short(max(self.values))})"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rates of ours and of the rival, round by round."""

    ours: Spread
    rival: Spread

    @property
    def ratio(self) -> Spread:
        """Ours by the rival's, of the rounds side by side."""
        return Spread(tuple(mine / theirs for mine, theirs in zip(self.ours.values, self.rival.values, strict=True)))


def compare(name: str, ours: Side, rival: Side, *, rounds: int, progress: Progress) -> Comparison:
    """Run both sides in every round, who begins changing each time; round 0 warms up and does not count."""
    bar = progress.add_task(name, total=rounds + 1)
    rates: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        order = (0, 1) if number % 2 else (1, 0)
        for side in order:
            rate = (ours, rival)[side](number)
            if number:
                rates[side].append(rate)
        progress.advance(bar)
    return Comparison(Spread(tuple(rates[0])), Spread(tuple(rates[1])))


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits tell enough
