"""Sample purchases: three tenants, real baskets, exact prices, and every one of them meets the rules."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from deploy.samples.compras import TENANTS, sample_compras
from deploy.samples.purchases import cut_and_shift, sample_days, sample_folder
from pipeline_assets.compras.changes import Change, judge
from pipeline_assets.events.stream_records import stream_records
from tests.worlds.compras import record

TODAY = date(2026, 11, 20)


@pytest.fixture(scope="module")
def items() -> list[dict[str, Any]]:
    return sample_compras(14, today=TODAY)


def test_three_tenants_have_five_hundred_purchases_and_a_thousand_products_each(items: list[dict[str, Any]]) -> None:
    purchases = Counter(item["tenant_id"]["S"] for item in items)
    assert set(purchases) == set(TENANTS)
    assert min(purchases.values()) >= 500
    assert len({(item["tenant_id"]["S"], item["compra_id"]["S"]) for item in items}) == len(items)
    for tenant in TENANTS:
        sold = {
            line["M"]["codigo"]["S"]
            for item in items
            if item["tenant_id"]["S"] == tenant
            for line in item["productos"]["L"]
        }
        assert len(sold) >= 1_000


def test_purchases_are_of_the_last_days_in_the_order_of_time(items: list[dict[str, Any]]) -> None:
    times = [item["fecha"]["S"] for item in items]
    assert times == sorted(times)
    days = {TODAY - timedelta(days=ago) for ago in range(1, 15)}
    closed = sample_days(14, today=TODAY).closed
    assert {date.fromisoformat(time[:10]) for time in times} == days - set(closed)


def test_every_purchase_meets_the_rules(items: list[dict[str, Any]]) -> None:
    records, faults = stream_records({"Records": [record(1 + n, "INSERT", item) for n, item in enumerate(items)]})
    assert not faults
    assert len(records) == len(items)
    assert {type(judge(each)) for each in records} == {Change}


def test_lines_are_those_of_the_data_and_prices_are_what_was_paid_by_quantity(items: list[dict[str, Any]]) -> None:
    _, weeks = cut_and_shift(TODAY)
    item = items[-1]
    basket = int(item["compra_id"]["S"].removeprefix("C-"))
    lines = (
        pl.scan_parquet(sample_folder() / "transactions.parquet")
        .filter(pl.col("basket_id") == basket, pl.col("quantity") > 0)
        .sort("product_id")
        .collect()
        .to_dicts()
    )
    assert [line["M"]["codigo"]["S"] for line in item["productos"]["L"]] == [
        f"P-{each['product_id']}" for each in lines
    ]
    for written, line in zip(item["productos"]["L"], lines, strict=True):
        product = written["M"]
        assert Decimal(product["cantidad"]["N"]) == line["quantity"]
        paid = Decimal(product["precio_unitario"]["N"]) * line["quantity"]
        assert abs(paid - Decimal(str(round(line["sales_value"], 2)))) <= Decimal("0.00005") * line["quantity"]
    at = lines[0]["transaction_timestamp"] + timedelta(weeks=weeks)
    assert item["fecha"] == {"S": f"{at:%Y-%m-%d %H:%M:%S}"}
    assert item["user_id"] == {"S": f"U-{lines[0]['household_id']}"}
    assert item["tenant_id"] == {"S": TENANTS[lines[0]["store_id"] % 3]}


def test_few_days_are_filled_up_from_those_before_and_the_same_day_gives_the_same() -> None:
    items = sample_compras(1, 40, today=TODAY)
    assert Counter(item["tenant_id"]["S"] for item in items) == dict.fromkeys(TENANTS, 40)
    assert items == sample_compras(1, 40, today=TODAY)
    assert items[-1]["fecha"]["S"].startswith(str(TODAY - timedelta(days=1)))
    assert sample_compras(1, 40, weeks_moved=False)[-1]["fecha"]["S"].startswith("2018-01-01")


def test_more_purchases_than_there_are_is_said() -> None:
    with pytest.raises(ValueError, match=r"a tenant of the sample has 1 to \d+ purchases, not 1000000"):
        sample_compras(14, 1_000_000, today=TODAY)
