"""From a set that was made to its SQL tables, on real crawlers of the local cloud.

Its crawlers run for five seconds and look at nothing: that they run, and when, is what they are asked for here.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import dagster as dg
import pytest

from deploy.local.stack import end_crawls
from pipeline_assets.analytics.assets import CRAWLERS, crawled_key
from pipeline_assets.analytics.checks import AS_THE_SET_SAYS, CRAWLED_SINCE, UP_TO
from pipeline_assets.analytics.crawled import look_through
from pipeline_assets.analytics.publish import table_key
from pipeline_assets.analytics.retail_copilot.prod_set import RETAIL_COPILOT
from pipeline_assets.definitions import defs
from pipeline_assets.operations.access import Access
from tests.worlds.crawled_sets import CrawledWorld, crawled_world
from tests.worlds.curated_shop import DAY, CuratedShop, days, noon
from tests.worlds.prod_sets import ProdWorld
from tests.worlds.waiting import until

BEFORE = DAY - days(1)


@pytest.fixture
def world(bare_cloud: Access, monkeypatch: pytest.MonkeyPatch) -> Iterator[CrawledWorld]:
    sets = ProdWorld.made(bare_cloud)
    shop = CuratedShop()
    shop.put("query_log", BEFORE, query_id=1, asked_at=noon(BEFORE), system="hub", text="top 5?")
    shop.put("query_log", DAY, query_id=2, asked_at=noon(DAY), system="hub", text="orders of 7?")
    sets.put(shop)
    with crawled_world(sets, RETAIL_COPILOT, monkeypatch) as made:
        yield made


class TestWatch:
    def test_what_was_made_is_crawled_once_and_told_once_although_the_daemon_dies(self, world: CrawledWorld) -> None:
        assert world.look().skip_reason == dg.SkipReason("nothing is to be crawled")
        world.publish(RETAIL_COPILOT, BEFORE)
        world.publish(RETAIL_COPILOT, DAY)
        world.look(saved=False)
        assert world.is_resting(RETAIL_COPILOT), "nothing is started before it is written down"
        world.look()
        world.look(saved=False)
        assert not world.is_resting(RETAIL_COPILOT)
        # The start was not written down; the crawl that runs is recognised, and waited for.
        assert world.look().asset_events == []
        until(lambda: world.is_resting(RETAIL_COPILOT))
        began = world.started(RETAIL_COPILOT)
        world.look(stored=False)
        assert world.told(RETAIL_COPILOT) == []
        world.look(saved=False)
        # A crawl that is told is not made, nor told, again.
        for _ in range(3):
            assert world.look().asset_events == []
        assert (world.started(RETAIL_COPILOT), world.is_resting(RETAIL_COPILOT)) == (began, True)
        (event,) = world.told(RETAIL_COPILOT)
        assert (event.metadata["days"].value, event.metadata["newest_day"].value) == (2, DAY.isoformat())
        assert world.check(RETAIL_COPILOT, AS_THE_SET_SAYS) == (
            True,
            "2 tables of 2 days are as the set says, the rows of 2 days among them",
        )
        assert world.check(RETAIL_COPILOT, CRAWLED_SINCE)[0]

    def test_what_is_made_while_the_crawler_runs_is_crawled_after_it(self, world: CrawledWorld) -> None:
        world.glue.start_crawler(Name=world.crawler(RETAIL_COPILOT))
        world.publish(RETAIL_COPILOT, DAY)
        for _ in range(3):
            world.look()
        until(lambda: world.is_resting(RETAIL_COPILOT))
        by_hand = world.started(RETAIL_COPILOT)
        for _ in range(2):
            world.look()
        until(lambda: world.is_resting(RETAIL_COPILOT))
        assert world.started(RETAIL_COPILOT) > by_hand
        world.look()
        (event,) = world.told(RETAIL_COPILOT)
        newest = world.instance.fetch_materializations(dg.AssetKey(["prod", RETAIL_COPILOT.name]), limit=1).records[0]
        assert event.metadata[UP_TO].value == newest.storage_id

    def test_a_crawl_that_the_local_cloud_forgot_is_made_again(self, world: CrawledWorld) -> None:
        world.publish(RETAIL_COPILOT, DAY)
        world.look()
        world.look()
        assert not world.is_resting(RETAIL_COPILOT)
        # What `cesta up` does with what its cloud says was running when it was stopped.
        end_crawls(world.sets.access.document["endpoint_url"])
        assert (world.is_resting(RETAIL_COPILOT), world.started(RETAIL_COPILOT)) == (True, 0.0)
        world.look()
        assert world.told(RETAIL_COPILOT) == [], "a crawl without an end is no end"
        assert world.is_resting(RETAIL_COPILOT), "it is not started again at once"

    def test_a_crawler_that_cannot_be_started_is_told_and_left_alone_for_a_while(self, world: CrawledWorld) -> None:
        world.glue.delete_crawler(Name=world.crawler(RETAIL_COPILOT))
        world.publish(RETAIL_COPILOT, DAY)
        world.look()
        passed, said = world.check(RETAIL_COPILOT, CRAWLED_SINCE)
        assert not passed
        assert said.startswith(f"Glue does not tell of the crawler {world.crawler(RETAIL_COPILOT)}: ")
        assert "; it is tried again after " in said
        cursor = world.cursor
        assert world.look().asset_events == [], "the same is not told twice"
        assert world.cursor == cursor


class TestComparison:
    def differences(self, world: CrawledWorld) -> list[str]:
        return look_through(RETAIL_COPILOT, world.stores()).differences

    def test_each_thing_that_is_not_as_the_set_says_is_named(self, world: CrawledWorld) -> None:
        world.publish(RETAIL_COPILOT, BEFORE)
        world.publish(RETAIL_COPILOT, DAY)
        assert self.differences(world) == []
        table = {"DatabaseName": world.database, "TableName": "query_templates"}
        # Rows.
        bucket = world.sets.stores().targets[RETAIL_COPILOT.name]
        written = io.BytesIO()
        world.sets.rows(RETAIL_COPILOT, "query_templates", DAY).clear().write_parquet(written)
        bucket.put(table_key("query_templates", DAY), written.getvalue())
        bucket.delete(table_key("query_templates", BEFORE))
        assert self.differences(world) == [
            f"query_templates has no object that can be read as of {BEFORE}",
            f"query_templates has 0 rows as of {DAY}, the set says 2",
        ]
        bucket.put(table_key("query_templates", BEFORE), b"no Parquet")
        assert self.differences(world)[0] == f"query_templates has no object that can be read as of {BEFORE}"
        assert look_through(RETAIL_COPILOT, world.stores(), counted=[]).differences == []
        world.publish(RETAIL_COPILOT, BEFORE)
        world.publish(RETAIL_COPILOT, DAY)
        # Days.
        known = world.glue.get_partition(**table, PartitionValues=[DAY.isoformat()])["Partition"]["StorageDescriptor"]
        world.glue.delete_partition(**table, PartitionValues=[DAY.isoformat()])
        astray = {**known, "Location": "s3://elsewhere/"}
        world.glue.create_partition(**table, PartitionInput={"Values": ["2019-01-01"], "StorageDescriptor": astray})
        assert self.differences(world) == [
            "query_templates looks for the day 2019-01-01 in another place",
            f"query_templates does not know the day {DAY}",
            "query_templates knows the day 2019-01-01, which the set does not have",
        ]
        world.glue.delete_partition(**table, PartitionValues=["2019-01-01"])
        world.glue.create_partition(**table, PartitionInput={"Values": [DAY.isoformat()], "StorageDescriptor": known})
        # Columns, and the place of the table.
        changed = world.table_input(RETAIL_COPILOT, "query_templates")
        first, *others = changed["StorageDescriptor"]["Columns"]
        changed["StorageDescriptor"] |= {"Columns": [*others, {**first, "Type": "int"}], "Location": "s3://elsewhere/"}
        world.glue.update_table(DatabaseName=world.database, TableInput=changed)
        assert self.differences(world)[:2] == [
            f"query_templates lacks {first['Name']} {first['Type']}",
            f"query_templates has {first['Name']} int, which its spec does not know",
        ]
        assert self.differences(world)[2].startswith("query_templates lies at s3://elsewhere, not at s3://")
        changed["StorageDescriptor"]["Columns"] = [*others, first]
        world.glue.update_table(DatabaseName=world.database, TableInput=changed)
        assert self.differences(world)[0] == "query_templates has its columns in another order than its spec"
        world.glue.delete_table(DatabaseName=world.database, Name="query_templates")
        assert self.differences(world) == ["there is no table query_templates"]

    def test_the_checks_run_by_hand_say_the_same(self, world: CrawledWorld) -> None:
        world.publish(RETAIL_COPILOT, DAY)
        world.glue.delete_table(DatabaseName=world.database, Name="query_templates")
        checks = dg.AssetSelection.checks_for_assets(crawled_key(RETAIL_COPILOT))
        job = dg.define_asset_job("by_hand", checks)
        of_job = dg.Definitions(
            assets=defs.assets,
            asset_checks=defs.asset_checks,
            jobs=[job],
            resources={**dict.fromkeys(defs.resources or {}, dg.ResourceDefinition.none_resource()),
                       CRAWLERS: (defs.resources or {})[CRAWLERS]},
        )  # fmt: skip
        result = of_job.resolve_job_def("by_hand").execute_in_process(instance=world.instance)
        found = {each.check_name: (each.passed, each.description) for each in result.get_asset_check_evaluations()}
        assert found == {
            AS_THE_SET_SAYS: (False, "there is no table query_templates"),
            CRAWLED_SINCE: (True, "each materialization was followed by a crawl, or soon will be"),
        }
