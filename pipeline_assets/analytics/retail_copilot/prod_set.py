"""Declaration of the set retail-copilot: its inputs, and its models with the tables that they fill."""

from pipeline_assets.analytics.prod_set import Model, ProdSet
from pipeline_assets.analytics.retail_copilot.spec import QUERY_REFORMULATIONS, QUERY_TEMPLATES

_MODELS = "pipeline_assets.analytics.retail_copilot"
_READ = (f"{_MODELS}.patterns:asked_questions",)
RETAIL_COPILOT = ProdSet(
    name="retail-copilot",
    title="Retail Copilot",
    description="Patterns in what people ask: kinds of questions, what finds nothing, what is asked next, and latency.",
    owner="team:analytics",
    inputs=("query_log",),
    models=(Model((QUERY_TEMPLATES, QUERY_REFORMULATIONS), f"{_MODELS}.patterns:find_patterns", _READ),),
)
