"""Raw tables as assets: materializing a day exports the rows last changed on it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import partial

import dagster as dg

from pipeline_assets import __version__
from pipeline_assets.datasets.ecommerce import ECOMMERCE, OWNER
from pipeline_assets.datasets.spec import Dataset, stored_columns
from pipeline_assets.flows import flow_row
from pipeline_assets.lake.manifest import Manifest
from pipeline_assets.lineage.addresses import URI, bucket_uri
from pipeline_assets.lineage.asset_keys import raw_key, shop_key
from pipeline_assets.lineage.awaited import AwaitedDay, AwaitedDays
from pipeline_assets.lineage.columns import lineage_of_stored, schema_of
from pipeline_assets.lineage.days_with_data import days_with_data
from pipeline_assets.lineage.external import bucket_of
from pipeline_assets.lineage.partitions import ONE_RUN, arrival_days, load_days
from pipeline_assets.lineage.policies import expected_of
from pipeline_assets.lineage.rejected import RejectionReader
from pipeline_assets.lineage.resources import EnvironmentResource, LedgerResource, QuarantineResource, required
from pipeline_assets.lineage.run_days import DayEvent, RunDays
from pipeline_assets.raw.extract import Request, export, has_rows
from pipeline_assets.raw.inbox import LANDED
from pipeline_assets.raw.stores import INBOX, ExportSettings, ExportStores, open_stores

_LANDED = dg.AssetKey.from_user_string(LANDED)
#: The flow whose function works the objects of an export in.
_CURATION = ECOMMERCE.name


class ExportStoresResource(EnvironmentResource):
    """Resource of an export: source database, raw bucket, token key."""

    raw_bucket: str = required("The name of the bucket of raw objects")
    source_database_url: str = required("The address of the source database, its user and password in it")
    card_token_key_id: str = required("The id of the key of card tokens")
    card_token_key: str = required("The key of card tokens: 32 bytes in hexadecimal or base64")

    @property
    def settings(self) -> ExportSettings:
        """Settings from the fields; raises `MissingSettingError`."""
        return ExportSettings.from_environment(self.variables())

    @contextmanager
    def open(self) -> Iterator[ExportStores]:
        """Open the stores; raises `MissingSettingError`, and `TerminalError` for an address or a key that cannot be."""
        yield open_stores(self.settings)


def _spec(dataset: Dataset) -> dg.AssetSpec:
    return dg.AssetSpec(
        raw_key(dataset),
        # A file of the inbox becomes a load of the day it arrives, and may be of any table.
        deps=[shop_key(dataset), dg.AssetDep(_LANDED, partition_mapping=dg.AllPartitionMapping())],
        partitions_def=load_days,
        group_name="raw",
        kinds={"parquet", "s3"},
        owners=[dataset.owner],
        code_version=__version__,
        tags={"flow": "ecommerce", "layer": "raw", **expected_of(dataset)},
        description=f"{dataset.description} As exported on a day, with tokens in place of card and social security "
        "numbers. Materializing a day exports the rows that the source last changed on it, as one more load.",
        metadata={
            "dagster/column_schema": schema_of(stored_columns(dataset)),
            **lineage_of_stored(dataset, shop_key(dataset)),
            URI: bucket_uri("RAW_BUCKET", f"{dataset.name}/"),
        },
    )


@dg.multi_asset(
    name="export_day",
    specs=[_spec(dataset) for dataset in ECOMMERCE],
    can_subset=True,
    backfill_policy=ONE_RUN,
)
def export_day(
    context: dg.AssetExecutionContext,
    export_stores: ExportStoresResource,
    ledger: LedgerResource,
    quarantine: QuarantineResource,
) -> Iterator[DayEvent]:
    """Export the days of the run, a load for each, and tell a day once its objects have receipts."""
    chosen = [dataset for dataset in ECOMMERCE if raw_key(dataset) in context.selected_asset_keys]
    run = RunDays(context)
    rejections = RejectionReader(lambda: quarantine.of_flow(flow_row(_CURATION)), context.log)
    for days in run.attempts():
        unopened = list(days)
        with run.trying(unopened), export_stores.open() as stores:
            # One without rows among others is exported as well: that there were none is what its load tells.
            days_with_data(context, days, partial(_has_rows, chosen, stores), "the source has no changed row")
            exported = AwaitedDays(run, context.instance, ledger.open(), rejections, flow=_CURATION)
            for day in run.answered(days):
                unopened.remove(day)
                with run.trying([day]):
                    exported.add(_awaited(_export_load(context, day, chosen, stores), chosen, stores))
                yield from exported.told()
            yield from exported.told_at_last()
    yield from run.end()


def _has_rows(datasets: Sequence[Dataset], stores: ExportStores, day: str) -> bool:
    return has_rows(date.fromisoformat(day), datasets, stores)


def _export_load(
    context: dg.AssetExecutionContext, day: str, datasets: Sequence[Dataset], stores: ExportStores
) -> Manifest:
    """Export a day as one load."""
    manifest = export(Request("day", date.fromisoformat(day), datasets=datasets), stores)
    days = context.partition_keys
    rows = sum(each.rows for each in manifest.objects)
    context.log.info(
        "%s (%d of %d): %d rows exported as load %s",
        *(day, days.index(day) + 1, len(days), rows, manifest.name.load_id),
    )
    for warning in manifest.warnings:
        context.log.warning("%s: %s", day, warning)
    return manifest


def _awaited(manifest: Manifest, datasets: Sequence[Dataset], stores: ExportStores) -> AwaitedDay:
    """The day of a load, with the receipts that its objects will have."""
    ids: dict[str, list[str]] = {raw_key(dataset).to_user_string(): [] for dataset in datasets}
    for each in manifest.objects:
        ids[f"raw/{each.dataset}"].append(stores.loads.receipt_id(each))
    return AwaitedDay(
        manifest.name.day,
        ids,
        f"no row of the source was last changed on this day (load {manifest.name.load_id})",
        {"warnings": "; ".join(manifest.warnings)} if manifest.warnings else {},
    )


#: Where others deliver files, whatever dataset they are of.
(INBOX_BUCKET,) = bucket_of(flow_row(INBOX), kind="parquet", owner=OWNER)

#: Files that others deliver; each becomes a load of its own.
INBOX_LANDED = dg.AssetSpec(
    _LANDED,
    # What people search for is delivered here too, on the day after.
    deps=[
        INBOX_BUCKET.key,
        dg.AssetDep(dg.AssetKey(["search", "query_log"]), partition_mapping=dg.AllPartitionMapping()),
    ],
    partitions_def=arrival_days,
    group_name=INBOX,
    kinds={"lambda", "parquet", "s3"},
    owners=INBOX_BUCKET.owners,
    tags={"flow": INBOX, "layer": "landed"},
    description="Parquet files that others delivered, by the UTC day they arrived. The function behind the inbox masks "
    "each and writes it to raw as a load of its own; then it deletes it.",
    metadata=INBOX_BUCKET.metadata,
)
