"""What the curated layer is in Dagster: its tables, its loads, the watch over them, and what SQL reads of them."""

import dagster as dg

from pipeline_assets.curation.assets import CURATED, LAKE, LOADS_FIGURES, CurationStoresResource, loads
from pipeline_assets.curation.checks import CURATION_CHECKS
from pipeline_assets.curation.sensors import curation_requests, loads_watch, loads_whole
from pipeline_assets.curation.stores import CATALOG
from pipeline_assets.datasets.ecommerce import OWNER
from pipeline_assets.lake.tables import LakeTable, curated_table, rejected_rows_table
from pipeline_assets.lineage.addresses import TABLE_NAME, URI, bucket_uri, named
from pipeline_assets.lineage.asset_keys import curated_key, quarantine_key, raw_key, table_key
from pipeline_assets.lineage.columns import schema_of
from pipeline_assets.lineage.external import quarantine_of
from pipeline_assets.lineage.spark import SparkResource


def _sql_table(table: LakeTable, made_of: dg.AssetKey, owner: str) -> dg.AssetSpec:
    days = ", ".join(f"`{name}`" for name in table.partitions)
    return dg.AssetSpec(
        table_key(table.name),
        deps=[dg.AssetDep(made_of, partition_mapping=dg.AllPartitionMapping())],
        group_name=LAKE,
        kinds={"athena", "table"},
        owners=[owner],
        description=f"{table.description} As a table by {days}, which Athena and `cesta query sql` read.",
        metadata={
            "dagster/column_schema": schema_of(table.columns),
            TABLE_NAME: f"{named('LAKE_DATABASE')}.{table.name}",
            URI: bucket_uri(f"{table.bucket.upper()}_BUCKET", table.prefix),
        },
    )


_REJECTED = quarantine_of(CATALOG.name, kind="parquet", owner=OWNER, judged=[raw_key(dataset) for dataset in CATALOG])
_TABLES = [
    *(_sql_table(curated_table(dataset), curated_key(dataset), dataset.owner) for dataset in CATALOG),
    _sql_table(rejected_rows_table(CATALOG), quarantine_key(CATALOG.name), OWNER),
]

STORE_FIGURES = (LOADS_FIGURES,)

defs = dg.Definitions(
    assets=[*CURATED, loads, _REJECTED, *_TABLES],
    asset_checks=[*CURATION_CHECKS, loads_whole],
    sensors=[loads_watch, curation_requests],
    resources={
        "curation_stores": CurationStoresResource.of_environment(),
        "spark": SparkResource.of_environment(),
    },
)
