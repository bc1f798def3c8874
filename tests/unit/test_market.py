"""The synthetic market: the same bars whenever asked, and bars that could be real."""

from __future__ import annotations

import csv
import io
import math
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest

from pipeline_assets.datasets.stocks import STOCKS
from pipeline_assets.events.environment import MissingSettingError
from pipeline_assets.stocks.companies import COMPANIES
from pipeline_assets.stocks.feed import COLUMNS, FeedSettings, as_csv, minute_files, scheduled_minute
from pipeline_assets.stocks.market import Bar, minute_bars

MINUTE = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
#: Two companies of one sector, and one of another.
FEW = tuple(company for company in COMPANIES if company.ticker in {"ALGO", "NUBE", "FRMC"})


def minutes(first: datetime, count: int) -> list[datetime]:
    return [first + timedelta(minutes=number) for number in range(count)]


def returns(prices: Sequence[float]) -> list[float]:
    return [math.log(after / before) for before, after in pairwise(prices)]


@pytest.fixture(scope="module")
def an_hour() -> list[Bar]:
    """An hour of the whole market, over midnight."""
    return [bar for minute in minutes(datetime(2026, 3, 1, 23, 30, tzinfo=UTC), 60) for bar in minute_bars(7, minute)]


@pytest.fixture(scope="module")
def daily() -> dict[str, list[float]]:
    """The prices of a few companies at the beginning of 1,500 days."""
    prices = defaultdict(list)
    for day in range(1_500):
        for bar in minute_bars(7, datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=day), companies=FEW, seconds=60):
            prices[bar.ticker].append(float(bar.open))
    return prices


class TestTheSameWheneverAsked:
    def test_a_minute_has_one_set_of_bars(self) -> None:
        once = minute_bars(7, MINUTE)
        minute_bars(7, MINUTE - timedelta(days=4_000))
        assert minute_bars(7, MINUTE) == once
        assert minute_bars(7, MINUTE.astimezone(timezone(timedelta(hours=-5)))) == once

    def test_a_company_alone_has_the_prices_it_has_among_others(self) -> None:
        assert minute_bars(7, MINUTE, companies=FEW) == [
            bar for bar in minute_bars(7, MINUTE) if bar.ticker in {company.ticker for company in FEW}
        ]

    def test_a_change_of_the_market_does_not_go_unseen(self) -> None:
        """Minutes of before would be repeated with other prices."""
        (bar,) = (bar for bar in minute_bars(1, MINUTE, seconds=60) if bar.ticker == "CHIP")
        assert tuple(map(str, bar[2:])) == ("231.43", "231.43", "231.33", "231.33", "1341")

    def test_another_seed_is_another_market(self) -> None:
        pairs = zip(minute_bars(7, MINUTE), minute_bars(8, MINUTE), strict=True)
        assert not [one for one, other in pairs if one.open == other.open]

    def test_bars_of_any_length_tell_the_same_story(self) -> None:
        (whole,) = minute_bars(7, MINUTE, companies=FEW[:1], seconds=60)
        parts = minute_bars(7, MINUTE, companies=FEW[:1], seconds=1)
        assert len(parts) == 60
        assert (whole.open, whole.close) == (parts[0].open, parts[-1].close)
        assert (whole.high, whole.low) == (max(part.high for part in parts), min(part.low for part in parts))
        assert whole.volume == sum(part.volume for part in parts)

    @pytest.mark.parametrize("minute", [MINUTE.replace(tzinfo=None), MINUTE.replace(second=1)], ids=str)
    def test_what_is_no_minute_is_refused(self, minute: datetime) -> None:
        with pytest.raises(ValueError, match="a whole minute with its zone is needed"):
            minute_bars(7, minute)

    def test_bars_that_do_not_fill_a_minute_are_refused(self) -> None:
        with pytest.raises(ValueError, match="bars of 7 seconds do not fill a minute"):
            minute_bars(7, MINUTE, seconds=7)


