"""The check at the anchor of each flow: every receipt named what Dagster has."""

import time
from collections.abc import Iterator, Sequence

import dagster as dg

from pipeline_assets.lineage.days import CLOSED_DAYS
from pipeline_assets.lineage.flows import BridgedFlow, anchor_of
from pipeline_assets.lineage.partitions import DAYS
from pipeline_assets.lineage.shown import LEFT_OUT, REJECTED, observed_since

RECEIPTS_KNOWN = "receipts_known"

_DAYS = 7
_LISTED = 100


def receipts_known_now(
    instance: dg.DagsterInstance,
    anchor: dg.AssetKey,
    new: Sequence[Sequence[str]] = (),
    new_left_out: Sequence[Sequence[str | int]] = (),
) -> dg.AssetCheckResult:
    """Result of the check for unknown targets: whether a report of the last days was rejected, or named days left out.

    Parameters
    ----------
    instance
        Where the observations of earlier ones are.
    anchor
        Anchor asset of the flow, which carries them.
    new
        Rejections that are not stored yet: asset, partition, report id and source of each.
    new_left_out
        Reports of days left out that are not stored yet: report id, source, first day, last day and number of each.

    Returns
    -------
    dg.AssetCheckResult
        With both as its metadata; days left out alone are a warning.
    """
    since = time.time() - _DAYS * 86_400
    rejected = [*new, *observed_since(instance, anchor, since, REJECTED)]
    all_left_out = [*new_left_out, *observed_since(instance, anchor, since, LEFT_OUT)]
    # Once the setting is changed, what it was about is no fault any more.
    flow = anchor.path[0]
    left_out = [entry for entry in all_left_out if any(DAYS.leaves_out(day, flow) for day in entry[2:4])]
    sentences = [f"{len(rejected)} reports of the last {_DAYS} days name what Dagster does not have"] * (
        bool(rejected) or not left_out
    )
    sentences += left_out_sentence(flow, [str(day) for entry in left_out for day in entry[2:4]])
    return dg.AssetCheckResult(
        passed=not rejected and not left_out,
        severity=dg.AssetCheckSeverity.ERROR if rejected else dg.AssetCheckSeverity.WARN,
        description="; ".join(sentences),
        metadata={
            REJECTED: dg.MetadataValue.json(rejected[:_LISTED]),
            **({LEFT_OUT: dg.MetadataValue.json(left_out[:_LISTED])} if left_out else {}),
        },
    )


def left_out_sentence(flow: str, days: Sequence[str]) -> Iterator[str]:
    """What is said of days that the partitions leave out, none or one sentence, with the setting to change."""
    if not (apart := sorted(day for day in days if DAYS.leaves_out(day, flow))):
        return
    first, (setting, begins) = apart[0], DAYS.begins(flow)
    if first < begins.isoformat():
        yield (
            f"rows of days from {first} on are in the stores but in no partition, as these begin on "
            f"{begins.isoformat()}: {setting}={first} makes partitions of them"
        )
    else:
        yield f"rows of {first}, a closed day by {CLOSED_DAYS}, are in the stores but in no partition"


def receipts_known_check(flow: BridgedFlow) -> dg.AssetChecksDefinition:
    """The check `receipts_known` at the anchor of a flow."""
    anchor = anchor_of(flow)

    @dg.asset_check(
        asset=anchor,
        name=RECEIPTS_KNOWN,
        description=f"In the last {_DAYS} days every receipt named assets and partitions that Dagster has. Days before "
        f"the first partition ({DAYS.begins(flow.name)[0]}) are a warning.",
    )
    def receipts_known(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        return receipts_known_now(context.instance, anchor)

    return receipts_known
