"""Feed of the synthetic market: fifty files for a scheduled minute, the same bytes under the same keys at any time."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter

from pipeline_assets.events.environment import Environment, optional, required
from pipeline_assets.stocks.companies import COMPANIES
from pipeline_assets.stocks.market import Bar, minute_bars
from pipeline_assets.storage.bucket import Bucket

PREFIX = "stocks/"
COLUMNS = ("ticker", "timestamp", "open", "high", "low", "close", "volume")
#: The market that is written unless another is asked for.
SEED = 1
#: Bars of ten seconds: enough to see a minute move, and 432,000 items a day, not millions.
ROWS = 6
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class FeedSettings:
    """Where the feed writes (`BUCKET_NAME`), and how much of which market.

    `MARKET_SEED`, `FILES_PER_RUN` (one company each) and `ROWS_PER_FILE` have defaults.
    """

    bucket: str
    seed: int = SEED
    files: int = len(COMPANIES)
    rows: int = ROWS

    @classmethod
    def from_environment(cls, environment: Environment = None) -> FeedSettings:
        """Read the settings from the environment, or from a mapping like it.

        Returns
        -------
        FeedSettings
            With defaults for what is not set, but for the bucket.

        Raises
        ------
        MissingSettingError
            ``BUCKET_NAME`` is not set.
        ValueError
            A variable is no whole number.
        """

        def whole(name: str, default: int) -> int:
            text = optional(environment, name)
            try:
                return int(text or default)
            except ValueError:
                raise ValueError(f"environment variable {name} must be a whole number, not {text!r}") from None

        bucket = required(environment, "BUCKET_NAME", "the name of the bucket for the stock files")
        return cls(
            bucket,
            seed=whole("MARKET_SEED", SEED),
            files=whole("FILES_PER_RUN", len(COMPANIES)),
            rows=whole("ROWS_PER_FILE", ROWS),
        )


@dataclass(frozen=True, slots=True)
class WrittenMinute:
    """Outcome of one minute of the feed.

    Parameters
    ----------
    minute
        The minute.
    put, there
        How many files were put, and how many were there already.
    rows
        Bars of the files that were put.
    versions
        Key and version of each file put; the version is empty in a bucket without versions.
    """

    minute: datetime
    put: int
    there: int
    rows: int
    versions: tuple[tuple[str, str], ...] = ()


def write_minute(
    bucket: Bucket, minute: datetime, *, files: int = len(COMPANIES), rows: int = ROWS, seed: int = SEED
) -> WrittenMinute:
    """Put the files of one minute, one company each; those that are there are left alone and make no event.

    Whatever was written first stays, of another seed too: no ticker ever gets two prices for one time from here.

    Parameters
    ----------
    bucket
        Where the files go.
    minute
        A whole minute, with its zone.
    files
        How many companies, 1 to 50.
    rows
        Bars of each file, a divisor of 60.
    seed
        Which market.

    Returns
    -------
    WrittenMinute
        What was put, and what was there.

    Raises
    ------
    ValueError
        `minute` is no whole minute, `files` not between 1 and 50, or `rows` no divisor of 60.
    TransientError
        S3 did not take a file; doing it again puts those that are missing.
    """
    there = written = 0
    put: list[tuple[str, str]] = []
    for key, bars in minute_files(minute, files=files, rows=rows, seed=seed):
        answer = bucket.put_if_absent(key, as_csv(bars), content_type="text/csv")
        if answer is None:
            there += 1
        else:
            put.append((key, answer.version_id))
            written += len(bars)
    return WrittenMinute(minute, len(put), there, written, tuple(put))


def minute_files(
    minute: datetime, *, files: int = len(COMPANIES), rows: int = ROWS, seed: int = SEED
) -> Iterator[tuple[str, list[Bar]]]:
    """Files of a minute before they are written.

    Parameters
    ----------
    minute
        A whole minute, with its zone.
    files
        How many companies, 1 to 50.
    rows
        Bars of each file, a divisor of 60.
    seed
        Which market.

    Yields
    ------
    tuple of str and list of Bar
        Key, such as ``stocks/20261121T100500Z_01.csv``, and the bars in the order of time.

    Raises
    ------
    ValueError
        `files` or `rows` is not like that.
    """
    if not 1 <= files <= len(COMPANIES):
        raise ValueError(f"a minute has 1 to {len(COMPANIES)} files, one per company, not {files}")
    if rows < 1 or _MINUTE % rows:
        raise ValueError(f"{rows} rows do not share a minute evenly: take a divisor of {_MINUTE}")
    bars = minute_bars(seed, minute, companies=COMPANIES[:files], seconds=_MINUTE // rows)
    stamp = minute.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    for number, (_, group) in enumerate(groupby(bars, key=attrgetter("ticker")), 1):
        yield f"{PREFIX}{stamp}_{number:02d}.csv", list(group)


def as_csv(bars: Sequence[Bar]) -> bytes:
    """The bars as a CSV file with its header; times are ISO-8601 in UTC."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for bar in bars:
        time = bar.timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        writer.writerow((bar.ticker, time, *bar[2:]))
    return text.getvalue().encode()


def scheduled_minute(event: object, now: datetime) -> datetime:
    """The minute of a scheduled event's `time`, or that of `now` for any other payload: somebody runs it by hand."""
    time = event.get("time") if isinstance(event, Mapping) else None
    try:
        moment = datetime.fromisoformat(time) if isinstance(time, str) else now
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        moment = now.astimezone(UTC)
    return moment.replace(second=0, microsecond=0)
