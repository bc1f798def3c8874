"""The watch over loads that do not come to their end, with its check, and over days that are asked for."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from pipeline_assets.curation.assets import CURATED, CurationStoresResource
from pipeline_assets.curation.completion import LOADS_ASSET, OpenLoad, complete_open_loads
from pipeline_assets.curation.requests import RequestedDay, requested_days
from pipeline_assets.curation.stores import CATALOG, FLOW, CurationStores
from pipeline_assets.lake.layout import RawObject
from pipeline_assets.lineage.asked_runs import STARTED_AT_ONCE, asked_run, is_started
from pipeline_assets.lineage.checks import evaluation_of
from pipeline_assets.lineage.evaluations import shown_evaluation
from pipeline_assets.lineage.metadata import LISTED, cell
from pipeline_assets.lineage.partitions import load_days
from pipeline_assets.lineage.resources import MetricsResource
from pipeline_assets.lineage.retries import RETRIES
from pipeline_assets.lineage.sentences import counted

#: The metric that an alarm watches.
OVERDUE_LOADS: Final = "OverdueLoads"
LOADS_WHOLE: Final = dg.AssetCheckKey(dg.AssetKey.from_user_string(LOADS_ASSET), "loads_whole")
#: A load that began longer ago than this should have come to its end.
_LONGEST = timedelta(hours=2)
_NAMED = 5


@dg.asset_check(
    asset=LOADS_WHOLE.asset_key,
    name=LOADS_WHOLE.name,
    retry_policy=RETRIES,
    description="No load is held for its rows, and every load that began over two hours ago is whole. One that is held "
    "for rejected rows counts until those are mended or acknowledged.",
)
def loads_whole(curation_stores: CurationStoresResource) -> dg.AssetCheckResult:
    """Every load came to its end."""
    with curation_stores.open() as stores:
        return _result(*_looked_at(stores, datetime.now(UTC)))


@dg.sensor(
    name="loads_watch",
    description="Looks for loads of the lake that are held, or began over two hours ago and have no completion marker; "
    "evaluates the check loads_whole where the answer changed, and tells CloudWatch how many are overdue, where an "
    "alarm watches it.",
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def loads_watch(
    context: dg.SensorEvaluationContext, curation_stores: CurationStoresResource, metrics: MetricsResource
) -> dg.SensorResult:
    """One look; raises `MissingSettingError`, and `TransientError` when a store does not answer."""
    with curation_stores.open() as stores:
        bad, opened, overdue = _looked_at(stores, datetime.now(UTC))
    metrics.publish(OVERDUE_LOADS, FLOW, overdue, context.log)
    result = _result(bad, opened, overdue)
    shown = shown_evaluation(context.instance, LOADS_WHOLE)
    as_before = shown and (shown.passed, shown.description) == (result.passed, result.description)
    if not as_before:
        context.log.info("%s", result.description)
    return dg.SensorResult(
        asset_events=[] if as_before else [evaluation_of(LOADS_WHOLE, result)], skip_reason=result.description
    )


@dg.sensor(
    name="curation_requests",
    target=dg.AssetSelection.assets(*(asset.key for asset in CURATED)),
    description="Looks for days that are too large for the function, and starts a run for each that works it out: on "
    "Spark, where the settings say so. What is asked for again after an hour is started again.",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def curation_requests(
    context: dg.SensorEvaluationContext, curation_stores: CurationStoresResource
) -> dg.SensorResult | dg.SkipReason:
    """One look; raises `MissingSettingError`, and `TransientError` when the bucket does not answer."""
    with curation_stores.open() as stores:
        asked = requested_days(stores)
    now, runs = datetime.now(UTC), list[dg.RunRequest]()
    for each in asked:
        # One request that no run can be made of would end the tick, and with it all others.
        if each.dataset not in CATALOG or not load_days.has_partition_key(each.day):
            context.log.warning("%s of %s is asked for, and is no partition of a curated table", each.dataset, each.day)
        elif not is_started(context.instance, run := run_for(each, now)):
            runs.append(run)
    if not runs:
        return dg.SkipReason(f"{counted(len(asked), 'day')} asked for, and no run is due" if asked else "no requests")
    return dg.SensorResult(run_requests=runs[:STARTED_AT_ONCE])


def run_for(asked: RequestedDay, now: datetime) -> dg.RunRequest:
    """The run that works a day out which was asked for: one for these requests, and another each hour they stay."""
    name = f"{asked.dataset}/{asked.day}"
    return asked_run(
        dg.AssetKey(["curated", asked.dataset]), asked.day, name, asked.fingerprint, since=asked.since, now=now
    )


def overdue_of(loads: Iterable[OpenLoad], now: datetime) -> Iterator[OpenLoad]:
    """Those of the open loads that began too long ago."""
    return (load for load in loads if now - load.name.began > _LONGEST)


def said_of(bad: list[OpenLoad]) -> str:
    """What the first of some loads lack."""
    named = "; ".join(f"{load.name.load_id} of {load.name.day}: {load.lacks}" for load in bad[:_NAMED])
    return f"{len(bad)} loads are held or overdue; {named}"


def _looked_at(stores: CurationStores, now: datetime) -> tuple[list[OpenLoad], int, int]:
    """The loads that are held or overdue, how many are open, and how many of them are overdue."""
    waiting = {
        raw.load_id
        for each in stores.ledger.problems.of(FLOW)
        if not each.acknowledged and (raw := RawObject.of(each.receipt.version.key))
    }
    opened = [load for load in complete_open_loads(stores) if not load.rejected or load.name.load_id in waiting]
    overdue = list(overdue_of(opened, now))
    bad = [load for load in opened if load.held or load in overdue]
    return bad, len(opened), len(overdue)


def _result(bad: list[OpenLoad], opened: int, overdue: int) -> dg.AssetCheckResult:
    rows = [f"| {load.name.day} | {load.name.load_id} | {cell(load.lacks)} |" for load in bad[:LISTED]]
    return dg.AssetCheckResult(
        asset_key=LOADS_WHOLE.asset_key,
        check_name=LOADS_WHOLE.name,
        passed=not bad,
        severity=dg.AssetCheckSeverity.ERROR,
        description=said_of(bad) if bad else "no load is held or overdue",
        metadata={
            "loads_held": sum(bool(load.held) for load in bad),
            "loads_overdue": overdue,
            "loads_on_their_way": opened - len(bad),
            "loads": dg.MetadataValue.md("\n".join(["| day | load | |", "|---|---|---|", *rows])),
        },
    )
