"""Business calendars, and the policy of freshness that they make."""

from __future__ import annotations

import doctest
from datetime import date, timedelta

import dagster as dg
import pytest

from pipeline_assets.datasets import calendar as calendars
from pipeline_assets.datasets.calendar import RETAIL, Calendar
from pipeline_assets.lineage.policies import EVERY_OPEN_DAY, freshness_by, with_policies

SHOP = Calendar("shop", closed_weekdays=frozenset({6}), closed_days=frozenset({"12-25", "12-26"}))


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        pytest.param("2026-11-25", "2026-11-24", id="ordinary day"),
        pytest.param("2026-11-30", "2026-11-28", id="Monday after a closed Sunday"),
        # Friday and Saturday are closed days, Sunday is closed every week.
        pytest.param("2026-12-28", "2026-12-24", id="closed days before a Sunday"),
    ],
)
def test_the_last_day_of_which_there_are_data_is_open(today: str, expected: str) -> None:
    assert SHOP.last_expected(date.fromisoformat(today)) == date.fromisoformat(expected)


@pytest.mark.parametrize(
    ("calendar", "days"),
    [
        pytest.param(Calendar("always"), 0, id="always open"),
        pytest.param(RETAIL, 1, id="one closed day of the year"),
        pytest.param(SHOP, 3, id="two closed days beside a Sunday"),
    ],
)
def test_the_longest_closure_is_over_all_weekdays_of_the_closed_days(calendar: Calendar, days: int) -> None:
    assert calendar.longest_closure == timedelta(days=days)


def test_the_examples_are_true() -> None:
    assert doctest.testmod(calendars).failed == 0


def test_closed_days_are_a_warning_and_never_a_failure() -> None:
    assert freshness_by(SHOP) == dg.FreshnessPolicy.time_window(
        fail_window=timedelta(hours=36 + 72), warn_window=timedelta(hours=36)
    )
    assert freshness_by(Calendar("always")) == dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36))


def test_only_what_bears_a_calendar_is_expected_and_everything_has_an_owner() -> None:
    daily = with_policies(dg.AssetSpec("sold", tags=EVERY_OPEN_DAY, owners=["team:purchases"]))
    other = with_policies(dg.AssetSpec("feed"))
    assert (daily.freshness_policy, daily.owners) == (freshness_by(RETAIL), ["team:purchases"])
    assert (other.freshness_policy, other.owners) == (None, ["team:platform"])
