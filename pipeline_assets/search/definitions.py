"""What the search is in Dagster."""

import dagster as dg

from pipeline_assets.search.asked_assets import (
    ASKED_STORES,
    AskedStoresResource,
    asked_table,
    deliver_questions_job,
    questions_of_yesterday,
    search_api,
    search_query_log,
)
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
    assets=[*SEARCH_ASSETS, search_api, asked_table, search_query_log],
    asset_checks=SEARCH_CHECKS,
    jobs=[deliver_questions_job],
    schedules=[questions_of_yesterday],
    resources={
        ASKED_STORES: AskedStoresResource.of_environment(),
        RESOURCES[PRODUCTS_SEARCH.name]: ProductsSearchResource.of_environment(),
        RESOURCES[COMPRAS_SEARCH.name]: ComprasSearchResource.of_environment(),
    },
)
