"""Declaration of the set market-intelligence-hub: its inputs, and its models with the tables that they fill."""

from pipeline_assets.analytics.market_intelligence.spec import FORECAST_SCORES, SALES_FORECAST, SALES_TRENDS
from pipeline_assets.analytics.prod_set import Model, ProdSet

_MODELS = "pipeline_assets.analytics.market_intelligence"
_DAYS, _STORES = f"{_MODELS}.features:daily_sales", f"{_MODELS}.features:stores_that_sold"
MARKET_INTELLIGENCE = ProdSet(
    name="market-intelligence-hub",
    title="Market Intelligence Hub",
    description="What stores, categories and the whole shop will sell, how well that was foretold before, and trends.",
    owner="team:analytics",
    inputs=("orders", "order_lines", "products", "stores"),
    models=(
        Model((SALES_FORECAST, FORECAST_SCORES), f"{_MODELS}.model:forecast_sales", (_DAYS, _STORES)),
        Model((SALES_TRENDS,), f"{_MODELS}.trends:find_trends", (_DAYS,)),
    ),
)
