"""The check that no day is missing: by partition, and by a calendar of closed days.

Freshness is of a whole asset, so an old day that is worked again makes it fresh; this check asks for each day, from the
first that there is to the last that is expected. A sensor evaluates it without a run, where its answer changed.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import dagster as dg

from pipeline_assets.datasets.calendar import Calendar
from pipeline_assets.lineage.evaluations import shown_evaluation
from pipeline_assets.lineage.partitions import DAYS
from pipeline_assets.lineage.policies import CALENDAR

NO_DAY_MISSING: Final = "no_day_missing"
#: A day's data come by noon of the next day, UTC.
_GRACE = timedelta(hours=12)
_NAMED = 5


def no_day_missing_check(asset: dg.AssetKey, calendar: Calendar) -> dg.AssetChecksDefinition:
    """Check `no_day_missing` of an asset that is partitioned by day; a warning, as data may still come."""

    @dg.asset_check(
        asset=asset,
        name=NO_DAY_MISSING,
        description="Every day on which data were expected is there, from the first that there is to the last that is "
        f"over; a day's data are expected by noon (UTC) of the day after. Closed days of the calendar {calendar.name} "
        "are not expected.",
    )
    def no_day_missing(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(**_found(context.instance, asset, DAYS.calendar(calendar.name)))

    return no_day_missing


def expected_day(calendar: Calendar, now: datetime | None = None) -> date:
    """The last day of which data should be there at a time, now by default."""
    return calendar.last_expected(((now or datetime.now(UTC)) - _GRACE).date())


@dg.sensor(
    name="days_watch",
    description=f"Looks which expected days are missing of each asset with the check {NO_DAY_MISSING}, and evaluates "
    "the check where the answer changed. An asset that never had an event is not asked for.",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def days_watch(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """One look at all assets whose days are expected."""
    changed = list(_changed(context))
    for each in changed:
        context.log.info("%s: %s", each.asset_key.to_user_string(), each.description)
    changes = "; ".join(f"{each.asset_key.to_user_string()}: {each.description}" for each in changed)
    return dg.SensorResult(asset_events=changed, skip_reason=changes or "as before")


def _changed(context: dg.SensorEvaluationContext) -> Iterator[dg.AssetCheckEvaluation]:
    if context.repository_def is None:
        return
    graph, instance = context.repository_def.asset_graph, context.instance
    for key in sorted(key for key in graph.asset_check_keys if key.name == NO_DAY_MISSING):
        if not instance.get_latest_materialization_event(key.asset_key):
            continue
        found = _found(instance, key.asset_key, DAYS.calendar(graph.get(key.asset_key).tags[CALENDAR]))
        shown = shown_evaluation(instance, key)
        if not shown or (shown.passed, shown.description) != (found["passed"], found["description"]):
            yield dg.AssetCheckEvaluation(asset_key=key.asset_key, check_name=key.name, **found)


def _found(instance: dg.DagsterInstance, asset: dg.AssetKey, calendar: Calendar) -> dict[str, Any]:
    """What the check finds, as the arguments that its result and its evaluation share."""
    there = instance.get_materialized_partitions(asset)
    last = expected_day(calendar)
    first = min((date.fromisoformat(day) for day in there), default=last)
    expected = [day.isoformat() for day in calendar.expected_between(max(first, DAYS.first), last)]
    missing = [day for day in expected if day not in there]
    return {
        "passed": not missing,
        "severity": dg.AssetCheckSeverity.WARN,
        "description": _described(expected, missing),
        "metadata": {
            "days_expected": dg.MetadataValue.int(len(expected)),
            "days_missing": dg.MetadataValue.int(len(missing)),
            "missing": dg.MetadataValue.json(missing),
        },
    }


def _described(expected: list[str], missing: list[str]) -> str:
    if not expected:
        return "no day is expected yet"
    if not missing:
        return f"all {len(expected)} days expected from {expected[0]} to {expected[-1]} are there"
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    named = ", ".join(missing[-_NAMED:])
    return f"{len(missing)} of {len(expected)} days expected up to {expected[-1]} are missing: {named}{more}"
