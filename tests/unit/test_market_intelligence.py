"""The Market Intelligence Hub: forecasts, their intervals and scores, and trends of made-up sales."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from pipeline_assets.analytics.market_intelligence.baseline import seasonal_naive
from pipeline_assets.analytics.market_intelligence.model import fitted_forecast
from pipeline_assets.analytics.market_intelligence.prod_set import MARKET_INTELLIGENCE
from pipeline_assets.analytics.market_intelligence.trends import local_lines
from tests.worlds.curated_shop import DAY, CuratedShop, MadeSet, days

#: Sales of the days of a week from Monday on.
_WEEK = (100.0, 80.0, 90.0, 110.0, 160.0, 240.0, 60.0)


def shop_of(number: int, *, noise: float = 0.0, seed: int = 1) -> CuratedShop:
    """A shop that sells by the day of the week."""
    chance, shop = np.random.default_rng(seed), CuratedShop()
    for ago in range(number):
        day = DAY - days(ago)
        shop.order(None, day, round(float(_WEEK[day.weekday()] + noise * chance.normal()), 2))
    return shop


def test_sales_that_repeat_each_week_are_foretold() -> None:
    found = MadeSet(MARKET_INTELLIGENCE, shop_of(140).bucket())
    ahead = found.frame("sales_forecast").filter(pl.col("level") == "total", pl.col("grain") == "day")
    assert ahead["period"].to_list() == [DAY + days(number) for number in range(1, 29)]
    expected = [_WEEK[day.weekday()] for day in ahead["period"]]
    assert ahead["baseline"].cast(float).to_list() == expected
    # The ridge draws the weekdays a little to their mean.
    assert ahead["forecast"].cast(float).to_list() == pytest.approx(expected, abs=12)
    weeks = found.frame("sales_forecast").filter(pl.col("level") == "total", pl.col("grain") == "week")
    assert [period.weekday() for period in weeks["period"]] == [0] * 8
    assert weeks["period"][0] == date(2026, 3, 2), "the first Monday after the last whole week"
    assert weeks["forecast"].cast(float).to_list() == pytest.approx([sum(_WEEK)] * 8, rel=0.01)


def test_sales_of_all_levels_add_up_and_intervals_hold_each_other() -> None:
    shop = shop_of(60, noise=20)
    shop.put("stores", DAY - days(60), store_id=1, region="North")
    found = MadeSet(MARKET_INTELLIGENCE, shop.bucket()).frame("sales_forecast")
    by_level = found.group_by("level", "grain", "period").agg(pl.col("forecast").cast(float).sum())
    for _, same in by_level.group_by("grain", "period"):
        assert same["forecast"].to_list() == pytest.approx([same["forecast"][0]] * same.height, abs=0.02)
    bounds = found.select("lower_95", "lower_80", "forecast", "upper_80", "upper_95")
    assert all(list(row) == sorted(row) for row in bounds.iter_rows())


def test_noisy_sales_are_foretold_better_than_by_the_baseline_and_within_the_intervals() -> None:
    found = MadeSet(MARKET_INTELLIGENCE, shop_of(200, noise=25).bucket())
    by_day = found.frame("forecast_scores").filter(pl.col("grain") == "day")
    assert sorted(set(by_day["fold"])) == [1, 2, 3, 4]
    assert by_day["rmsse"].mean() < 0.9 * by_day["baseline_rmsse"].mean()  # type: ignore[operator]
    assert by_day["coverage_80"].mean() == pytest.approx(0.8, abs=0.1)
    assert by_day["coverage_95"].mean() == pytest.approx(0.95, abs=0.07)
    (score,) = (each for each in found.tables["forecast_scores"].scores if each.name == "rmsse_day")
    assert (score.value, score.baseline) == pytest.approx((by_day["rmsse"].mean(), by_day["baseline_rmsse"].mean()))
    assert score.beats


def test_a_score_is_as_worked_by_hand() -> None:
    """Of 0, 1, 0, 1, ... a step is 1; the baseline of a week misses every day of the next by 1."""
    shop = CuratedShop()
    for ago in range(70):
        shop.order(None, DAY - days(ago), 100.0 if ago % 2 else 200.0)
    scores = MadeSet(MARKET_INTELLIGENCE, shop.bucket()).frame("forecast_scores")
    by_day = scores.filter(pl.col("grain") == "day", pl.col("level") == "total", pl.col("fold") == 1)
    # A week has an odd number of days: the baseline is wrong in the first week, right in the second, and so on.
    assert by_day["baseline_rmsse"].to_list() == pytest.approx([np.sqrt(0.5)], rel=1e-6)


def test_few_days_are_foretold_by_the_baseline_and_have_no_score() -> None:
    found = MadeSet(MARKET_INTELLIGENCE, shop_of(5).bucket())
    by_day = found.frame("sales_forecast").filter(pl.col("grain") == "day")
    assert by_day["forecast"].to_list() == by_day["baseline"].to_list()
    assert found.frame("forecast_scores").is_empty()
    assert found.note("forecast_scores") == "Too few periods for a back-test."
    assert found.note("sales_trends") == "No whole week of sales up to the day."


def test_without_any_sale_all_tables_are_empty_with_their_columns() -> None:
    shop = CuratedShop()
    shop.order(1, DAY - days(1), 10, status="cancelled")
    found = MadeSet(MARKET_INTELLIGENCE, shop.bucket())
    assert [found.frame(name).height for name in found.tables] == [0, 0, 0]
    assert found.frame("sales_forecast").columns == list(MARKET_INTELLIGENCE.tables["sales_forecast"].column_names)
    assert found.note("sales_forecast") == "Nothing was sold up to the day."


def test_sales_of_other_currencies_are_series_of_their_own() -> None:
    shop = shop_of(30)
    shop.order(None, DAY, 7, currency="XXX")
    found = MadeSet(MARKET_INTELLIGENCE, shop.bucket()).frame("sales_forecast")
    assert set(found["currency"]) == {"USD", "XXX"}
    foreign = found.filter(pl.col("currency") == "XXX", pl.col("level") == "total", pl.col("grain") == "day")
    assert foreign["baseline"].cast(float).sum() == 4 * 7, "once a week, on the weekday of its one sale"


def test_what_happens_or_arrives_later_changes_nothing() -> None:
    shop = shop_of(60, noise=10)
    before = MadeSet(MARKET_INTELLIGENCE, shop.bucket())
    shop.order(None, DAY + days(2), 5000, load=DAY)  # a clock that is ahead
    shop.order(None, DAY - days(10), 5000, load=DAY + days(1))
    shop.order(None, DAY - days(3), 5000, load=DAY + days(2), number=1)
    shop.delete("orders", DAY + days(3), order_id=2)
    assert MadeSet(MARKET_INTELLIGENCE, shop.bucket()).same_as(before)
    assert not MadeSet(MARKET_INTELLIGENCE, shop.bucket(), DAY + days(3)).same_as(before)


def test_the_trend_of_a_line_is_the_line() -> None:
    line = np.arange(20.0)[:, None] * [2.0, -1.0] + [5.0, 40.0]
    assert local_lines(line) == pytest.approx(line)


def test_growth_is_that_of_four_weeks() -> None:
    shop = CuratedShop()
    monday = DAY - timedelta(days=DAY.weekday() + 7 * 12)
    for week in range(12):
        shop.order(None, monday + days(7 * week), 100.0 + 10 * week)
    found = MadeSet(MARKET_INTELLIGENCE, shop.bucket()).frame("sales_trends").filter(pl.col("level") == "total")
    assert found["trend"].cast(float).to_list() == pytest.approx([100.0 + 10 * week for week in range(12)], abs=0.01)
    assert found["growth"][:4].to_list() == [None] * 4
    assert found["growth"][4] == pytest.approx(140 / 100 - 1, rel=1e-3)


def test_a_series_that_never_was_below_nothing_is_not_foretold_there() -> None:
    falling = np.maximum(100.0 - np.arange(60.0), 0)[:, None]
    assert fitted_forecast(falling, 28, "day").min() >= 0
    assert seasonal_naive(falling, 3, 7).ravel().tolist() == [47.0, 46.0, 45.0]
