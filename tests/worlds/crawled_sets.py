"""A prod set with SQL tables and a crawler on the local cloud, and the watch over them, one look at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg

from deploy.local.cloud import CREDENTIALS, REGION
from pipeline_assets.analytics.assets import CRAWLERS, crawled_key, set_key
from pipeline_assets.analytics.crawlers import CrawledStores, Crawler
from pipeline_assets.analytics.day_features import open_features
from pipeline_assets.analytics.ingest import publish_set
from pipeline_assets.analytics.prod_set import ProdSet
from pipeline_assets.analytics.sets import SETS
from pipeline_assets.analytics.tables import bucket_variable, crawler_variable, prod_table
from pipeline_assets.definitions import defs
from pipeline_assets.lake.tables import GluePartitions
from pipeline_assets.lineage.evaluations import shown_evaluation
from tests.worlds.prod_sets import ProdWorld

if TYPE_CHECKING:
    import pytest

WATCH = defs.resolve_sensor_def("crawlers_watch")


@dataclass
class CrawledWorld:
    """A set whose tables are declared as the template declares them, with an instance of Dagster that knows nothing."""

    sets: ProdWorld
    instance: dg.DagsterInstance
    cursor: str | None = None

    @cached_property
    def glue(self) -> Any:
        return self.sets.access.client("glue")

    @property
    def database(self) -> str:
        return f"lake_{self.sets.name}"

    def crawler(self, prod_set: ProdSet) -> str:
        return f"{self.sets.name}-{prod_set.name}"

    def stores(self) -> CrawledStores:
        crawlers = {each.name: Crawler(self.glue, self.crawler(each)) for each in SETS}
        return CrawledStores(self.glue, self.database, crawlers, self.sets.stores().targets)

    def declare(self, prod_set: ProdSet) -> None:
        """Make the tables and the crawler of a set."""
        self.glue.create_database(DatabaseInput={"Name": self.database})
        for table in prod_set.tables:
            self.glue.create_table(DatabaseName=self.database, TableInput=self.table_input(prod_set, table.name))
        self.glue.create_crawler(
            Name=self.crawler(prod_set),
            Role="arn:aws:iam::000000000000:role/crawler",
            Targets={"CatalogTargets": [{"DatabaseName": self.database, "Tables": [*prod_set.tables.names]}]},
            SchemaChangePolicy={"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"},
        )

    def table_input(self, prod_set: ProdSet, name: str) -> dict[str, Any]:
        table = prod_table(prod_set.tables, prod_set.tables[name])
        return {
            "Name": name,
            "PartitionKeys": [{"Name": key, "Type": "string"} for key in table.partitions],
            "StorageDescriptor": table.storage(f"{self.sets.name}-{prod_set.name}"),
        }

    def publish(self, prod_set: ProdSet, day: date) -> None:
        """Make a set as of a day, and show it in Dagster, as a run or its bridge does."""
        buckets = {each.name: f"{self.sets.name}-{each.name}" for each in SETS}
        partitions = GluePartitions(self.glue, self.database, buckets)
        stores = self.sets.stores(partitions=partitions)
        with open_features(stores.curated, stores.catalog) as features:
            publish_set(prod_set, day, stores, features, anew=True)
        self.show(prod_set, day)

    def show(self, prod_set: ProdSet, day: date) -> None:
        event = dg.AssetMaterialization(set_key(prod_set), partition=day.isoformat())
        self.instance.report_runless_asset_event(event)

    def look(self, *, stored: bool = True, saved: bool = True) -> dg.SensorResult:
        """One tick of the watch; the daemon dies before its events are `stored`, or before its cursor is `saved`."""
        resources = {CRAWLERS: (defs.resources or {})[CRAWLERS]}
        with dg.build_sensor_context(self.instance, cursor=self.cursor, resources=resources) as context:
            result = WATCH(context)
        assert isinstance(result, dg.SensorResult)
        for event in result.asset_events if stored else ():
            self.instance.report_runless_asset_event(event)
        if stored and saved:
            self.cursor = result.cursor
        return result

    def started(self, prod_set: ProdSet) -> float:
        """When the last crawl of a set's crawler began that has ended; 0 where there was none."""
        last = self.glue.get_crawler(Name=self.crawler(prod_set))["Crawler"].get("LastCrawl")
        return float(last["StartTime"].timestamp()) if last else 0.0

    def is_resting(self, prod_set: ProdSet) -> bool:
        return bool(self.glue.get_crawler(Name=self.crawler(prod_set))["Crawler"]["State"] == "READY")

    def told(self, prod_set: ProdSet) -> list[dg.AssetMaterialization]:
        """What was told of the tables of a set, the newest first."""
        records = self.instance.fetch_materializations(crawled_key(prod_set), limit=100).records
        return [record.asset_materialization for record in records if record.asset_materialization]

    def check(self, prod_set: ProdSet, name: str) -> tuple[bool, str]:
        evaluation = shown_evaluation(self.instance, dg.AssetCheckKey(crawled_key(prod_set), name))
        assert evaluation
        return evaluation.passed, evaluation.description or ""


@contextmanager
def crawled_world(sets: ProdWorld, prod_set: ProdSet, monkeypatch: pytest.MonkeyPatch) -> Iterator[CrawledWorld]:
    """Tables and crawler of a set, in the environment of a process that watches all sets."""
    with dg.DagsterInstance.ephemeral() as instance:
        world = CrawledWorld(sets, instance)
        world.declare(prod_set)
        environment = {
            "AWS_ENDPOINT_URL": sets.access.document["endpoint_url"],
            "AWS_DEFAULT_REGION": REGION,
            **{name.upper(): value for name, value in CREDENTIALS.items()},
            "LAKE_DATABASE": world.database,
            **{bucket_variable(each.name): f"{sets.name}-{each.name}" for each in SETS},
            **{crawler_variable(each.name): world.crawler(each) for each in SETS},
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield world
