"""Indexes in Dagster: rebuilt when they are materialized, with their figures, and compared with table and lake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from pipeline_assets.compras.assets import RESOURCE as COMPRAS_RESOURCE
from pipeline_assets.events.tenants import tenant_id
from pipeline_assets.operations.access import Access
from pipeline_assets.search import checks
from pipeline_assets.search.assets import INDEXES, RESOURCES, STORE_FIGURES, TENANTS
from pipeline_assets.search.checks import SEARCH_CHECKS
from pipeline_assets.search.elasticsearch_index import ElasticsearchIndex
from pipeline_assets.search.ingest import COMPRAS_SEARCH, PRODUCTS_SEARCH, SearchFlow
from tests.worlds.compras import Purchases, purchase
from tests.worlds.compras import record as of_purchases
from tests.worlds.search import Indexed, product, record


class Opened:
    """A resource that opens the stores of a world."""

    def __init__(self, world: Any) -> None:
        self.world = world

    @contextmanager
    def open(self) -> Iterator[Any]:
        yield self.world.stores()


@pytest.fixture
def world(bare_cloud: Access, embedded_search: str) -> Indexed:
    """Three products in table and index, of two tenants; then the stream is lost for a while."""
    made = Indexed.new(bare_cloud, index=ElasticsearchIndex.open(embedded_search))
    made.make_table()
    items = [product("P1"), product("P2"), product("P1", "Tienda Ñ")]
    for item in items:
        made.put(item)
    made.deliver(*(record("products", number, "INSERT", item, table=made.table) for number, item in enumerate(items)))
    made.put(product("P1", nombre="Pan de molde"))
    made.put(product("P3"))
    return made


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is on its way in these tests."""
    monkeypatch.setattr(checks, "_ON_ITS_WAY_SECONDS", 0.0)


def resources(flow: SearchFlow, world: Indexed, lake: Purchases | None = None) -> dict[str, Any]:
    opened = {RESOURCES[flow.name]: Opened(world), **({COMPRAS_RESOURCE: Opened(lake)} if lake else {})}
    return {name: dg.ResourceDefinition.hardcoded_resource(each) for name, each in opened.items()}


def rebuilt(world: Indexed, *tenants: str) -> dict[str, Any]:
    """Metadata of the rebuilds of some tenants, by tenant."""
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(str(TENANTS[PRODUCTS_SEARCH.name].name), list(tenants))
        done = dg.materialize(
            [INDEXES[PRODUCTS_SEARCH.name], dg.AssetSpec(PRODUCTS_SEARCH.landed.split("/"))],
            instance=instance,
            resources=resources(PRODUCTS_SEARCH, world),
            tags={"dagster/asset_partition_range_start": tenants[0], "dagster/asset_partition_range_end": tenants[-1]},
        )
        assert done.success
        return {
            str(event.partition): event.step_materialization_data.materialization.metadata
            for event in done.get_asset_materialization_events()
        }


def judged(flow: SearchFlow, world: Indexed, lake: Purchases | None = None, *, mend: bool = False) -> Any:
    """The evaluation of the check that compares."""
    (check,) = (each for each in SEARCH_CHECKS if each.check_key.name == "as_the_table_is" and _is_of(each, flow))
    config = {"ops": {check.op.name: {"config": {"mend": mend}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize(
            [INDEXES[flow.name], check],
            instance=instance,
            selection=dg.AssetSelection.checks(check),
            resources=resources(flow, world, lake),
            run_config=config,
        )
        (found,) = done.get_asset_check_evaluations()
    return found


def _is_of(check: dg.AssetChecksDefinition, flow: SearchFlow) -> bool:
    return check.check_key.asset_key.to_user_string() == flow.indexed


def test_materializing_tenants_rebuilds_their_indexes_from_the_table(world: Indexed) -> None:
    other = tenant_id("Tienda Ñ")
    told = rebuilt(world, "t1", other)
    assert {tenant: metadata["documents"].value for tenant, metadata in told.items()} == {"t1": 3, other: 1}
    assert str(told["t1"]["generation"].value).endswith("-t1-000002")
    assert "lag_seconds" not in told["t1"]
    assert world.state("t1", ["P1", "P2", "P3"]) == {"P1": "Pan de molde", "P2": "Pan", "P3": "Pan"}
    assert world.state("Tienda Ñ", ["P1"]) == {"P1": "Pan"}


def test_whoever_tells_of_a_change_tells_how_much_there_is_and_how_late_it_came(world: Indexed) -> None:
    world.deliver(record("products", 9, "REMOVE", product("P2"), table=world.table))
    list(world.index.scan(f"cesta-{world.stage}-products-t1"))  # what was written can be searched
    (figures,) = (each for each in STORE_FIGURES if each.flow == PRODUCTS_SEARCH.name)
    said = figures.read(world.stores(), "t1").figures
    assert (said["documents"], said["tombstones"]) == (1, 1)
    assert isinstance(said["lag_seconds"], float)
    assert said["lag_seconds"] > 0


def test_a_check_tells_what_is_otherwise_than_the_table_and_mends_it_when_asked(world: Indexed) -> None:
    found = judged(PRODUCTS_SEARCH, world)
    assert not found.passed
    assert found.metadata["otherwise_in_the_index"].value == 2
    assert world.state("t1", ["P1", "P3"]) == {"P1": "Pan"}
    found = judged(PRODUCTS_SEARCH, world, mend=True)
    assert found.passed
    assert found.metadata["mended"].value == 2
    assert world.state("t1", ["P1", "P3"]) == {"P1": "Pan de molde", "P3": "Pan"}
    assert judged(PRODUCTS_SEARCH, world).metadata["otherwise_in_the_index"].value == 0


def test_purchases_are_compared_with_the_lake_too(
    bare_cloud: Access, embedded_search: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = Indexed.new(bare_cloud, "purchases", ElasticsearchIndex.open(embedded_search))
    world.make_table()
    lake = Purchases.new(bare_cloud)
    for number in (1, 2):
        item = purchase(f"c{number}")
        world.put(item)
        world.deliver(record("purchases", number, "INSERT", item, table=world.table))
    lake.deliver(of_purchases(1, "INSERT", purchase("c1")))
    found = judged(COMPRAS_SEARCH, world, lake)
    assert not found.passed
    assert found.metadata["otherwise_in_the_index"].value == 0
    assert "the lake has other purchases than the index: 1 of t1" in found.description
    # What is on its way to the lake comes while the check waits.
    waited = SimpleNamespace(sleep=lambda _: lake.deliver(of_purchases(2, "INSERT", purchase("c2"))))
    monkeypatch.setattr(checks, "time", waited)
    assert judged(COMPRAS_SEARCH, world, lake).passed
