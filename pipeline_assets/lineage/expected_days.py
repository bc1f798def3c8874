"""The check that the last day on which data were expected is there: by partition, and by a calendar of closed days.

Freshness is of a whole asset, so an old day that is worked again makes it fresh; this check asks for the day itself. A
sensor evaluates it without a run, where its answer changed.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final

import dagster as dg

from pipeline_assets.datasets.calendar import CALENDARS, Calendar
from pipeline_assets.lineage.policies import CALENDAR

LAST_DAY_THERE: Final = "last_day_there"
#: The metadata that holds which day was asked for.
_DAY = "expected_day"
#: A day's data come by noon of the next day, UTC.
_GRACE = timedelta(hours=12)


def last_day_check(asset: dg.AssetKey, calendar: Calendar) -> dg.AssetChecksDefinition:
    """The check `last_day_there` of an asset that is partitioned by day; a warning, as data may still come."""

    @dg.asset_check(
        asset=asset,
        name=LAST_DAY_THERE,
        description="The last day on which data were expected is there, by noon (UTC) of the day after. Closed days of "
        f"the calendar {calendar.name} are not expected.",
    )
    def last_day_there(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        day = expected_day(calendar)
        is_there = _is_there(context.instance, asset, day)
        return dg.AssetCheckResult(
            passed=is_there,
            severity=dg.AssetCheckSeverity.WARN,
            description=_description(day, is_there=is_there),
            metadata={_DAY: day.isoformat()},
        )

    return last_day_there


def expected_day(calendar: Calendar, now: datetime | None = None) -> date:
    """The last day of which data should be there at a time, now by default."""
    return calendar.last_expected(((now or datetime.now(UTC)) - _GRACE).date())


@dg.sensor(
    name="days_watch",
    description=f"Looks whether the last expected day of each asset with the check {LAST_DAY_THERE} is there, and "
    "evaluates the check where the answer changed. An asset that never had an event is not asked for.",
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def days_watch(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """One look at all assets whose days are expected."""
    changed = list(_changed(context))
    changes = "; ".join(f"{each.asset_key.to_user_string()}: {each.description}" for each in changed)
    return dg.SensorResult(asset_events=changed, skip_reason=changes or "as before")


def _changed(context: dg.SensorEvaluationContext) -> Iterator[dg.AssetCheckEvaluation]:
    if context.repository_def is None:
        return
    graph, instance = context.repository_def.asset_graph, context.instance
    for key in sorted(key for key in graph.asset_check_keys if key.name == LAST_DAY_THERE):
        day = expected_day(CALENDARS[graph.get(key.asset_key).tags[CALENDAR]])
        is_there = _is_there(instance, key.asset_key, day)
        record = instance.get_latest_asset_check_evaluation_record(key)
        shown = record.evaluation if record else None
        as_before = shown and (shown.passed, shown.metadata[_DAY].value) == (is_there, day.isoformat())
        if not as_before and instance.get_latest_materialization_event(key.asset_key):
            yield dg.AssetCheckEvaluation(
                asset_key=key.asset_key,
                check_name=LAST_DAY_THERE,
                passed=is_there,
                severity=dg.AssetCheckSeverity.WARN,
                description=_description(day, is_there=is_there),
                metadata={_DAY: dg.MetadataValue.text(day.isoformat())},
            )


def _is_there(instance: dg.DagsterInstance, asset: dg.AssetKey, day: date) -> bool:
    wanted = dg.AssetRecordsFilter(asset_key=asset, asset_partitions=[day.isoformat()])
    return bool(instance.fetch_materializations(wanted, limit=1).records)


def _description(day: date, *, is_there: bool) -> str:
    return f"{day.isoformat()}, the last day expected, is {'there' if is_there else 'not there'}"
