"""Declaration of the set global-market-pulse: its inputs, and its models with the tables that they fill."""

from pipeline_assets.analytics.global_market_pulse.spec import (
    INDEX_SCORES,
    MARKET_OPPORTUNITIES,
    REGIONAL_GROWTH,
    REGIONAL_INDEX,
)
from pipeline_assets.analytics.prod_set import Model, ProdSet

_MODELS = "pipeline_assets.analytics.global_market_pulse"
_GROWTH = (f"{_MODELS}.growth:growth_effects", f"{_MODELS}.growth:first_sale")
GLOBAL_MARKET_PULSE = ProdSet(
    name="global-market-pulse",
    title="Global Market Pulse",
    description="How regions grow by price, volume and mix, what they buy more of than all, and what could be sold.",
    owner="team:analytics",
    inputs=("orders", "order_lines", "products", "stores"),
    models=(
        Model((REGIONAL_GROWTH,), f"{_MODELS}.growth:split_growth", _GROWTH),
        Model(
            (REGIONAL_INDEX, MARKET_OPPORTUNITIES, INDEX_SCORES),
            f"{_MODELS}.regional_index:compare_regions",
            (f"{_MODELS}.features:category_sales",),
        ),
    ),
)
