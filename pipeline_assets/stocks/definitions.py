"""What the stock feed is in Dagster."""

import dagster as dg

from pipeline_assets.datasets.stocks import STOCKS
from pipeline_assets.lineage.columns import schema_of
from pipeline_assets.stocks.assets import STOCK_EXTERNAL, STORED, StockStoresResource, stocks, stocks_landed
from pipeline_assets.stocks.checks import STOCK_CHECKS

_TABLE = dg.AssetSpec(
    dg.AssetKey([STOCKS.name, "StockData"]),
    # The prices of all days make one table.
    deps=[dg.AssetDep(stocks.key, partition_mapping=dg.AllPartitionMapping())],
    group_name=STOCKS.name,
    kinds={"aws", "dynamodb", "table"},
    owners=[STOCKS.owner],
    description="The table that prices are asked of: an item per ticker (`PK`) and time (`SK`).",
    metadata={"dagster/column_schema": schema_of(STOCKS.columns), **STORED},
)

defs = dg.Definitions(
    assets=[*STOCK_EXTERNAL, stocks_landed, stocks, _TABLE],
    asset_checks=STOCK_CHECKS,
    resources={"stock_stores": StockStoresResource.of_environment()},
)
