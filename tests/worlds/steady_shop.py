"""A shop that goes on as ever for some weeks, with customers, stores, payments and a log of questions."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from tests.worlds.curated_shop import DAY, CuratedShop, days, noon

WEEKS = 9
#: The first load has all that was before it; from then on there is one every day.
FIRST_LOAD = DAY - days(7)


def steady_shop(
    *, customers: int = 4, stores: int = 2, payments: bool = True, currency: str = "USD", alike: bool = False
) -> CuratedShop:
    """Three orders a day for nine weeks up to `DAY`, each with a line and a payment, and a question a day."""
    shop, first = CuratedShop(), FIRST_LOAD
    for number in range(1, stores + 1):
        shop.put("stores", first, store_id=number, name=f"store {number}", region=f"region {number}")
    for number in (1, 2):
        shop.put("products", first, product_id=number, name=f"product {number}", category=f"category {number}")
    for number in range(1, customers + 1):
        shop.put("customers", first, customer_id=number)
    for ago in range(7 * WEEKS):
        day = DAY - days(ago)
        load = max(day, first)
        for number in range(3):
            told = 0 if alike else ago + 3 * number
            sell(shop, day, told, customers, stores, load=load, payments=payments, currency=currency)
        shop.put("query_log", load, query_id=1 + ago, asked_at=noon(day), system="hub", text=f"top {ago}?")
    return shop


def sell(
    shop: CuratedShop,
    day: date,
    number: int,
    customers: int,
    stores: int,
    *,
    load: date | None = None,
    payments: bool = True,
    currency: str = "USD",
) -> int:
    """Put an order with its line and its payment; all differ by the number, and the stores by what they sell."""
    amount = Decimal(20 + number % 5)
    told = {"load": load, "currency": currency, "store": 1 + number % stores, "product": 1 + (number % 4 == 1)}
    order = shop.order(1 + number % customers, day, float(amount), **told)  # type: ignore[arg-type]
    if payments:
        shop.put(
            "payments",
            load or day,
            payment_id=order,
            order_id=order,
            paid_at=noon(day),
            amount=amount,
            currency=currency,
            status="captured",
            card_token=f"card of {1 + number % customers}",
        )
    return order
