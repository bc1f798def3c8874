"""Quality of a day in the table: gaps between bars, and impossible prices.

A ticker's bars of a day are as far apart as most of them are; a longer way between two is a gap. A price is impossible
when it is zero or less, when the high or the low of its bar is not the extreme, or when a bar opens at more than
`FURTHEST_JUMP` times, or less than that part of, what the bar before it closed at. The row rules of a file know one row
only and refuse the first three; the last needs the rows of all files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from pipeline_assets.stocks.rows import Price
from pipeline_assets.stocks.stores import StockStores

#: From the close of one bar of a day to the open of the next.
FURTHEST_JUMP = Decimal(2)
#: The most findings that are told one by one.
LISTED = 20


@dataclass(slots=True)
class Findings:
    """What was found of one kind: how much in all, and the first of it in words, as ticker, time and what it is."""

    number: int = 0
    listed: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, ticker: str, at: str, what: str, number: int = 1) -> None:
        """Record a finding.

        Parameters
        ----------
        ticker, at
            Ticker, and the time of the bar as the table has it.
        what
            The finding in words.
        number
            How many it stands for, at least 1.
        """
        self.number += number
        if len(self.listed) < LISTED:
            self.listed.append((ticker, at, what))


@dataclass(slots=True)
class Inspection:
    """What was looked at and found; `missing` counts bars, `impossible` prices."""

    tickers: int = 0
    bars: int = 0
    missing: Findings = field(default_factory=Findings)
    impossible: Findings = field(default_factory=Findings)


def prices_of_day(stores: StockStores, ticker: str, day: str) -> list[Price]:
    """Prices of a ticker on a day.

    Parameters
    ----------
    stores
        Stores of the feed.
    ticker
        In capitals, as in the table.
    day
        UTC day, ``YYYY-MM-DD``.

    Returns
    -------
    list of Price
        In the order of time.
    """
    return list(stores.table.prices(ticker, f"{day}T00:00:00.000Z", f"{day}T23:59:59.999Z"))


def inspect(stores: StockStores, days: Iterable[str]) -> Inspection:
    """Inspect what the table holds of some UTC days, ticker by ticker."""
    found = Inspection()
    for day in days:
        for ticker in stores.tickers.of_day(day):
            prices = prices_of_day(stores, ticker, day)
            found.tickers += 1
            found.bars += len(prices)
            for at, missing, step in gaps(prices):
                found.missing.add(ticker, at, f"{missing} bars of {step:g} s after this one", missing)
            for at, why in impossible(prices):
                found.impossible.add(ticker, at, why)
    return found


def gaps(prices: Sequence[Price]) -> Iterator[tuple[str, int, float]]:
    """Gaps of a day: the time of the bar before each, how many bars are missing, and the seconds between two."""
    times = [datetime.fromisoformat(price.timestamp) for price in prices]
    steps = [(after - before).total_seconds() for before, after in pairwise(times)]
    if not steps:
        return
    most = max(Counter(steps).values())
    usual = min(step for step, number in Counter(steps).items() if number == most)
    for price, step in zip(prices, steps, strict=False):
        if (missing := round(step / usual) - 1) > 0:
            yield price.timestamp, missing, usual


def impossible(prices: Sequence[Price]) -> Iterator[tuple[str, str]]:
    """Impossible prices of a day: the time of each, and why."""
    before: Price | None = None
    for price in prices:
        four = (price.open, price.high, price.low, price.close)
        if min(four) <= 0:
            yield price.timestamp, f"a price of {min(four)}"
        elif price.high < max(four) or price.low > min(four):
            yield price.timestamp, f"open {four[0]}, high {four[1]}, low {four[2]}, close {four[3]}"
        elif before and before.close > 0:
            times = price.open / before.close
            if not 1 / FURTHEST_JUMP <= times <= FURTHEST_JUMP:
                yield price.timestamp, f"opens at {price.open} after a close of {before.close}"
        before = price
