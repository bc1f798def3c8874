"""The check at the anchor of each flow: every receipt named what Dagster has."""

import time
from collections.abc import Sequence

import dagster as dg

from pipeline_assets.lineage.flows import BridgedFlow, anchor_of
from pipeline_assets.lineage.shown import REJECTED, rejected_since

RECEIPTS_KNOWN = "receipts_known"

_DAYS = 7
_LISTED = 100


def receipts_known_now(
    instance: dg.DagsterInstance, anchor: dg.AssetKey, new: Sequence[Sequence[str]] = ()
) -> dg.AssetCheckResult:
    """Result of the check for unknown targets: whether a report of the last days was rejected.

    Parameters
    ----------
    instance
        Where the observations of earlier rejections are.
    anchor
        Anchor asset of the flow, which carries them.
    new
        Rejections that are not stored yet: asset, partition, report id and source of each.

    Returns
    -------
    dg.AssetCheckResult
        With the rejections as its metadata.
    """
    rejected = [*new, *rejected_since(instance, anchor, time.time() - _DAYS * 86_400)]
    return dg.AssetCheckResult(
        passed=not rejected,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{len(rejected)} reports of the last {_DAYS} days name what Dagster does not have",
        metadata={REJECTED: dg.MetadataValue.json(rejected[:_LISTED])},
    )


def receipts_known_check(flow: BridgedFlow) -> dg.AssetChecksDefinition:
    """The check `receipts_known` at the anchor of a flow."""
    anchor = anchor_of(flow)

    @dg.asset_check(
        asset=anchor,
        name=RECEIPTS_KNOWN,
        description=f"In the last {_DAYS} days every receipt named assets and partitions that Dagster has.",
    )
    def receipts_known(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        return receipts_known_now(context.instance, anchor)

    return receipts_known
