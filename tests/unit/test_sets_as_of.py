"""What comes later changes no prod set of an earlier day: not a byte of any of its tables."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from functools import cache
from itertools import product

import pytest

from pipeline_assets.analytics.demand_insights.prod_set import DEMAND_INSIGHTS
from pipeline_assets.analytics.prod_set import ProdSet
from pipeline_assets.analytics.sets import SETS
from tests.worlds.curated_shop import DAY, CuratedShop, MadeSet, days, noon
from tests.worlds.examples import some
from tests.worlds.steady_shop import sell, steady_shop

AS_OF = DAY - days(3)
LATER = DAY - days(1)


@cache
def made(prod_set: ProdSet) -> MadeSet:
    return MadeSet(prod_set, steady_shop().bucket(), AS_OF)


def new_events(shop: CuratedShop) -> None:
    for number in range(20):
        sell(shop, LATER, number, 7, 3)
        shop.put("query_log", LATER, query_id=900 + number, asked_at=noon(LATER), system="hub", text="what else?")


def late_arrivals(shop: CuratedShop) -> None:
    for number in range(20):
        sell(shop, AS_OF - days(number), number, 7, 3, load=LATER)
        asked_at = noon(AS_OF - days(number))
        shop.put("query_log", LATER, query_id=900 + number, asked_at=asked_at, system="hub", text="what else?")


def late_corrections(shop: CuratedShop) -> None:
    for order in range(1, 21):
        told = {"order_id": order, "currency": "EUR"}
        shop.put("orders", LATER, **told, customer_id=9, ordered_at=noon(AS_OF - days(order)), status="cancelled")
        shop.put("order_lines", LATER, **told, line_number=1, product_id=2, quantity=9, amount=Decimal(999))
        paid = {"payment_id": order, "paid_at": noon(AS_OF - days(order)), "amount": Decimal(999)}
        shop.put("payments", LATER, **told, **paid, status="declined")
        shop.put("query_log", LATER, query_id=order, asked_at=noon(AS_OF - days(order)), system="hub", text="else?")
    shop.put("stores", LATER, store_id=1, name="store 1", region="region 9")
    shop.put("products", LATER, product_id=1, name="product 1", category="category 9")


def deletions(shop: CuratedShop) -> None:
    for number in range(1, 21):
        shop.delete("orders", LATER, order_id=number)
        shop.delete("order_lines", LATER, order_id=number, line_number=1)
        shop.delete("payments", LATER, payment_id=number)
        shop.delete("query_log", LATER, query_id=number)
    shop.delete("customers", LATER, customer_id=1)
    shop.delete("stores", LATER, store_id=1)
    shop.delete("products", LATER, product_id=1)


FUTURES = (new_events, late_arrivals, late_corrections, deletions)


@pytest.mark.parametrize(
    ("prod_set", "future"),
    [
        pytest.param(prod_set, future, id=f"{prod_set.name}-{future.__name__}")
        for prod_set, future in some(list(product(SETS, FUTURES)))
    ],
)
def test_what_is_loaded_later_changes_nothing(prod_set: ProdSet, future: object) -> None:
    shop = steady_shop()
    future(shop)  # type: ignore[operator]
    assert MadeSet(prod_set, shop.bucket(), AS_OF).contents == made(prod_set).contents


@pytest.mark.parametrize("prod_set", SETS, ids=lambda each: each.name)
def test_what_has_a_time_after_the_day_changes_nothing_though_it_is_loaded_by_then(prod_set: ProdSet) -> None:
    """As what a clock that is fast has written. Only the count of orders that are no sale yet tells of it."""
    shop, after = steady_shop(), AS_OF + timedelta(days=1)
    sell(shop, after, 1, 4, 2, load=AS_OF)
    shop.put("query_log", AS_OF, query_id=900, asked_at=noon(after), system="hub", text="what else?")
    found = dict(MadeSet(prod_set, shop.bucket(), AS_OF).contents)
    expected = dict(made(prod_set).contents)
    if prod_set is DEMAND_INSIGHTS:
        assert found.pop("customer_coverage") != expected.pop("customer_coverage")
    assert found == expected


@pytest.mark.parametrize("prod_set", SETS, ids=lambda each: each.name)
def test_each_of_them_changes_the_set_of_its_own_day(prod_set: ProdSet) -> None:
    shop = steady_shop()
    new_events(shop)
    assert MadeSet(prod_set, shop.bucket(), LATER).contents != MadeSet(prod_set, steady_shop().bucket(), LATER).contents
