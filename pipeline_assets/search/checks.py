"""Checks of the indexes: each account adds up."""

import dagster as dg

from pipeline_assets.lineage.conservation import conservation_check
from pipeline_assets.lineage.partitions import arrival_days
from pipeline_assets.search.assets import TENANTS
from pipeline_assets.search.ingest import COMPRAS_SEARCH, PRODUCTS_SEARCH

SEARCH_CHECKS = [
    check
    for flow in (PRODUCTS_SEARCH, COMPRAS_SEARCH)
    for check in (
        conservation_check(dg.AssetKey.from_user_string(flow.landed), arrival_days, flow.name),
        conservation_check(dg.AssetKey.from_user_string(flow.indexed), TENANTS[flow.name], flow.name),
    )
]