class TestBarsThatCouldBeReal:
    def test_the_prices_of_every_bar_agree(self, an_hour: list[Bar]) -> None:
        assert len(an_hour) == 60 * 300
        for bar in an_hour:
            assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
            assert bar.low > 0
            assert bar.volume >= 0
            assert {price.as_tuple().exponent for price in bar[2:6]} == {-2}

    def test_no_ticker_has_two_bars_of_one_time(self, an_hour: list[Bar]) -> None:
        assert max(Counter((bar.ticker, bar.timestamp) for bar in an_hour).values()) == 1

    def test_a_bar_opens_where_the_last_one_closed(self, an_hour: list[Bar]) -> None:
        """Over minutes, and over midnight too."""
        by_ticker = defaultdict(list)
        for bar in an_hour:
            by_ticker[bar.ticker].append(bar)
        assert len(by_ticker) == 50
        for bars in by_ticker.values():
            assert all(after.open == before.close for before, after in pairwise(bars))
            assert all(after.timestamp - before.timestamp == timedelta(seconds=10) for before, after in pairwise(bars))

    def test_epochs_of_the_method_join_too(self) -> None:
        """2026-01-27 is 20 times 1,024 days after the first of 1970."""
        edge = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=20 * 1_024)
        before, after = (minute_bars(7, edge + timedelta(minutes=number), seconds=60) for number in (-1, 0))
        assert [bar.close for bar in before] == [bar.open for bar in after]

    def test_prices_move_within_most_minutes(self, an_hour: list[Bar]) -> None:
        assert sum(bar.high > bar.low for bar in an_hour) > len(an_hour) / 2

    def test_prices_stay_about_their_level_over_decades(self) -> None:
        for year in range(2015, 2045):
            for bar, company in zip(
                minute_bars(7, datetime(year, 6, 1, tzinfo=UTC), seconds=60), COMPANIES, strict=True
            ):
                assert company.price / 5 < bar.close < company.price * 5

    def test_a_year_moves_prices_as_much_as_shares_do(self, daily: dict[str, list[float]]) -> None:
        for prices in daily.values():
            assert 0.15 < statistics.pstdev(returns(prices)) * math.sqrt(365) < 0.6

    def test_shares_move_together_those_of_a_sector_more(self, daily: dict[str, list[float]]) -> None:
        algo, nube, frmc = (returns(daily[ticker]) for ticker in ("ALGO", "NUBE", "FRMC"))
        together, apart = statistics.correlation(algo, nube), statistics.correlation(algo, frmc)
        assert 0.3 < together < 0.8
        assert 0.1 < apart < together

    def test_quiet_and_busy_days_come_in_clusters(self, daily: dict[str, list[float]]) -> None:
        """Without clusters the correlation of 1,500 pairs would be within 0.05 of zero, and the kurtosis be 3."""
        clusters, kurtoses = [], []
        for prices in daily.values():
            moves = returns(prices)
            sizes = [abs(move) for move in moves]
            clusters.append(statistics.correlation(sizes[:-1], sizes[1:]))
            kurtoses.append(statistics.fmean(move**4 for move in moves) / statistics.pvariance(moves) ** 2)
            assert abs(statistics.correlation(moves[:-1], moves[1:])) < 0.1, "tomorrow's direction is not today's"
        assert statistics.fmean(clusters) > 0.05
        assert statistics.fmean(kurtoses) > 3.5

    def test_volume_is_heavy_at_the_ends_of_a_day(self) -> None:
        by_hour = {
            hour: statistics.fmean(
                bar.volume
                for day in range(40)
                for bar in minute_bars(
                    7, datetime(2026, 1, 1, hour, 15, tzinfo=UTC) + timedelta(days=day), companies=FEW, seconds=60
                )
            )
            for hour in (0, 12, 23)
        }
        assert by_hour[0] > 2 * by_hour[12] < by_hour[23]

    def test_volume_is_heavier_with_bigger_moves(self) -> None:
        (company,) = (company for company in COMPANIES if company.ticker == "CHIP")
        bars = [
            bar
            for hour in range(24 * 20)
            for bar in minute_bars(
                7, datetime(2026, 2, 1, tzinfo=UTC) + timedelta(hours=hour), companies=(company,), seconds=60
            )
        ]
        moves = [float(bar.high / bar.low) - 1 for bar in bars]
        assert statistics.correlation(moves, [bar.volume for bar in bars]) > 0.3

    def test_a_minute_costs_little_whenever_it_is(self) -> None:
        """Of the processor; measured 0.015 s."""
        for year in (2015, 2045):
            began = time.process_time()
            for minute in minutes(datetime(year, 5, 5, tzinfo=UTC), 5):
                minute_bars(7, minute)
            assert (time.process_time() - began) / 5 < 0.15


