"""The receipts bridge: the sensor through which Dagster learns what the Lambdas did.

The plan of a tick is made in `pipeline_assets.lineage.bridge`; here are the stores it is made from and the events it
becomes. There is no cursor: what Dagster shows and what the ledger still holds is all the state.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import boto3
import dagster as dg
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets.events.ledger import Ledger, PendingReport
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.settings import LedgerSettings
from pipeline_assets.lineage.bridge import PartitionEvent, Place, Plan, Shown, Standing, assets_named, plan
from pipeline_assets.lineage.checks import (
    CONSERVATION,
    FLOWS,
    RECEIPTS,
    RECEIPTS_KNOWN,
    REJECTED,
    listed_in,
    receipts_known_now,
    rejected_since,
    stored_since,
)
from pipeline_assets.lineage.metadata import (
    STALE_BY_VERSION,
    Conservation,
    State,
    flow_state,
    made_with,
    partition_state,
    sources_table,
    state_figures,
    work_figures,
)

if TYPE_CHECKING:
    from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
    from mypy_boto3_cloudwatch import CloudWatchClient

AssetEvent = dg.AssetMaterialization | dg.AssetObservation | dg.AssetCheckEvaluation

_DATA_VERSION = "dagster/data_version"
_NONE = "NULL"
_WAITING_LIMIT = 20_000
#: How far the clocks of a Lambda and of the daemon may stand apart.
_CLOCK_SKEW = timedelta(minutes=10)
#: Further back no receipt is looked for: an object may have waited for weeks, and a tick has to read all events since.
#: One that was recorded twice over more than this is shown twice.
_LOOKED_BACK = timedelta(hours=12)
#: A tick must end within the daemon's 60 seconds, also when a store hangs.
_STORE = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "max_attempts": 3})
_METRIC = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "max_attempts": 1})
_METRIC_EVERY = 60.0
#: Partitions of very many objects take long to add up; a tick must end within the daemon's 60 seconds all the same.
_STATES_SECONDS = 20.0


class LedgerResource(dg.ConfigurableResource["LedgerResource"]):
    """The ledger that the environment names, looked up when it is used, never when definitions are loaded."""

    def open(self) -> Ledger:
        """The ledger; raises `MissingSettingError` when the environment lacks a variable."""
        return _ledger(LedgerSettings.from_environment().ledger_table)

    def publish_waiting(self, flow: str, waiting: int) -> None:
        """Put the number of receipts that wait for Dagster into CloudWatch, where an alarm watches it."""
        table = LedgerSettings.from_environment().ledger_table
        _cloudwatch().put_metric_data(
            Namespace="Cesta",
            MetricData=[
                {
                    "MetricName": "PendingReceipts",
                    "Dimensions": [{"Name": "Flow", "Value": flow}, {"Name": "Ledger", "Value": table}],
                    "Value": waiting,
                    "Unit": "Count",
                }
            ],
        )


@cache
def _ledger(table: str) -> Ledger:
    return Ledger(boto3.client("dynamodb", config=_STORE), table)


@cache
def _cloudwatch() -> "CloudWatchClient":
    return boto3.client("cloudwatch", config=_METRIC)


@dg.sensor(
    name="receipts_bridge",
    description="Shows in Dagster what the Lambdas did: reads the receipts that wait in the ledger, stores one "
    "materialization per asset and partition, and clears a receipt once its events are seen.",
    # The daemon's loop takes five seconds; a greater number here would now and then miss a beat.
    minimum_interval_seconds=1,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def receipts_bridge(context: dg.SensorEvaluationContext, ledger: LedgerResource) -> dg.SensorResult:
    """One tick: clear what Dagster shows already, store what it does not."""
    opened = ledger.open()
    graph = context.repository_def.asset_graph if context.repository_def else None
    if graph is None:
        message = "the receipts bridge needs the definitions it runs in, to know which assets there are"
        raise dg.DagsterInvariantViolationError(message)
    events: list[AssetEvent] = []
    said: list[str] = []
    for flow, home in FLOWS.items():
        reports = opened.pending(flow, limit=_WAITING_LIMIT)
        shown = _shown(context.instance, reports, home)
        decided = plan(reports, shown, standing_in(graph), made_of=made_of_in(graph))
        opened.reported(flow, decided.seen)
        stored = _stored(decided.events, opened, flow, graph, context.instance)
        events += [*_rejected(context.instance, decided, home), *stored]
        said.append(_sentence(flow, len(reports), decided))
        _publish_waiting(context, ledger, flow, len(reports) - len(decided.seen))
    return dg.SensorResult(asset_events=events, skip_reason="; ".join(said))


def _shown(instance: dg.DagsterInstance, reports: Sequence[PendingReport], home: dg.AssetKey) -> set[Shown]:
    """What Dagster holds of these reports: everything stored since the oldest of them can have been told.

    A ledger that lost its last writes records a receipt again, under its old name at a new time; so for the first run
    of an object it is the arrival of the object that counts, as far back as a tick can read.
    """
    if not reports:
        return set()
    oldest = min(_told_since(report.receipt) for report in reports)
    since = (oldest - _CLOCK_SKEW).timestamp()
    shown: set[Shown] = set()
    for asset in assets_named(reports):
        for record in stored_since(instance.fetch_materializations, dg.AssetKey.from_user_string(asset), since):
            place = Place(asset, record.partition_key or "")
            shown.update(Shown(place, report_id) for report_id in listed_in(record.asset_materialization, RECEIPTS))
    rejected = rejected_since(instance, home, since)
    return shown.union(Shown(Place(asset, partition), report_id) for asset, partition, report_id, _ in rejected)


def _told_since(receipt: Receipt) -> datetime:
    """When Dagster can have been told of a receipt at the earliest."""
    recorded = datetime.fromisoformat(receipt.recorded_at)
    if receipt.run > 1 or receipt.revision:
        return recorded
    return min(recorded, max(datetime.fromisoformat(receipt.source.event_time), recorded - _LOOKED_BACK))


def standing_in(graph: "AssetGraph") -> Callable[[Place], Standing]:
    """How to tell whether the definitions have a place."""

    def has(place: Place, at: datetime) -> bool:
        key = dg.AssetKey.from_user_string(place.asset)
        if not graph.has(key):
            return False
        partitions = graph.get(key).partitions_def
        if partitions is None:
            return not place.partition
        with dg.partition_loading_context(effective_dt=at):
            return partitions.has_partition_key(place.partition)

    def standing(place: Place) -> Standing:
        now = datetime.now(UTC)
        if has(place, now):
            return Standing.KNOWN
        return Standing.EARLY if has(place, now + timedelta(days=1)) else Standing.UNKNOWN

    return standing


def made_of_in(graph: "AssetGraph") -> Callable[[Place], Collection[Place]]:
    """What each partition is made of, where Dagster tells by versions whether it is stale."""

    def made_of(place: Place) -> Collection[Place]:
        key = dg.AssetKey.from_user_string(place.asset)
        if not graph.has(key) or STALE_BY_VERSION.items() - graph.get(key).tags.items():
            return ()
        return [Place(parent.to_user_string(), place.partition) for parent in graph.get(key).parent_keys]

    return made_of


def _stored(
    events: Sequence[PartitionEvent], ledger: Ledger, flow: str, graph: "AssetGraph", instance: dg.DagsterInstance
) -> Iterator[AssetEvent]:
    """Checks first and materializations last, upstream before downstream: a materialization is what makes it seen."""
    if not events:
        return
    flow_now = flow_state(ledger, flow)
    states = _states(dict.fromkeys(event.place for event in events), ledger, flow_now)
    events = [event for event in events if event.place in states]
    for key in sorted(graph.asset_check_keys):
        mine = [event for event in events if event.place.asset == key.asset_key.to_user_string()]
        if key.name == CONSERVATION and mine:
            accounts = {f"all of {flow}": flow_now.counts, "these receipts": sum((e.counts for e in mine), Counts())}
            accounts |= {e.place.partition: states[e.place].counts for e in mine if e.place.partition}
            yield _conservation(key, Conservation(accounts))
    order = {key.to_user_string(): place for place, key in enumerate(graph.toposorted_asset_keys)}
    made_of = made_of_in(graph)
    for event in sorted(events, key=lambda event: order[event.place.asset]):
        versions = _versions(event, made_of(event.place), instance)
        yield _materialization(event, states[event.place], versions)


def _states(places: Iterable[Place], ledger: Ledger, flow_now: State) -> dict[Place, State]:
    """The state of each place; those that were not reached in time are told of in a later tick."""
    began = time.monotonic()
    states: dict[Place, State] = {}
    for place in places:
        states[place] = partition_state(ledger.account(place.asset, place.partition)) if place.partition else flow_now
        if time.monotonic() - began > _STATES_SECONDS:
            break
    return states


def _versions(event: PartitionEvent, made_of: Collection[Place], instance: dg.DagsterInstance) -> dict[str, str]:
    """The versions of its code and of what it is made of, by which Dagster calls an event's partition stale.

    Without them it compares times. It wants all of them or none, and compares what a partition is made of by the number
    of the event that told it.
    """
    tags: dict[str, str] = {}
    for place in made_of:
        key = dg.AssetKey.from_user_string(place.asset)
        record = instance.get_latest_data_version_record(key, partition_key=place.partition)
        told = record.asset_materialization if record else None
        version = (told.tags or {}).get(_DATA_VERSION, _NONE) if told else _NONE
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
            **state_figures(event.place.asset, event.place.partition, state),
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


def _rejected(
    instance: dg.DagsterInstance, decided: Plan, home: dg.AssetKey
) -> Iterator[dg.AssetCheckEvaluation | dg.AssetObservation]:
    """How the last days' rejections stand and, as what makes a new one seen, an observation of it.

    The ledger keeps the receipts themselves.
    """
    if not decided.events and not decided.rejections:
        return
    new = [[r.place.asset, r.place.partition, r.report_id, r.source] for r in decided.rejections]
    standing = receipts_known_now(instance, home, new)
    yield dg.AssetCheckEvaluation(
        asset_key=home,
        check_name=RECEIPTS_KNOWN,
        passed=standing.passed,
        severity=standing.severity,
        description=standing.description,
        metadata=standing.metadata,
    )
    if new:
        named = ", ".join(sorted({str(rejection.place) for rejection in decided.rejections})[:5])
        description = (
            f"{len(new)} reports name what Dagster does not have, first {named}; they are in the ledger: once the "
            "asset or partition is defined, materialize it to have them shown"
        )
        metadata = {REJECTED: dg.MetadataValue.json(new)}
        yield dg.AssetObservation(asset_key=home, description=description, metadata=metadata)


def _sentence(flow: str, waiting: int, decided: Plan) -> str:
    if not waiting:
        return f"{flow}: nothing waits"
    told = sum(len(event.report_ids) for event in decided.events)
    said = f"{flow}: {waiting} waited, {len(decided.seen)} seen and cleared"
    said += f", {told} told in {len(decided.events)} events" if told else ""
    said += f", {len(decided.rejections)} rejected" if decided.rejections else ""
    return said + (f", {decided.left} left for later" if decided.left else "")


def _publish_waiting(context: dg.SensorEvaluationContext, ledger: LedgerResource, flow: str, waiting: int) -> None:
    """Once a minute, the finest that an alarm looks at; the bridge does not depend on it."""
    last = context.last_tick_completion_time or 0.0
    if time.time() // _METRIC_EVERY == last // _METRIC_EVERY:
        return
    try:
        ledger.publish_waiting(flow, waiting)
    except (BotoCoreError, ClientError) as error:
        context.log.warning("PendingReceipts of %s was not published: %s", flow, error)
