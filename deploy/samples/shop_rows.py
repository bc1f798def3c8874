"""The tables of a made-up shop, from a year of real grocery purchases and seeded persons: what a demo exports.

The purchases are those of `deploy.samples.purchases`, moved in time as there. Persons, cards, codes and social
security numbers are made up: cards begin like those that networks give out for tests and have right check digits,
social security numbers begin with 666, which is never issued. The same days give the same rows.

Every row was last changed on the day it is about: a product, store or customer on the day of its first purchase here.
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path

import polars as pl

from deploy.samples.purchases import FIRST_DAY, cut_and_shift, sample_folder
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.datasets.frame_types import frame_type

#: Planted in the first customer, the first card payment and the first question: they must turn up nowhere else.
PLANTED_CARD, PLANTED_CODE, PLANTED_SSN = "4000056655665556", "K9X7QZ", "666-45-6789"
ONLINE_SHOP = 99_999

_FIRST = (
    "Ada Ana Ben Carmen Diego Emma Finn Greta Hugo Ivana Juan Kim Lena Luis Maria Noor Omar Pia Rosa Sven Tara Yusuf"
)
_LAST = "Alvarez Baker Castillo Dogan Evans Fischer Garcia Haddad Ito Jansen Khan Lopez Moreau Novak Okafor Perez Silva"
_REGIONS = ("North", "South", "East", "West")
#: How the cards of tests begin, and how many digits they have.
_TEST_CARDS = (("424242", 16), ("411111", 16), ("555555", 16), ("222300", 16), ("378282", 15), ("601111", 16))
_SYSTEMS = ("Retail Copilot", "Market Intelligence Hub", "Demand Insights Engine", "Compliance Guardian")
_QUESTIONS = (
    "Which products sell best this week?",
    "How many orders came from store {store}?",
    "Which customers have not bought for a month?",
    "Was the card {card} charged twice for order {order}?",
    "Show sales by region since {day}.",
    "What is bought together with milk?",
    "My number is {ssn}, am I a customer?",
    "Forecast the demand for bread next week.",
)
_QUESTIONS_A_DAY = 24
_SHIFT = 1 << 32


def shop_rows(days: int, today: date | None = None, *, folder: Path | None = None) -> dict[str, pl.DataFrame]:
    """The rows of every table for the last `days` days before `today`, by dataset, with all columns of the source."""
    newest, weeks = cut_and_shift(today or datetime.now(UTC).date())
    oldest = max(FIRST_DAY, newest - timedelta(days=days - 1))
    shift = timedelta(weeks=weeks)
    lines = _bought(folder or sample_folder(), oldest, newest, shift)
    orders = _orders(lines, newest + shift)
    made = {
        "customers": _customers(lines, folder or sample_folder()),
        "products": _products(lines, folder or sample_folder()),
        "stores": _stores(orders),
        "orders": orders,
        "order_lines": _order_lines(lines, orders),
        "payments": _payments(orders),
        "query_log": _query_log(
            orders, [oldest + shift + timedelta(days=n) for n in range((newest - oldest).days + 1)]
        ),
    }
    return {
        dataset.name: made[dataset.name]
        .select(pl.col(column.name).cast(frame_type(column.type)) for column in dataset.columns)
        .sort(dataset.key)
        for dataset in ECOMMERCE
    }


def _bought(folder: Path, oldest: date, newest: date, shift: timedelta) -> pl.DataFrame:
    """Every line of the purchases, its place in its basket with it."""
    at = pl.col("transaction_timestamp")
    return (
        pl.scan_parquet(folder / "transactions.parquet")
        .filter(at.dt.date().is_between(oldest, newest))
        .with_columns(at=(at + shift).dt.cast_time_unit("us").dt.replace_time_zone("UTC"))
        .sort("basket_id", "product_id", "quantity", "sales_value")
        .with_columns(line_number=pl.int_range(pl.len()).over("basket_id") + 1)
        .collect()
    )


def _orders(lines: pl.DataFrame, newest: date) -> pl.DataFrame:
    end = datetime.combine(newest + timedelta(days=1), time(), UTC) - timedelta(seconds=1)
    order = pl.col("order_id")
    minutes = pl.duration(minutes=_draw(order, 1, 360))
    return (
        lines.group_by(order_id="basket_id")
        .agg(
            customer_id=pl.col("household_id").first(),
            store_id=pl.col("store_id").first(),
            ordered_at=pl.col("at").min(),
            total=pl.col("sales_value").sum().round(2),
        )
        .with_columns(channel=pl.when(_draw(order, 2, 10) == 0).then(pl.lit("online")).otherwise(pl.lit("store")))
        .with_columns(
            store_id=pl.when(pl.col("channel") == "online").then(ONLINE_SHOP).otherwise("store_id"),
            status=_one_of(order, 3, ("paid",) * 17 + ("shipped", "returned", "cancelled")),
            currency=pl.lit("USD"),
            updated_at=pl.min_horizontal(pl.col("ordered_at") + minutes, pl.lit(end)),
        )
    )


def _order_lines(lines: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    pieces = pl.max_horizontal("quantity", 1)
    sold = lines.select(
        order_id="basket_id",
        line_number="line_number",
        product_id="product_id",
        quantity="quantity",
        unit_price=((pl.col("sales_value") + pl.col("retail_disc")) / pieces).round(2),
        discount=pl.col("retail_disc").round(2),
        amount=pl.col("sales_value").round(2),
        currency=pl.lit("USD"),
        is_return=pl.lit(value=False),
    )
    back = sold.join(orders.filter(pl.col("status") == "returned"), on="order_id", how="semi").filter(
        pl.col("line_number") == 1
    )
    back = back.with_columns(line_number=pl.lit(10_000, pl.Int64), is_return=pl.lit(value=True))
    sold = sold.with_columns(pl.col("line_number").cast(pl.Int64))
    return pl.concat([sold, back]).join(orders.select("order_id", "updated_at"), on="order_id")


def _payments(orders: pl.DataFrame) -> pl.DataFrame:
    order = pl.col("order_id")
    paid = orders.select(
        payment_id="order_id",
        order_id="order_id",
        paid_at=pl.col("ordered_at") + pl.duration(seconds=_draw(order, 4, 60)),
        method=_one_of(order, 5, ("card",) * 8 + ("cash", "voucher")),
        # A quarter is paid with a second card.
        card=pl.col("customer_id") * 2 + (_draw(order, 6, 4) == 0).cast(pl.Int64),
        amount="total",
        currency="currency",
        status=pl.when(pl.col("status") == "returned").then(pl.lit("refunded")).otherwise(pl.lit("captured")),
        updated_at="updated_at",
    ).sort("payment_id")
    by_card = pl.col("method") == "card"
    cards = (
        paid.select("card")
        .unique()
        .with_columns(
            card_number=pl.col("card").map_elements(_card, pl.String),
            card_security_code=pl.col("card").map_elements(lambda card: f"{card * 7919 % 1000:03d}", pl.String),
        )
    )
    first = by_card & (by_card.cum_sum() == 1)
    return paid.join(cards, on="card", how="left", maintain_order="left").with_columns(
        card_number=pl.when(first).then(pl.lit(PLANTED_CARD)).when(by_card).then("card_number"),
        card_security_code=pl.when(first).then(pl.lit(PLANTED_CODE)).when(by_card).then("card_security_code"),
    )


def _customers(lines: pl.DataFrame, folder: Path) -> pl.DataFrame:
    known = pl.read_parquet(folder / "demographics.parquet")
    customer = pl.col("customer_id")
    named = (
        lines.group_by(customer_id="household_id")
        .agg(updated_at=pl.col("at").min())
        .join(known, left_on="customer_id", right_on="household_id", how="left")
        .sort("customer_id")
        .with_columns(
            first_name=_one_of(customer, 7, tuple(_FIRST.split())),
            last_name=_one_of(customer, 8, tuple(_LAST.split())),
        )
    )
    number = pl.format("666-{}-{}", _digits(_draw(customer, 9, 99) + 1, 2), _digits(customer + 100, 4))
    return named.select(
        "customer_id",
        "first_name",
        "last_name",
        "updated_at",
        email=pl.format("{}.{}.{}@example.com", "first_name", "last_name", "customer_id").str.to_lowercase(),
        ssn=pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(PLANTED_SSN)).otherwise(number),
        age_band=pl.col("age").cast(pl.String),
        income_band=pl.col("income").cast(pl.String),
        household_size=pl.col("household_size").cast(pl.String).str.head(1).cast(pl.Int64),
        country=_one_of(customer, 10, ("US",) * 8 + ("MX", "GB")),
        created_at=pl.col("updated_at") - pl.duration(days=_draw(customer, 11, 700)),
    )


def _products(lines: pl.DataFrame, folder: Path) -> pl.DataFrame:
    table = pl.read_parquet(folder / "products.parquet").with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
    sold = lines.group_by("product_id").agg(updated_at=pl.col("at").min())
    kind = pl.coalesce("product_type", "product_category", "department", pl.lit("UNKNOWN PRODUCT"))
    name = pl.concat_str(kind, "package_size", pl.format("#{}", "product_id"), separator=" ", ignore_nulls=True)
    return sold.join(table, on="product_id", how="left").with_columns(
        name=name.str.replace_all(r"\s+", " ").str.strip_chars(), category=pl.col("product_category")
    )


def _stores(orders: pl.DataFrame) -> pl.DataFrame:
    store = pl.col("store_id")
    online = store == ONLINE_SHOP
    return (
        orders.group_by("store_id")
        .agg(updated_at=pl.col("ordered_at").min())
        .with_columns(
            name=pl.when(online).then(pl.lit("Online shop")).otherwise(pl.format("Store {}", "store_id")),
            region=pl.when(online).then(pl.lit("Online")).otherwise(_one_of(store, 12, _REGIONS)),
            country=pl.lit("US"),
            time_zone=pl.when(online).then(pl.lit("UTC")).otherwise(pl.lit("America/Chicago")),
        )
    )


def _query_log(orders: pl.DataFrame, days: list[date]) -> pl.DataFrame:
    """Questions through every day; of some, people typed in what nobody should."""
    order, store = orders["order_id"].min(), orders["store_id"].min()
    rows: list[tuple[object, ...]] = []
    for number, (day, asked) in enumerate(((day, n) for day in days for n in range(_QUESTIONS_A_DAY)), start=1):
        told = random.Random(number)  # noqa: S311 - made up on purpose
        card = PLANTED_CARD if len(rows) < len(_QUESTIONS) else _card(number)
        grouped = " ".join(card[place : place + 4] for place in range(0, len(card), 4))
        ssn = PLANTED_SSN if len(rows) < len(_QUESTIONS) else f"666-{number % 99 + 1:02d}-{number % 10_000:04d}"
        # Every other one is asked by the same person soon after: they did not find what they wanted.
        first = random.Random(number - asked % 2)  # noqa: S311 - made up on purpose
        at = datetime.combine(day, time(), UTC) + timedelta(
            seconds=(asked - asked % 2) * 3_600 + first.randrange(3_600)
        )
        at += timedelta(seconds=90 * (asked % 2))
        text = _QUESTIONS[(number - 1) % len(_QUESTIONS)].format(
            card=grouped, ssn=ssn, order=order, store=store, day=day
        )
        seconds = told.randrange(20, 900) / 100
        identity = int(day.strftime("%Y%m%d")) * 100 + asked
        results = told.choice((0, 1, 5, 20, 100, None))
        who, system = f"analyst-{first.randrange(12):02d}", first.choice(_SYSTEMS)
        rows.append((identity, at, who, system, text, seconds, results, at))
    names = ["query_id", "asked_at", "asked_by", "system", "text", "seconds", "results", "updated_at"]
    return pl.DataFrame(rows, schema=names, orient="row")


@cache
def _card(seed: int) -> str:
    """A made-up card number."""
    told = random.Random(f"card {seed}")  # noqa: S311 - made up on purpose
    begin, length = told.choice(_TEST_CARDS)
    digits = begin + "".join(told.choices("0123456789", k=length - len(begin) - 1))
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[::-2])
    return digits + str(-(sum(doubled) + sum(map(int, digits[-2::-2]))) % 10)


def _digits(number: pl.Expr, width: int) -> pl.Expr:
    return number.cast(pl.String).str.zfill(width)


def _one_of(of: pl.Expr, salt: int, choices: tuple[str, ...]) -> pl.Expr:
    return _draw(of, salt, len(choices)).replace_strict(dict(enumerate(choices)), return_dtype=pl.String)


def _draw(of: pl.Expr, salt: int, below: int) -> pl.Expr:
    """A number from 0 that depends on an id alone, whatever the version of the frame library: Fibonacci hashing."""
    mixed = (of.cast(pl.UInt64) % _SHIFT * 2_654_435_769 + salt * 2_246_822_519) % _SHIFT
    mixed = (mixed // (1 << 15) + mixed) * 739_982_445 % _SHIFT
    return ((mixed // (1 << 12)) % below).cast(pl.Int64)
