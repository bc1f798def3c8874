"""Dagster definitions of the raw layer: the export of the source database, and the inbox of delivered files."""

import dagster as dg

from pipeline_assets.raw.assets import INBOX_LANDED, ExportStoresResource, export_day

defs = dg.Definitions(
    assets=[INBOX_LANDED, export_day],
    resources={"export_stores": ExportStoresResource.of_environment()},
)
