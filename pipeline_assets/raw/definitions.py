"""Dagster definitions of the raw layer: the source database, its export, and the inbox of delivered files."""

import dagster as dg

from pipeline_assets.datasets.ecommerce import ECOMMERCE, OWNER
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.lineage.addresses import URI, server_uri
from pipeline_assets.lineage.asset_keys import shop_key
from pipeline_assets.lineage.columns import schema_of
from pipeline_assets.lineage.external import quarantine_of
from pipeline_assets.raw.assets import INBOX_BUCKET, INBOX_LANDED, ExportStoresResource, export_day
from pipeline_assets.raw.stores import INBOX


def _shop_table(dataset: Dataset) -> dg.AssetSpec:
    return dg.AssetSpec(
        shop_key(dataset),
        group_name="shop",
        kinds={"mysql", "table"},
        owners=[dataset.owner],
        description=f"{dataset.description} In the shop's database, which is only read.",
        metadata={
            "dagster/column_schema": schema_of(dataset.columns),
            URI: f"{server_uri('SOURCE_DATABASE_URL')}/{dataset.name}",
        },
    )


_REFUSED = quarantine_of(INBOX, kind="json", owner=OWNER, judged=[INBOX_LANDED.key])

defs = dg.Definitions(
    assets=[*map(_shop_table, ECOMMERCE), INBOX_BUCKET, INBOX_LANDED, _REFUSED, export_day],
    resources={"export_stores": ExportStoresResource.of_environment()},
)
