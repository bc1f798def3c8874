"""From the completion marker of a load to the prod sets, on a real bucket and a real ledger."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline_assets.analytics.day_features import Features
from pipeline_assets.analytics.ingest import ANALYTICS_FLOW
from pipeline_assets.analytics.make import stale_days
from pipeline_assets.analytics.market_intelligence.prod_set import MARKET_INTELLIGENCE
from pipeline_assets.analytics.prod_set import Made
from pipeline_assets.analytics.retail_copilot.prod_set import RETAIL_COPILOT
from pipeline_assets.analytics.sets import SETS
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.operations.access import Access
from tests.worlds.curated_shop import DAY, days
from tests.worlds.examples import some
from tests.worlds.mortality import DeadError, Fate
from tests.worlds.prod_sets import ProdWorld, shop_of

ACCEPTED = Counts(received=1, accepted=1)


@pytest.fixture
def world(bare_cloud: Access) -> ProdWorld:
    return ProdWorld.made(bare_cloud)


class TestStarting:
    def test_all_sets_are_made_once_however_often_the_marker_is_announced(self, world: ProdWorld) -> None:
        world.put(shop_of())
        marker = world.complete(DAY)
        first = world.start(marker)
        assert (first.counts, first.refused) == (ACCEPTED, "")
        assert [(part.asset, part.partition) for part in first.partitions] == [("prod/started", DAY.isoformat())]
        assert world.start(marker) == first
        assert [world.published(each, DAY) for each in SETS] == [1] * 5
        told = {part.asset for receipt in world.stores().ledger.receipts("analytics") for part in receipt.partitions}
        assert told == {"prod/started", *(each.asset for each in SETS)}
        for each in SETS:
            manifest = world.manifest(each, DAY)
            assert manifest
            rows = sum(table.rows for table in manifest.tables.values())
            assert world.stores().ledger.account(each.asset, DAY.isoformat()).counts.accepted == rows

    def test_a_set_that_cannot_be_made_does_not_keep_the_others(self, world: ProdWorld) -> None:
        world.put(shop_of(log=False))
        receipt = world.start(world.complete(DAY, query_log=3))
        assert receipt.counts == Counts(received=1, quarantined=1)
        assert receipt.refused == (
            "retail-copilot: the lake lacks curated/query_log of 2026-03-02, of which the load 20260302T000000000000Z "
            "has 3 accepted rows; materialize that day again"
        )
        assert [world.published(each, DAY) for each in SETS] == [1, 1, 1, 1, 0]
        (document,) = world.stores().quarantine.documents(receipt)
        assert document["rule"] == "set_made"
        # Once the log is there, a replay of the marker makes what is missing.
        world.put(shop_of())
        again = ANALYTICS_FLOW.ingest(receipt.version, world.stores(), redo=True)
        assert again
        assert (again.counts, again.run) == (ACCEPTED, 2)
        assert world.published(RETAIL_COPILOT, DAY) == 1

    def test_where_nobody_keeps_a_log_its_set_is_empty_and_says_so(self, world: ProdWorld) -> None:
        world.put(shop_of(log=False))
        assert world.start(world.complete(DAY, orders=1), [RETAIL_COPILOT]).counts == ACCEPTED
        manifest = world.manifest(RETAIL_COPILOT, DAY)
        assert manifest
        said = {table.note for table in manifest.tables.values()}
        assert said == {"There is no log of questions up to the day."}
        assert world.rows(RETAIL_COPILOT, "query_templates", DAY).height == 0

    def test_a_model_that_breaks_keeps_no_other_set_from_being_made(self, world: ProdWorld) -> None:
        def breaks(_: Features) -> Mapping[str, Made]:
            raise ValueError("a model broke")

        broken = replace(MARKET_INTELLIGENCE, models=(replace(MARKET_INTELLIGENCE.models[0], make=breaks),))
        world.put(shop_of())
        marker = world.complete(DAY)
        with pytest.raises(ValueError, match="a model broke"):
            world.start(marker, [broken, RETAIL_COPILOT])
        assert world.published(RETAIL_COPILOT, DAY) == 1
        assert world.stores().ledger.receipt(marker.id) is None, "the next delivery tries it again"

    def test_a_load_that_a_later_one_has_overtaken_makes_no_set(self, world: ProdWorld) -> None:
        world.put(shop_of())
        early, late = world.complete(DAY - days(1)), world.complete(DAY)
        assert world.start(early).counts == Counts(received=1, superseded=1)
        assert world.start(late).counts == ACCEPTED
        assert [world.published(RETAIL_COPILOT, day) for day in (DAY - days(1), DAY)] == [0, 1]

    def test_what_is_no_marker_is_left_alone(self, world: ProdWorld) -> None:
        marker = world.complete(DAY)
        other = type(marker)(marker.bucket, "_loads/notes.txt", "", "e", 1, marker.event_time, "")
        assert ANALYTICS_FLOW.ingest(other, world.stores()) is None

    def test_several_at_once_publish_the_same_set(self, world: ProdWorld) -> None:
        world.put(shop_of())
        markers = [world.complete(DAY, number) for number in range(4)]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda marker: world.start(marker, [RETAIL_COPILOT]), markers))
        assert [receipt.counts for receipt in found] == [ACCEPTED] * 4
        manifest = world.manifest(RETAIL_COPILOT, DAY)
        assert manifest
        assert manifest.tables["query_templates"].rows == world.rows(RETAIL_COPILOT, "query_templates", DAY).height == 1


class TestCorrections:
    def test_a_correction_makes_later_days_stale_and_no_earlier_one(self, world: ProdWorld) -> None:
        shop = shop_of()
        world.put(shop)
        stores = world.stores()
        kept = [DAY - days(20), DAY - days(10), DAY]
        for day in kept:
            world.start(world.complete(day), [MARKET_INTELLIGENCE])
        target = stores.targets[MARKET_INTELLIGENCE.name]
        assert stale_days(MARKET_INTELLIGENCE, stores.curated, target) == []
        earlier = world.rows(MARKET_INTELLIGENCE, "sales_trends", kept[0])
        shop.order(1, DAY - days(12), 5000)
        world.put(shop)
        assert stale_days(MARKET_INTELLIGENCE, stores.curated, target) == [day.isoformat() for day in kept[1:]]
        assert world.rows(MARKET_INTELLIGENCE, "sales_trends", kept[0]).equals(earlier)
        world.start(world.complete(DAY, 1), [MARKET_INTELLIGENCE])
        assert stale_days(MARKET_INTELLIGENCE, stores.curated, target) == [kept[1].isoformat()]
        sales = world.rows(MARKET_INTELLIGENCE, "sales_trends", DAY)
        week = DAY - days(12) - timedelta(days=(DAY - days(12)).weekday())
        assert sales.filter(level="total", period=week)["sales"].item() > 5000
        # The account of the day is of the manifest that stands.
        manifest = world.manifest(MARKET_INTELLIGENCE, DAY)
        assert manifest
        held = stores.ledger.account(MARKET_INTELLIGENCE.asset, DAY.isoformat()).counts
        assert held.accepted == sum(table.rows for table in manifest.tables.values())


class TestCrashes:
    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    def test_a_death_at_any_call_changes_nothing_in_the_end(self, bare_cloud: Access, *, after: bool) -> None:
        calls = Fate()
        whole = ProdWorld.made(bare_cloud)
        whole.put(shop_of())
        expected = whole.start(whole.complete(DAY), [RETAIL_COPILOT], calls)
        assert len(calls.made) >= 5
        for at in some(range(1, len(calls.made) + 1)):
            world = whole.afresh()
            marker = world.complete(DAY)
            with pytest.raises(DeadError):
                world.start(marker, [RETAIL_COPILOT], Fate(at=at, after=after))
            receipt = world.start(marker, [RETAIL_COPILOT])
            assert (receipt.counts, receipt.run) == (expected.counts, 1)
            assert world.published(RETAIL_COPILOT, DAY) == 1
            frame = whole.rows(RETAIL_COPILOT, "query_templates", DAY)
            assert world.rows(RETAIL_COPILOT, "query_templates", DAY).equals(frame)
            ledger = world.stores().ledger
            assert ledger.account(RETAIL_COPILOT.asset, DAY.isoformat()).counts == Counts(received=1, accepted=1)
            assert ledger.account("prod/started", DAY.isoformat()).counts == ACCEPTED
