"""Sample products in their table, and the feed that lets them change, on the local cloud."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from deploy.samples.compras import TENANTS, sample_compras, unlike_held, write_items
from deploy.samples.product_changes import ChangingProducts
from deploy.samples.products import sample_products

if TYPE_CHECKING:
    from pipeline_assets.operations.access import Access

FIRST, ROUNDS = 300_000_000, 120
KEY = ("tenant_id", "codigo")


@pytest.fixture(scope="module")
def items() -> list[dict[str, Any]]:
    return sample_products(sample_compras(14, 30, today=date(2026, 11, 20)), 40)


def table_of(access: Access) -> str:
    name = f"products-{uuid4().hex}"
    access.dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in KEY],
        KeySchema=[{"AttributeName": "tenant_id", "KeyType": "HASH"}, {"AttributeName": "codigo", "KeyType": "RANGE"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def held(access: Access, table: str) -> dict[tuple[str, str], dict[str, Any]]:
    pages = access.dynamodb.get_paginator("scan").paginate(TableName=table)
    return {(item["tenant_id"]["S"], item["codigo"]["S"]): dict(item) for page in pages for item in page["Items"]}


def test_the_sample_is_in_the_table_digit_by_digit_however_often_it_is_written(
    bare_cloud: Access, items: list[dict[str, Any]]
) -> None:
    table = table_of(bare_cloud)
    assert write_items(bare_cloud.dynamodb, table, items) == len(items) == 120
    assert held(bare_cloud, table) == {(item["tenant_id"]["S"], item["codigo"]["S"]): item for item in items}
    assert unlike_held(bare_cloud.dynamodb, table, items, KEY) == []


def test_prices_change_and_products_come_and_go_the_same_every_time(
    bare_cloud: Access, items: list[dict[str, Any]]
) -> None:
    seen = []
    for _ in range(2):
        table = table_of(bare_cloud)
        write_items(bare_cloud.dynamodb, table, items)
        before, feed = held(bare_cloud, table), ChangingProducts(bare_cloud.dynamodb, table)
        said = [feed.change(number) for number in range(FIRST, FIRST + ROUNDS)]
        seen.append((said, held(bare_cloud, table)))
    assert seen[0] == seen[1]
    said, after = seen[0]
    kinds = Counter(
        "removal" if each.startswith("removed") else "new" if "put N-" in each else "price" for each in said
    )
    assert min(kinds[kind] for kind in ("removal", "new", "price")) > 3
    assert len(after.keys() - before.keys()) > 10
    assert {tenant for tenant, _ in after.keys() - before.keys()} <= set(TENANTS)
    assert before.keys() - after.keys()
    changed = [key for key in after.keys() & before.keys() if after[key] != before[key]]
    assert changed
    for key in changed:
        was, now = before[key].pop("precio"), after[key].pop("precio")
        assert before[key] == after[key]
        assert 0 < Decimal(now["N"]) != Decimal(was["N"])
        assert Decimal(now["N"]) == Decimal(now["N"]).quantize(Decimal("0.01"))


def test_what_somebody_else_removed_or_left_without_a_price_is_no_trouble(bare_cloud: Access) -> None:
    table = table_of(bare_cloud)
    feed = ChangingProducts(bare_cloud.dynamodb, table)
    assert feed.change(FIRST) == ""
    bare_cloud.dynamodb.put_item(TableName=table, Item={"tenant_id": {"S": "t"}, "codigo": {"S": "P-1"}})
    assert any(feed.change(number) for number in range(FIRST, FIRST + 5)), "it looks again"
    for tenant, code in held(bare_cloud, table):
        bare_cloud.dynamodb.delete_item(TableName=table, Key={"tenant_id": {"S": tenant}, "codigo": {"S": code}})
    assert [feed.change(number) for number in range(FIRST + 5, FIRST + 40)][-1] == ""
    assert held(bare_cloud, table) == {}
