"""A shop of which anything may have happened, by a seed: for what two engines have to agree on."""

from __future__ import annotations

import random
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from tests.worlds.curated_shop import DAY, CuratedShop, days

_DAYS = 90
_LOADS = 4
#: What people ask, of which engines may think differently: letters that are two in lower case, spaces, marks.
_ASKED = (
    "Top 10 stores?",
    "TOP 10 STORES",
    "sales on 2026-01-02  12:30",
    "ΣΊΣΥΦΟΣ ΣΑΣ",
    "İSTANBUL'DAKİ «SATIŞ» 12%",
    "straße \v tab\u00a0 $1 \\d",
    "'quoted' and [card ending 1111] €3,50!",
    "…",
    "\U0001f600 #7?",
)


def random_shop(seed: int, *, orders: int = 250) -> CuratedShop:
    """Orders with lines, returns and payments, corrected, withdrawn and late; and what they speak of, or half of it."""
    chance = random.Random(seed)
    shop = CuratedShop()
    first = DAY - days(_LOADS - 1)
    for number in range(1, 5):
        shop.put("stores", _load(chance), store_id=number, name=f"store {number}", region=f"region {number % 3}")
        shop.put("products", _load(chance), product_id=number, category=chance.choice([None, "Toys", "Food", "Ü"]))
    for number in range(1, 9):
        shop.put("customers", _load(chance), customer_id=number)
    for number in range(1, orders + 1):
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            _order(chance, shop, number)
    for number in chance.sample(range(1, orders + 1), orders // 10):
        shop.delete("orders", _load(chance), order_id=number)
        shop.delete("order_lines", _load(chance), order_id=number, line_number=1)
        shop.delete("payments", _load(chance), payment_id=number)
    for number in range(1, orders // 4 + 1):
        _question(chance, shop, number)
    shop.put("stores", first, store_id=9, name="store 9", region="region 9")
    return shop


def _load(chance: random.Random) -> Any:
    return DAY - days(chance.randrange(-1, _LOADS))


def _moment(chance: random.Random) -> datetime:
    day = datetime.combine(DAY - days(chance.randrange(-2, _DAYS)), time(), UTC)
    # Some at the very ends of days.
    return day + timedelta(microseconds=chance.choice([0, -1, chance.randrange(86_400_000_000)]))


def _amount(chance: random.Random) -> Decimal:
    return Decimal(chance.randrange(0, 10 ** chance.randrange(2, 7))) / 100


def _order(chance: random.Random, shop: CuratedShop, number: int) -> None:
    """Put a version of an order; its lines and its payment may be loaded on other days, or never."""
    currency = chance.choice(["USD", "USD", "EUR"])
    channel = chance.choice(["store", "online"])
    shop.put(
        "orders",
        _load(chance),
        order_id=number,
        currency=currency,
        channel=channel,
        customer_id=chance.choice([None, *range(1, 10)]),
        store_id=None if channel == "online" else chance.randrange(1, 7),
        ordered_at=_moment(chance),
        status=chance.choice(["paid", "paid", "shipped", "placed", "cancelled"]),
        total=_amount(chance),
        updated_at=_moment(chance),
    )
    for line in range(1, chance.randrange(1, 5)):
        shop.put(
            "order_lines",
            _load(chance),
            order_id=number,
            line_number=line,
            currency=currency,
            product_id=chance.randrange(1, 7),
            quantity=chance.randrange(1, 6),
            amount=_amount(chance),
            is_return=chance.random() < 0.2,
            updated_at=_moment(chance),
        )
    shop.put(
        "payments",
        _load(chance),
        payment_id=number,
        order_id=chance.choice([number, 10**9]),
        currency=currency,
        paid_at=_moment(chance),
        amount=_amount(chance),
        status=chance.choice(["captured", "declined", "refunded"]),
        card_token=chance.choice([None, "t1", "t2"]),
        updated_at=_moment(chance),
    )


def _question(chance: random.Random, shop: CuratedShop, number: int) -> None:
    shop.put(
        "query_log",
        _load(chance),
        query_id=number,
        asked_at=_moment(chance),
        asked_by=chance.choice([None, "ann", "bo"]),
        system=chance.choice(["hub", "copilot"]),
        text=chance.choice(_ASKED),
        results=chance.choice([None, 0, 7]),
        seconds=chance.choice([None, Decimal("0.07"), Decimal("12.50")]),
    )
