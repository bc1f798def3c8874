"""The Global Market Pulse: growth that splits exactly, indexes of regions, and what could be sold there."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_assets.analytics.global_market_pulse.prod_set import GLOBAL_MARKET_PULSE
from tests.worlds.curated_shop import DAY, CuratedShop, MadeSet, days, noon
from tests.worlds.examples import examples

_BEFORE = DAY - days(28)


class Regions(CuratedShop):
    """A shop of two regions and products of two categories, which has been there for long."""

    def __init__(self) -> None:
        super().__init__()
        first = DAY - days(200)
        for store, region in ((1, "North"), (2, "South")):
            self.put("stores", first, store_id=store, region=region)
        for product in range(1, 7):
            self.put("products", first, product_id=product, category="Dairy" if product % 2 else "Bakery")
        self.sell(1, 1, first, 1, 1)

    def sell(self, store: int, product: int, day: date, quantity: int, amount: float, currency: str = "USD") -> None:
        """Sell pieces of a product."""
        self._orders += 1
        told = {"order_id": self._orders, "currency": currency}
        total = Decimal(str(round(amount, 2)))
        self.put("orders", day, **told, store_id=store, ordered_at=noon(day), status="paid", total=total)
        self.put("order_lines", day, **told, line_number=1, product_id=product, quantity=quantity, amount=total)

    def growth(self, region: str = "North") -> dict[str, object]:
        """The newest growth of a region."""
        found = MadeSet(GLOBAL_MARKET_PULSE, self.bucket()).frame("regional_growth")
        newest = found.filter(pl.col("region") == region, pl.col("period") == DAY - days(27))
        return newest.row(0, named=True)


def test_a_price_a_volume_and_a_mix_are_as_worked_by_hand() -> None:
    shop = Regions()
    shop.sell(1, 1, _BEFORE, 10, 10)  # Dairy, at 1.00
    shop.sell(1, 3, _BEFORE, 10, 30)  # Dairy, at 3.00
    shop.sell(1, 1, DAY, 10, 12)  # at 1.20: the price brings 2.00
    shop.sell(1, 3, DAY, 15, 45)  # five pieces of Dairy more, at 2.00 on average: 10.00
    assert shop.growth() == {
        "region": "North",
        "period": DAY - days(27),
        "previous_period": DAY - days(55),
        "sales": Decimal("57.00"),
        "previous_sales": Decimal("40.00"),
        "price_effect": Decimal("2.00"),
        "volume_effect": Decimal("10.00"),
        "mix_effect": Decimal("5.00"),  # the five pieces are of the dearer one
        "currency": "USD",
    }


def test_a_new_category_is_volume_and_one_that_is_gone_too() -> None:
    shop = Regions()
    shop.sell(1, 1, _BEFORE, 10, 10)
    shop.sell(1, 2, DAY, 4, 20)
    found = shop.growth()
    assert (found["price_effect"], found["volume_effect"], found["mix_effect"]) == (0, Decimal("10.00"), 0)


_SALES = st.lists(
    st.tuples(
        st.sampled_from([1, 2]),
        st.integers(1, 6),
        st.integers(0, 110),
        st.integers(-2, 9).filter(bool),
        st.decimals("0.01", "99.99", places=2),
        st.sampled_from(["USD", "EUR"]),
    ),
    max_size=25,
)


@settings(max_examples=examples(12), deadline=None)
@given(_SALES)
def test_the_three_effects_add_up_to_the_cent(sales: list[tuple[int, int, int, int, Decimal, str]]) -> None:
    shop = Regions()
    for store, product, ago, quantity, amount, currency in sales:
        signed = float(amount) if quantity > 0 else -float(amount)
        shop.sell(store, product, DAY - days(ago), quantity, signed, currency)
    found = MadeSet(GLOBAL_MARKET_PULSE, shop.bucket()).frame("regional_growth")
    effects = pl.sum_horizontal("price_effect", "volume_effect", "mix_effect")
    assert found.filter(effects != pl.col("sales") - pl.col("previous_sales")).is_empty()
    for region, store in (("North", 1), ("South", 2)):
        mine = [(ago, amount if q > 0 else -amount) for s, _, ago, q, amount, code in sales
                if s == store and code == "USD" and ago < 28]  # fmt: skip
        newest = found.filter(
            pl.col("region") == region, pl.col("period") == DAY - days(27), pl.col("currency") == "USD"
        )
        assert sum(newest["sales"].to_list()) == sum((amount for _, amount in mine), Decimal(0))


def test_periods_that_are_not_known_whole_are_left_out() -> None:
    shop = CuratedShop()
    for ago in range(50):
        shop.order(1, DAY - days(ago), 10)
    found = MadeSet(GLOBAL_MARKET_PULSE, shop.bucket())
    assert found.frame("regional_growth").is_empty()
    assert found.note("regional_growth") == "The lake does not know two whole periods of four weeks up to the day."


def test_an_index_is_the_share_over_that_of_all_and_little_evidence_draws_it_to_one() -> None:
    shop = Regions()
    for number in range(60):
        shop.sell(1, 1, DAY - days(number), 1, 3)  # North buys Dairy alone
        shop.sell(2, 2, DAY - days(number), 1, 1)
        shop.sell(2, 1, DAY - days(number), 1, 1)
    found = MadeSet(GLOBAL_MARKET_PULSE, shop.bucket())
    cells = {(row["region"], row["category"]): row for row in found.frame("regional_index").iter_rows(named=True)}
    assert cells["North", "Bakery"]["index"] == 0
    assert cells["South", "Bakery"]["index"] == pytest.approx(0.5 / (60 / 300))
    assert cells["North", "Dairy"]["share"] == 1
    for cell in cells.values():
        assert min(1, cell["index"]) <= cell["shrunk_index"] <= max(1, cell["index"])
    lacking = found.frame("market_opportunities").sort("rank")
    assert lacking.select("region", "category").rows() == [("South", "Dairy"), ("North", "Bakery")]
    assert lacking["confidence"].min() > 0.95  # type: ignore[operator]
    assert lacking["rank"].to_list() == list(range(1, lacking.height + 1))


def test_without_any_sale_all_tables_are_empty() -> None:
    shop = CuratedShop()
    shop.put("orders", DAY, order_id=1, status="placed", ordered_at=noon(DAY), currency="USD", total=Decimal(1))
    found = MadeSet(GLOBAL_MARKET_PULSE, shop.bucket())
    assert [found.frame(name).height for name in found.tables] == [0, 0, 0, 0]
    assert found.note("regional_index") == "Nothing was sold in the twelve weeks up to the day."


def test_what_happens_or_arrives_later_changes_nothing() -> None:
    shop = Regions()
    shop.sell(1, 1, _BEFORE, 10, 10)
    shop.sell(1, 1, DAY, 10, 12)
    before = MadeSet(GLOBAL_MARKET_PULSE, shop.bucket())
    shop.order(None, DAY + days(2), 5000, load=DAY)
    shop.order(None, DAY - days(10), 5000, load=DAY + days(1))
    shop.delete("orders", DAY + days(3), order_id=2)
    assert MadeSet(GLOBAL_MARKET_PULSE, shop.bucket()).same_as(before)
