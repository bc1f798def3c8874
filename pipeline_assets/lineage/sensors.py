"""Receipts bridges: the sensors, one per flow, through which Dagster learns what the Lambdas did.

The plan of a tick is made in `pipeline_assets.lineage.bridge`; here it is read, and given back as events. There is no
cursor: what Dagster shows and what the ledger still holds is all the state. A flow's sensor asks for its own receipts
only and has a tick, a history and a time budget of its own, so that one flow's trouble or backlog is its own.
"""

import time
from collections.abc import Sequence
from functools import partial
from typing import Final

import dagster as dg

from pipeline_assets.events.ledger import Ledger, PendingReport
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.lineage.bridge import Place, Plan, plan
from pipeline_assets.lineage.events import partition_events, problem_events, rejection_events
from pipeline_assets.lineage.flows import BridgedFlow, anchor_of, bridge_name
from pipeline_assets.lineage.held import held_places
from pipeline_assets.lineage.left_out import left_out_events
from pipeline_assets.lineage.open_problems import OpenProblems
from pipeline_assets.lineage.places import made_of_in, requests_for, standing_in
from pipeline_assets.lineage.resources import LedgerResource, MetricsResource, QuarantineResource
from pipeline_assets.lineage.shown import look_up
from pipeline_assets.lineage.store_figures import StoreFigures
from pipeline_assets.lineage.tick_time import CLEARING_ENDS, READING_ENDS, TickTime

#: The metric that an alarm watches: how many receipts of a flow wait for Dagster.
PENDING_RECEIPTS: Final = "PendingReceipts"
_WAITING_LIMIT = 20_000
#: One request to the ledger, so that the time is looked at before each.
_CLEARED_AT_ONCE = 25
_METRIC_EVERY = 60.0


def bridge_sensor(flow: BridgedFlow, stores: Sequence[StoreFigures] = ()) -> dg.SensorDefinition:
    """The receipts bridge of a flow; `stores` are figures that only the stores behind its assets know."""

    @dg.sensor(
        name=bridge_name(flow.name),
        description=f"Shows in Dagster what the functions of the flow {flow.name} did: reads its receipts that wait in "
        "the ledger, stores one materialization per asset and partition, and clears a receipt whose events are seen.",
        # The daemon's loop takes five seconds; a greater number here would now and then miss a beat.
        minimum_interval_seconds=1,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"ledger", "metrics", "quarantine", *(figures.resource for figures in stores)},
    )
    def bridge(context: dg.SensorEvaluationContext, **_: object) -> dg.SensorResult:
        # Dagster names the resources as well where a sensor is called by hand, and only there.
        ledger: LedgerResource = context.resources.ledger
        return run_tick(
            flow, context, ledger.open(), context.resources.quarantine, context.resources.metrics, stores=stores
        )

    return bridge


