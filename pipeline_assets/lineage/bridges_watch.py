"""The watch over the bridges: receipts are shown in time, and no bridge is stopped.

A bridge that is stopped or that fails shows nothing at all: its assets keep their green state and their old times. So
another sensor looks at what waits in the ledger, and at the switch of each bridge.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import dagster as dg

from pipeline_assets.lineage.evaluations import shown_evaluation
from pipeline_assets.lineage.flows import BridgedFlow, anchor_of, bridge_name
from pipeline_assets.lineage.resources import LedgerResource
from pipeline_assets.lineage.retries import RETRIES
from pipeline_assets.operations.waiting import waiting_of

RECEIPTS_SHOWN_IN_TIME: Final = "receipts_shown_in_time"
#: A receipt is shown within seconds; one that a run works on waits for that run.
_LATE = timedelta(minutes=10)
#: How often the number of waiting receipts is told while they are late.
_TOLD_EVERY = timedelta(minutes=10)
#: The metadata by which is told whether there is something new to say.
_STATE, _AT = "state", "looked_at"


def receipts_shown_check(flow: BridgedFlow) -> dg.AssetChecksDefinition:
    """The check `receipts_shown_in_time` at the anchor of a flow."""

    @dg.asset_check(
        asset=anchor_of(flow),
        name=RECEIPTS_SHOWN_IN_TIME,
        retry_policy=RETRIES,
        description=f"The sensor {bridge_name(flow.name)} runs, and no receipt has waited for it longer than "
        f"{_LATE.seconds // 60} minutes. What waits is in the stores already, and is shown once the sensor runs.",
    )
    def receipts_shown_in_time(context: dg.AssetCheckExecutionContext, ledger: LedgerResource) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(**_found(flow, ledger, stopped_sensors(context.instance)))

    return receipts_shown_in_time


def bridges_watch_sensor(flows: Sequence[BridgedFlow]) -> dg.SensorDefinition:
    """The sensor that evaluates the check of each flow where the answer changed, and now and then while it is bad."""

    @dg.sensor(
        name="bridges_watch",
        description="Looks at the receipts that wait for each bridge, and whether the bridge is switched on; evaluates "
        f"the checks {RECEIPTS_SHOWN_IN_TIME} where the answer changed.",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def bridges_watch(context: dg.SensorEvaluationContext, ledger: LedgerResource) -> dg.SensorResult:
        """One look; raises `TransientError` when the ledger does not answer, and `MissingSettingError`."""
        stopped = stopped_sensors(context.instance)
        changed = [event for flow in flows for event in _changed(context.instance, flow, ledger, stopped)]
        for each in changed:
            context.log.info("%s: %s", each.asset_key.to_user_string(), each.description)
        changes = "; ".join(f"{each.asset_key.to_user_string()}: {each.description}" for each in changed)
        return dg.SensorResult(asset_events=changed, skip_reason=changes or "as before")

    return bridges_watch


def stopped_sensors(instance: dg.DagsterInstance) -> set[str]:
    """The names of the sensors that somebody has switched off."""
    # A run in the process of a test or a notebook may know of no sensors.
    states = instance.all_instigator_state() if instance.schedule_storage else ()
    return {state.name for state in states if not state.is_running}


def _changed(
    instance: dg.DagsterInstance, flow: BridgedFlow, ledger: LedgerResource, stopped: set[str]
) -> Iterator[dg.AssetCheckEvaluation]:
    key = dg.AssetCheckKey(anchor_of(flow), RECEIPTS_SHOWN_IN_TIME)
    found = _found(flow, ledger, stopped)
    if shown := shown_evaluation(instance, key):
        same = _text(shown.metadata, _STATE) == _text(found["metadata"], _STATE)
        age = datetime.now(UTC) - datetime.fromisoformat(_text(shown.metadata, _AT))
        if same and (found["passed"] or age < _TOLD_EVERY):
            return
    yield dg.AssetCheckEvaluation(asset_key=key.asset_key, check_name=key.name, **found)


def _found(flow: BridgedFlow, ledger: LedgerResource, stopped: set[str]) -> dict[str, Any]:
    """What the check finds, as the arguments that its result and its evaluation share."""
    now, name = datetime.now(UTC), bridge_name(flow.name)
    waiting = waiting_of(ledger.open(), flow.name)
    late, is_stopped = waiting.seconds(now) > _LATE.total_seconds(), name in stopped
    said, severity = waiting.sentence, dg.AssetCheckSeverity.WARN
    if is_stopped:
        said = f"the sensor {name} is stopped, {waiting.sentence}: start it on the page Automation"
        severity = dg.AssetCheckSeverity.ERROR if waiting.receipts else severity
    elif late:
        said = f"{waiting.sentence}: see the ticks of the sensor {name}"
        severity = dg.AssetCheckSeverity.ERROR
    elif waiting.receipts:
        said = "receipts are shown within seconds"
    return {
        "passed": not late and not is_stopped,
        "severity": severity,
        "description": said,
        "metadata": {
            "receipts_waiting": dg.MetadataValue.int(waiting.receipts),
            "oldest_waited_seconds": dg.MetadataValue.float(round(waiting.seconds(now), 1)),
            _STATE: dg.MetadataValue.text(f"{'stopped' if is_stopped else 'running'}, {severity.value}, late: {late}"),
            _AT: dg.MetadataValue.text(now.isoformat()),
        },
    }


def _text(metadata: Any, name: str) -> str:  # noqa: ANN401 - metadata of a stored and of a new evaluation
    return str(metadata[name].value)
