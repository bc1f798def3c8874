"""The prod sets as assets: what the function makes of a complete load, a person can make as of a day or of many."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg

from pipeline_assets import __version__
from pipeline_assets.analytics.crawlers import CrawledStores, CrawlerSettings, open_crawled
from pipeline_assets.analytics.day_features import DayFeatures, open_features
from pipeline_assets.analytics.ingest import STARTED, is_complete, publish_set
from pipeline_assets.analytics.pictures import picture_of
from pipeline_assets.analytics.prod_set import ProdSet
from pipeline_assets.analytics.publish import manifest_key, read_manifest
from pipeline_assets.analytics.requests import requests_of
from pipeline_assets.analytics.sets import SETS
from pipeline_assets.analytics.stores import FLOW, AnalyticsSettings, AnalyticsStores, open_stores
from pipeline_assets.analytics.tables import bucket_variable
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.events.stored_objects import current_versions
from pipeline_assets.lake.layout import LOADS
from pipeline_assets.lineage.addresses import TABLE_NAME, URI, bucket_uri, named
from pipeline_assets.lineage.asset_keys import curated_key, table_key
from pipeline_assets.lineage.bridge import Place
from pipeline_assets.lineage.columns import lineage_of_derived, lineage_of_tables, schema_of_tables
from pipeline_assets.lineage.external import quarantine_of
from pipeline_assets.lineage.materializations import materialization
from pipeline_assets.lineage.metadata import cell, place_state
from pipeline_assets.lineage.partitions import ONE_RUN, load_days
from pipeline_assets.lineage.policies import EVERY_OPEN_DAY, REPORTED_BY
from pipeline_assets.lineage.redo import event_of
from pipeline_assets.lineage.resources import EnvironmentResource, optional, required
from pipeline_assets.lineage.run_days import NOTHING, DayEvent, RunDays
from pipeline_assets.lineage.sentences import counted
from pipeline_assets.lineage.spark import EngineChoice, SparkResource, spark_metadata
from pipeline_assets.lineage.store_figures import StoreFigures, StoreSays
from pipeline_assets.lineage.tick_time import STORE_IN_TICK
from pipeline_assets.spark.settings import Engine
from pipeline_assets.storage.bucket import Bucket

LOADS_KEY = dg.AssetKey(["lake", "loads"])
STARTED_KEY = dg.AssetKey.from_user_string(STARTED)
RESOURCE, CRAWLERS = "analytics_stores", "crawlers"
#: The sensor that starts the crawlers.
WATCH = "crawlers_watch"


class AnalyticsStoresResource(EnvironmentResource):
    """The curated lake and the buckets of the prod sets, ledger, quarantine and the SQL tables over them."""

    curated_bucket: str = required("The name of the bucket of curated days")
    quarantine_bucket: str = required("The name of the bucket for what cannot be made")
    ledger_table: str = required("The name of the DynamoDB table of receipts")
    market_intelligence_hub_bucket: str = required("The name of the bucket of the Market Intelligence Hub")
    demand_insights_engine_bucket: str = required("The name of the bucket of the Demand Insights Engine")
    compliance_guardian_bucket: str = required("The name of the bucket of the Compliance Guardian")
    global_market_pulse_bucket: str = required("The name of the bucket of the Global Market Pulse")
    retail_copilot_bucket: str = required("The name of the bucket of the Retail Copilot")
    lake_database: str = optional("The name of the lake's SQL database, whose tables are told of new days")
    curated_queue_url: str = optional("The address of the queue of completion markers")

    @property
    def settings(self) -> AnalyticsSettings:
        """What the fields say; raises `MissingSettingError`."""
        return AnalyticsSettings.from_environment(self.variables())

    @contextmanager
    def open(self) -> Iterator[AnalyticsStores]:
        """Open all stores; raises `MissingSettingError`."""
        with open_stores(self.settings) as stores:
            yield stores


class CrawlersResource(EnvironmentResource):
    """The crawlers of the prod sets, and the tables and buckets that they look through."""

    lake_database: str = required("The name of the lake's SQL database")
    market_intelligence_hub_crawler: str = required("The name of the crawler of the Market Intelligence Hub")
    demand_insights_engine_crawler: str = required("The name of the crawler of the Demand Insights Engine")
    compliance_guardian_crawler: str = required("The name of the crawler of the Compliance Guardian")
    global_market_pulse_crawler: str = required("The name of the crawler of the Global Market Pulse")
    retail_copilot_crawler: str = required("The name of the crawler of the Retail Copilot")
    market_intelligence_hub_bucket: str = required("The name of the bucket of the Market Intelligence Hub")
    demand_insights_engine_bucket: str = required("The name of the bucket of the Demand Insights Engine")
    compliance_guardian_bucket: str = required("The name of the bucket of the Compliance Guardian")
    global_market_pulse_bucket: str = required("The name of the bucket of the Global Market Pulse")
    retail_copilot_bucket: str = required("The name of the bucket of the Retail Copilot")

    @property
    def settings(self) -> CrawlerSettings:
        """What the fields say; raises `MissingSettingError`."""
        return CrawlerSettings.from_environment(self.variables())

    @contextmanager
    def open(self) -> Iterator[CrawledStores]:
        """Open all of it, with the patience of a tick; raises `MissingSettingError`."""
        with open_crawled(self.settings, STORE_IN_TICK) as stores:
            yield stores


#: The completion markers that started the making of sets, told by receipts alone.
started = dg.AssetSpec(
    STARTED_KEY,
    deps=[LOADS_KEY],
    partitions_def=load_days,
    group_name="prod",
    kinds={"aws", "lambda"},
    owners=["team:analytics"],
    tags={"flow": FLOW, "layer": "prod"},
    description="Complete loads, by load day, and what their completion markers led to: sets were made of the newest, "
    "and of one that a later load had overtaken none were, which counts as superseded. Its day can be backfilled.",
    metadata={URI: bucket_uri("CURATED_BUCKET", LOADS)},
)
#: Markers of whose days a set cannot be made.
rejected = quarantine_of(FLOW, kind="json", owner="team:analytics", judged=[STARTED_KEY])


def set_key(prod_set: ProdSet) -> dg.AssetKey:
    """The key of the asset of a set."""
    return dg.AssetKey.from_user_string(prod_set.asset)


def set_asset(prod_set: ProdSet) -> dg.AssetsDefinition:
    """The asset of a set, by as-of date."""

    @dg.asset(
        key=set_key(prod_set),
        # A set reads all load days up to its own, so that every day feeds every later one.
        deps=[
            LOADS_KEY,
            *(
                dg.AssetDep(curated_key(ECOMMERCE[name]), partition_mapping=dg.AllPartitionMapping())
                for name in prod_set.inputs
            ),
        ],
        partitions_def=load_days,
        dagster_type=NOTHING,
        backfill_policy=ONE_RUN,
        required_resource_keys={RESOURCE, "spark"},
        group_name="prod",
        kinds={"aws", "parquet", "scikitlearn"},
        owners=[prod_set.owner],
        code_version=__version__,
        tags={"flow": FLOW, "layer": "prod", **EVERY_OPEN_DAY},
        description=f"{prod_set.description} By as-of date: made of what was loaded up to it and of nothing later. "
        "Materializing a day makes all its tables anew.",
        metadata={
            "tables": dg.MetadataValue.md(_tables(prod_set)),
            URI: bucket_uri(bucket_variable(prod_set.name)),
            "dagster/column_schema": schema_of_tables(prod_set.tables),
            **lineage_of_derived(prod_set.tables, lambda name: curated_key(ECOMMERCE[name])),
        },
    )
    def made(context: dg.AssetExecutionContext, config: EngineChoice) -> Iterator[DayEvent]:
        stores_of: AnalyticsStoresResource = getattr(context.resources, RESOURCE)
        engine = SparkJobs(context, context.resources.spark, Engine(config.engine))
        yield from RunDays(context).each(
            lambda: _opened(stores_of, engine),
            lambda day, opened: [_made(engine, prod_set, day, *opened)],
            lambda day, opened: is_complete(day, opened[0]),
            "no load is complete",
        )

    return made


@dataclass
class SparkJobs:
    """Works the features of sets out by jobs of Spark, where the settings or a person ask for it.

    Parameters
    ----------
    context
        The step that makes the sets.
    spark
        Where jobs run, and when they do.
    asked
        What a person has chosen for the run.
    told
        What the last job told.
    """

    context: dg.AssetExecutionContext
    spark: SparkResource
    asked: Engine
    told: Mapping[str, Any] | None = None

    def takes(self, prod_set: ProdSet, size: int) -> bool:
        """Whether the features of a set that is made of so many bytes are worked out by a job."""
        self.told = None
        return self.spark.settings.engine_of(prod_set.asset, size, self.asked) is Engine.SPARK

    def work_out(self, prod_set: ProdSet, as_of: date, version: str, curated: Bucket) -> None:
        """Run the job and wait for it; raises `TransientError` and `TerminalError`.

        Parameters
        ----------
        prod_set, as_of, version, curated
            As of `FeatureEngine.work_out`.
        """
        parameters = {"bucket": curated.name, "set": prod_set.name, "as_of": as_of.isoformat(), "version": version}
        self.told = self.spark.run(self.context, "features", parameters)

    def metadata(self) -> dict[str, Any]:
        """What a materialization says of the engine that worked the features of the last set out."""
        return spark_metadata(Engine.POLARS if self.told is None else Engine.SPARK, self.told or {})


@contextmanager
def _opened(stores_of: AnalyticsStoresResource, engine: SparkJobs) -> Iterator[tuple[AnalyticsStores, DayFeatures]]:
    """The stores, and the lake that keeps its files from day to day of a run."""
    with stores_of.open() as stores, open_features(stores.curated, stores.catalog, engine) as features:
        yield stores, features


def _made(
    engine: SparkJobs, prod_set: ProdSet, day: str, stores: AnalyticsStores, features: DayFeatures
) -> dg.AssetMaterialization:
    """Make a set as of a day."""
    place, context = Place(prod_set.asset, day), engine.context
    as_of = date.fromisoformat(day)
    asked_for = requests_of(prod_set, day, stores.curated)
    publish_set(prod_set, as_of, stores, features, anew=True, report=False)
    if asked_for:
        stores.curated.delete_all(asked_for)
    versions = current_versions(stores.targets[prod_set.name], manifest_key(as_of))
    receipts = [each for version in versions if (each := stores.ledger.receipt(version.id))]
    says = published(prod_set, day, stores)
    days = context.partition_keys
    context.log.info("%s %s (%d of %d): %s", place.asset, day, days.index(day) + 1, len(days), says.sentence)
    return materialization(
        event_of(place, receipts, __version__),
        place_state(stores.ledger, FLOW, place),
        [],
        context.instance,
        description=says.sentence,
        first={**says.figures, **engine.metadata()},
        in_rows=False,
    )


def published(prod_set: ProdSet, day: str, stores: AnalyticsStores) -> StoreSays:
    """What a set says of itself as of a day.

    Parameters
    ----------
    prod_set
        The set.
    day
        The day, ISO.
    stores
        The stores of the sets.

    Returns
    -------
    StoreSays
        Rows of its tables, its scores and a picture, and a sentence of them.

    Raises
    ------
    TransientError
        Its bucket does not answer.
    """
    as_of = date.fromisoformat(day)
    bucket = stores.targets[prod_set.name]
    manifest = read_manifest(bucket, as_of)
    if manifest is None:
        return StoreSays({}, "not published")
    tables = manifest.tables.items()
    figures: dict[str, Any] = {}
    if picture := picture_of(prod_set, as_of, bucket):
        figures["picture"] = dg.MetadataValue.md(picture)
    for _, table in tables:
        for score in table.scores:
            figures |= {score.name: score.value, f"{score.name}_baseline": score.baseline}
    lines = [f"| {name} | {table.rows} | {cell(table.note)} |" for name, table in tables]
    figures["tables"] = dg.MetadataValue.md("\n".join(["| table | rows | |", "|---|---:|---|", *lines]))
    figures |= {f"rows_{name}": table.rows for name, table in tables}
    rows = sum(table.rows for _, table in tables)
    return StoreSays(figures, f"{counted(len(manifest.tables), 'table')}, {counted(rows, 'row')}")


def crawled_key(prod_set: ProdSet) -> dg.AssetKey:
    """The key of the asset of a set's SQL tables."""
    return table_key(prod_set.name)