def run_tick(
    flow: BridgedFlow,
    context: dg.SensorEvaluationContext,
    ledger: Ledger,
    quarantine: QuarantineResource,
    metrics: MetricsResource,
    *,
    tick: TickTime | None = None,
    stores: Sequence[StoreFigures] = (),
) -> dg.SensorResult:
    """Clear the receipts that Dagster shows already, and make the events of those that it does not.

    Parameters
    ----------
    flow
        The flow whose receipts are reported to Dagster.
    context
        The tick, with the instance and the definitions that it runs in.
    ledger
        Where receipts wait, and what partitions hold.
    quarantine
        Where is looked up why rows were rejected.
    metrics
        Where the number of waiting receipts is published, once a minute.
    tick
        The time of the tick; begins now by default.
    stores
        Figures that only the stores behind some assets know.

    Returns
    -------
    dg.SensorResult
        Events in the order in which they have to be stored, requests for new dynamic partitions, and a sentence of what
        the tick did.

    Raises
    ------
    DagsterInvariantViolationError
        The tick runs outside of definitions.
    TransientError
        The ledger does not answer; nothing of the tick is stored then.
    """
    tick = tick or TickTime()
    repository = context.repository_def
    if repository is None:
        message = "the receipts bridge needs the definitions it runs in, to know which assets there are"
        raise dg.DagsterInvariantViolationError(message)
    reports = list(tick.while_left(ledger.each_pending(flow.name, limit=_WAITING_LIMIT), READING_ENDS))
    # In this order: what a run has told, that ended since the receipts were read, the look-up finds.
    held = held_places(reports, ledger, context.instance, repository, tick)
    looked = look_up(context.instance, reports, anchor_of(flow), tick)
    standing = standing_in(repository, context.instance)
    decided = plan(looked.reports, looked.shown, standing, made_of=made_of_in(repository), held=held)
    cleared = 0
    for first in tick.while_left(range(0, len(decided.seen), _CLEARED_AT_ONCE), CLEARING_ENDS):
        seen = decided.seen[first : first + _CLEARED_AT_ONCE]
        ledger.reported(flow.name, seen)
        cleared += len(seen)
    ledger.problems.note_unknown(flow.name, _unknown(decided, looked.reports))
    opened = partial(quarantine.of_flow, flow)
    problems = OpenProblems(flow, ledger, opened, standing)
    events = [
        *problem_events(decided, flow, problems, repository, tick),
        *rejection_events(decided, anchor_of(flow)),
        *left_out_events(decided, flow),
        *partition_events(decided.events, ledger, flow.name, context, tick, stores=stores, quarantine=opened),
    ]
    report = _tick_report(flow.name, len(reports), len(looked.reports), cleared, decided)
    if events:
        # A tick that requests no run counts as skipped, whatever it stored: the log says what that was.
        context.log.info("%s", report)
        for event in events:
            if isinstance(event, dg.AssetMaterialization):
                place = Place(event.asset_key.to_user_string(), event.partition or "")
                context.log.info("%s: %s", place, event.description)
    if _is_metric_due(context):
        metrics.publish(PENDING_RECEIPTS, flow.name, len(reports) - cleared, context.log)
    return dg.SensorResult(
        asset_events=events,
        dynamic_partitions_requests=list(requests_for(decided.new, repository)),
        skip_reason=report,
    )


def _unknown(decided: Plan, reports: Sequence[PendingReport]) -> dict[str, tuple[Receipt, list[str]]]:
    """Receipts of a tick that name what Dagster does not have, by their ids, each with the places."""
    receipts = {report.receipt.report_id: report.receipt for report in reports}
    found: dict[str, tuple[Receipt, list[str]]] = {}
    for rejection in decided.rejections:
        receipt = receipts[rejection.report_id]
        found.setdefault(receipt.id, (receipt, []))[1].append(str(rejection.place))
    return found


def _is_metric_due(context: dg.SensorEvaluationContext) -> bool:
    """Whether another minute has begun since the last tick: an alarm looks no closer."""
    last = context.last_tick_completion_time or 0.0
    return time.time() // _METRIC_EVERY != last // _METRIC_EVERY


def _tick_report(flow: str, waiting: int, looked_at: int, cleared: int, decided: Plan) -> str:
    """What a tick did, as the sensor's page shows it."""
    if not waiting:
        return f"{flow}: nothing waits"
    reported = sum(len(event.report_ids) for event in decided.events)
    parts = [f"{flow}: {waiting} waited, {cleared} seen and cleared"]
    parts += [f"{reported} reported in {len(decided.events)} events"] if reported else []
    parts += [f"{len(decided.rejections)} rejected"] if decided.rejections else []
    parts += [f"{len(decided.left_out)} of days left out"] if decided.left_out else []
    parts += [f"{len(decided.new)} new partitions requested"] if decided.new else []
    parts += [f"{decided.left} left for later"] if decided.left else []
    parts += [f"{waiting - looked_at} not looked up in time"] if waiting > looked_at else []
    return ", ".join(parts)
