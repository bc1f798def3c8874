"""The watch over loads that do not come to their end."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import boto3
import dagster as dg
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets.curation.completion import OpenLoad, open_loads
from pipeline_assets.curation.stores import CurationSettings, open_stores

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

#: A load that began longer ago than this should have come to its end.
_LONGEST = timedelta(hours=2)
_NAMED = 5
_METRIC = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "max_attempts": 1})


@dg.sensor(
    name="loads_watch",
    description="Looks for loads of the lake that began over two hours ago and have no completion marker, says what "
    "they lack, and tells CloudWatch how many there are, where an alarm watches it.",
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def loads_watch(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """One look; raises `MissingSettingError` when the environment lacks a variable."""
    settings = CurationSettings.from_environment()
    with open_stores(settings) as stores:
        overdue = list(overdue_of(open_loads(stores), datetime.now(UTC)))
    try:
        _publish(len(overdue), settings.ledger_table)
    except (BotoCoreError, ClientError) as error:
        context.log.warning("OverdueLoads was not published: %s", error)
    return dg.SkipReason(said_of(overdue) if overdue else "no load is overdue")


def overdue_of(loads: Iterable[OpenLoad], now: datetime) -> Iterator[OpenLoad]:
    """Those of the open loads that began too long ago."""
    return (load for load in loads if now - load.name.began > _LONGEST)


def said_of(overdue: list[OpenLoad]) -> str:
    """What the first of some loads lack."""
    named = "; ".join(f"{load.name.load_id} of {load.name.day}: {load.lacks}" for load in overdue[:_NAMED])
    return f"{len(overdue)} loads are overdue; {named}"


def _publish(overdue: int, ledger_table: str) -> None:
    _cloudwatch().put_metric_data(
        Namespace="Cesta",
        MetricData=[
            {
                "MetricName": "OverdueLoads",
                "Dimensions": [{"Name": "Flow", "Value": "ecommerce"}, {"Name": "Ledger", "Value": ledger_table}],
                "Value": overdue,
                "Unit": "Count",
            }
        ],
    )


@cache
def _cloudwatch() -> "CloudWatchClient":
    return boto3.client("cloudwatch", config=_METRIC)
