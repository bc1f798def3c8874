"""What the stock feed is in Dagster."""

import dagster as dg

from pipeline_assets.stocks.assets import StockStoresResource, stocks, stocks_landed
from pipeline_assets.stocks.checks import STOCK_CHECKS

defs = dg.Definitions(
    assets=[stocks_landed, stocks],
    asset_checks=STOCK_CHECKS,
    resources={"stock_stores": StockStoresResource.of_environment()},
)
