"""The watch over what is open: where the answer of a check changed without an event of its asset, it is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import dagster as dg

from pipeline_assets.lineage.checks import checks_of, evaluation_of
from pipeline_assets.lineage.evaluations import evaluation_in
from pipeline_assets.lineage.flows import BridgedFlow
from pipeline_assets.lineage.open_problems import OpenProblems
from pipeline_assets.lineage.places import standing_in
from pipeline_assets.lineage.resources import LedgerResource, QuarantineResource
from pipeline_assets.lineage.tick_time import EVENTS_END, TickTime

#: Bad sources of a flow that one look of the watch looks up again: more than a bridge has time for, so that what a
#: newer version has settled is found however many are open.
_LOOKED_AT = 500


def problems_watch_sensor(flows: Sequence[BridgedFlow]) -> dg.SensorDefinition:
    """The sensor that evaluates the checks of some flows again where what is open of them changed."""

    @dg.sensor(
        name="problems_watch",
        description="Looks at what is open of each flow, and evaluates the checks whose answer changed: what was "
        "acknowledged or mended without an event of its asset is shown within half a minute.",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def problems_watch(
        context: dg.SensorEvaluationContext, ledger: LedgerResource, quarantine: QuarantineResource
    ) -> dg.SensorResult:
        """One look; raises `TransientError` when the ledger does not answer, and `MissingSettingError`."""
        tick = TickTime()
        changed = [event for flow in flows for event in _changed(context, flow, ledger, quarantine, tick)]
        for each in changed:
            context.log.info("%s: %s", each.asset_key.to_user_string(), each.description)
        names = ", ".join(f"{each.asset_key.to_user_string()}: {each.check_name}" for each in changed)
        return dg.SensorResult(asset_events=changed, skip_reason=names or "as before")

    return problems_watch


def _changed(
    context: dg.SensorEvaluationContext,
    flow: BridgedFlow,
    ledger: LedgerResource,
    quarantine: QuarantineResource,
    tick: TickTime,
) -> Iterator[dg.AssetCheckEvaluation]:
    repository = context.repository_def
    if repository is None:
        return
    standing = standing_in(repository, context.instance)
    opened = partial(quarantine.of_flow, flow)
    problems = OpenProblems(flow, ledger.open(), opened, standing, looked_at=_LOOKED_AT)
    checks = dict(checks_of(flow, repository))
    shown = context.instance.event_log_storage.get_latest_asset_check_execution_by_key(list(checks))
    for key, most in tick.while_left(checks.items(), EVENTS_END):
        result = problems.result(key, most)
        evaluation = evaluation_in(shown.get(key))
        if evaluation is None or (evaluation.passed, evaluation.description) != (result.passed, result.description):
            yield evaluation_of(key, result)
