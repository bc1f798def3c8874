"""The Demand Insights Engine: segments, value and churn of made-up customers."""

from __future__ import annotations

from datetime import date
from itertools import product
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import hyp2f1

from pipeline_assets.analytics.demand_insights.baseline import historical_rate, recency_alone
from pipeline_assets.analytics.demand_insights.churn import days_to_churn, fit_churn
from pipeline_assets.analytics.demand_insights.features import Purchases, Standing
from pipeline_assets.analytics.demand_insights.prod_set import DEMAND_INSIGHTS
from pipeline_assets.analytics.demand_insights.purchase_rate import PurchaseRate, fit_purchase_rate
from pipeline_assets.analytics.demand_insights.segments import quintiles, segments_of
from pipeline_assets.analytics.demand_insights.spec import RULES
from pipeline_assets.analytics.demand_insights.spend import Spend, fit_spend
from pipeline_assets.errors import TerminalError
from tests.worlds.curated_shop import DAY, CuratedShop, MadeSet, days
from tests.worlds.examples import examples

Values = np.ndarray[Any, Any]
_BUYER_TABLES = ("customer_segments", "customer_value", "customer_churn")


def shop_of(customers: int, seed: int = 1) -> CuratedShop:
    """Customers who each buy at a pace of their own, and of whom some stop."""
    chance, shop = np.random.default_rng(seed), CuratedShop()
    for customer in range(1, customers + 1):
        shop.put("customers", DAY, customer_id=customer)
        pace, stop = chance.uniform(2, 20), chance.uniform(20, 160)
        at = chance.uniform(0, 10)
        while at < min(stop, 100):
            shop.order(customer, DAY - days(100 - int(at)), round(float(chance.uniform(5, 50)), 2), load=DAY)
            at += chance.exponential(pace)
    return shop


def test_recency_frequency_and_spend_are_as_worked_by_hand() -> None:
    shop = CuratedShop()
    shop.order(1, DAY, 10)
    shop.order(1, DAY, 5.5)
    shop.order(1, DAY - days(3), 20, back=2.25)
    shop.order(2, DAY - days(30), 7)
    shop.order(2, DAY - days(2), 100, status="cancelled")
    shop.order(3, DAY - days(1), 1, currency="EUR")
    shop.order(3, DAY - days(2), 2, currency="EUR")
    shop.order(3, DAY - days(2), 900, currency="USD")
    shop.order(None, DAY, 50)
    shop.put("customers", DAY, customer_id=9)
    found = MadeSet(DEMAND_INSIGHTS, shop.bucket())
    assert [(*row[:3], str(row[3]), row[4]) for row in found.rows("customer_segments", *_RFM)] == [
        (1, 0, 2, "33.25", "USD"),
        (2, 30, 1, "7.00", "USD"),
        (3, 1, 2, "3.00", "EUR"),
    ]
    assert found.rows("customer_segments", "r_score", "f_score", "m_score", "segment") == [
        (3, 2, 2, "need attention"),
        (1, 1, 1, "lost"),
        (2, 2, 1, "hibernating"),
    ]
    assert found.note("customer_segments") == "Of 1 customers the spend in currencies but their main one is left out."
    assert found.rows("customer_coverage", "group", "customers", "orders") == [
        ("buyers", 3, 7),
        ("guests", 0, 1),
        ("no sale", 1, 1),
    ]


_RFM = ("customer_id", "recency_days", "frequency", "monetary", "currency")


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=40))
def test_quintiles_are_those_of_sql_and_of_equals_the_least(values: list[int]) -> None:
    expected = duckdb.execute(
        "SELECT min(part) OVER (PARTITION BY value) FROM (SELECT place, value, ntile(5) OVER (ORDER BY value) AS part"
        " FROM (SELECT generate_subscripts($given, 1) AS place, unnest($given) AS value)) ORDER BY place",
        {"given": values},
    ).fetchall()
    assert quintiles(np.array(values)).tolist() == [part for (part,) in expected]


def test_every_customer_has_a_segment_and_every_segment_a_customer() -> None:
    scores = np.array(list(product(range(1, 6), repeat=3))).T
    found = dict(zip(zip(*scores.tolist(), strict=True), segments_of(*scores).tolist(), strict=True))
    for score, segment in found.items():
        fits = [n for n, rule in RULES.items() if all(a <= s <= b for s, (a, b) in zip(score, rule, strict=True))]
        assert segment == fits[0]
    assert set(found.values()) == set(RULES)
    assert (found[5, 5, 5], found[5, 5, 1], found[1, 5, 5], found[5, 1, 3]) == ("champions", "loyal", "at risk", "new")


