"""The events of a bridge's plan: checks first and materializations last, upstream before downstream.

Dagster shows a check relative to the newest materialization of its asset. So every event of an asset comes with an
evaluation of each of its checks that is judged by the ledger, and with the last result of those that only a run can
judge, which says so; otherwise they would turn grey until somebody runs them.

A materialization is what makes a receipt seen, so what is told beside it has to be stored before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import dagster as dg

from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.quarantine import Quarantine
from pipeline_assets.lineage.bridge import PartitionEvent, Plan
from pipeline_assets.lineage.carried import carried_over
from pipeline_assets.lineage.checks import checks_of, evaluation_of
from pipeline_assets.lineage.conservation import CONSERVATION, numbers_of
from pipeline_assets.lineage.flows import BridgedFlow, anchor_of
from pipeline_assets.lineage.materializations import materialization, places_now
from pipeline_assets.lineage.metadata import Conservation
from pipeline_assets.lineage.open_problems import OpenProblems
from pipeline_assets.lineage.places import made_of_in
from pipeline_assets.lineage.rejected import RejectionReader
from pipeline_assets.lineage.shown import REJECTED
from pipeline_assets.lineage.store_figures import StoreFigures, store_reader
from pipeline_assets.lineage.tick_time import CHECKS_END, EVENTS_END, TickTime

AssetEvent = dg.AssetMaterialization | dg.AssetObservation | dg.AssetCheckEvaluation


def partition_events(
    events: Sequence[PartitionEvent],
    ledger: Ledger,
    flow: str,
    context: dg.SensorEvaluationContext,
    tick: TickTime,
    *,
    stores: Sequence[StoreFigures] = (),
    quarantine: Callable[[], Quarantine] | None = None,
) -> Iterator[AssetEvent]:
    """Asset events of a tick's planned materializations, with the checks before them that only a plan can judge.

    Parameters
    ----------
    events
        The planned materializations, one for each place and batch of receipts.
    ledger
        Holds the accounts of the partitions.
    flow
        Name of the flow whose totals are checked.
    context
        The evaluation of the sensor, which knows the asset graph and the instance.
    tick
        Time of the tick: what it does not suffice for is left out and planned again by the next.
    stores
        Figures that only the stores behind some assets know.
    quarantine
        Opens where the flow keeps what it rejects; without it events name no rules.

    Yields
    ------
    AssetEvent
        Checks first, then materializations, upstream before downstream.
    """
    if not events or not context.repository_def:
        return
    graph = context.repository_def.asset_graph
    with store_reader(stores, context.resources, context.log) as reader:
        rejections = RejectionReader(quarantine, context.log)
        now = places_now(events, ledger, flow, tick, reader=reader, rejections=rejections)
    events = [event for event in events if event.place in now]
    totals = ledger.totals(flow).counts
    for key in sorted(graph.asset_check_keys):
        mine = [event for event in events if event.place.asset == key.asset_key.to_user_string()]
        if key.name == CONSERVATION and mine:
            accounts = {f"all of {flow}": totals, "these receipts": sum((e.counts for e in mine), Counts())}
            accounts |= {e.place.partition: now[e.place].state.counts for e in mine if e.place.partition}
            yield _conservation(key, Conservation(accounts))
    yield from carried_over(context.instance, context.repository_def, {event.place.asset for event in events})
    order = {key.to_user_string(): place for place, key in enumerate(graph.toposorted_asset_keys)}
    made_of = made_of_in(context.repository_def)
    for event in tick.while_left(sorted(events, key=lambda event: order[event.place.asset]), EVENTS_END):
        place = now[event.place]
        yield materialization(
            event,
            place.state,
            made_of(event.place),
            context.instance,
            description=place.sentence,
            first=place.first,
            in_rows=place.in_rows,
        )


def _conservation(key: dg.AssetCheckKey, found: Conservation) -> dg.AssetCheckEvaluation:
    # Without a partition: Dagster's table of evaluations takes only one outside of runs for each check and partition.
    return dg.AssetCheckEvaluation(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=not found.broken,
        severity=dg.AssetCheckSeverity.ERROR,
        description=found.sentence,
        metadata=numbers_of(found),
    )


def problem_events(
    decided: Plan, flow: BridgedFlow, problems: OpenProblems, repository: dg.RepositoryDefinition, tick: TickTime
) -> Iterator[dg.AssetCheckEvaluation]:
    """Evaluations of the checks that are judged by what is open, for every asset that a tick tells of.

    Parameters
    ----------
    decided
        The plan of the tick.
    flow
        The flow.
    problems
        What is open of it, the unknown targets of the tick among it.
    repository
        All definitions.
    tick
        Time of the tick.

    Yields
    ------
    dg.AssetCheckEvaluation
        In the order of the checks; none in a tick that tells nothing.

    Raises
    ------
    TransientError
        The ledger does not answer.
    """
    if not decided.events and not decided.rejections:
        return
    told = {dg.AssetKey.from_user_string(event.place.asset) for event in decided.events} | {anchor_of(flow)}
    for key, most in tick.while_left(checks_of(flow, repository, told), CHECKS_END):
        yield evaluation_of(key, problems.result(key, most))


def rejection_events(decided: Plan, anchor: dg.AssetKey) -> Iterator[dg.AssetObservation]:
    """The observation of a tick's unknown targets, which makes them seen; the ledger keeps the receipts themselves.

    Parameters
    ----------
    decided
        The plan of the tick.
    anchor
        Anchor asset of the flow.

    Yields
    ------
    dg.AssetObservation
        At most one, at the anchor of the flow.
    """
    new = [[r.place.asset, r.place.partition, r.report_id, r.source] for r in decided.rejections]
    if new:
        named = ", ".join(sorted({str(rejection.place) for rejection in decided.rejections})[:5])
        description = (
            f"{len(new)} reports name what Dagster does not have, first {named}; they are in the ledger: once the "
            "asset or partition is defined, materialize it to have them shown"
        )
        metadata = {REJECTED: dg.MetadataValue.json(new)}
        yield dg.AssetObservation(asset_key=anchor, description=description, metadata=metadata)
