"""The history of purchases as assets: what arrived of the stream, and its documents by day and by tenant."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg

from pipeline_assets import __version__
from pipeline_assets.compras.derived import (
    CSV,
    PARQUET,
    DerivedDay,
    DerivedTable,
    document_bytes,
    has_purchases,
    publish_day,
)
from pipeline_assets.compras.ingest import COMPRAS_FLOW, DOCUMENTS, LANDED, TENANTS
from pipeline_assets.compras.recover import recover
from pipeline_assets.compras.spark_job import asked_of, made_by
from pipeline_assets.compras.stores import FLOW, ComprasSettings, ComprasStores, open_stores
from pipeline_assets.datasets.compras import COMPRAS
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.sources import StreamBatch
from pipeline_assets.lineage.addresses import TABLE_NAME, URI, bucket_uri, named
from pipeline_assets.lineage.asset_keys import bucket_key
from pipeline_assets.lineage.bridge import Place
from pipeline_assets.lineage.columns import rules_table, schema_of
from pipeline_assets.lineage.external import quarantine_of
from pipeline_assets.lineage.materializations import materialization
from pipeline_assets.lineage.metadata import place_state
from pipeline_assets.lineage.partitions import DAYS, ONE_RUN, arrival_days, days_since
from pipeline_assets.lineage.redo import event_of
from pipeline_assets.lineage.rejected import RejectionReader
from pipeline_assets.lineage.resources import EnvironmentResource, optional, required
from pipeline_assets.lineage.run_days import NOTHING, DayEvent, RunDays
from pipeline_assets.lineage.sentences import counted
from pipeline_assets.lineage.spark import EngineChoice, SparkResource, spark_metadata
from pipeline_assets.spark.settings import Engine

RESOURCE = "compras_stores"
LANDED_KEY = dg.AssetKey.from_user_string(LANDED)
DOCUMENTS_KEY = dg.AssetKey.from_user_string(DOCUMENTS)
TENANTS_KEY = dg.AssetKey.from_user_string(TENANTS)
#: A purchase may be of up to one day after its change was told.
purchase_days = days_since(DAYS.first, with_tomorrow=True)
tenants = dg.DynamicPartitionsDefinition(name="tenants")


class ComprasStoresResource(EnvironmentResource):
    """The stores of the history of purchases: bucket of documents, ledger, quarantine, and the table they are of."""

    compras_table: str = required("The name of the DynamoDB table of purchases")
    compras_bucket: str = required("The name of the bucket of purchase documents")
    quarantine_bucket: str = required("The name of the bucket for rejected changes")
    ledger_table: str = required("The name of the DynamoDB table of receipts")
    compras_currency: str = optional("The currency that the documents name")
    compras_database: str = optional("The name of the Glue database of purchases, whose tables are told of new days")
    stage: str = optional("The stage that the documents name")

    @property
    def settings(self) -> ComprasSettings:
        """What the fields say; raises `MissingSettingError`."""
        return ComprasSettings.from_environment(self.variables())

    @contextmanager
    def open(self) -> Iterator[ComprasStores]:
        """Open all stores; raises `MissingSettingError`."""
        with open_stores(self.settings) as stores:
            yield stores


_table = dg.AssetSpec(
    dg.AssetKey([FLOW, "t_MS3_compras"]),
    group_name=FLOW,
    kinds={"aws", "dynamodb", "table"},
    owners=[COMPRAS.owner],
    description="The table of purchases, an item each. Its stream tells every change of an item, with what it was "
    "before and what it is, and feeds actualizarComprasStream.",
    metadata={"dagster/column_schema": schema_of(COMPRAS.columns), TABLE_NAME: named("COMPRAS_TABLE", "t_MS3_compras")},
)
_bucket = dg.AssetSpec(
    bucket_key(FLOW),
    deps=[dg.AssetDep(DOCUMENTS_KEY, partition_mapping=dg.AllPartitionMapping())],
    group_name=FLOW,
    kinds={"s3", "json"},
    owners=[COMPRAS.owner],
    description="One JSON document per change of a purchase, by tenant and by the day of the purchase.",
    metadata={URI: bucket_uri("COMPRAS_BUCKET", "compras/")},
)
_by_tenant = dg.AssetSpec(
    TENANTS_KEY,
    deps=[dg.AssetDep(LANDED_KEY, partition_mapping=dg.AllPartitionMapping())],
    partitions_def=tenants,
    group_name=FLOW,
    kinds={"aws", "lambda", "json"},
    owners=[COMPRAS.owner],
    tags={"flow": FLOW, "layer": "accepted"},
    description="The documents of each tenant, from the receipts of the stream; a tenant is a partition from its first "
    "change on. Ids of other characters than letters, digits, _ and - are encoded.",
    metadata={URI: bucket_uri("COMPRAS_BUCKET", "compras/")},
)
_rejected = quarantine_of(FLOW, kind="json", owner=COMPRAS.owner, judged=[LANDED_KEY])


@dg.asset(
    key=LANDED_KEY,
    deps=[_table.key],
    partitions_def=arrival_days,
    dagster_type=NOTHING,
    backfill_policy=ONE_RUN,
    required_resource_keys={RESOURCE},
    group_name=FLOW,
    kinds={"aws", "lambda"},
    owners=[COMPRAS.owner],
    code_version=__version__,
    tags={"flow": FLOW, "layer": "landed"},
    description="Changes of purchases by the UTC day they were made; each that the stream told is accounted for here, "
    "once. Materializing a day brings in what was rejected of it, by today's rules.",
    metadata={"rules": rules_table(COMPRAS), URI: bucket_uri("COMPRAS_BUCKET", "compras/")},
)
def compras_landed(context: dg.AssetExecutionContext) -> Iterator[DayEvent]:
    """Replay what was rejected of the days of the run."""
    stores: ComprasStoresResource = getattr(context.resources, RESOURCE)
    yield from RunDays(context).each(
        stores.open,
        lambda day, opened: [_replayed(context, LANDED, day, opened)],
        lambda day, opened: bool(opened.ledger.account(LANDED, day).sources),
        "no change is known",
    )


def _replayed(
    context: dg.AssetExecutionContext, asset: str, day: str, stores: ComprasStores
) -> dg.AssetMaterialization:
    """Replay what was rejected of the batches of a day."""
    receipts: list[Receipt] = []
    for source in stores.ledger.sources(asset, day):
        receipt = stores.ledger.receipt(source.id) if isinstance(source, StreamBatch) else None
        if receipt and receipt.counts.quarantined:
            receipts.append(COMPRAS_FLOW.replay(receipt, stores))
    stores.ledger.mend(asset, day)
    place = Place(asset, day)
    account = stores.ledger.account(asset, day)
    event = event_of(place, receipts, __version__, as_received=True)
    left = sum(receipt.counts.quarantined for receipt in receipts)
    said = f"{counted(len(receipts), 'batch', 'batches')} with rejected changes replayed; {left} still rejected"
    context.log.info("%s %s: %s", asset, day, said)
    return materialization(
        event,
        place_state(stores.ledger, FLOW, place, as_received=True, account=account),
        (),
        context.instance,
        description=said,
        first=RejectionReader(lambda: stores.quarantine, context.log).metadata_of(event),
    )


@dg.asset(
    key=DOCUMENTS_KEY,
    deps=[dg.AssetDep(LANDED_KEY, partition_mapping=dg.AllPartitionMapping())],
    partitions_def=purchase_days,
    dagster_type=NOTHING,
    backfill_policy=ONE_RUN,
    required_resource_keys={RESOURCE},
    group_name=FLOW,
    kinds={"aws", "s3", "json"},
    owners=[COMPRAS.owner],
    code_version=__version__,
    tags={"flow": FLOW, "layer": "accepted"},
    description="Documents of changes by the day of the purchase, one for each change that met the rules. "
    "Materializing a day compares its purchases in the table with their latest documents and makes those that lack.",
    metadata={"dagster/column_schema": schema_of(COMPRAS.columns), URI: bucket_uri("COMPRAS_BUCKET", "compras/")},
)
def compras_documents(context: dg.AssetExecutionContext) -> Iterator[DayEvent]:
    """Recover what no document tells of the purchases of the days of the run."""
    stores: ComprasStoresResource = getattr(context.resources, RESOURCE)
    yield from RunDays(context).each(
        stores.open,
        lambda day, opened: [_recovered(context, day, opened)],
        _has_purchases,
        "no purchase is known",
    )


def _has_purchases(day: str, stores: ComprasStores) -> bool:
    if stores.ledger.account(DOCUMENTS, day).sources:
        return True
    return any(next(iter(stores.purchases.items(tenant, day)), None) for tenant in stores.purchases.tenants())


def _recovered(context: dg.AssetExecutionContext, day: str, stores: ComprasStores) -> dg.AssetMaterialization:
    """Recover what no document tells of the purchases of a day; the bridge shows the receipts of it."""
    done = recover(stores, day)
    stores.ledger.mend(DOCUMENTS, day)
    place = Place(DOCUMENTS, day)
    said = f"{counted(done.purchases, 'purchase')} in the table; {counted(done.changes, 'change')} had no document"
    context.log.info("%s %s: %s", DOCUMENTS, day, said)
    return materialization(
        event_of(place, [], __version__),
        place_state(stores.ledger, FLOW, place),
        (),
        context.instance,
        description=said,
        first={"purchases": done.purchases, "changes_recovered": done.changes, "breaking_a_rule": done.rejected},
    )


def _derived(derived: DerivedTable, kind: str, description: str) -> dg.AssetsDefinition:
    """The asset of a table that is made of documents."""
    uri = bucket_uri("COMPRAS_BUCKET", derived.table.prefix)
    named_table = f"{named('COMPRAS_DATABASE')}.{derived.table.name}"

    @dg.asset(
        key=dg.AssetKey.from_user_string(derived.asset),
        deps=[DOCUMENTS_KEY],
        partitions_def=purchase_days,
        dagster_type=NOTHING,
        backfill_policy=ONE_RUN,
        required_resource_keys={RESOURCE, "spark"},
        group_name=FLOW,
        kinds={"aws", "s3", kind},
        owners=[COMPRAS.owner],
        code_version=__version__,
        tags={"layer": "derived"},
        description=f"{description} Made of the documents of a day, by the day of the purchase, an object for each "
        "tenant; materializing a day makes them anew and registers them for SQL.",
        metadata={"dagster/column_schema": schema_of(derived.table.columns), TABLE_NAME: named_table, URI: uri},
    )
    def made(context: dg.AssetExecutionContext, config: EngineChoice) -> Iterator[DayEvent]:
        stores: ComprasStoresResource = getattr(context.resources, RESOURCE)
        engines = _Engines(context, stores, context.resources.spark, Engine(config.engine))
        yield from RunDays(context).each(
            stores.open,
            lambda day, opened: [_made(engines, derived, day, opened)],
            has_purchases,
            "no tenant has documents",
        )

    return made


@dataclass(frozen=True, slots=True)
class _Engines:
    """What may make the objects of a day in a step: the step itself, or a job of Spark."""

    context: dg.AssetExecutionContext
    stores: ComprasStoresResource
    spark: SparkResource
    asked: Engine

    def made(
        self, derived: DerivedTable, day: str, stores: ComprasStores
    ) -> tuple[list[DerivedDay], dict[str, dg.MetadataValue[Any]]]:
        """Make them: what stands by tenants, and what is told of the engine that did it."""
        settings = self.spark.settings
        size = document_bytes(day, stores) if settings.from_bytes else 0
        engine = settings.engine_of(derived.asset, size, self.asked)
        if engine is Engine.POLARS:
            return publish_day(derived, day, stores), spark_metadata(engine, {})
        result = self.spark.run(self.context, "compras_day", asked_of(derived.asset, day, self.stores.settings))
        return made_by(result), spark_metadata(engine, result)


def _made(engines: _Engines, derived: DerivedTable, day: str, stores: ComprasStores) -> dg.AssetMaterialization:
    """Make the objects of a day."""
    context = engines.context
    found, engine = engines.made(derived, day, stores)
    rows, size = sum(each.rows for each in found), sum(each.size for each in found)
    left_out = [key for each in found for key in each.left_out]
    said = f"{counted(rows, 'row')} of {counted(len(found), 'tenant')}"
    context.log.info("%s %s: %s", derived.asset, day, said)
    if left_out:
        context.log.warning("%d objects are no documents of changes: %s", len(left_out), ", ".join(left_out[:10]))
    lines = [f"| {each.tenant} | {each.documents} | {each.rows} | {each.size} |" for each in found]
    # Its version is that of the documents that it was made of.
    documents = Place(DOCUMENTS, day)
    return materialization(
        event_of(Place(derived.asset, day), [], __version__),
        place_state(stores.ledger, FLOW, documents),
        [documents],
        context.instance,
        description=said,
        first={
            "dagster/partition_row_count": rows,
            "documents": sum(each.documents for each in found),
            "bytes": size,
            "left_out": len(left_out),
            "objects_changed": sum(each.put for each in found),
            "tenants": dg.MetadataValue.md(
                "\n".join(["| tenant | documents | rows | bytes |", "|---|---:|---:|---:|", *lines])
            ),
        },
        further=engine,
        in_rows=False,
    )


compras_parquet = _derived(PARQUET, "parquet", "Changes of purchases as Parquet, a row for each change.")
compras_csv = _derived(CSV, "csv", "Products of changes of purchases as compressed CSV, a row for each line.")
COMPRAS_ASSETS: list[dg.AssetsDefinition | dg.AssetSpec] = [
    _table,
    _bucket,
    _by_tenant,
    _rejected,
    compras_landed,
    compras_documents,
    compras_parquet,
    compras_csv,
]
