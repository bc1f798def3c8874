"""A small lake for the tests of SQL, and what each query answers over it, worked out by hand."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pipeline_assets.storage.bucket import Bucket
from pipeline_assets.storage.s3 import S3Bucket
from tests.worlds.lake_days import at, put_day, put_rejected
from tests.worlds.prod_rows import PROD_ANSWERS, PROD_BUCKETS, put_prod_sets
from tests.worlds.sql_purchases import PURCHASE_ANSWERS, PURCHASES, put_purchases

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CURATED, QUARANTINE = "sql-curated", "sql-quarantine"
BUCKETS = {"curated": CURATED, "quarantine": QUARANTINE}
DAY, moment = date.fromisoformat, datetime.fromisoformat


def order(number: int, bought: str, total: str, **more: Any) -> dict[str, Any]:
    values = {
        "order_id": number,
        "ordered_at": at(bought),
        "total": Decimal(total),
        "currency": "USD",
        "status": "paid",
    }
    return {**values, "updated_at": at(bought), "_load_id": "L1", "customer_id": number, **more}


def line(number: int, place: int, product: int, amount: str, **more: Any) -> dict[str, Any]:
    values = {"order_id": number, "line_number": place, "product_id": product, "quantity": 2, "currency": "USD"}
    return {**values, "amount": Decimal(amount), "_load_id": "L1", **more}


def payment(number: int, amount: str, **more: Any) -> dict[str, Any]:
    values = {"payment_id": number, "paid_at": at("2026-03-01 10:00"), "method": "card", "currency": "USD"}
    card = {"card_issuer": "visa", "card_last_four": "1111", "card_token": "k1:aaaa", "status": "captured"}
    return {**values, **card, "amount": Decimal(amount), "_load_id": "L1", **more}


def customer(number: int, country: str, **more: Any) -> dict[str, Any]:
    names = {"first_name": "Dolores", "last_name": "Haze", "email": "d.haze@example.org", "ssn_last_four": "6789"}
    return {"customer_id": number, "country": country, "household_size": 2, "_load_id": "L1", **names, **more}


def question(number: int, system: str, seconds: str | None, **more: Any) -> dict[str, Any]:
    values = {"query_id": number, "system": system, "asked_at": at("2026-03-01 10:00"), "text": "my card question"}
    return {**values, "seconds": seconds and Decimal(seconds), "asked_by": "p1", "_load_id": "L1", **more}


def lake_buckets(s3: S3Client, curated: str = CURATED) -> dict[str, Bucket]:
    """The buckets of a lake, of the prod sets and of purchases as an engine takes them."""
    names = {"curated": curated, "quarantine": QUARANTINE, "compras": PURCHASES, **PROD_BUCKETS}
    return {bucket: S3Bucket(s3, name) for bucket, name in names.items()}


def put_lake(s3: S3Client) -> None:
    """Put the days of the lake, of the prod sets and purchases into their buckets, which are made."""
    put_prod_sets(s3)
    put_purchases(s3)
    for bucket in BUCKETS.values():
        s3.create_bucket(Bucket=bucket)
    put_day(
        s3,
        CURATED,
        "orders",
        "2026-03-01",
        [
            order(1, "2026-03-01 09:00", "10.00"),
            order(2, "2026-03-01 23:59", "5.56"),
            # The same moment of change as on the next day, in a later load of this day: it wins.
            order(3, "2026-03-01 12:00", "98.00", currency="EUR", _load_id="L3"),
            order(4, "2026-02-28 12:00", "7.00"),
            order(5, "2026-03-01 13:00", "3.00", status="cancelled"),
            order(6, "2026-03-01 14:00", "4.00"),
            # Bought after midnight, and loaded on the day before, as a shop whose clock goes ahead may do.
            order(8, "2026-03-02 00:30", "77.77", currency="GBP", customer_id=1),
            # A microsecond more than half of the last millisecond: it counts on the day that follows.
            order(9, "2026-03-04 23:59:59.999501", "3.33", currency="GBP", customer_id=1),
            order(10, "2026-03-04 23:59:59.999499", "4.44", currency="GBP", customer_id=1),
        ],
    )
    put_day(
        s3,
        CURATED,
        "orders",
        "2026-03-02",
        [
            # A later state of order 1; one that arrives late and is older; one that is gone; one of the day itself.
            order(1, "2026-03-01 09:00", "12.00", updated_at=at("2026-03-02 08:00"), _load_id="L2"),
            order(2, "2026-03-01 23:59", "500.00", updated_at=at("2026-03-01 01:00"), _load_id="L2"),
            order(6, "2026-03-01 14:00", "0", updated_at=at("2026-03-02 08:00"), _deleted=True, _load_id="L2"),
            order(7, "2026-03-02 00:00", "1.01", customer_id=None, _load_id="L2"),
            order(3, "2026-03-01 12:00", "99.00", currency="EUR", _load_id="L2"),
        ],
    )
    put_day(
        s3,
        CURATED,
        "order_lines",
        "2026-03-01",
        [
            line(1, 1, 10, "8.00"),
            line(1, 2, 11, "4.00"),
            line(2, 1, 10, "5.55"),
            line(2, 2, 10, "100.00", is_return=True),
            line(5, 1, 10, "3.00"),
            line(4, 1, 10, "7.00"),
            line(3, 1, 11, "98.00", currency="EUR"),
        ],
    )
    put_day(s3, CURATED, "products", "2026-02-01", [{"product_id": 10, "name": "Milk", "_load_id": "L0"}])
    put_day(
        s3,
        CURATED,
        "payments",
        "2026-03-01",
        [
            payment(1, "10.00"),
            payment(2, "5.00"),
            payment(3, "5.00", card_token="k1:bbbb", status="declined"),
            payment(4, "1.00", method="cash", card_issuer=None, card_token=None, card_last_four=None),
        ],
    )
    put_day(
        s3,
        CURATED,
        "payments",
        "2026-03-02",
        [payment(2, "5.00", status="refunded", updated_at=at("2026-03-02 09:00"), _load_id="L2")],
    )
    put_day(s3, CURATED, "customers", "2026-03-01", [customer(1, "US"), customer(2, "US"), customer(3, "MX")])
    put_day(
        s3,
        CURATED,
        "customers",
        "2026-03-02",
        [
            customer(1, "MX", updated_at=at("2026-03-02 00:00"), household_size=None),
            customer(2, "US", updated_at=at("2026-03-02 00:00"), _deleted=True, _load_id="L2"),
        ],
    )
    put_day(s3, CURATED, "stores", "2026-03-01", [{"store_id": 1}])
    put_day(
        s3,
        CURATED,
        "query_log",
        "2026-03-02",
        [question(1, "copilot", "1.50"), question(2, "copilot", "0.25", asked_by="p2"), question(3, "search", None)],
    )
    put_rejected(
        s3,
        QUARANTINE,
        "orders",
        "2026-03-02",
        "r1",
        [
            {"row": 4, "rule": "total_in_range", "column": "total", "quarantined_at": at("2026-03-02 10:00")},
            {"row": 9, "rule": "total_in_range", "column": "total", "quarantined_at": at("2026-03-02 10:00")},
        ],
    )
    put_rejected(
        s3,
        QUARANTINE,
        "orders",
        "2026-03-02",
        "r2",
        [
            {
                "row": 1,
                "rule": "total_in_range",
                "column": "total",
                "quarantined_at": at("2026-03-02 11:00"),
                "source": "y",
            },
        ],
    )
    put_rejected(s3, QUARANTINE, "stores", "2026-03-01", "r3", [{"row": 0, "rule": "readable"}])


#: Parameters and rows, worked out by hand.
ANSWERS: dict[str, tuple[dict[str, Any], list[tuple[Any, ...]]]] = {
    **PROD_ANSWERS,
    **PURCHASE_ANSWERS,
    "daily_sales": (
        {"first_day": DAY("2026-03-01"), "last_day": DAY("2026-03-02")},
        [
            (DAY("2026-03-01"), "EUR", 1, 1, Decimal("98.00"), Decimal("98.00")),
            # Orders 1 (12.00) and 2 (5.56).
            (DAY("2026-03-01"), "USD", 2, 2, Decimal("17.56"), Decimal("8.78")),
            (DAY("2026-03-02"), "GBP", 1, 1, Decimal("77.77"), Decimal("77.77")),
            (DAY("2026-03-02"), "USD", 1, 0, Decimal("1.01"), Decimal("1.01")),
        ],
    ),
    "top_products": (
        {"first_day": DAY("2026-03-01"), "last_day": DAY("2026-03-01"), "limit": 2},
        [(11, None, "EUR", 1, 2, Decimal("98.00")), (10, "Milk", "USD", 2, 4, Decimal("13.55"))],
    ),
    "payments_by_issuer": (
        {"first_day": DAY("2026-03-01"), "last_day": DAY("2026-03-01")},
        [
            ("card", "visa", "USD", 3, 2, Decimal("10.00"), Decimal("5.00"), 1),
            ("cash", None, "USD", 1, 0, Decimal("1.00"), Decimal("0.00"), 0),
        ],
    ),
    "customers_by_country": ({"as_of": DAY("2026-03-02")}, [("MX", 2, 2)]),
    "rejected_by_rule": (
        {"first_day": DAY("2026-03-01"), "last_day": DAY("2026-03-02")},
        [
            ("orders", "total_in_range", "total", 3, 2, 0, moment("2026-03-02 11:00")),
            ("stores", "readable", None, 0, 1, 1, moment("2026-03-01")),
        ],
    ),
    "questions_by_system": (
        {"first_day": DAY("2026-03-01"), "last_day": DAY("2026-03-01")},
        [("copilot", 2, 2, 0.88, Decimal("1.50")), ("search", 1, 1, None, None)],
    ),
    "rows_per_day": (
        {"first_day": DAY("2026-03-02"), "last_day": DAY("2026-03-02")},
        [
            ("customers", "2026-03-02", 1, 1, 1),
            ("orders", "2026-03-02", 4, 1, 1),
            ("payments", "2026-03-02", 1, 0, 1),
            ("query_log", "2026-03-02", 3, 0, 1),
        ],
    ),
}
