"""The synthetic market: the bars of any minute, a pure function of the seed and the minute.

Nothing is replayed: a minute in 2040 costs as much as one in 2015, and any order or repetition of calls gives the same
bars. The market never closes, for its feed runs every minute of the year; a day begins at midnight UTC.

Method. A log price is a weighted sum of three independent paths: one of the market, one of the sector, one of the
company. Each path is a Brownian motion in *trading time*, which runs faster when there is more to trade (Clark 1973;
Mandelbrot, Fisher and Calvet 1997). Both are made by halving an epoch of 1,024 days again and again:

- a random share of an interval's trading time goes to its first half, about what the time of day lets expect, so that
  busy and quiet spells come in clusters of every length (a multiplicative cascade);
- the path's value at the middle is drawn given its values at both ends (Lévy's midpoint construction of the Brownian
  bridge, in trading time).

The two draws of a halving are a hash of seed, path and interval (as in counter-based generators, Salmon et al. 2011):
only the 27 halvings around the wanted second are made, not the history before it. At the edges of an epoch the paths
have random levels of their own, which keeps prices about the company's level over the decades.

Volume is the trading time that passed, each path counted by its part in the company's variance: it is heavy at the
beginning and the end of a day, and heavier with bigger moves.

The last digit of a float's logarithm is not the same on every processor: there a price may differ by a cent, seldom.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import NamedTuple

from pipeline_assets.stocks.companies import COMPANIES, Company

#: Seconds between two bars of a ticker, unless asked otherwise: six bars a minute.
BAR_SECONDS = 10
_MINUTE, _DAY = 60, 86_400
_EPOCH_DAYS = 1_024
_EPOCH = _EPOCH_DAYS * _DAY
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
#: Standard deviations of log returns, per square root of a day.
_MARKET, _SECTOR, _COMPANY = 0.011, 0.007, 0.013
#: How unevenly trading time is shared, over days and within one: a day has its spells, and weeks differ more.
_UNEVEN_DAYS, _UNEVEN_SECONDS = 0.75, 0.3
#: Of the levels at the edges of epochs, in square roots of a day: as much as the bridge between them reaches halfway.
_LEVEL = math.sqrt(_EPOCH_DAYS) / 2
_TWO_TO_64 = 2.0**64


class Bar(NamedTuple):
    """Bar of a ticker, which begins at `timestamp`: prices in USD with two decimals, volume in shares."""

    ticker: str
    timestamp: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int


class _Path(NamedTuple):
    """A path over one minute: its value at the 61 edges of the seconds, and the trading time of each, in days."""

    values: list[float]
    times: list[float]


def minute_bars(
    seed: int, minute: datetime, *, companies: Sequence[Company] = COMPANIES, seconds: int = BAR_SECONDS
) -> list[Bar]:
    """Bars of one minute, by company and then by time.

    A bar opens where the one before it closed, over minutes too.

    Parameters
    ----------
    seed
        Which market.
    minute
        A whole minute, with its zone.
    companies
        Whose bars.
    seconds
        Length of a bar, a divisor of 60.

    Returns
    -------
    list of Bar
        60 / `seconds` for each company.

    Raises
    ------
    ValueError
        `minute` has no zone or is no whole minute, or a minute is no multiple of `seconds`.
    """
    if minute.tzinfo is None or minute.second or minute.microsecond:
        raise ValueError(f"a whole minute with its zone is needed, not {minute.isoformat()}")
    if seconds < 1 or _MINUTE % seconds:
        raise ValueError(f"bars of {seconds} seconds do not fill a minute")
    market = _path(seed, "market", minute)
    sectors = {sector: _path(seed, f"sector {sector}", minute) for sector in {c.sector for c in companies}}
    bars: list[Bar] = []
    for company in companies:
        paths = (market, sectors[company.sector], _path(seed, f"company {company.ticker}", minute))
        cents, traded = _trades(company, paths)
        for start in range(0, _MINUTE, seconds):
            seen = cents[start : start + seconds + 1]
            first, high, low, last = (Decimal(c).scaleb(-2) for c in (seen[0], max(seen), min(seen), seen[-1]))
            volume = sum(traded[start : start + seconds])
            bars.append(Bar(company.ticker, minute + timedelta(seconds=start), first, high, low, last, volume))
    return bars


def _trades(company: Company, paths: tuple[_Path, _Path, _Path]) -> tuple[list[int], list[int]]:
    """The price at each edge of the minute's seconds, in cents, and the shares traded in each second."""
    market, sector, own = company.beta * _MARKET, _SECTOR, _COMPANY
    level = math.log(company.price)
    values = zip(*(path.values for path in paths), strict=True)
    cents = [max(1, round(100 * math.exp(level + market * m + sector * s + own * o))) for m, s, o in values]
    shares = company.shares / (market * market + sector * sector + own * own)
    market, sector, own = (shares * deviation * deviation for deviation in (market, sector, own))
    times = zip(*(path.times for path in paths), strict=True)
    return cents, [round(market * m + sector * s + own * o) for m, s, o in times]


def _path(seed: int, name: str, minute: datetime) -> _Path:
    epoch, start = divmod(int((minute - _BEGINNING).total_seconds()), _EPOCH)
    key = _key(seed, name, epoch)
    values, times = [0.0] * (_MINUTE + 1), [0.0] * _MINUTE
    # The whole epoch, then what is left of it: first and last second, its clock there, both values, its trading time.
    left = [(0, _EPOCH, 0.0, float(_EPOCH_DAYS), _edge(key), _edge(_key(seed, name, epoch + 1)), float(_EPOCH_DAYS))]
    while left:
        low, high, low_clock, high_clock, low_value, high_value, time = left.pop()
        if high <= start or low >= start + _MINUTE:
            continue
        if high - low == 1:
            values[low - start], values[high - start], times[low - start] = low_value, high_value, time
            continue
        middle = (low + high) // 2
        clock = _clock(middle)
        expected = (clock - low_clock) / (high_clock - low_clock)
        uneven, step = _draws(key, low, high)
        uneven *= _UNEVEN_DAYS if high - low > _DAY else _UNEVEN_SECONDS
        share = expected / (expected + (1.0 - expected) * math.exp(uneven))
        value = low_value + share * (high_value - low_value) + math.sqrt(time * share * (1.0 - share)) * step
        left.append((low, middle, low_clock, clock, low_value, value, time * share))
        left.append((middle, high, clock, high_clock, value, high_value, time * (1.0 - share)))
    return _Path(values, times)


def _clock(second: int) -> float:
    """Trading time to be expected since the epoch began, in days: four times as fast at midnight as at noon."""
    days, rest = divmod(second, _DAY)
    part = rest / _DAY
    return days + 0.5 * part + 0.25 * ((2.0 * part - 1.0) ** 3 + 1.0)


def _key(seed: int, name: str, epoch: int) -> bytes:
    return blake2b(f"{seed}/{name}/{epoch}".encode(), digest_size=32).digest()


def _edge(key: bytes) -> float:
    """A path's value at the beginning of an epoch."""
    return _LEVEL * _draws(key, 0, 0)[0]


def _draws(key: bytes, low: int, high: int) -> tuple[float, float]:
    """Two independent standard normal numbers (Box and Muller 1958), always the same for the same interval."""
    first, second = struct.unpack("<QQ", blake2b(struct.pack("<QQ", low, high), digest_size=16, key=key).digest())
    radius = math.sqrt(-2.0 * math.log((first + 0.5) / _TWO_TO_64))
    angle = math.tau * second / _TWO_TO_64
    return radius * math.cos(angle), radius * math.sin(angle)
