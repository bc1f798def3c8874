"""Raw tables as assets: materializing a day exports the rows last changed on it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date

import dagster as dg

from pipeline_assets import __version__
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.datasets.spec import Dataset, stored_columns
from pipeline_assets.errors import TerminalError
from pipeline_assets.lake.manifest import Manifest
from pipeline_assets.lineage.asset_keys import raw_key
from pipeline_assets.lineage.columns import schema_of
from pipeline_assets.lineage.days_with_data import days_with_data
from pipeline_assets.lineage.metadata import data_version
from pipeline_assets.lineage.partitions import ONE_RUN, arrival_days, load_days
from pipeline_assets.lineage.policies import expected_of
from pipeline_assets.lineage.resources import EnvironmentResource, required
from pipeline_assets.lineage.retries import RETRIES
from pipeline_assets.raw.extract import Request, export, has_rows
from pipeline_assets.raw.inbox import LANDED
from pipeline_assets.raw.stores import ExportSettings, ExportStores, open_stores

_NO_ROW = "the source has no changed row"


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
        partitions_def=load_days,
        group_name="raw",
        kinds={"mysql", "parquet", "s3"},
        owners=[dataset.owner],
        code_version=__version__,
        tags={"flow": "ecommerce", "layer": "raw", **expected_of(dataset)},
        description=f"{dataset.description} As exported on a day, with tokens in place of card and social security "
        "numbers. Materializing a day exports the rows that the source last changed on it, as one more load.",
        metadata={"dagster/column_schema": schema_of(stored_columns(dataset))},
    )


@dg.multi_asset(
    name="export_day",
    specs=[_spec(dataset) for dataset in ECOMMERCE],
    can_subset=True,
    backfill_policy=ONE_RUN,
    retry_policy=RETRIES,
)
def export_day(
    context: dg.AssetExecutionContext, export_stores: ExportStoresResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Export the days of the run, a load for each; a day without rows among others is materialized as well."""
    chosen = [dataset for dataset in ECOMMERCE if raw_key(dataset) in context.selected_asset_keys]
    try:
        with export_stores.open() as stores:
            days_with_data(context, lambda day: has_rows(date.fromisoformat(day), chosen, stores), _NO_ROW)
            loads = [_export_load(context, day, chosen, stores) for day in context.partition_keys]
    except TerminalError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    version = data_version(manifest.name.load_id for manifest in loads)
    for dataset in chosen:
        yield dg.MaterializeResult(asset_key=raw_key(dataset), data_version=dg.DataVersion(version))


def _export_load(
    context: dg.AssetExecutionContext, day: str, datasets: Sequence[Dataset], stores: ExportStores
) -> Manifest:
    """Export a day as one load, and add its figures to each table's partition."""
    manifest = export(Request("day", date.fromisoformat(day), datasets=datasets), stores)
    for dataset in datasets:
        context.add_asset_metadata(metadata=_metadata(manifest, dataset), asset_key=raw_key(dataset), partition_key=day)
    days = context.partition_keys
    rows = sum(each.rows for each in manifest.objects)
    context.log.info(
        "%s (%d of %d): %d rows exported as load %s",
        *(day, days.index(day) + 1, len(days), rows, manifest.name.load_id),
    )
    for warning in manifest.warnings:
        context.log.warning("%s: %s", day, warning)
    return manifest


def _metadata(manifest: Manifest, dataset: Dataset) -> dict[str, str | int]:
    mine = [each for each in manifest.objects if each.dataset == dataset.name]
    return {
        "load_id": manifest.name.load_id,
        "objects": len(mine),
        "rows_exported": sum(each.rows for each in mine),
        "warnings": "; ".join(manifest.warnings),
    }


#: Files that others deliver; each becomes a load of its own.
INBOX_LANDED = dg.AssetSpec(
    dg.AssetKey.from_user_string(LANDED),
    partitions_def=arrival_days,
    group_name="raw",
    kinds={"lambda", "parquet", "s3"},
    owners=["team:commerce"],
    tags={"flow": "inbox", "layer": "landed"},
    description="Parquet files that others delivered, by the UTC day they arrived. The function behind the inbox masks "
    "each and writes it to raw as a load of its own; then it deletes it.",
)