def test_the_likelihood_of_who_bought_once_is_that_of_no_purchase() -> None:
    """Without a purchase after the first nobody can leave: what remains is (alpha / (alpha + T)) ** r."""
    rate = PurchaseRate(r=2.0, alpha=3.0, a=0.8, b=1.5)
    none = rate.log_likelihood(np.zeros(1), np.zeros(1), np.array([6.0]))
    assert none[0] == pytest.approx(2 * np.log(3 / 9))


def test_the_expectation_is_that_of_the_published_formula() -> None:
    rate = PurchaseRate(r=0.243, alpha=4.414, a=0.793, b=2.426)
    x, last, known, time = np.array([0.0, 2.0, 7.0]), np.array([0.0, 30.43, 20.0]), np.array([10.0, 38.86, 35.0]), 39.0
    r, alpha, a, b = rate.r, rate.alpha, rate.a, rate.b
    grown = alpha + known
    stay = (grown / (grown + time)) ** (r + x) * hyp2f1(r + x, b + x, a + b + x - 1, time / (grown + time))
    left = np.where(x > 0, a / (b + np.maximum(x, 1) - 1) * (grown / (alpha + last)) ** (r + x), 0.0)
    published = (a + b + x - 1) / (a - 1) * (1 - stay) / (1 + left)
    assert rate.expected(time, x, last, known) == pytest.approx(published)
    # The customer with id 1 of CDNOW's, in Fader's and Hardie's note on implementing the model.
    assert rate.expected(39.0, x[1:2], last[1:2], known[1:2])[0] == pytest.approx(1.226, abs=0.001)


def test_who_buys_every_day_overflows_nothing() -> None:
    rate = PurchaseRate(r=1.2, alpha=0.6, a=0.2, b=9.0)
    every_day = rate.expected(13.0, np.array([3_000.0]), np.array([3_000 / 7]), np.array([3_000 / 7]))
    assert 80 < every_day[0] < 91


def test_spend_is_drawn_to_that_of_all_the_more_the_fewer_purchases_there_are() -> None:
    spend = Spend(p=6.25, q=3.74, v=15.44)
    of_all = 6.25 * 15.44 / 2.74
    expected = spend.expected(np.array([0.0, 1.0, 100.0]), np.array([0.0, 80.0, 80.0]))
    assert expected[0] == pytest.approx(of_all)
    assert of_all < expected[1] < expected[2] < 80
    assert fit_spend(np.array([2.0, 3.0]), np.array([5.0, 5.0])) is None
    assert fit_purchase_rate(np.zeros(3), np.zeros(3), np.ones(3)) is None


def test_the_baselines_go_on_as_it_was() -> None:
    known = Standing(100, np.arange(2), np.array([80, 90]), np.array([96, 90]), np.array([5, 1]), np.array([50.0, 9.0]))
    assert historical_rate(known, 10).tolist() == [2.0, 0.0]
    assert recency_alone(known, 4).tolist() == [0.5, pytest.approx(10 / 14)]


def test_every_buyer_is_in_each_table_and_the_horizon_is_told() -> None:
    found = MadeSet(DEMAND_INSIGHTS, shop_of(60).bucket())
    buyers = found.rows("customer_segments", "customer_id")
    for table in _BUYER_TABLES:
        assert found.rows(table, "customer_id") == buyers
        assert not found.note(table)
    coverage = {row[0]: row[1:] for row in found.rows("customer_coverage", "group", "customers", "orders")}
    assert coverage["buyers"][0] == len(buyers)
    horizon = {row for (row,) in found.rows("customer_churn", "horizon_days")}
    assert len(horizon) == 1
    assert horizon.pop() % 7 == 0
    for table in ("segment_scores", "value_scores", "churn_scores"):
        assert found.tables[table].rows


def test_what_comes_later_changes_no_earlier_set() -> None:
    before = MadeSet(DEMAND_INSIGHTS, shop_of(60).bucket())
    shop = shop_of(60)
    shop.order(1, DAY - days(2), 500, load=DAY + days(1))
    shop.order(61, DAY - days(40), 500, load=DAY + days(3))
    shop.order(2, DAY - days(5), 700, load=DAY + days(1), number=1)
    shop.delete("orders", DAY + days(2), order_id=2)
    shop.put("customers", DAY + days(1), customer_id=77)
    later = MadeSet(DEMAND_INSIGHTS, shop.bucket())
    assert later.same_as(before)
    assert not MadeSet(DEMAND_INSIGHTS, shop.bucket(), DAY + days(3)).same_as(before)


