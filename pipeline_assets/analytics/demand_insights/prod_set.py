"""Declaration of the set demand-insights-engine: its inputs, and its models with the tables that they fill."""

from pipeline_assets.analytics.demand_insights.spec import (
    CHURN_SCORES,
    CUSTOMER_CHURN,
    CUSTOMER_COVERAGE,
    CUSTOMER_SEGMENTS,
    CUSTOMER_VALUE,
    SEGMENT_SCORES,
    VALUE_SCORES,
)
from pipeline_assets.analytics.prod_set import Model, ProdSet

_MODELS = "pipeline_assets.analytics.demand_insights"
_DAYS = f"{_MODELS}.features:customer_days"
_GROUPS = (f"{_MODELS}.coverage:groups_of_orders", f"{_MODELS}.coverage:groups_of_customers")
DEMAND_INSIGHTS = ProdSet(
    name="demand-insights-engine",
    title="Demand Insights Engine",
    description="Who buys how lately, how often and for how much; what customers will be worth; and who will leave.",
    owner="team:analytics",
    inputs=("customers", "orders", "order_lines", "products", "stores"),
    models=(
        Model((CUSTOMER_SEGMENTS, SEGMENT_SCORES), f"{_MODELS}.segments:segment_customers", (_DAYS,)),
        Model((CUSTOMER_VALUE, VALUE_SCORES), f"{_MODELS}.value:value_customers", (_DAYS,)),
        Model((CUSTOMER_CHURN, CHURN_SCORES), f"{_MODELS}.churn:churn_customers", (_DAYS,)),
        Model((CUSTOMER_COVERAGE,), f"{_MODELS}.coverage:cover_customers", _GROUPS),
    ),
)
