"""The curated tables as assets: what a Lambda did for one raw object, a person can do again for a day or many."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import dagster as dg

from pipeline_assets.curation.completion import LOADS_ASSET, complete_loads, loads_of
from pipeline_assets.curation.day import DayAccount
from pipeline_assets.curation.ingest import CURATION_FLOW, code_version, is_loaded, recurate_day
from pipeline_assets.curation.publish import account_of
from pipeline_assets.curation.stores import CATALOG, CurationSettings, CurationStores, open_stores
from pipeline_assets.datasets.spec import Dataset, stored_columns
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.lake.tables import ADDED_COLUMNS
from pipeline_assets.lineage.asset_keys import curated_key, raw_key
from pipeline_assets.lineage.columns import lineage_of, rules_table, schema_of
from pipeline_assets.lineage.days_with_data import days_with_data
from pipeline_assets.lineage.metadata import (
    STALE_BY_VERSION,
    data_version,
    made_with,
    partition_state,
    sources_table,
    state_figures,
    work_figures,
)
from pipeline_assets.lineage.partitions import ONE_RUN, load_days
from pipeline_assets.lineage.policies import EVERY_OPEN_DAY, expected_of
from pipeline_assets.lineage.resources import EnvironmentResource, optional, required
from pipeline_assets.lineage.retries import RETRIES


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
        backfill_policy=ONE_RUN,
        retry_policy=RETRIES,
        group_name="curated",
        kinds={"lambda", "parquet", "s3"},
        owners=[dataset.owner],
        code_version=code_version(dataset),
        tags={"flow": CURATION_FLOW.name, "layer": "curated", **STALE_BY_VERSION, **expected_of(dataset)},
        description=f"{dataset.description} What was loaded on a day, judged by the rules, the latest row of each key. "
        "Materializing a day works it out again from its raw objects.",
        metadata={
            "dagster/column_schema": schema_of((*columns, *ADDED_COLUMNS)),
            "rules": rules_table(dataset),
            **lineage_of(columns, raw_key(dataset)),
        },
    )
    def curated(
        context: dg.AssetExecutionContext, curation_stores: CurationStoresResource
    ) -> dg.MaterializeResult[None]:
        with curation_stores.open() as stores:
            return _recurate(context, dataset, stores)

    return curated


def _recurate(
    context: dg.AssetExecutionContext, dataset: Dataset, stores: CurationStores
) -> dg.MaterializeResult[None]:
    """Work the days of the run out again, each with metadata of its own."""
    days: Sequence[str] = context.partition_keys
    days_with_data(context, lambda day: is_loaded(dataset, day, stores), "no load is known")
    asset = curated_key(dataset).to_user_string()
    worked: list[str] = []
    for number, day in enumerate(days, 1):
        receipts = recurate_day(dataset, day, stores)
        state = partition_state(stores.ledger.account(asset, day))
        metadata = {
            **state_figures(day, state),
            "data_version": made_with(state.data_version, code_version(dataset)),
            **_worked(receipts, account_of(dataset, day, stores)),
        }
        context.add_asset_metadata(metadata=metadata, partition_key=day)
        worked += [receipt.id for receipt in receipts]
        said = "%s %s (%d of %d): %d rows accepted, %d quarantined, of %d raw objects"
        counts = state.counts
        context.log.info(said, asset, day, number, len(days), counts.accepted, counts.quarantined, len(receipts))
    # Dagster takes one data version for all events of a run; each partition's own is in its metadata.
    version = made_with(data_version(worked), code_version(dataset))
    return dg.MaterializeResult(data_version=dg.DataVersion(version))


def _worked(receipts: Sequence[Receipt], account: DayAccount | None) -> dict[str, dg.MetadataValue | int | float | str]:
    figures = work_figures(
        sum((receipt.counts for receipt in receipts), Counts()),
        size=sum(receipt.size for receipt in receipts),
        seconds=sum(receipt.seconds for receipt in receipts),
        objects=len(receipts),
        refused=sum(bool(receipt.refused) for receipt in receipts),
    )
    return {
        **figures,
        "broken_rules": dg.MetadataValue.md(_rules_broken(account)),
        "sources": dg.MetadataValue.md(sources_table([receipt.version for receipt in receipts])),
    }


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
    backfill_policy=ONE_RUN,
    retry_policy=RETRIES,
    group_name="curated",
    kinds={"lambda", "s3"},
    owners=["team:commerce"],
    tags={"flow": CURATION_FLOW.name, "layer": "curated", **EVERY_OPEN_DAY},
    description="The loads of a day that are whole: every object of the manifest is curated and few enough rows were "
    "rejected. Each then has a completion marker, from which on other things are made of it. Materializing a day looks "
    "at all its loads again.",
)
def loads(context: dg.AssetExecutionContext, curation_stores: CurationStoresResource) -> None:
    """Look at the loads of the days of the run, and put the markers that are due."""
    with curation_stores.open() as stores:
        days_with_data(context, lambda day: bool(loads_of(day, stores)), "no load is known")
        for day in context.partition_keys:
            found = complete_loads(day, stores)
            rows = [f"| {name.load_id} | {open_load.lacks if open_load else 'whole'} |" for name, open_load in found]
            metadata = {
                "loads": len(found),
                "loads_open": sum(open_load is not None for _, open_load in found),
                "standing": dg.MetadataValue.md("\n".join(["| load | |", "|---|---|", *rows])),
            }
            context.add_asset_metadata(metadata=metadata, partition_key=day)


CURATED = [curated_asset(dataset) for dataset in CATALOG]
