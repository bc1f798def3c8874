"""Declaration of the set compliance-guardian: its inputs, and its models with the tables that they fill."""

from pipeline_assets.analytics.compliance_guardian.spec import DAILY_ALERTS, PAYMENT_RISK, RISK_SCORES
from pipeline_assets.analytics.prod_set import Model, ProdSet

_MODELS = "pipeline_assets.analytics.compliance_guardian"
_READ = (f"{_MODELS}.features:all_payments", f"{_MODELS}.features:payments_known")
COMPLIANCE_GUARDIAN = ProdSet(
    name="compliance-guardian",
    title="Compliance Guardian",
    description="Which payments look like fraud, and why; how well planted fraud is found; and the alerts of each day.",
    owner="team:compliance",
    inputs=("payments", "orders", "stores"),
    models=(Model((PAYMENT_RISK, RISK_SCORES, DAILY_ALERTS), f"{_MODELS}.model:score_payments", _READ),),
)
