"""Checks of the history of purchases: each account adds up, and of each tenant something was heard lately."""

from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from pipeline_assets.compras.assets import DOCUMENTS_KEY, LANDED_KEY, TENANTS_KEY, purchase_days, tenants
from pipeline_assets.compras.stores import FLOW
from pipeline_assets.lineage.automation import SOON_AFTER
from pipeline_assets.lineage.conservation import conservation_check
from pipeline_assets.lineage.metadata import cell
from pipeline_assets.lineage.partitions import arrival_days
from pipeline_assets.lineage.retries import RETRIES

#: A tenant of which nothing came for longer is told of.
_HEARD_WITHIN: Final = timedelta(hours=36)
#: The most tenants that are looked at, a look each, and the most that are named.
_LOOKED_AT, _NAMED = 2_000, 20


@dg.asset_check(
    asset=TENANTS_KEY,
    name="tenants_heard",
    automation_condition=SOON_AFTER,
    retry_policy=RETRIES,
    description=f"Of each tenant a change came within {_HEARD_WITHIN.total_seconds() / 3600:.0f} hours. A warning: a "
    "shop may be closed, or its back end may have stopped writing.",
)
def tenants_heard(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """Name the tenants of which nothing was heard."""
    known = sorted(context.instance.get_dynamic_partitions(str(tenants.name)))[:_LOOKED_AT]
    since = datetime.now(UTC) - _HEARD_WITHIN
    quiet: dict[str, datetime] = {}
    for tenant in known:
        wanted = dg.AssetRecordsFilter(asset_key=TENANTS_KEY, asset_partitions=[tenant])
        records = context.instance.fetch_materializations(wanted, limit=1).records
        heard = datetime.fromtimestamp(records[0].timestamp if records else 0, UTC)
        if heard < since:
            quiet[tenant] = heard
    named = ", ".join(list(quiet)[:_NAMED])
    lines = [f"| {cell(tenant)} | {heard:%Y-%m-%d %H:%M} |" for tenant, heard in list(quiet.items())[:_NAMED]]
    return dg.AssetCheckResult(
        passed=not quiet,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"nothing was heard lately of {len(quiet)} of {len(known)} tenants: {named}"
        if quiet
        else f"of the {len(known)} tenants that were looked at something was heard lately",
        metadata={
            "tenants": len(known),
            "tenants_quiet": len(quiet),
            "quiet": dg.MetadataValue.md("\n".join(["| tenant | last heard of, UTC |", "|---|---|", *lines])),
        },
    )


COMPRAS_CHECKS = [
    conservation_check(LANDED_KEY, arrival_days, FLOW),
    conservation_check(DOCUMENTS_KEY, purchase_days, FLOW),
    conservation_check(TENANTS_KEY, tenants, FLOW),
    tenants_heard,
]