class TestFilesOfAMinute:
    def test_fifty_files_of_a_company_each(self) -> None:
        files = dict(minute_files(MINUTE))
        assert list(files) == [f"stocks/20261120T143000Z_{number:02d}.csv" for number in range(1, 51)]
        assert [{bar.ticker for bar in bars} for bars in files.values()] == [{c.ticker} for c in COMPANIES]
        assert {len(bars) for bars in files.values()} == {6}

    def test_a_file_has_the_columns_of_the_dataset(self) -> None:
        rows = list(csv.DictReader(io.StringIO(as_csv(next(minute_files(MINUTE))[1]).decode())))
        assert tuple(rows[0]) == COLUMNS == STOCKS.column_names
        assert [row["timestamp"] for row in rows] == [f"2026-11-20T14:30:{second:02d}Z" for second in range(0, 60, 10)]

    def test_files_and_rows_are_chosen(self) -> None:
        files = dict(minute_files(MINUTE, files=3, rows=60))
        assert {len(bars) for bars in files.values()} == {60}
        assert len(files) == 3

    @pytest.mark.parametrize(
        ("chosen", "said"),
        [
            ({"files": 0}, "1 to 50 files"),
            ({"files": 51}, "1 to 50 files"),
            ({"rows": 7}, "take a divisor of 60"),
            ({"rows": 0}, "take a divisor of 60"),
        ],
    )
    def test_what_cannot_be_chosen_is_said(self, chosen: dict[str, int], said: str) -> None:
        with pytest.raises(ValueError, match=said):
            next(minute_files(MINUTE, **chosen))

    @pytest.mark.parametrize(
        ("event", "minute"),
        [
            pytest.param({"time": "2026-11-20T14:30:00Z"}, MINUTE, id="scheduled"),
            pytest.param({"time": "2026-11-20T14:30:59Z"}, MINUTE, id="late in its minute"),
            pytest.param({"time": "2026-11-20T15:30:07+01:00"}, MINUTE, id="another zone"),
            pytest.param({"time": "soon"}, MINUTE + timedelta(hours=1), id="no time"),
            pytest.param({"time": "0001-01-01T00:00:00+10:00"}, MINUTE + timedelta(hours=1), id="no year"),
            pytest.param({"time": 5}, MINUTE + timedelta(hours=1), id="a number"),
            pytest.param({"key1": "value1"}, MINUTE + timedelta(hours=1), id="the console's test event"),
            pytest.param([], MINUTE + timedelta(hours=1), id="a list"),
            pytest.param(None, MINUTE + timedelta(hours=1), id="nothing"),
        ],
    )
    def test_the_minute_is_the_schedule_s_or_else_this_one(self, event: object, minute: datetime) -> None:
        assert scheduled_minute(event, MINUTE + timedelta(hours=1, seconds=20)) == minute


class TestSettings:
    def test_the_bucket_is_required(self) -> None:
        with pytest.raises(MissingSettingError, match="BUCKET_NAME is not set"):
            FeedSettings.from_environment({})

    def test_the_rest_has_defaults(self) -> None:
        assert FeedSettings.from_environment({"BUCKET_NAME": "b"}) == FeedSettings("b", seed=1, files=50, rows=6)

    def test_the_rest_can_be_chosen(self) -> None:
        chosen = {"BUCKET_NAME": "b", "MARKET_SEED": "9", "FILES_PER_RUN": "5", "ROWS_PER_FILE": "60"}
        assert FeedSettings.from_environment(chosen) == FeedSettings("b", seed=9, files=5, rows=60)

    def test_what_is_no_number_is_named(self) -> None:
        with pytest.raises(ValueError, match="FILES_PER_RUN must be a whole number, not 'many'"):
            FeedSettings.from_environment({"BUCKET_NAME": "b", "FILES_PER_RUN": "many"})
