"""Row rules of price files: a CSV record becomes a price, or a rejection that says what was wrong, and where."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from pipeline_assets.csv_files.times import Times
from pipeline_assets.datasets.stocks import STOCKS
from pipeline_assets.datasets.text import clean, clean_name, says_nothing
from pipeline_assets.events.rejection import BrokenRuleError, Rejection, misshapen, rejection
from pipeline_assets.stocks.sources import source_of

#: The first day that is believed: what is older is a number that was taken for a time.
FIRST_DAY = date(1970, 1, 1)
LARGEST_PRICE = 10**12
LARGEST_VOLUME = 10**18
#: What DynamoDB keeps of a number without rounding it.
MOST_DIGITS = 38
#: A bar whose high is above so many times its low is kept and counted as unusual.
USUAL_MOVE = Decimal("1.5")
#: The columns of days, which may have a time of day in a column `time` beside them.
_DAY_COLUMNS = frozenset({"date", "dtyyyymmdd"})
_AT_MIDNIGHT = re.compile(r"00?:?00(?::?00(?:[.,]0+)?)?(?:Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII)
_TICKER = re.compile(r"[A-Z0-9^][A-Z0-9._/^=-]{0,23}", re.ASCII)
#: In a name that is no ticker the letters are seldom all capitals: `prices.csv` is nobody's.
_TICKER_FILE = re.compile(r"([A-Z]{1,6}(?:[.-][A-Z]{1,3})?)\.csv(?:\.gz)?", re.ASCII)
_PLAIN = re.compile(r"\d{1,13}(?:\.\d{1,20})?", re.ASCII)
#: Commas stand between thousands and nowhere else: `1.234,50` and `12,5` are no numbers here.
_NUMBER = re.compile(r"(?:\d+|[1-9]\d{0,2}(?:,\d{3})+)?(?:\.\d*)?(?:[eE][+-]?\d{1,3})?", re.ASCII)


class Price(NamedTuple):
    """Price of a ticker: one bar.

    Parameters
    ----------
    ticker
        In capitals.
    timestamp
        ISO-8601, UTC, milliseconds.
    open, high, low, close
        As exact as the file has them; above 0, at most 10**12.
    volume
        Shares, 0 to 10**18; None where the file says nothing.
    day
        UTC day of `timestamp`, ``YYYY-MM-DD``.
    """

    ticker: str
    timestamp: str
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int | None
    day: str


def ticker_of(name: str) -> str:
    """Ticker that a file is named after; empty where its name is none.

    Returns
    -------
    str
        The ticker, or nothing.

    Examples
    --------
    >>> ticker_of("stocks/BRK-B.csv"), ticker_of("prices.csv")
    ('BRK-B', '')
    """
    found = _TICKER_FILE.fullmatch(name.rsplit("/", 1)[-1])
    return found[1] if found else ""


def header_fault(header: Sequence[str], name: str) -> str:
    """What keeps the records below `header`, in lower case, from being prices; empty when nothing does."""
    fault = STOCKS.header_fault(header)
    if not fault and "ticker" not in STOCKS.places(header) and not ticker_of(name):
        return "row 0 lacks the column ticker, and the file is not named after one"
    return fault


class PriceRules:
    """Row rules of one file: turns its records into prices.

    Parameters
    ----------
    header
        Names of its columns in lower case, without a `header_fault`.
    arrived
        Time of its event, so that the same file gives the same outcome whenever it is read.
    name
        Its key, which may name the ticker.
    first
        Some of its first records. When most of their times are midnight, with whatever offset, its bars are of days; a
        day is a date and not an instant, so it stays the same day in UTC.
    """

    def __init__(
        self, header: Sequence[str], arrived: datetime, name: str, first: Sequence[Sequence[str]] = ()
    ) -> None:
        places = STOCKS.places(header)
        self._width = len(header)
        self._open, self._high, self._low, self._close = (places[name] for name in ("open", "high", "low", "close"))
        self._volume = places.get("volume")
        self._ticker = places.get("ticker")
        self._file_ticker = ticker_of(name)
        self._timestamp = places["timestamp"]
        self._source = source_of(header)
        # Some files have the day in one column and the time of day in another.
        split = header[self._timestamp] in _DAY_COLUMNS and "time" in header
        self._time_of_day = header.index("time") if split else None
        self._times = Times(FIRST_DAY, arrived + timedelta(days=1), exact=True, of_days=self._are_days(first))
        self._unusual = 0

    def take_unusual(self) -> int:
        """How many prices were kept with a warning since this was last asked."""
        unusual, self._unusual = self._unusual, 0
        return unusual

    def price(self, number: int, fields: Sequence[str]) -> Price | Rejection:
        """Apply the rules to the record with this number: its price, or its rejection."""
        day = ""
        try:
            if len(fields) != self._width:
                raise misshapen(fields, self._width)
            ticker = self._ticker_in(fields)
            timestamp, day = self._time_in(fields)
            open_, high = self._price("open", fields[self._open]), self._price("high", fields[self._high])
            low, close = self._price("low", fields[self._low]), self._price("close", fields[self._close])
            if high < open_ or high < close or high < low:
                raise BrokenRuleError("high_is_highest", "high", _shown(open_, high, low, close))
            if low > open_ or low > close:
                raise BrokenRuleError("low_is_lowest", "low", _shown(open_, high, low, close))
            volume = None if self._volume is None else _whole(fields[self._volume].strip())
        except BrokenRuleError as broken:
            return rejection(STOCKS, number, broken, fields, day)
        if high > low * USUAL_MOVE:
            self._unusual += 1
        return Price(ticker, timestamp, open_, high, low, close, volume, day)

    def _ticker_in(self, fields: Sequence[str]) -> str:
        if self._ticker is None:
            return self._file_ticker
        text = fields[self._ticker].strip()
        ticker = clean_name(text).upper()
        if not _TICKER.fullmatch(ticker):
            raise BrokenRuleError("ticker_readable", "ticker", text)
        return ticker

    def _time_in(self, fields: Sequence[str]) -> tuple[str, str]:
        """UTC text in milliseconds and the UTC day; tickers of a file share their times, so they are remembered."""
        return self._times[self._time_text(fields)]

    def _time_text(self, fields: Sequence[str]) -> str:
        text = self._source.iso(clean(fields[self._timestamp]).removeprefix("'"))
        if self._time_of_day is not None and (time_of_day := clean(fields[self._time_of_day]).removeprefix("'")):
            text = f"{text}T{time_of_day}"
        return text

    def _are_days(self, first: Sequence[Sequence[str]]) -> bool:
        texts = {clean(self._time_text(fields)).upper() for fields in first if len(fields) == self._width}
        times = [re.split(r"(?<=\d)[T ]", text, maxsplit=1)[1:] for text in texts]
        midnights = sum(not time or _AT_MIDNIGHT.fullmatch(time[0]) is not None for time in times)
        return midnights > len(times) / 2

    def _price(self, column: str, text: str) -> Decimal:
        plain = text.strip()
        price = Decimal(plain) if _PLAIN.fullmatch(plain) else _number(self._source.amount(clean(plain)))
        if price is None or not 0 < price <= LARGEST_PRICE or _digits(price) > MOST_DIGITS:
            raise BrokenRuleError("price_positive", column, plain)
        return price


def _whole(text: str) -> int | None:
    cleaned = clean(text)
    if says_nothing(cleaned) or cleaned.lower() == "na":
        return None
    volume = _number(cleaned)
    # In this order: a number such as 1e999 must not be written out.
    if volume is None or volume > LARGEST_VOLUME or volume != int(volume):
        raise BrokenRuleError("volume_whole", "volume", text)
    return int(volume)


def _number(text: str) -> Decimal | None:
    """The number that a text stands for, exactly, commas between thousands taken out; None where it is none."""
    if not _NUMBER.fullmatch(text):
        return None
    try:
        return Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None


def _digits(number: Decimal) -> int:
    """How many digits a number takes at most, as it is written or with its decimals in full."""
    _, digits, exponent = number.as_tuple()
    return max(len(digits), -int(exponent))


def _shown(open_: Decimal, high: Decimal, low: Decimal, close: Decimal) -> str:
    return f"open {open_}, high {high}, low {low}, close {close}"
