"""Messages of a queue that announce no object, shown in Dagster at the anchor of their flow."""

from collections.abc import Iterator, Sequence

import dagster as dg

from pipeline_assets.lineage.evaluations import shown_evaluation
from pipeline_assets.lineage.flows import BridgedFlow, anchor_of
from pipeline_assets.lineage.resources import QuarantineResource
from pipeline_assets.lineage.retries import RETRIES

NO_FOREIGN_MESSAGES = "no_foreign_messages"
#: The metadata that holds how many there are.
_KEPT = "foreign_messages"


def foreign_messages_check(flow: BridgedFlow) -> dg.AssetChecksDefinition:
    """The check `no_foreign_messages` at the anchor of a flow that has a queue."""

    @dg.asset_check(
        asset=anchor_of(flow),
        name=NO_FOREIGN_MESSAGES,
        description="Every message of the queue announced an object or said nothing. `cesta quarantine` shows others "
        "and puts them into the queue again.",
        retry_policy=RETRIES,
    )
    def no_foreign_messages(quarantine: QuarantineResource) -> dg.AssetCheckResult:
        kept = quarantine.foreign_messages(flow.name)
        return dg.AssetCheckResult(
            passed=not kept,
            severity=dg.AssetCheckSeverity.WARN,
            description=_description(kept),
            metadata={_KEPT: kept},
        )

    return no_foreign_messages


def foreign_messages_sensor(flows: Sequence[BridgedFlow]) -> dg.SensorDefinition:
    """The sensor that evaluates the check of each flow where the number of messages changed."""

    @dg.sensor(
        name="foreign_messages_watch",
        description="Counts the messages in the quarantine that announce no object, and evaluates the checks "
        f"{NO_FOREIGN_MESSAGES} where the number changed.",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def foreign_messages_watch(context: dg.SensorEvaluationContext, quarantine: QuarantineResource) -> dg.SensorResult:
        """One look; raises `TransientError` when the quarantine does not answer, and `MissingSettingError`."""
        changed = [event for flow in flows for event in _changed(context.instance, flow, quarantine)]
        for each in changed:
            context.log.info("%s: %s", each.asset_key.to_user_string(), each.description)
        changes = "; ".join(f"{each.asset_key.to_user_string()}: {each.description}" for each in changed)
        return dg.SensorResult(asset_events=changed, skip_reason=changes or "as before")

    return foreign_messages_watch


def _changed(
    instance: dg.DagsterInstance, flow: BridgedFlow, quarantine: QuarantineResource
) -> Iterator[dg.AssetCheckEvaluation]:
    """The evaluation of a flow's check, where Dagster shows another number or none."""
    kept = quarantine.foreign_messages(flow.name)
    evaluation = shown_evaluation(instance, dg.AssetCheckKey(anchor_of(flow), NO_FOREIGN_MESSAGES))
    shown = evaluation.metadata.get(_KEPT) if evaluation else None
    if shown is None or shown.value != kept:
        yield dg.AssetCheckEvaluation(
            asset_key=anchor_of(flow),
            check_name=NO_FOREIGN_MESSAGES,
            passed=not kept,
            severity=dg.AssetCheckSeverity.WARN,
            description=_description(kept),
            metadata={_KEPT: dg.MetadataValue.int(kept)},
        )


def _description(kept: int) -> str:
    return f"{kept} messages in the quarantine announce no object"
