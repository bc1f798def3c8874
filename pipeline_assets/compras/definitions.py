"""What the history of purchases is in Dagster."""

import dagster as dg

from pipeline_assets.compras.assets import (
    COMPRAS_ASSETS,
    DOCUMENTS_KEY,
    LANDED_KEY,
    RESOURCE,
    TENANTS_KEY,
    ComprasStoresResource,
    purchase_days,
    tenants,
)
from pipeline_assets.compras.stores import FLOW
from pipeline_assets.lineage.conservation import conservation_check
from pipeline_assets.lineage.partitions import arrival_days

defs = dg.Definitions(
    assets=COMPRAS_ASSETS,
    asset_checks=[
        conservation_check(LANDED_KEY, arrival_days, FLOW),
        conservation_check(DOCUMENTS_KEY, purchase_days, FLOW),
        conservation_check(TENANTS_KEY, tenants, FLOW),
    ],
    resources={RESOURCE: ComprasStoresResource.of_environment()},
)