def test_an_order_of_a_time_after_the_day_is_no_sale_yet() -> None:
    shop = shop_of(60)
    before = MadeSet(DEMAND_INSIGHTS, shop.bucket())
    shop.order(1, DAY + days(5), 500, load=DAY)
    after = MadeSet(DEMAND_INSIGHTS, shop.bucket())
    changed = [name for name in before.tables if not before.frame(name).equals(after.frame(name))]
    assert changed == ["customer_coverage"]


def test_the_model_of_churn_tells_a_late_customer_from_one_who_buys_seldom() -> None:
    shop, chance = CuratedShop(), np.random.default_rng(3)
    for customer in range(1, 61):
        pace, at = 4 if customer % 3 else 25, float(chance.uniform(0, 20))
        while at < 100:
            shop.order(customer, DAY - days(100 - int(at)), 10, load=DAY)
            at += pace * chance.uniform(0.9, 1.1)
    scores = MadeSet(DEMAND_INSIGHTS, shop.bucket()).rows("churn_scores", "auc", "baseline_auc")
    assert scores
    assert all(ours > baseline + 0.05 for ours, baseline in scores)


def test_the_horizon_of_churn_is_that_within_which_nine_of_ten_come_back() -> None:
    gaps = [1] * 89 + [12] * 11
    day = np.concatenate([[0], np.cumsum(gaps)])
    one = np.zeros(len(day), dtype=int)
    bought = Purchases(np.array([1]), np.array(["USD"]), one, day, one.astype(float), np.ones(len(day), bool), 0)
    assert days_to_churn(bought) == 14
    assert fit_churn(bought, int(day[-1]), 14) is None


@pytest.mark.parametrize("currency", ["USD", "XXX"])
def test_a_single_customer_has_the_baseline_and_no_model(currency: str) -> None:
    shop = CuratedShop()
    for number in range(10):
        shop.order(7, DAY - days(7 * number), 12, currency=currency)
    found = MadeSet(DEMAND_INSIGHTS, shop.bucket())
    assert found.rows("customer_segments", *_RFM)[0][:3] == (7, 0, 10)
    purchases, value, baseline = found.rows("customer_value", *_VALUE)[0]
    assert (purchases, value) == (pytest.approx(9 / 63 * 91), baseline)
    assert f"stand for the model of purchases and of spend in {currency}." in found.note("customer_value")
    assert found.tables["customer_churn"].rows == 0
    assert found.note("customer_churn").startswith("Fewer than 50 customers")


_VALUE = ("expected_purchases", "expected_value", "baseline_value")


def test_customers_who_are_all_alike_give_no_model_and_no_stack_trace() -> None:
    shop = CuratedShop()
    for customer, number in product(range(1, 61), range(5)):
        shop.order(customer, DAY - days(20 * number), 10, load=DAY)
    found = MadeSet(DEMAND_INSIGHTS, shop.bucket())
    assert {row for (row,) in found.rows("customer_segments", "f_score")} == {1}
    assert "spend in USD" in found.note("customer_value")
    assert found.tables["customer_value"].rows == 60


def test_where_nobody_bought_the_tables_are_empty_and_say_so() -> None:
    shop = CuratedShop()
    shop.put("customers", DAY, customer_id=1)
    shop.order(None, DAY, 10)
    found = MadeSet(DEMAND_INSIGHTS, shop.bucket())
    for name, table in found.tables.items():
        if name != "customer_coverage":
            assert (table.rows, table.note) == (0, "No customer bought anything up to the day.")
            assert found.frame(name).columns == list(DEMAND_INSIGHTS.tables[name].column_names)
    assert found.rows("customer_coverage", "customers", "orders") == [(0, 0), (0, 1), (1, 0)]


def test_a_lake_without_any_day_is_refused() -> None:
    shop = CuratedShop()
    shop.order(1, DAY + days(1), 10)
    with pytest.raises(TerminalError, match="the lake has nothing up to 2026-03-02 of customers, orders"):
        MadeSet(DEMAND_INSIGHTS, shop.bucket(), date(2026, 3, 2))
