"""Changes of products and purchases into the index, which ends in the state of the table, come what may."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from pipeline_assets.errors import TransientError
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.tenants import tenant_id
from pipeline_assets.operations.access import Access
from pipeline_assets.search import writing
from pipeline_assets.search.elasticsearch_index import ElasticsearchIndex
from pipeline_assets.search.index import Outcome, Result
from pipeline_assets.search.ingest import SEARCH_FLOWS
from pipeline_assets.search.names import Kind, alias
from pipeline_assets.search.recover import recover_products
from tests.worlds.compras import purchase
from tests.worlds.memory_index import MemoryIndex
from tests.worlds.search import Indexed, product, record
from tests.worlds.stack import RunningStack
from tests.worlds.waiting import until

DAY = "2026-11-20"
TENANTS, ITEMS = ("t1", "T1"), ("P1", "P2", "p1")


@pytest.fixture
def world(bare_cloud: Access) -> Indexed:
    return Indexed.new(bare_cloud)


@pytest.fixture
def memory(world: Indexed) -> MemoryIndex:
    assert isinstance(world.index, MemoryIndex)
    return world.index


def products(world: Indexed, number: int, event_name: str, item: Any) -> dict[str, Any]:
    return record(world.kind, number, event_name, item, table=world.table)


def test_a_product_is_made_changed_and_removed_and_the_receipts_count_it_by_tenant(world: Indexed) -> None:
    done = world.deliver(
        products(world, 1, "INSERT", product("P1")),
        products(world, 2, "INSERT", product("P1", "T1", nombre="Vino")),
        products(world, 3, "MODIFY", product("P1", nombre="Pan de molde", precio="10.50")),
    )
    (receipt,) = done.receipts
    assert receipt.counts == Counts(received=3, accepted=3)
    assert {(part.asset, part.partition): part.counts.accepted for part in receipt.partitions} == {
        ("search/products_landed", DAY): 3,
        ("search/products", "t1"): 2,
        ("search/products", "T1"): 1,
    }
    assert receipt.effects == {"documents": 2, "superseded_changes": 1}
    assert world.document("P1") == {
        "tenant": "t1",
        "tenant_id": "t1",
        "codigo": "P1",
        "nombre": "Pan de molde",
        "descripcion": "Pan de molde de la casa",
        "categoria": "panadería",
        "precio": "10.5",
        "valor": 10.5,
        "momento": "2026-11-20T09:30:03.000Z",
        "moneda": "USD",
        "changed_at": "2026-11-20T09:30:03.000Z",
        "sequence": "2026-11-01T00:00:00.000/0000000000000000000100000000000000000003",
        "deleted": False,
    }
    world.deliver(products(world, 4, "REMOVE", product("P1")))
    assert world.document("P1") == {
        "tenant": "t1",
        "tenant_id": "t1",
        "codigo": "P1",
        "changed_at": "2026-11-20T09:30:04.000Z",
        "sequence": "2026-11-01T00:00:00.000/0000000000000000000100000000000000000004",
        "deleted": True,
    }
    assert world.state("T1", ["P1"]) == {"P1": "Vino"}


def test_a_purchase_keeps_its_numbers_to_the_last_digit(bare_cloud: Access) -> None:
    world = Indexed.new(bare_cloud, "purchases")
    item = purchase("c1", "t1", "2026-11-20 09:30:00")
    item["productos"]["L"][0]["M"]["precio_unitario"] = {"N": "0.1234567890123456789"}
    world.deliver(record("purchases", 1, "INSERT", item))
    found = world.document("c1")
    assert found
    assert found["productos"] == [
        {"codigo": "P1", "nombre": "Pan", "precio_unitario": "0.1234567890123456789", "cantidad": "2"}
    ]
    assert (found["fecha"], found["total_precio"], found["valor"], found["cantidad"]) == (
        "2026-11-20T09:30:00",
        "0.25",
        0.25,
        "2",
    )


def test_a_removed_product_stays_removed_when_an_earlier_change_comes_late(world: Indexed) -> None:
    late = products(world, 1, "INSERT", product())
    world.deliver(products(world, 2, "REMOVE", product()))
    world.deliver(late)
    found = world.document("P1")
    assert found
    assert found["deleted"]


def test_a_removal_needs_no_more_than_its_keys(world: Indexed) -> None:
    world.deliver(products(world, 1, "INSERT", product()))
    done = world.deliver(products(world, 2, "REMOVE", product(precio="-1") | {"nombre": {"N": "3"}}))
    assert done.receipts[0].counts == Counts(received=1, accepted=1)
    assert world.state("t1", ["P1"]) == {}


def test_the_stream_of_a_table_that_was_made_anew_comes_after_the_old_one(world: Indexed) -> None:
    world.deliver(products(world, 9, "INSERT", product(nombre="Antes")))
    world.deliver(record("products", 1, "INSERT", product(nombre="Después"), label="2026-11-15T00:00:00.000"))
    assert world.state("t1", ["P1"]) == {"P1": "Después"}


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        (product() | {"codigo": {"N": "7"}}, "key"),
        ({name: value for name, value in product().items() if name != "tenant_id"}, "key"),
        (product() | {"precio": {"S": "9.99"}}, "price"),
        (product() | {"precio": {"N": "NaN"}}, "price"),
        (product(precio="-0.01"), "price"),
        (product() | {"nombre": {"S": ""}}, "name"),
        (product() | {"categoria": {"L": []}}, "category"),
        (product() | {"descripcion": {"N": "1"}}, "description"),
        (product() | {"moneda": {"BOOL": True}}, "currency"),
    ],
)
def test_poison_is_kept_and_passed_by(world: Indexed, bad: Any, rule: str) -> None:
    done = world.deliver(
        products(world, 1, "INSERT", product("A")),
        products(world, 2, "INSERT", bad),
        products(world, 3, "INSERT", product("B")),
    )
    (receipt,) = done.receipts
    assert (receipt.counts, done.failed) == (Counts(received=3, accepted=2, quarantined=1), "")
    (kept,) = world.stores().quarantine.documents(receipt)
    assert kept["rule"] == rule
    assert set(world.state("t1", ["A", "B"])) == {"A", "B"}


def test_what_the_engine_refuses_is_kept_and_an_earlier_change_of_the_same_batch_stands(
    world: Indexed, memory: MemoryIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = memory.write

    def refusing(writes: Any) -> list[Result]:
        said = [b"Malo" in each.source for each in writes]
        done = iter(real([each for each, bad in zip(writes, said, strict=True) if not bad]))
        return [Result(Outcome.REFUSED, "no such value") if bad else next(done) for bad in said]

    monkeypatch.setattr(memory, "write", refusing)
    done = world.deliver(
        products(world, 1, "INSERT", product(nombre="Bueno")),
        products(world, 2, "MODIFY", product(nombre="Malo")),
        products(world, 3, "INSERT", product("P2")),
    )
    (receipt,) = done.receipts
    assert receipt.counts == Counts(received=3, accepted=2, quarantined=1)
    (kept,) = world.stores().quarantine.documents(receipt)
    assert (kept["rule"], kept["sequence_number"]) == ("indexable", str(10**20 + 2))
    assert world.state("t1", ["P1", "P2"]) == {"P1": "Bueno", "P2": "Pan"}
    monkeypatch.setattr(memory, "write", real)
    again = SEARCH_FLOWS["products"].replay(receipt, world.stores())
    assert again.counts == Counts(received=3, accepted=3)
    assert world.state("t1", ["P1"]) == {"P1": "Malo"}


def test_while_the_engine_is_down_nothing_is_lost(world: Indexed, memory: MemoryIndex) -> None:
    changes = [products(world, number, "INSERT", product(f"P{number}")) for number in range(1, 6)]
    memory.down = True
    stopped = world.deliver(*changes)
    assert (stopped.failed, stopped.receipts) == (str(10**20 + 1), ())
    assert isinstance(stopped.failure, TransientError)
    memory.down = False
    assert [receipt.counts.accepted for receipt in world.deliver(*changes).receipts] == [5]


def test_what_the_engine_is_too_busy_for_is_delivered_again_from_there_on(
    world: Indexed, memory: MemoryIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_LONGEST", 0.01)
    changes = [products(world, number, "INSERT", product(f"P{number}")) for number in range(1, 6)]
    memory.busy = {"P3"}
    stopped = world.deliver(*changes)
    assert (stopped.failed, [each.counts.accepted for each in stopped.receipts]) == (str(10**20 + 3), [4])
    assert set(world.state("t1", [f"P{number}" for number in range(1, 6)])) == {"P1", "P2", "P4", "P5"}
    memory.busy = set()
    again = world.deliver(*changes)
    assert (again.redelivered, again.receipts[0].effects) == (4, {"documents": 1})


def test_an_event_made_by_hand_comes_after_what_is_there_and_before_what_comes(world: Indexed) -> None:
    by_hand = {"eventID": "e", "eventName": "MODIFY", "dynamodb": {"NewImage": product(nombre="A mano")}}
    world.deliver(products(world, 5, "INSERT", product()))
    for _ in range(2):
        world.deliver(by_hand)
    assert world.state("t1", ["P1"]) == {"P1": "A mano"}
    world.deliver(products(world, 4, "MODIFY", product(nombre="Antes")))
    assert world.state("t1", ["P1"]) == {"P1": "A mano"}
    world.deliver(products(world, 6, "MODIFY", product(nombre="Después")))
    assert world.state("t1", ["P1"]) == {"P1": "Después"}


def test_of_events_made_by_hand_each_comes_after_the_one_before(world: Indexed) -> None:
    world.deliver(products(world, 5, "INSERT", product()))
    for number in range(12):
        image = {"NewImage": product(nombre=f"A mano {number}")}
        world.deliver({"eventID": f"e{number}", "eventName": "MODIFY", "dynamodb": image})
        assert world.state("t1", ["P1"]) == {"P1": f"A mano {number}"}
    world.deliver(products(world, 6, "MODIFY", product(nombre="Después")))
    assert world.state("t1", ["P1"]) == {"P1": "Después"}


def test_of_a_removed_tenant_nothing_is_written(world: Indexed, memory: MemoryIndex) -> None:
    states = {tenant_id("t1"): "removed", tenant_id("t2"): "active"}
    tenants = SimpleNamespace(find=lambda tenant: SimpleNamespace(state=states[tenant], endpoint="", secret=""))
    event = {"Records": [products(world, n, "INSERT", product("P1", tenant)) for n, tenant in ((1, "t1"), (2, "t2"))]}
    done = SEARCH_FLOWS["products"].ingest(event, world.stores(tenants=tenants))
    assert done.receipts[0].counts == Counts(received=2, accepted=2)
    assert done.receipts[0].effects == {"documents": 1, "of_removed_tenants": 1}
    assert memory.aliases(f"cesta-{world.stage}-") == [alias(world.stage, "products", tenant_id("t2"))]


@pytest.fixture
def with_table(world: Indexed) -> Indexed:
    """A world whose table is there."""
    world.make_table()
    return world


def test_recovery_brings_in_what_the_stream_lost_and_takes_out_what_is_gone(with_table: Indexed) -> None:
    world = with_table
    world.deliver(
        products(world, 1, "INSERT", product("same")),
        products(world, 2, "INSERT", product("changed", nombre="Antes")),
        products(world, 3, "INSERT", product("gone")),
        products(world, 4, "INSERT", product("gone", "T9")),
        products(world, 5, "REMOVE", product("back")),
    )
    for item in (
        product("same"),
        product("changed", nombre="Después"),
        product("new"),
        product("back"),
        product("n", "T1"),
    ):
        world.put(item)
    world.put(product("bad", precio="-1"))
    found = recover_products(world.stores())
    assert (found.items, found.changes, found.rejected) == (6, 6, 1)
    assert world.state("t1", ["same", "changed", "gone", "new", "back", "bad"]) == {
        "same": "Pan",
        "changed": "Después",
        "new": "Pan",
        "back": "Pan",
    }
    assert (world.state("T1", ["n"]), world.state("T9", ["gone"])) == ({"n": "Pan"}, {})
    again = recover_products(world.stores())
    assert (again.changes, again.rejected) == (0, 1)
    world.deliver(products(world, 6, "MODIFY", product("changed", nombre="Más tarde")))
    assert world.state("t1", ["changed"]) == {"changed": "Más tarde"}


def test_a_change_that_comes_while_recovery_runs_is_not_undone(
    with_table: Indexed, memory: MemoryIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = with_table
    world.deliver(products(world, 1, "INSERT", product(nombre="Antes")))
    world.put(product(nombre="Perdido"))
    real = memory.write

    def overtaken(writes: Any) -> list[Result]:
        monkeypatch.setattr(memory, "write", real)
        world.deliver(products(world, 9, "MODIFY", product(nombre="Después")))
        return real(writes)

    monkeypatch.setattr(memory, "write", overtaken)
    assert recover_products(world.stores()).changes == 0
    assert world.state("t1", ["P1"]) == {"P1": "Después"}


@pytest.mark.any_engine
def test_a_change_of_a_table_is_found_through_the_deployed_functions(cloud: RunningStack) -> None:
    """The flow of purchases into the index and the one of their documents read one stream, each for itself."""
    access, tenant = cloud.access, f"t-{uuid4().hex[:8]}"
    access.dynamodb.put_item(TableName=access.table("products"), Item=product("P1", tenant))
    access.dynamodb.put_item(TableName=access.table("products"), Item=product("P1", tenant, nombre="Vino"))
    access.dynamodb.put_item(TableName=access.table("products"), Item=product("P2", tenant, precio="-1"))
    access.dynamodb.put_item(TableName=access.table("compras"), Item=purchase("c1", tenant))
    index = ElasticsearchIndex.open(cloud.instance.search_url)

    def found(kind: Kind, item: str) -> dict[str, Any]:
        (document,) = index.read(alias("dev", kind, tenant_id(tenant)), [item])
        return dict(document.source) if document else {}

    until(lambda: found("products", "P1").get("nombre") == "Vino")
    until(lambda: found("purchases", "c1").get("total_precio") == "19.98")
    ledger = Ledger(access.dynamodb, access.table("ledger"))
    until(lambda: ledger.account("search/products", tenant).counts.accepted == 2)
    until(lambda: ledger.account("search/purchases", tenant).counts.accepted == 1)
    assert found("products", "P2") == {}
    until(lambda: any(each.counts.quarantined for each in ledger.receipts("products-search")))
    until(lambda: bool(list(access.open_bucket("compras").objects(f"compras/{tenant}/"))))
    key = {name: product("P1", tenant)[name] for name in ("tenant_id", "codigo")}
    access.dynamodb.delete_item(TableName=access.table("products"), Key=key)
    until(lambda: found("products", "P1")["deleted"])
