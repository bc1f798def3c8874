"""The events of a bridge's plan: checks first and materializations last, upstream before downstream.

Dagster shows a check relative to the newest materialization of its asset. So every event of an asset comes with an
evaluation of each of its checks that is judged by the ledger, and with the last result of those that only a run can
judge, which says so; otherwise they would turn grey until somebody runs them.

A materialization is what makes a receipt seen, so what is told beside it has to be stored before it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg

from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.lineage.bridge import PartitionEvent, Place, Plan
from pipeline_assets.lineage.carried import carried_over
from pipeline_assets.lineage.checks import checks_of, evaluation_of
from pipeline_assets.lineage.conservation import CONSERVATION
from pipeline_assets.lineage.flows import BridgedFlow, anchor_of
from pipeline_assets.lineage.metadata import (
    Conservation,
    State,
    flow_state,
    made_with,
    partition_state,
    sources_table,
    state_figures,
    work_figures,
)
from pipeline_assets.lineage.open_problems import OpenProblems
from pipeline_assets.lineage.places import made_of_in
from pipeline_assets.lineage.shown import RECEIPTS, REJECTED
from pipeline_assets.lineage.tick_time import EVENTS_END, STATES_END, TickTime

AssetEvent = dg.AssetMaterialization | dg.AssetObservation | dg.AssetCheckEvaluation

_DATA_VERSION = "dagster/data_version"
_NONE = "NULL"


def partition_events(
    events: Sequence[PartitionEvent], ledger: Ledger, flow: str, context: dg.SensorEvaluationContext, tick: TickTime
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

    Yields
    ------
    AssetEvent
        Checks first, then materializations, upstream before downstream.
    """
    if not events or not context.repository_def:
        return
    graph = context.repository_def.asset_graph
    flow_now = flow_state(ledger, flow)
    states = _states(dict.fromkeys(event.place for event in events), ledger, flow_now, tick)
    events = [event for event in events if event.place in states]
    for key in sorted(graph.asset_check_keys):
        mine = [event for event in events if event.place.asset == key.asset_key.to_user_string()]
        if key.name == CONSERVATION and mine:
            accounts = {f"all of {flow}": flow_now.counts, "these receipts": sum((e.counts for e in mine), Counts())}
            accounts |= {e.place.partition: states[e.place].counts for e in mine if e.place.partition}
            yield _conservation(key, Conservation(accounts))
    yield from carried_over(context.instance, context.repository_def, {event.place.asset for event in events})
    order = {key.to_user_string(): place for place, key in enumerate(graph.toposorted_asset_keys)}
    made_of = made_of_in(context.repository_def)
    for event in tick.while_left(sorted(events, key=lambda event: order[event.place.asset]), EVENTS_END):
        versions = _versions(event, made_of(event.place), context.instance)
        yield _materialization(event, states[event.place], versions)


def _states(places: Iterable[Place], ledger: Ledger, flow_now: State, tick: TickTime) -> dict[Place, State]:
    """The state of each place; partitions of very many objects take long to add up."""
    return {
        place: partition_state(ledger.account(place.asset, place.partition)) if place.partition else flow_now
        for place in tick.while_left(places, STATES_END)
    }


def _versions(event: PartitionEvent, made_of: Collection[Place], instance: dg.DagsterInstance) -> dict[str, str]:
    """Tags with the versions of an event's code and inputs, by which Dagster calls its partition stale.

    Without them it compares times. It wants all of them or none, and compares what a partition is made of by the number
    of the event that told it.

    Returns
    -------
    dict[str, str]
        The tags; empty for a place that is not told stale by versions.
    """
    tags: dict[str, str] = {}
    for place in made_of:
        key = dg.AssetKey.from_user_string(place.asset)
        record = instance.get_latest_data_version_record(key, partition_key=place.partition)
        newest = record.asset_materialization if record else None
        version = (newest.tags or {}).get(_DATA_VERSION, _NONE) if newest else _NONE
        tags[f"dagster/input_data_version/{place.asset}"] = version
        tags[f"dagster/input_event_pointer/{place.asset}"] = str(record.storage_id) if record else _NONE
    return {**tags, "dagster/code_version": event.code_versions[-1]} if tags else tags


def _materialization(event: PartitionEvent, state: State, versions: Mapping[str, str]) -> dg.AssetMaterialization:
    figures = work_figures(
        event.counts, size=event.size, seconds=event.seconds, objects=len(event.sources), refused=event.refused
    )
    waited = datetime.now(UTC) - datetime.fromisoformat(event.oldest)
    version = made_with(state.data_version, event.code_versions[-1]) if versions else state.data_version
    return dg.AssetMaterialization(
        asset_key=dg.AssetKey.from_user_string(event.place.asset),
        partition=event.place.partition or None,
        description=f"reported by {len(event.report_ids)} receipts",
        metadata={
            **state_figures(event.place.partition, state, of_arrival=event.of_arrival),
            "data_version": version,
            **figures,
            "seconds_to_dagster": round(waited.total_seconds(), 3),
            "code_version": ", ".join(sorted(set(event.code_versions))),
            "sources": dg.MetadataValue.md(sources_table(event.sources)),
            RECEIPTS: dg.MetadataValue.json(event.report_ids),
        },
        tags={_DATA_VERSION: version, **versions},
    )


def _conservation(key: dg.AssetCheckKey, found: Conservation) -> dg.AssetCheckEvaluation:
    # Without a partition: Dagster's table of evaluations takes only one outside of runs for each check and partition.
    return dg.AssetCheckEvaluation(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=not found.broken,
        severity=dg.AssetCheckSeverity.ERROR,
        description=found.sentence,
        metadata={"accounts": dg.MetadataValue.md(found.table)},
        blocking=True,
    )


def problem_events(
    decided: Plan, flow: BridgedFlow, problems: OpenProblems, repository: dg.RepositoryDefinition
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
    for key, most in checks_of(flow, repository, told):
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
