"""CSV and Parquet of a day of purchases: the changes in their order, whoever makes them how often at the same time."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest

from pipeline_assets.compras.assets import DOCUMENTS_KEY, RESOURCE, compras_csv, compras_parquet, purchase_days
from pipeline_assets.compras.day import tenants_with_documents
from pipeline_assets.compras.derived import CSV, DERIVED, PARQUET, DerivedTable, has_purchases, publish_day
from pipeline_assets.compras.stores import ComprasStores
from pipeline_assets.compras.tables import COMPRAS_CSV, COMPRAS_PARQUET
from pipeline_assets.errors import TransientError
from pipeline_assets.events.tenants import TenantId
from pipeline_assets.lake.arrow_types import arrow_schema
from pipeline_assets.lineage.spark import SparkResource
from pipeline_assets.operations.access import Access
from tests.worlds.compras import Purchases, product, purchase, record

DAY = "2026-11-20"
T1 = TenantId("t1")


@pytest.fixture
def purchases(bare_cloud: Access) -> Purchases:
    return Purchases.new(bare_cloud)


def parquet(world: Purchases, tenant: str = "t1", day: str = DAY) -> list[dict[str, Any]]:
    body = world.documents.read(PARQUET.key(TenantId(tenant), day)) or b""
    table = pq.read_table(io.BytesIO(body))
    assert table.schema.equals(arrow_schema(COMPRAS_PARQUET))
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def rows_of_csv(world: Purchases, tenant: str = "t1", day: str = DAY) -> list[dict[str, str]]:
    body = gzip.decompress(world.documents.read(CSV.key(TenantId(tenant), day)) or b"").decode()
    assert body.splitlines()[0] == ",".join(column.name for column in COMPRAS_CSV.columns)
    return list(csv.DictReader(io.StringIO(body)))


def test_a_row_for_each_change_and_a_line_for_each_product_of_it(purchases: Purchases) -> None:
    item = purchase("c1", "t1", f"{DAY} 09:30:00", product("P1", "0.1", "3"), product("P2", "19.99", "1", 'Café, "x"'))
    purchases.deliver(
        record(1, "INSERT", item),
        record(2, "REMOVE", item, second=60),
        record(3, "INSERT", purchase("c2", "t2")),
        record(4, "INSERT", purchase("c3", "t1", "2026-11-19 10:00:00")),
    )
    done = publish_day(PARQUET, DAY, purchases.stores())
    assert [(each.tenant, each.documents, each.rows, each.put) for each in done] == [
        ("t1", 2, 2, True),
        ("t2", 1, 1, True),
    ]
    first, second = parquet(purchases)
    assert first["productos"] == [
        {"codigo": "P1", "nombre": "Pan", "precio_unitario": Decimal("0.1"), "cantidad": 3},
        {"codigo": "P2", "nombre": 'Café, "x"', "precio_unitario": Decimal("19.99"), "cantidad": 1},
    ]
    assert first["resumen"]["total_precio"] == Decimal("20.29")
    assert (first["change_number"], first["exact"], first["sequence_number"]) == (1, True, None)
    assert first["changed_at"] == datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    assert first["document"] == "s3://compras/compras/t1/2026/11/20/insert_c1_20261120_093000.json"
    assert (second["change_number"], second["metadata"]["event_name"]) == (2, "REMOVE")
    publish_day(CSV, DAY, purchases.stores())
    assert [list(each.values()) for each in rows_of_csv(purchases)] == [
        ["c1", "u1", f"{DAY} 09:30:00", event, f"{DAY} {time}", number, line, code, name, price, quantity, "USD"]
        for event, time, number in (("INSERT", "09:30:00", "1"), ("REMOVE", "09:31:00", "2"))
        for line, code, name, price, quantity in (
            ("1", "P1", "Pan", "0.1", "3"),
            ("2", "P2", 'Café, "x"', "19.99", "1"),
        )
    ]


def test_changes_within_one_second_are_in_the_order_of_the_stream_whatever_came_first(purchases: Purchases) -> None:
    item = purchase()
    for number, event in ((9, "MODIFY"), (100, "REMOVE"), (8, "INSERT"), (101, "INSERT")):
        purchases.deliver(record(number, event, item | {"user_id": {"S": f"u{number}"}}))
    purchases.deliver(record(7, "INSERT", purchase("c0"), second=1))
    publish_day(PARQUET, DAY, purchases.stores())
    found = [(each["user_id"], each["change_number"], each["sequence_number"]) for each in parquet(purchases)]
    assert found == [("u1", 1, None), *((f"u{n}", place, f"{n:040}") for place, n in enumerate((8, 9, 100, 101), 1))]


@pytest.mark.parametrize("derived", DERIVED, ids=lambda derived: derived.asset)
def test_a_day_that_is_made_again_is_the_same_object_and_a_new_change_is_in_the_next(
    purchases: Purchases, derived: DerivedTable
) -> None:
    purchases.deliver(record(1, "INSERT", purchase()))
    (first,), (again,) = (publish_day(derived, DAY, purchases.stores()) for _ in range(2))
    assert (first.put, again.put) == (True, False)
    assert len(list(purchases.documents.versions_of(derived.key(T1, DAY)))) == 1
    purchases.deliver(record(2, "MODIFY", purchase(), second=5))
    (third,) = publish_day(derived, DAY, purchases.stores())
    assert (third.put, third.rows, third.documents) == (True, 2, 2)


def test_of_two_workers_the_one_that_saw_less_begins_again(
    purchases: Purchases, monkeypatch: pytest.MonkeyPatch
) -> None:
    purchases.deliver(record(1, "INSERT", purchase()))
    put = purchases.documents.put_if_match
    others = iter([True])

    def put_after_another(key: str, body: Any, etag: str | None) -> Any:
        if next(others, False):
            purchases.deliver(record(2, "MODIFY", purchase(), second=5))
            publish_day(PARQUET, DAY, purchases.stores())
        return put(key, body, etag)

    monkeypatch.setattr(purchases.documents, "put_if_match", put_after_another)
    (done,) = publish_day(PARQUET, DAY, purchases.stores())
    assert (done.documents, done.put) == (2, False)
    assert len(parquet(purchases)) == 2


def test_numbers_that_sql_cannot_hold_are_told_and_stay_in_the_csv(purchases: Purchases) -> None:
    prices = ["1234567890123456.789", "0.12345678955", "1E+30", "99999999999999999999999999999.999999999"]
    purchases.deliver(
        *(record(n, "INSERT", purchase(f"c{n}", "t1", DAY, product(price=price))) for n, price in enumerate(prices, 1))
    )
    for derived in DERIVED:
        publish_day(derived, DAY, purchases.stores())
    found = [(each["productos"][0]["precio_unitario"], each["exact"]) for each in parquet(purchases)]
    assert found == [
        (Decimal("1234567890123456.789"), True),
        (Decimal("0.123456790"), False),
        (None, False),
        (Decimal("99999999999999999999999999999.999999999"), True),
    ]
    assert [Decimal(each["precio_unitario"]) for each in rows_of_csv(purchases)] == [Decimal(each) for each in prices]


def test_a_text_with_line_ends_is_one_row_and_an_empty_purchase_is_a_change_without_lines(purchases: Purchases) -> None:
    odd = purchase("c/1", "t1", DAY, product(name='a"b\r\n\u0001c\\`'))
    purchases.deliver(record(1, "INSERT", odd), record(2, "INSERT", purchase("c2") | {"productos": {"L": []}}))
    for derived in DERIVED:
        publish_day(derived, DAY, purchases.stores())
    (row,) = rows_of_csv(purchases)
    assert (row["compra_id"], row["nombre"]) == ("c/1", "a\"b   c\\'")
    assert [each["productos"] for each in parquet(purchases)][1] == []


@pytest.mark.parametrize("derived", DERIVED, ids=lambda derived: derived.asset)
def test_what_is_no_document_is_left_out_and_named(purchases: Purchases, derived: DerivedTable) -> None:
    purchases.deliver(record(1, "INSERT", purchase()))
    folder = "compras/t1/2026/11/20/"
    body = purchases.documents.read(f"{folder}insert_c1_20261120_093000.json") or b""
    for name, content in (("notes.txt", b"hello"), ("copy.json", body), ("insert_c9_20261120_093000.json", body)):
        purchases.documents.put(folder + name, content)
    (done,) = publish_day(derived, DAY, purchases.stores())
    assert (done.documents, done.rows) == (1, 1)
    assert done.left_out == tuple(
        sorted(f"{folder}{name}" for name in ("copy.json", "insert_c9_20261120_093000.json", "notes.txt"))
    )


def test_tenants_are_those_with_documents(purchases: Purchases) -> None:
    assert list(tenants_with_documents(purchases.documents)) == []
    assert not has_purchases(DAY, purchases.stores())
    names = ["t1", "t10", "t1-a", "../Perú"]
    purchases.deliver(*(record(n, "INSERT", purchase("c1", name)) for n, name in enumerate(names, 1)))
    purchases.documents.put("compras/readme.txt", b"hello")
    expected = sorted(["t1", "t10", "t1-a", "___Per_.91225b9eb67900bcae3a4679d94c3e93"])
    assert sorted(tenants_with_documents(purchases.documents)) == expected
    assert has_purchases(DAY, purchases.stores())
    assert not has_purchases("2026-11-21", purchases.stores())
    assert publish_day(PARQUET, "2026-11-21", purchases.stores()) == []


def test_a_bucket_that_does_not_answer_is_told(purchases: Purchases) -> None:
    purchases.deliver(record(1, "INSERT", purchase()))
    purchases.documents.fault = "SlowDown"
    with pytest.raises(TransientError, match="SlowDown"):
        publish_day(PARQUET, DAY, purchases.stores())
    purchases.documents.fault = ""
    assert publish_day(PARQUET, DAY, purchases.stores())


def test_only_changes_that_share_a_second_are_asked_for_their_place(
    purchases: Purchases, monkeypatch: pytest.MonkeyPatch
) -> None:
    purchases.deliver(*(record(n, "INSERT", purchase(f"c{n}"), second=n) for n in range(1, 20)))
    asked: list[str] = []
    head = purchases.documents.head

    def asking(of: Any) -> Any:
        asked.append(str(of))
        return head(of)

    monkeypatch.setattr(purchases.documents, "head", asking)
    publish_day(PARQUET, DAY, purchases.stores())
    assert asked == [PARQUET.key(T1, DAY)]
    purchases.deliver(record(30, "MODIFY", purchase("c3"), second=3))
    asked.clear()
    publish_day(PARQUET, DAY, purchases.stores())
    assert len(asked) == 3


class Opened:
    """The stores of a world, as the assets open them."""

    def __init__(self, world: Purchases) -> None:
        self.world = world

    @contextmanager
    def open(self) -> Iterator[ComprasStores]:
        yield self.world.stores()


def test_days_are_made_in_dagster_and_each_tells_its_tenants(purchases: Purchases) -> None:
    purchases.deliver(
        record(1, "INSERT", purchase("c1", "t1", f"{DAY} 10:00:00", product(), product("P2"))),
        record(2, "INSERT", purchase("c1", "t2")),
        record(3, "INSERT", purchase("c2", "t1", "2026-11-18 10:00:00")),
    )
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize(
            [compras_parquet, compras_csv, dg.AssetSpec(DOCUMENTS_KEY, partitions_def=purchase_days)],
            instance=instance,
            resources={RESOURCE: dg.ResourceDefinition.hardcoded_resource(Opened(purchases)), "spark": SparkResource()},
            tags={
                "dagster/asset_partition_range_start": "2026-11-18",
                "dagster/asset_partition_range_end": DAY,
            },
        )
        assert done.success
        told = {
            (
                event.asset_key.to_user_string(),
                event.partition,
            ): event.step_materialization_data.materialization.metadata
            for event in done.get_asset_materialization_events()
            if event.asset_key
        }
    assert set(told) == {(asset, day) for asset in ("compras/parquet", "compras/csv") for day in ("2026-11-18", DAY)}
    rows = {place: metadata["dagster/partition_row_count"].value for place, metadata in told.items()}
    assert {metadata["engine"].value for metadata in told.values()} == {"polars"}
    assert rows["compras/parquet", DAY] == 2
    assert rows["compras/csv", DAY] == 3
    assert "| t2 | 1 | 1 |" in str(told["compras/parquet", DAY]["tenants"].value)
    assert len(parquet(purchases, "t1", "2026-11-18")) == 1
