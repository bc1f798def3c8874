"""The curated tables as assets: what a Lambda did for one raw object, a person can do again for a day or many."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import dagster as dg

from pipeline_assets import __version__
from pipeline_assets.curation.completion import LOADS_ASSET, LOADS_FLOW, complete_loads, loads_of
from pipeline_assets.curation.day import DayAccount
from pipeline_assets.curation.ingest import CURATION_FLOW, code_version, is_loaded, is_worked_out, recurate_day
from pipeline_assets.curation.preview import first_rows
from pipeline_assets.curation.publish import account_of, day_bytes
from pipeline_assets.curation.stores import CATALOG, FLOW, CurationSettings, CurationStores, open_stores
from pipeline_assets.datasets.ecommerce import OWNER
from pipeline_assets.datasets.spec import Dataset, stored_columns
from pipeline_assets.events.receipt import Receipt, receipt_id_of
from pipeline_assets.lake.layout import LOADS
from pipeline_assets.lake.tables import ADDED_COLUMNS
from pipeline_assets.lineage.addresses import URI, bucket_uri
from pipeline_assets.lineage.asset_keys import curated_key, raw_key
from pipeline_assets.lineage.bridge import Place
from pipeline_assets.lineage.columns import lineage_of, references_table, rules_table, schema_of
from pipeline_assets.lineage.materializations import materialization
from pipeline_assets.lineage.metadata import place_state
from pipeline_assets.lineage.partitions import ONE_RUN, load_days
from pipeline_assets.lineage.policies import EVERY_OPEN_DAY, expected_of
from pipeline_assets.lineage.preview import PREVIEW, PREVIEW_ROWS, preview_table
from pipeline_assets.lineage.redo import event_of
from pipeline_assets.lineage.rejected import RejectionReader
from pipeline_assets.lineage.resources import EnvironmentResource, optional, required
from pipeline_assets.lineage.run_days import NOTHING, DayEvent, RunDays
from pipeline_assets.lineage.sentences import counted
from pipeline_assets.lineage.spark import EngineChoice, SparkResource, spark_metadata
from pipeline_assets.lineage.store_figures import StoreFigures, StoreSays
from pipeline_assets.spark.settings import Engine

_NO_LOAD = "no load is known"
#: The group of what is told of the lake as a whole.
LAKE = "lake"


class CurationStoresResource(EnvironmentResource):
    """The raw and the curated objects of the lake, ledger, quarantine and the SQL tables over them."""

    raw_bucket: str = required("The name of the bucket of raw objects")
    curated_bucket: str = required("The name of the bucket of curated days")
    quarantine_bucket: str = required("The name of the bucket for rejected rows")
    ledger_table: str = required("The name of the DynamoDB table of receipts")
    lake_database: str = optional("The name of the lake's SQL database, whose tables are told of new days")
    raw_queue_url: str = optional("The address of the queue of raw objects")

    @property
    def settings(self) -> CurationSettings:
        """What the fields say; raises `MissingSettingError`."""
        return CurationSettings.from_environment(self.variables())

    @contextmanager
    def open(self) -> Iterator[CurationStores]:
        """Open all stores; raises `MissingSettingError`."""
        with open_stores(self.settings) as stores:
            yield stores


def curated_asset(dataset: Dataset) -> dg.AssetsDefinition:
    """The asset of a curated table."""
    columns = stored_columns(dataset)

    @dg.asset(
        key=curated_key(dataset),
        deps=[raw_key(dataset)],
        partitions_def=load_days,
        dagster_type=NOTHING,
        backfill_policy=ONE_RUN,
        group_name="curated",
        kinds={"lambda", "parquet", "s3"},
        owners=[dataset.owner],
        code_version=code_version(dataset),
        tags={"flow": CURATION_FLOW.name, "layer": "curated", **expected_of(dataset)},
        description=f"{dataset.description} What was loaded on a day, judged by the rules, the latest row of each key. "
        "Materializing a day works it out again from its raw objects.",
        metadata={
            "dagster/column_schema": schema_of((*columns, *ADDED_COLUMNS)),
            "rules": rules_table(dataset),
            "references": references_table(dataset),
            URI: bucket_uri("CURATED_BUCKET", f"{dataset.name}/"),
            **lineage_of(columns, raw_key(dataset)),
        },
    )
    def curated(
        context: dg.AssetExecutionContext,
        config: EngineChoice,
        curation_stores: CurationStoresResource,
        spark: SparkResource,
    ) -> Iterator[DayEvent]:
        run, engines = RunDays(context), _Engines(context, curation_stores.settings, spark, Engine(config.engine))
        yield from run.each(
            curation_stores.open,
            lambda day, stores: [_recurated(run, engines, dataset, day, stores)],
            lambda day, stores: is_loaded(dataset, day, stores),
            _NO_LOAD,
        )

    return curated


@dataclass(frozen=True, slots=True)
class _Engines:
    """What may work a day out in a step: the step itself, or a job of Spark."""

    context: dg.AssetExecutionContext
    settings: CurationSettings
    spark: SparkResource
    asked: Engine

    def recurated(
        self, dataset: Dataset, day: str, stores: CurationStores
    ) -> tuple[list[Receipt], dict[str, dg.MetadataValue[Any]]]:
        """Work a day out again: its receipts, and what is told of the engine that did it."""
        asset = curated_key(dataset).to_user_string()
        engine = self.spark.settings.engine_of(asset, day_bytes(dataset, day, stores), self.asked)
        if engine is Engine.POLARS:
            return recurate_day(dataset, day, stores), spark_metadata(engine, {})
        told = {"dataset": dataset.name, "day": day, "settings": asdict(self.settings)}
        result = self.spark.run(self.context, "curated_day", told)
        account = account_of(dataset, day, stores)
        found = (stores.ledger.receipt(source.id) for source in (account.sources if account else ()))
        return [receipt for receipt in found if receipt], spark_metadata(engine, result)


def _recurated(
    run: RunDays, engines: _Engines, dataset: Dataset, day: str, stores: CurationStores
) -> dg.AssetMaterialization:
    """Work a day out again, unless the function has just done it for the objects that this run has exported."""
    context = engines.context
    place, source = Place(curated_key(dataset).to_user_string(), day), Place(raw_key(dataset).to_user_string(), day)
    exported = run.reports_told(source)
    receipts = [each for report in exported if (each := stores.ledger.receipt(receipt_id_of(report)))]
    engine: dict[str, dg.MetadataValue[Any]] = {}
    if not receipts or not is_worked_out(dataset, day, stores):
        receipts, engine = engines.recurated(dataset, day, stores)
    event = event_of(place, receipts, code_version(dataset))
    # What came in between is the bridge's to tell, as it tells of raw first.
    waiting = {each.report_id for each in receipts if stores.ledger.is_pending(each)}
    event.report_ids = [*exported, *(each for each in event.report_ids if each not in {*waiting, *exported})]
    state = place_state(stores.ledger, FLOW, place)
    counts = state.counts
    days = context.partition_keys
    said = "%s %s (%d of %d): %d rows accepted, %d quarantined, of %d raw objects"
    context.log.info(
        said, place.asset, day, days.index(day) + 1, len(days), counts.accepted, counts.quarantined, state.objects
    )
    return materialization(
        event,
        state,
        [source],
        context.instance,
        description="" if receipts else "nothing was loaded on this day",
        first=RejectionReader(lambda: stores.quarantine, context.log).metadata_of(event),
        further={
            **engine,
            "broken_rules": dg.MetadataValue.md(_rules_broken(account_of(dataset, day, stores))),
            PREVIEW: dg.MetadataValue.md(preview_table(first_rows(dataset, day, stores, PREVIEW_ROWS))),
        },
    )


def _rules_broken(account: DayAccount | None) -> str:
    rejected: Counter[str] = Counter()
    warned: Counter[str] = Counter()
    for source in account.sources if account else ():
        rejected.update(source.rules)
        warned.update(source.warned)
    rows = [f"| {rule} | {rejected[rule]} | {warned[rule]} |" for rule in sorted(rejected | warned)]
    return "\n".join(["| rule | rows rejected | rows kept with a warning |", "|---|---:|---:|", *rows])


@dg.asset(
    key=dg.AssetKey.from_user_string(LOADS_ASSET),
    deps=[curated_key(dataset) for dataset in CATALOG],
    partitions_def=load_days,
    dagster_type=NOTHING,
    backfill_policy=ONE_RUN,
    group_name=LAKE,
    kinds={"lambda", "s3"},
    owners=[OWNER],
    code_version=__version__,
    tags={"flow": CURATION_FLOW.name, "layer": "curated", **EVERY_OPEN_DAY},
    description="The loads of a day that are whole: every object of the manifest is curated and few enough rows were "
    "rejected. Each then has a completion marker, from which on other things are made of it. Materializing a day looks "
    "at all its loads again.",
    metadata={URI: bucket_uri("CURATED_BUCKET", LOADS)},
)
def loads(context: dg.AssetExecutionContext, curation_stores: CurationStoresResource) -> Iterator[DayEvent]:
    """Look at the loads of the days of the run, and put the markers that are due."""
    yield from RunDays(context).each(
        curation_stores.open,
        lambda day, stores: [_completed(context, day, stores)],
        lambda day, stores: bool(loads_of(day, stores)),
        _NO_LOAD,
    )


def _completed(context: dg.AssetExecutionContext, day: str, stores: CurationStores) -> dg.AssetMaterialization:
    """Look at the loads of a day."""
    place = Place(LOADS_ASSET, day)
    says = _loads_of_day(stores, day)
    manifests = stores.ledger.sources(*place)
    return materialization(
        event_of(place, [each for source in manifests if (each := stores.ledger.receipt(source.id))], __version__),
        place_state(stores.ledger, LOADS_FLOW, place),
        [Place(curated_key(dataset).to_user_string(), day) for dataset in CATALOG],
        context.instance,
        description=says.sentence,
        first=says.figures,
        in_rows=False,
    )


def _loads_of_day(stores: CurationStores, day: str) -> StoreSays:
    """The loads of a day, and what keeps the open ones from their end; one that is whole gets its marker."""
    found = complete_loads(day, stores)
    still_open = sum(open_load is not None for _, open_load in found)
    rows = [f"| {name.load_id} | {open_load.lacks if open_load else 'whole'} |" for name, open_load in found]
    return StoreSays(
        {
            "loads": len(found),
            "loads_open": still_open,
            "standing": dg.MetadataValue.md("\n".join(["| load | |", "|---|---|", *rows])),
        },
        f"{counted(len(found), 'load')}, {f'{still_open} open' if still_open else 'all whole'}",
    )


LOADS_FIGURES = StoreFigures(LOADS_FLOW, LOADS_ASSET, "curation_stores", _loads_of_day, in_rows=False)
CURATED = [curated_asset(dataset) for dataset in CATALOG]
