"""A set for which the lake is too large for the function: asked for once, made by a run, and asked for no more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from pipeline_assets.analytics.assets import RESOURCE, set_asset, set_key
from pipeline_assets.analytics.ingest import AnalyticsFlow
from pipeline_assets.analytics.market_intelligence.prod_set import MARKET_INTELLIGENCE
from pipeline_assets.analytics.requests import REQUESTS, requested_sets
from pipeline_assets.analytics.retail_copilot.prod_set import RETAIL_COPILOT
from pipeline_assets.analytics.sensors import prod_requests, run_for
from pipeline_assets.analytics.stores import AnalyticsStores
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.lineage.spark import SparkResource
from pipeline_assets.operations.access import Access
from tests.worlds.curated_shop import DAY, days
from tests.worlds.prod_sets import ProdWorld, shop_of

SETS = (MARKET_INTELLIGENCE, RETAIL_COPILOT)
ASSET = set_asset(MARKET_INTELLIGENCE)


@dataclass
class Opened:
    """The stores of a world, as the resource opens them."""

    world: ProdWorld

    @contextmanager
    def open(self) -> Iterator[AnalyticsStores]:
        yield self.world.stores()


def small_function(world: ProdWorld, marker: ObjectVersion) -> Receipt:
    """The function at its work, too small for the set that is made of orders and large enough for that of the log."""
    stores = world.stores()
    log = sum(each.size for each in stores.curated.objects("query_log/"))
    receipt = AnalyticsFlow(SETS).ingest(marker, replace(stores, largest_lake=log))
    assert receipt
    return receipt


def looked(world: ProdWorld, instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    context = dg.build_sensor_context(instance, resources={RESOURCE: Opened(world)})
    found = prod_requests(context)
    return list(found.run_requests or []) if isinstance(found, dg.SensorResult) else []


def test_a_set_is_handed_over_once_and_a_run_makes_it(bare_cloud: Access) -> None:
    world, instance = ProdWorld.made(bare_cloud), dg.DagsterInstance.ephemeral()
    world.put(shop_of())
    marker = world.complete(DAY)
    assert looked(world, instance) == []
    assert small_function(world, marker).counts == Counts(received=1, accepted=1)
    assert [world.published(each, DAY) for each in SETS] == [0, 1]
    (request,) = requested_sets(world.stores().curated)
    # Another marker of the same lake asks for nothing new.
    small_function(world, world.complete(DAY, 1))
    assert requested_sets(world.stores().curated) == [request]
    (run,) = looked(world, instance)
    assert (run.asset_selection, run.partition_key) == ([set_key(MARKET_INTELLIGENCE)], DAY.isoformat())
    assert looked(world, instance)[0].run_key == run.run_key
    dg.materialize(
        [ASSET],
        partition_key=run.partition_key,
        instance=instance,
        resources={RESOURCE: Opened(world), "spark": SparkResource()},
    )
    assert world.published(MARKET_INTELLIGENCE, DAY) == 1
    assert not list(world.stores().curated.objects(REQUESTS))
    assert looked(world, instance) == []
    # The set is there: a marker that is announced again, or another one of the same lake, asks for nothing.
    small_function(world, world.complete(DAY, 2))
    assert requested_sets(world.stores().curated) == []


def test_a_lake_that_has_changed_is_asked_for_again_and_what_stays_is_started_again(bare_cloud: Access) -> None:
    world, instance = ProdWorld.made(bare_cloud), dg.DagsterInstance.ephemeral()
    shop = shop_of()
    world.put(shop)
    small_function(world, world.complete(DAY))
    (before,) = looked(world, instance)
    shop.order(1, DAY - days(2), 5000)
    world.put(shop)
    small_function(world, world.complete(DAY, 1))
    (after,) = looked(world, instance)
    assert after.run_key != before.run_key
    (asked,) = requested_sets(world.stores().curated)
    assert len(asked.versions) == 2
    keys = [run_for(asked, asked.since + timedelta(minutes=passed)).run_key for passed in (0, 59, 61)]
    assert keys[0] == keys[1] != keys[2]
    assert asked.since <= datetime.now(UTC)


@pytest.mark.parametrize("left", [f"a-set-that-was-removed/{DAY}", f"{MARKET_INTELLIGENCE.name}/1999-01-01"])
def test_a_request_for_what_is_no_partition_stands_in_nobodys_way(bare_cloud: Access, left: str) -> None:
    world = ProdWorld.made(bare_cloud)
    curated = world.stores().curated
    for day in (left, f"{RETAIL_COPILOT.name}/{DAY}"):
        curated.put(f"{REQUESTS}{day}/1.json", b"{}")
    with dg.DagsterInstance.ephemeral() as instance:
        (run,) = looked(world, instance)
    assert (run.asset_selection, run.partition_key) == ([set_key(RETAIL_COPILOT)], DAY.isoformat())
