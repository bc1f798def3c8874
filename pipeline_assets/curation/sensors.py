"""The watch over loads that do not come to their end."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from pipeline_assets.curation.assets import CurationStoresResource
from pipeline_assets.curation.completion import OpenLoad, complete_open_loads
from pipeline_assets.curation.stores import FLOW
from pipeline_assets.lineage.resources import MetricsResource

#: The metric that an alarm watches.
OVERDUE_LOADS: Final = "OverdueLoads"
#: A load that began longer ago than this should have come to its end.
_LONGEST = timedelta(hours=2)
_NAMED = 5


@dg.sensor(
    name="loads_watch",
    description="Looks for loads of the lake that began over two hours ago and have no completion marker, says what "
    "they lack, and tells CloudWatch how many there are, where an alarm watches it.",
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def loads_watch(
    context: dg.SensorEvaluationContext, curation_stores: CurationStoresResource, metrics: MetricsResource
) -> dg.SkipReason:
    """One look; raises `MissingSettingError`, and `TransientError` when a store does not answer."""
    with curation_stores.open() as stores:
        overdue = list(overdue_of(complete_open_loads(stores), datetime.now(UTC)))
    metrics.publish(OVERDUE_LOADS, FLOW, len(overdue), context.log)
    if overdue:
        context.log.warning("%s", said_of(overdue))
    return dg.SkipReason(said_of(overdue) if overdue else "no load is overdue")


def overdue_of(loads: Iterable[OpenLoad], now: datetime) -> Iterator[OpenLoad]:
    """Those of the open loads that began too long ago."""
    return (load for load in loads if now - load.name.began > _LONGEST)


def said_of(overdue: list[OpenLoad]) -> str:
    """What the first of some loads lack."""
    named = "; ".join(f"{load.name.load_id} of {load.name.day}: {load.lacks}" for load in overdue[:_NAMED])
    return f"{len(overdue)} loads are overdue; {named}"
