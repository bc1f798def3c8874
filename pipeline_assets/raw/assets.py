"""The exported tables as assets: materializing a day exports what the source last changed on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import dagster as dg

from pipeline_assets import __version__
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.datasets.stored import stored_columns
from pipeline_assets.errors import TerminalError
from pipeline_assets.lake.manifest import Manifest
from pipeline_assets.lineage.asset_keys import raw_key
from pipeline_assets.lineage.columns import schema_of
from pipeline_assets.lineage.metadata import data_version
from pipeline_assets.lineage.partitions import load_days
from pipeline_assets.lineage.redo import tried_again
from pipeline_assets.raw.extract import Request, export
from pipeline_assets.raw.inbox import LANDED
from pipeline_assets.raw.stores import ExportStores, open_stores
from pipeline_assets.settings import ExportSettings


class ExportStoresResource(dg.ConfigurableResource["ExportStoresResource"]):
    """The source and the stores that the environment names, opened when they are used."""

    @contextmanager
    def open(self) -> Iterator[ExportStores]:
        """All of them; a step in which one does not answer waits and is tried again.

        Raises `MissingSettingError` when the environment lacks a variable.
        """
        with tried_again():
            yield open_stores(ExportSettings.from_environment())


def _spec(dataset: Dataset) -> dg.AssetSpec:
    return dg.AssetSpec(
        raw_key(dataset),
        partitions_def=load_days,
        group_name="raw",
        kinds={"mysql", "parquet", "s3"},
        owners=[dataset.owner],
        code_version=__version__,
        tags={"flow": "ecommerce", "layer": "raw"},
        description=f"{dataset.description} As exported on a day, with tokens in place of card and social security "
        "numbers. Materializing a day exports the rows that the source last changed on it, as one more load.",
        metadata={"dagster/column_schema": schema_of(stored_columns(dataset))},
    )


@dg.multi_asset(
    name="export_day",
    specs=[_spec(dataset) for dataset in ECOMMERCE],
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def exported(
    context: dg.AssetExecutionContext, export_stores: ExportStoresResource
) -> Iterator[dg.MaterializeResult[None]]:
    """The days of the run, each one load; the days of which a table has no row are materialized as well."""
    chosen = [dataset for dataset in ECOMMERCE if raw_key(dataset) in context.selected_asset_keys]
    loads: list[Manifest] = []
    with export_stores.open() as stores:
        for number, day in enumerate(context.partition_keys, 1):
            try:
                manifest = export(Request("day", date.fromisoformat(day), datasets=chosen), stores)
            except TerminalError as error:
                raise dg.Failure(str(error), allow_retries=False) from error
            loads.append(manifest)
            for dataset in chosen:
                context.add_asset_metadata(
                    metadata=_metadata(manifest, dataset), asset_key=raw_key(dataset), partition_key=day
                )
            rows = sum(each.rows for each in manifest.objects)
            of, load = len(context.partition_keys), manifest.name.load_id
            context.log.info("%s (%d of %d): %d rows exported as load %s", day, number, of, rows, load)
            for warning in manifest.warnings:
                context.log.warning("%s: %s", day, warning)
    version = data_version(manifest.name.load_id for manifest in loads)
    for dataset in chosen:
        yield dg.MaterializeResult(asset_key=raw_key(dataset), data_version=dg.DataVersion(version))


def _metadata(manifest: Manifest, dataset: Dataset) -> dict[str, str | int]:
    mine = [each for each in manifest.objects if each.dataset == dataset.name]
    return {
        "load_id": manifest.name.load_id,
        "objects": len(mine),
        "rows_exported": sum(each.rows for each in mine),
        "warnings": "; ".join(manifest.warnings),
    }


#: Accounts for the files that others deliver; their rows go on as a load of their own.
INBOX_LANDED = dg.AssetSpec(
    dg.AssetKey.from_user_string(LANDED),
    partitions_def=load_days,
    group_name="raw",
    kinds={"lambda", "parquet", "s3"},
    owners=["team:commerce"],
    tags={"flow": "inbox", "layer": "landed"},
    description="Parquet files that others delivered, by the UTC day they arrived. The function behind the inbox masks "
    "each and writes it to raw as a load of its own; then it deletes it.",
)
