"""Checks of the history of purchases: each account adds up, and of each tenant something was heard lately."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from pipeline_assets.compras.assets import DOCUMENTS_KEY, LANDED_KEY, TENANTS_KEY, purchase_days, tenants
from pipeline_assets.compras.stores import FLOW
from pipeline_assets.events.environment import optional
from pipeline_assets.lineage.automation import SOON_AFTER
from pipeline_assets.lineage.conservation import conservation_check
from pipeline_assets.lineage.metadata import cell
from pipeline_assets.lineage.partitions import arrival_days
from pipeline_assets.lineage.retries import RETRIES

#: A tenant of which nothing came for so many hours is told of.
_HOURS: Final = float(optional(None, "COMPRAS_HEARD_WITHIN_HOURS", "36"))
#: The most tenants that are named.
_NAMED: Final = 20


@dg.asset_check(
    asset=TENANTS_KEY,
    name="tenants_heard",
    automation_condition=SOON_AFTER,
    retry_policy=RETRIES,
    description=f"Of each tenant a change came within {_HOURS:g} hours. A warning: a "
    "shop may be closed, or its back end may have stopped writing.",
)
def tenants_heard(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """Name the tenants of which nothing was heard."""
    instance = context.instance
    known = instance.get_dynamic_partitions(str(tenants.name))
    quiet = _quiet(instance, known)
    named = ", ".join(quiet[:_NAMED])
    lines = [f"| {cell(tenant)} | {_last_heard(instance, tenant)} |" for tenant in quiet[:_NAMED]]
    return dg.AssetCheckResult(
        passed=not quiet,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"within {_HOURS:g} hours nothing was heard of {len(quiet)} of {len(known)} tenants: {named}"
        if quiet
        else f"within {_HOURS:g} hours something was heard of each of {len(known)} tenants",
        metadata={
            "tenants": len(known),
            "tenants_quiet": len(quiet),
            "quiet": dg.MetadataValue.md("\n".join(["| tenant | last heard of, UTC |", "|---|---|", *lines])),
        },
    )


def _quiet(instance: dg.DagsterInstance, known: Sequence[str]) -> list[str]:
    """The tenants of which nothing was heard, sorted: two questions to Dagster, however many tenants there are."""
    since = datetime.now(UTC) - timedelta(hours=_HOURS)
    wanted = dg.AssetRecordsFilter(asset_key=TENANTS_KEY, after_timestamp=since.timestamp())
    heard = instance.fetch_materializations(wanted, limit=1, ascending=True).records
    if not heard:
        return sorted(known)
    latest = instance.event_log_storage.get_latest_storage_id_by_partition(
        TENANTS_KEY, dg.DagsterEventType.ASSET_MATERIALIZATION, set(known)
    )
    return sorted(tenant for tenant in known if latest.get(tenant, 0) < heard[0].storage_id)


def _last_heard(instance: dg.DagsterInstance, tenant: str) -> str:
    wanted = dg.AssetRecordsFilter(asset_key=TENANTS_KEY, asset_partitions=[tenant])
    records = instance.fetch_materializations(wanted, limit=1).records
    return f"{datetime.fromtimestamp(records[0].timestamp, UTC):%Y-%m-%d %H:%M}" if records else "never"


COMPRAS_CHECKS = [
    conservation_check(LANDED_KEY, arrival_days, FLOW),
    conservation_check(DOCUMENTS_KEY, purchase_days, FLOW),
    conservation_check(TENANTS_KEY, tenants, FLOW),
    tenants_heard,
]
