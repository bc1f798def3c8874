"""Days that the partitions leave out, before the first or closed: told once for each receipt, and warned of.

What is of such a day is in its store and in the account of its arrival. No receipt waits for a partition that may never
be; the observation at the anchor makes it seen. The warning names the setting by which there would be partitions.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import dagster as dg

from pipeline_assets.lineage.bridge import Plan
from pipeline_assets.lineage.days import CLOSED_DAYS
from pipeline_assets.lineage.evaluations import shown_evaluation
from pipeline_assets.lineage.flows import BridgedFlow, anchor_of
from pipeline_assets.lineage.partitions import DAYS
from pipeline_assets.lineage.shown import LEFT_OUT, listed_in, stored_since

NO_DAY_LEFT_OUT: Final = "no_day_left_out"
_LOOKED_BACK = timedelta(days=7)
_LISTED = 20


def left_out_events(decided: Plan, flow: BridgedFlow) -> Iterator[dg.AssetObservation]:
    """The observation of a tick's reports of days left out, which makes them seen; the ledger keeps the receipts.

    Parameters
    ----------
    decided
        The plan of the tick.
    flow
        The flow.

    Yields
    ------
    dg.AssetObservation
        At most one, at the anchor of the flow.
    """
    if not decided.left_out:
        return
    entries = [[each.report_id, each.source, each.first, each.last, each.days] for each in decided.left_out]
    yield dg.AssetObservation(
        asset_key=anchor_of(flow), description=_said(flow, entries), metadata={LEFT_OUT: dg.MetadataValue.json(entries)}
    )


def left_out_check(flow: BridgedFlow) -> dg.AssetChecksDefinition:
    """The check `no_day_left_out` at the anchor of a flow; a warning, since nothing is lost."""

    @dg.asset_check(
        asset=anchor_of(flow),
        name=NO_DAY_LEFT_OUT,
        description=f"In the last {_LOOKED_BACK.days} days no receipt named days before the first partition "
        f"({DAYS.begins(flow.name)[0]}) or closed ones. Rows of such days are in the stores, and "
        "counted where they arrived.",
    )
    def no_day_left_out(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(**_found(context.instance, flow))

    return no_day_left_out


def left_out_watch_sensor(flows: Sequence[BridgedFlow]) -> dg.SensorDefinition:
    """The sensor that evaluates the check of each flow where the answer changed."""

    @dg.sensor(
        name="left_out_watch",
        description="Looks whether receipts named days that are no partitions, and evaluates the checks "
        f"{NO_DAY_LEFT_OUT} where the answer changed.",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def left_out_watch(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        """One look."""
        changed = [event for flow in flows for event in _changed(context.instance, flow)]
        for each in changed:
            context.log.info("%s: %s", each.asset_key.to_user_string(), each.description)
        changes = "; ".join(f"{each.asset_key.to_user_string()}: {each.description}" for each in changed)
        return dg.SensorResult(asset_events=changed, skip_reason=changes or "as before")

    return left_out_watch


def _changed(instance: dg.DagsterInstance, flow: BridgedFlow) -> Iterator[dg.AssetCheckEvaluation]:
    key = dg.AssetCheckKey(anchor_of(flow), NO_DAY_LEFT_OUT)
    found, shown = _found(instance, flow), shown_evaluation(instance, key)
    if not shown or (shown.passed, shown.description) != (found["passed"], found["description"]):
        yield dg.AssetCheckEvaluation(asset_key=key.asset_key, check_name=key.name, **found)


def _found(instance: dg.DagsterInstance, flow: BridgedFlow) -> dict[str, Any]:
    """What the check finds, as the arguments that its result and its evaluation share."""
    since = (datetime.now(UTC) - _LOOKED_BACK).timestamp()
    stored = stored_since(instance.fetch_observations, anchor_of(flow), since)
    told = [each for record in stored for each in listed_in(record.event_log_entry.asset_observation, LEFT_OUT)]
    # Once the setting is changed, what it was about is no fault any more.
    entries = [each for each in told if any(DAYS.leaves_out(day, flow.name) for day in each[2:4])]
    rows = [f"| {source} | {first} | {last} | {days} |" for _, source, first, last, days in entries[:_LISTED]]
    table = "\n".join(["| source | from | to | days |", "|---|---|---|---:|", *rows])
    return {
        "passed": not entries,
        "severity": dg.AssetCheckSeverity.WARN,
        "description": _said(flow, entries),
        "metadata": {"receipts_of_days_left_out": len(entries), LEFT_OUT: dg.MetadataValue.md(table)},
    }


def _said(flow: BridgedFlow, entries: Sequence[Sequence[Any]]) -> str:
    apart = sorted(day for each in entries for day in each[2:4] if DAYS.leaves_out(day, flow.name))
    if not apart:
        return "no receipt names a day that is no partition"
    first, (setting, begins) = apart[0], DAYS.begins(flow.name)
    many = "1 receipt has" if len(entries) == 1 else f"{len(entries)} receipts have"
    if first < begins.isoformat():
        return (
            f"{many} rows of days from {first} on that are in the stores but in no partition, as these begin on "
            f"{begins.isoformat()}: {setting}={first} makes partitions of them"
        )
    return f"{many} rows of {first}, a closed day by {CLOSED_DAYS}: they are in the stores but in no partition"
