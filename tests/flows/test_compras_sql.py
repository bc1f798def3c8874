"""SQL over purchases: all changes and the current state, as the stream made them, and the named queries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from pipeline_assets.operations.access import Access
from pipeline_assets.queries.answer import Answer
from pipeline_assets.queries.duckdb_engine import DuckDbEngine
from pipeline_assets.queries.errors import QueryError
from pipeline_assets.queries.named_query import NamedQuery
from pipeline_assets.queries.sql import query
from tests.worlds.compras import Purchases, product, purchase, record

DAYS = {"first_day": date(2026, 11, 1), "last_day": date(2026, 11, 30)}


@pytest.fixture
def purchases(bare_cloud: Access) -> Purchases:
    return Purchases.new(bare_cloud)


def ask(world: Purchases, statement: str) -> Answer:
    engine = DuckDbEngine({"compras": world.documents}, compras_database="dev-compras-datacatalog")
    return engine.run(NamedQuery("asked", "", "", (), {}, statement), {})


def answer(world: Purchases, name: str, **parameters: object) -> list[tuple[Any, ...]]:
    return list(DuckDbEngine({"compras": world.documents}).run(query(name), parameters).rows)


def test_a_purchase_is_there_once_for_each_change_and_once_as_it_is(purchases: Purchases) -> None:
    first = purchase("c1", "t1", "2026-11-20 09:30:00", product("P1", "0.1", "3"))
    later = purchase("c1", "t1", "2026-11-20 09:30:00", product("P1", "0.1", "4"), product("P2", "2", "1"))
    gone = purchase("c2", "t1")
    purchases.deliver(
        record(1, "INSERT", first),
        record(2, "INSERT", gone, second=1),
        record(3, "MODIFY", later, old=first, second=60),
        record(4, "REMOVE", gone, second=61),
        record(5, "INSERT", purchase("c1", "t2", "2026-11-19 23:59:59", product("P1", "7", "1"))),
    )
    changes = ask(
        purchases, "SELECT event_name, changed_at, total_precio FROM compras_changes ORDER BY changed_at, tenant_id"
    )
    assert [row[0] for row in changes.rows] == ["INSERT", "INSERT", "INSERT", "MODIFY", "REMOVE"]
    assert changes.rows[3] == ("MODIFY", datetime(2026, 11, 20, 9, 31), Decimal("2.40"))  # noqa: DTZ001 - Athena's have no zone
    assert changes.types == ("varchar", "timestamp", "decimal")
    current = ask(purchases, "SELECT tenant_id, compra_id, day, total_precio FROM compras_current ORDER BY 1, 2")
    assert current.rows == (
        ("t1", "c1", date(2026, 11, 20), Decimal("2.40")),
        ("t2", "c1", date(2026, 11, 19), Decimal("7.00")),
    )
    assert answer(purchases, "compras_best_sellers", **DAYS) == [
        ("t1", "USD", 1, "P1", "Pan", 1, Decimal(4), Decimal("0.40")),
        ("t1", "USD", 2, "P2", "Pan", 1, Decimal(1), Decimal("2.00")),
        ("t2", "USD", 1, "P1", "Pan", 1, Decimal(1), Decimal("7.00")),
    ]
    assert answer(purchases, "compras_daily", **DAYS) == [
        ("t1", date(2026, 11, 20), "USD", 1, 1, Decimal(5), Decimal("2.40"), 2.4, Decimal("2.40"), Decimal("2.40")),
        ("t2", date(2026, 11, 19), "USD", 1, 1, Decimal(1), Decimal("7.00"), 7.0, Decimal("7.00"), Decimal("7.00")),
    ]
    assert answer(purchases, "compras_changes_per_day", **DAYS) == [
        ("t1", date(2026, 11, 20), 2, 1, 1),
        ("t2", date(2026, 11, 20), 1, 0, 0),
    ]
    recent = answer(purchases, "compras_recent", first_day=date(2026, 11, 1), limit=1)
    assert [(row[0], row[1], row[2], row[6], row[9]) for row in recent] == [
        ("2026-11-20 09:30:00", "t1", "c1", "P1", Decimal(4)),
        ("2026-11-20 09:30:00", "t1", "c1", "P2", Decimal(1)),
    ]


def test_an_empty_purchase_is_among_the_recent_ones_and_sums_have_no_row_of_it(purchases: Purchases) -> None:
    purchases.deliver(record(1, "INSERT", purchase() | {"productos": {"L": []}, "user_id": {"NULL": True}}))
    (row,) = answer(purchases, "compras_recent", first_day=date(2026, 11, 1))
    assert row[1:5] == ("t1", "c1", None, Decimal("0.00"))
    assert row[6:] == (None, None, None, None)
    assert answer(purchases, "compras_best_sellers", **DAYS) == []


def test_numbers_that_no_shop_has_leave_the_sums_of_others_as_they_are(purchases: Purchases) -> None:
    huge = product("P9", "99999999999999999999999999999999999999", "5"), product("P9", "1", "1E+30")
    purchases.deliver(
        record(1, "INSERT", purchase("c1", "t1", "2026-11-20", product("P1", "0.005", "1"))),
        *(record(n, "INSERT", purchase(f"c{n}", "t1", "2026-11-20", each)) for n, each in enumerate(huge, 2)),
    )
    assert answer(purchases, "compras_best_sellers", **DAYS)[0][3:] == ("P9", "Pan", 2, Decimal(5), None)
    (day,) = answer(purchases, "compras_daily", **DAYS)
    assert (day[3], day[6], day[7]) == (3, Decimal("0.00"), 0.0)
    assert len(answer(purchases, "compras_recent", first_day=date(2026, 11, 1))) == 3


def test_a_file_that_is_no_document_disturbs_nobody(purchases: Purchases) -> None:
    purchases.deliver(record(1, "INSERT", purchase()))
    folder = "compras/t1/2026/11/20/"
    body = purchases.documents.read(f"{folder}insert_c1_20261120_093000.json") or b""
    for name, content in (("notes.txt", b"hello"), ("copy.json", body), ("_SUCCESS", b"")):
        purchases.documents.put(folder + name, content)
    assert ask(purchases, "SELECT count(*) AS n FROM compras_changes").rows == ((1,),)


def test_only_folders_that_a_condition_leaves_are_read(purchases: Purchases) -> None:
    purchases.deliver(
        *(record(n, "INSERT", purchase(f"c{n}", "t1", f"2026-11-{n:02} 10:00:00")) for n in range(1, 11)),
        record(20, "INSERT", purchase("c1", "___", "2026-11-01 10:00:00")),
    )
    one = ask(purchases, "SELECT compra_id FROM compras_json WHERE tenant_id = 't1' AND day = '03'")
    everything = ask(purchases, "SELECT compra_id FROM compras_json")
    assert one.rows == (("c3",),)
    assert len(everything.rows) == 11
    assert one.scanned_bytes * 10 < everything.scanned_bytes


@pytest.mark.filterwarnings("ignore::pipeline_assets.queries.portable.PortabilityWarning")
def test_the_table_has_the_columns_of_glue_and_the_address_is_hidden(purchases: Purchases) -> None:
    purchases.deliver(record(1, "INSERT", purchase()))
    assert ask(purchases, "SELECT * FROM compras_json").columns == (
        *("compra_id", "user_id", "fecha", "productos", "resumen", "metadata"),
        *("tenant_id", "year", "month", "day"),
    )
    named = 'SELECT "$path" AS p FROM "dev-compras-datacatalog".compras_json'
    assert ask(purchases, named).rows == (("s3://compras/compras/t1/2026/11/20/insert_c1_20261120_093000.json",),)
    with pytest.raises(QueryError, match="two databases"):
        ask(purchases, "SELECT 1 AS n FROM compras_json CROSS JOIN orders")
    with pytest.raises(QueryError, match="there is no database `cesta_dev_lake`"):
        ask(purchases, "SELECT compra_id FROM cesta_dev_lake.compras_json")
    with pytest.raises(QueryError, match="is in the bucket of `compras`, which the environment does not name"):
        DuckDbEngine({}).run(query("compras_daily"), {})


Item = Mapping[str, Any]


@pytest.mark.parametrize("seed", range(3))
def test_the_current_state_is_that_of_the_table_of_purchases(purchases: Purchases, seed: int) -> None:
    """Several changes in a second, deletions, re-creations, moves to another day, batches that come again."""
    dice = Random(seed)
    table: dict[tuple[str, str], Item] = {}
    records: list[dict[str, Any]] = []
    second = 0
    for number in range(1, 61):
        second += dice.choice((0, 0, 1, 7))
        key = dice.choice(("t1", "t2", "t/3")), dice.choice(("a", "b", "c d"))
        old = table.get(key)
        lines = [
            product(dice.choice("PQR"), str(dice.randrange(1, 999) / 100), str(dice.randrange(1, 9))) for _ in "12"
        ]
        item = purchase(key[1], key[0], f"2026-11-{dice.choice((18, 19, 20))} 10:00:00", *lines)
        if old and dice.random() < 0.4:
            records.append(record(number, "REMOVE", dict(old), second=second))
            del table[key]
        else:
            records.append(
                record(number, "MODIFY" if old else "INSERT", item, old=dict(old) if old else None, second=second)
            )
            table[key] = item
    begin = 0
    while begin < len(records):
        end = begin + dice.randrange(1, 9)
        purchases.deliver(*records[begin:end])
        if dice.random() < 0.5:
            purchases.deliver(*records[max(0, begin - 3) : end])
        begin = end
    found = ask(purchases, "SELECT tenant_id, compra_id, fecha, total_precio FROM compras_current").rows
    expected = {(tenant[:2], compra, item["fecha"]["S"], _total(item)) for (tenant, compra), item in table.items()}
    assert {(str(row[0])[:2].replace("t_", "t/"), *row[1:]) for row in found} == expected
    assert len(found) == len(expected)
    assert ask(purchases, "SELECT count(*) AS n FROM compras_changes").rows == ((len(records),),)


def _total(item: Item) -> Decimal:
    lines = (line["M"] for line in item["productos"]["L"])
    return sum((Decimal(each["precio_unitario"]["N"]) * Decimal(each["cantidad"]["N"]) for each in lines), Decimal(0))
