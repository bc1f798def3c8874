"""Sample purchases in their table, and the feed that lets them change, on the local cloud."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from deploy.samples.compras import TENANTS, sample_compras, write_items
from deploy.samples.compras_changes import ROUND_SECONDS, ChangingPurchases
from tests.worlds.compras import purchase
from tests.worlds.stores import make_table

if TYPE_CHECKING:
    from pipeline_assets.operations.access import Access

#: A round of 2026-11-20.
FIRST = 1_795_167_000 // ROUND_SECONDS


@pytest.fixture(scope="module")
def items() -> list[dict[str, Any]]:
    return sample_compras(14, 60, today=date(2026, 11, 20))


def table_of(access: Access) -> str:
    return make_table(access.dynamodb, f"compras-{uuid4().hex}", "ComprasTable")


def held(access: Access, table: str) -> dict[tuple[str, str], dict[str, Any]]:
    pages = access.dynamodb.get_paginator("scan").paginate(TableName=table)
    return {(item["tenant_id"]["S"], item["compra_id"]["S"]): dict(item) for page in pages for item in page["Items"]}


def test_the_sample_is_in_the_table_digit_by_digit_however_often_it_is_written(
    bare_cloud: Access, items: list[dict[str, Any]]
) -> None:
    table, told = table_of(bare_cloud), list[int]()
    for _ in range(2):
        assert write_items(bare_cloud.dynamodb, table, items, written=told.append) == len(items) == 180
    assert sum(told) == 2 * len(items)
    assert held(bare_cloud, table) == {(item["tenant_id"]["S"], item["compra_id"]["S"]): item for item in items}


def test_purchases_come_change_go_and_return(bare_cloud: Access, items: list[dict[str, Any]]) -> None:
    table = table_of(bare_cloud)
    write_items(bare_cloud.dynamodb, table, items)
    before, feed = held(bare_cloud, table), ChangingPurchases(bare_cloud.dynamodb, table)
    assert feed.look() == len(items)
    said = [feed.change(number) for number in range(FIRST, FIRST + 200)]
    kinds = Counter(
        "return"
        if ", put" in each
        else "removal"
        if each.startswith("removed")
        else "new"
        if "put N-" in each
        else "quantity"
        for each in said
    )
    assert min(kinds[kind] for kind in ("return", "removal", "new", "quantity")) > 3
    after = held(bare_cloud, table)
    new, gone = after.keys() - before.keys(), before.keys() - after.keys()
    assert len(new) > 60
    assert gone
    assert {tenant for tenant, _ in new} == set(TENANTS)
    assert {after[key]["fecha"]["S"][:10] for key in new} == {"2026-11-20"}
    changed = [key for key in after.keys() & before.keys() if after[key] != before[key]]
    assert changed
    for key in changed:
        was, now = before[key].pop("productos")["L"], after[key].pop("productos")["L"]
        assert before[key] == after[key]
        assert [line["M"].pop("cantidad") for line in was] != [line["M"].pop("cantidad") for line in now]
        assert was == now


def test_the_same_seed_changes_the_same_purchases_alike(bare_cloud: Access, items: list[dict[str, Any]]) -> None:
    made = []
    for seed in (1, 1, 2):
        table = table_of(bare_cloud)
        write_items(bare_cloud.dynamodb, table, items)
        feed = ChangingPurchases(bare_cloud.dynamodb, table, seed)
        made.append(([feed.change(number) for number in range(FIRST, FIRST + 40)], held(bare_cloud, table)))
    assert made[0] == made[1] != made[2]


def test_what_somebody_else_removed_or_left_empty_is_no_trouble(bare_cloud: Access) -> None:
    table = table_of(bare_cloud)
    feed = ChangingPurchases(bare_cloud.dynamodb, table)
    assert feed.change(FIRST) == ""
    bare = {**purchase("c1"), "productos": {"L": []}}
    bare_cloud.dynamodb.put_item(TableName=table, Item=bare)
    assert any(feed.change(number) for number in range(FIRST, FIRST + 5)), "it looks again"
    for tenant, compra in held(bare_cloud, table):
        bare_cloud.dynamodb.delete_item(TableName=table, Key={"tenant_id": {"S": tenant}, "compra_id": {"S": compra}})
    assert [feed.change(number) for number in range(FIRST + 5, FIRST + 30)][-1] == ""
    assert held(bare_cloud, table) == {}
