"""What the history of purchases is in Dagster."""

import dagster as dg

from pipeline_assets.compras.assets import COMPRAS_ASSETS, RESOURCE, ComprasStoresResource
from pipeline_assets.compras.checks import COMPRAS_CHECKS

defs = dg.Definitions(
    assets=COMPRAS_ASSETS,
    asset_checks=COMPRAS_CHECKS,
    resources={RESOURCE: ComprasStoresResource.of_environment()},
)
