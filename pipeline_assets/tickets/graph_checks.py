"""Whether the purchase graph is what its keys and tickets promise."""

import dagster as dg

from pipeline_assets.lineage.automation import SOON_AFTER
from pipeline_assets.lineage.retries import RETRIES
from pipeline_assets.tickets.assets import TicketStoresResource
from pipeline_assets.tickets.graph_assets import purchase_graph


@dg.asset_check(
    asset=purchase_graph,
    blocking=True,
    retry_policy=RETRIES,
    automation_condition=SOON_AFTER,
    description="No key of a ticket, basket, product, category or store stands on two nodes.",
)
def keys_unique(stores: TicketStoresResource) -> dg.AssetCheckResult:
    """Every key stands on one node."""
    with stores.open() as opened:
        found = opened.graph.duplicate_keys()
    repeated = {label: keys for label, keys in found.items() if keys}
    named = ", ".join(f"{keys} of {label}" for label, keys in repeated.items())
    return dg.AssetCheckResult(
        passed=not repeated,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"keys that stand on more than one node: {named}" if repeated else "every key stands on one node",
        metadata={f"repeated_{label.lower()}": keys for label, keys in found.items()},
    )


@dg.asset_check(
    asset=purchase_graph,
    blocking=True,
    retry_policy=RETRIES,
    automation_condition=SOON_AFTER,
    description="Every ticket has a basket, a store and at least one line.",
)
def tickets_complete(stores: TicketStoresResource) -> dg.AssetCheckResult:
    """Every ticket is whole."""
    with stores.open() as opened:
        incomplete = opened.graph.incomplete_tickets()
    return dg.AssetCheckResult(
        passed=not incomplete,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{incomplete} tickets lack a basket, a store or a line" if incomplete else "every ticket is whole",
        metadata={"incomplete_tickets": incomplete},
    )


GRAPH_CHECKS = [keys_unique, tickets_complete]
