"""What the curated layer is in Dagster: its tables, its loads, and the watch over them."""

import dagster as dg

from pipeline_assets.curation.assets import CURATED, LOADS_FIGURES, CurationStoresResource, loads
from pipeline_assets.curation.checks import CURATION_CHECKS
from pipeline_assets.curation.sensors import loads_watch, loads_whole

STORE_FIGURES = (LOADS_FIGURES,)

defs = dg.Definitions(
    assets=[*CURATED, loads],
    asset_checks=[*CURATION_CHECKS, loads_whole],
    sensors=[loads_watch],
    resources={"curation_stores": CurationStoresResource.of_environment()},
)
