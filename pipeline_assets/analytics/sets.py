"""The prod sets, in the order in which they are made."""

from __future__ import annotations

from typing import Final

from pipeline_assets.analytics.compliance_guardian.prod_set import COMPLIANCE_GUARDIAN
from pipeline_assets.analytics.demand_insights.prod_set import DEMAND_INSIGHTS
from pipeline_assets.analytics.global_market_pulse.prod_set import GLOBAL_MARKET_PULSE
from pipeline_assets.analytics.market_intelligence.prod_set import MARKET_INTELLIGENCE
from pipeline_assets.analytics.prod_set import ProdSet
from pipeline_assets.analytics.retail_copilot.prod_set import RETAIL_COPILOT
from pipeline_assets.errors import UserError

SETS: Final = (MARKET_INTELLIGENCE, DEMAND_INSIGHTS, COMPLIANCE_GUARDIAN, GLOBAL_MARKET_PULSE, RETAIL_COPILOT)


def prod_set(name: str) -> ProdSet:
    """Find a set by its name.

    Returns
    -------
    ProdSet
        The set.

    Raises
    ------
    UserError
        There is no such set; the message names those that there are.
    """
    found = next((each for each in SETS if each.name == name), None)
    if found is None:
        raise UserError(f"there is no set {name}", expected=" or ".join(each.name for each in SETS))
    return found
