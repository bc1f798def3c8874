"""What the raw layer is in Dagster: the export of the source database, and the inbox of files from elsewhere."""

import dagster as dg

from pipeline_assets.raw.assets import INBOX_LANDED, ExportStoresResource, exported

defs = dg.Definitions(
    assets=[INBOX_LANDED, exported],
    resources={"export_stores": ExportStoresResource.of_environment()},
)
