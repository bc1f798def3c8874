"""What the search is in Dagster."""

import dagster as dg

from pipeline_assets.search.assets import (
    RESOURCES,
    SEARCH_ASSETS,
    STORE_FIGURES,
    ComprasSearchResource,
    ProductsSearchResource,
)
from pipeline_assets.search.checks import SEARCH_CHECKS
from pipeline_assets.search.ingest import COMPRAS_SEARCH, PRODUCTS_SEARCH

__all__ = ["STORE_FIGURES", "defs"]

defs = dg.Definitions(
    assets=SEARCH_ASSETS,
    asset_checks=SEARCH_CHECKS,
    resources={
        RESOURCES[PRODUCTS_SEARCH.name]: ProductsSearchResource.of_environment(),
        RESOURCES[COMPRAS_SEARCH.name]: ComprasSearchResource.of_environment(),
    },
)