def crawled_asset(prod_set: ProdSet) -> dg.AssetSpec:
    """The asset of a set's SQL tables, told when its crawler has looked through them."""
    key, database = set_key(prod_set), named("LAKE_DATABASE")
    return dg.AssetSpec(
        crawled_key(prod_set),
        deps=[dg.AssetDep(key, partition_mapping=dg.AllPartitionMapping())],
        group_name="prod",
        kinds={"athena", "table"},
        owners=[prod_set.owner],
        tags={"flow": FLOW, "layer": "prod"},
        description=f"The SQL tables of the set by `as_of`, which Athena and SQL read. Materialized by the sensor "
        f"{WATCH} each time that the crawler of the set has looked through them; the crawler changes none of them.",
        metadata={
            "tables": dg.MetadataValue.md(_tables(prod_set)),
            REPORTED_BY: f"the sensor {WATCH}",
            TABLE_NAME: ", ".join(f"{database}.{table.name}" for table in prod_set.tables),
            URI: bucket_uri(bucket_variable(prod_set.name)),
            "dagster/column_schema": schema_of_tables(prod_set.tables),
            **lineage_of_tables(prod_set.tables, key),
        },
    )


def _tables(prod_set: ProdSet) -> str:
    lines = [f"| {table.name} | {cell(table.description)} | {', '.join(table.key)} |" for table in prod_set.tables]
    return "\n".join(["| table | | key |", "|---|---|---|", *lines])


PROD = [set_asset(prod_set) for prod_set in SETS]
CRAWLED = [crawled_asset(prod_set) for prod_set in SETS]
#: Figures that the bridge tells beside the rows, as a run does.
PROD_FIGURES = tuple(
    StoreFigures(
        FLOW,
        prod_set.asset,
        RESOURCE,
        lambda stores, day, prod_set=prod_set: published(prod_set, day, stores),  # type: ignore[misc]
        in_rows=False,
    )
    for prod_set in SETS
)
