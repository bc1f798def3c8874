"""What came through a queue and announced no object, shown in Dagster beside what arrived."""

from collections.abc import Iterator
from functools import cache

import boto3
import dagster as dg
from botocore.config import Config

from pipeline_assets.events.quarantine import Quarantine
from pipeline_assets.events.settings import quarantine_bucket
from pipeline_assets.lineage.checks import FLOWS

NO_FOREIGN_MESSAGES = "no_foreign_messages"
#: The metadata that holds how many there are.
_KEPT = "foreign_messages"
#: The flows that have a queue.
_FLOWS = {flow: home for flow, home in FLOWS.items() if flow != "loads"}
_STORE = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "max_attempts": 3})


class QuarantineResource(dg.ConfigurableResource["QuarantineResource"]):
    """The quarantine that the environment names, looked up when it is used, never when definitions are loaded."""

    def foreign_messages(self, flow: str) -> int:
        """How many messages of a flow lie there; raises `TransientError`, and `MissingSettingError`."""
        return _quarantine(quarantine_bucket(), flow).foreign_messages()


@cache
def _quarantine(bucket: str, flow: str) -> Quarantine:
    return Quarantine(boto3.client("s3", config=_STORE), bucket, flow)


def _check(flow: str, home: dg.AssetKey) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=home,
        name=NO_FOREIGN_MESSAGES,
        description="Every message of the queue announced an object or said nothing. `cesta quarantine` shows others "
        "and puts them into the queue again.",
    )
    def no_foreign_messages(quarantine: QuarantineResource) -> dg.AssetCheckResult:
        kept = quarantine.foreign_messages(flow)
        return dg.AssetCheckResult(
            passed=not kept,
            severity=dg.AssetCheckSeverity.WARN,
            description=_said(kept),
            metadata={_KEPT: kept},
        )

    return no_foreign_messages


FOREIGN_MESSAGE_CHECKS = [_check(flow, home) for flow, home in _FLOWS.items()]


@dg.sensor(
    name="foreign_messages_watch",
    description="Counts the messages in the quarantine that announce no object, and evaluates the checks "
    f"{NO_FOREIGN_MESSAGES} where the number changed.",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def foreign_messages_watch(context: dg.SensorEvaluationContext, quarantine: QuarantineResource) -> dg.SensorResult:
    """One look; raises `TransientError` when the quarantine does not answer, and `MissingSettingError`."""
    changed = list(_changed(context.instance, quarantine))
    told = "; ".join(f"{each.asset_key.to_user_string()}: {each.description}" for each in changed)
    return dg.SensorResult(asset_events=changed, skip_reason=told or "as before")


def _changed(instance: dg.DagsterInstance, quarantine: QuarantineResource) -> Iterator[dg.AssetCheckEvaluation]:
    for flow, home in _FLOWS.items():
        kept = quarantine.foreign_messages(flow)
        record = instance.get_latest_asset_check_evaluation_record(dg.AssetCheckKey(home, NO_FOREIGN_MESSAGES))
        shown = record.evaluation.metadata.get(_KEPT) if record and record.evaluation else None
        if shown is None or shown.value != kept:
            yield dg.AssetCheckEvaluation(
                asset_key=home,
                check_name=NO_FOREIGN_MESSAGES,
                passed=not kept,
                severity=dg.AssetCheckSeverity.WARN,
                description=_said(kept),
                metadata={_KEPT: dg.MetadataValue.int(kept)},
            )


def _said(kept: int) -> str:
    return f"{kept} messages in the quarantine announce no object"
