"""The last day on which data were expected: there, missing, or a closed day that nobody waits for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import dagster as dg
import pytest

from pipeline_assets.datasets.calendar import RETAIL, Calendar
from pipeline_assets.lineage import expected_days
from pipeline_assets.lineage.expected_days import LAST_DAY_THERE, days_watch, expected_day, last_day_check
from pipeline_assets.lineage.policies import EVERY_OPEN_DAY

SOLD = dg.AssetKey("sold")
DAYS = dg.DailyPartitionsDefinition("2026-01-01", timezone="UTC")
sold = dg.AssetSpec(SOLD, partitions_def=DAYS, tags=EVERY_OPEN_DAY)
defs = dg.Definitions(assets=[sold], asset_checks=[last_day_check(SOLD, RETAIL)], sensors=[days_watch])


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param("2026-11-28T11:59:59+00:00", "2026-11-26", id="in the morning yesterday may still come"),
        pytest.param("2026-11-28T12:00:00+00:00", "2026-11-27", id="from noon on yesterday is expected"),
        pytest.param("2026-12-26T18:00:00+00:00", "2026-12-24", id="the day after a closed one"),
        pytest.param("2026-12-27T18:00:00+00:00", "2026-12-26", id="open again"),
    ],
)
def test_a_day_is_expected_by_noon_of_the_next_and_a_closed_one_never(now: str, expected: str) -> None:
    assert expected_day(RETAIL, datetime.fromisoformat(now)) == date.fromisoformat(expected)


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """On the day after Christmas Day, in the evening."""

    def expected(calendar: Calendar) -> date:
        return expected_day(calendar, datetime(2026, 12, 26, 18, tzinfo=UTC))

    monkeypatch.setattr(expected_days, "expected_day", expected)
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def look(instance: dg.DagsterInstance) -> list[tuple[bool, str]]:
    """One tick of the watch, stored: what it says."""
    with dg.build_sensor_context(instance=instance, repository_def=defs.get_repository_def()) as context:
        result = days_watch(context)
    assert isinstance(result, dg.SensorResult)
    told = [event for event in result.asset_events if isinstance(event, dg.AssetCheckEvaluation)]
    for event in told:
        assert (event.asset_key, event.check_name, event.severity) == (SOLD, LAST_DAY_THERE, dg.AssetCheckSeverity.WARN)
        instance.report_runless_asset_event(event)
    return [(event.passed, event.description or "") for event in told]


def sell(instance: dg.DagsterInstance, day: str) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization(SOLD, partition=day))


def test_what_never_had_an_event_is_not_asked_for(instance: dg.DagsterInstance) -> None:
    assert look(instance) == []


def test_a_missing_day_is_told_once_and_again_when_it_is_there(instance: dg.DagsterInstance) -> None:
    sell(instance, "2026-12-23")
    assert look(instance) == [(False, "2026-12-24, the last day expected, is not there")]
    assert look(instance) == []
    sell(instance, "2026-12-20")
    assert look(instance) == [], "an old day that is worked again does not help"
    sell(instance, "2026-12-24")
    assert look(instance) == [(True, "2026-12-24, the last day expected, is there")]
    assert look(instance) == []


def test_a_run_of_the_check_says_the_same(instance: dg.DagsterInstance) -> None:
    job = dg.define_asset_job("check", selection=dg.AssetSelection.all_asset_checks())
    resolved = dg.Definitions(assets=[sold], asset_checks=defs.asset_checks, jobs=[job]).resolve_job_def("check")
    [first] = resolved.execute_in_process(instance=instance).get_asset_check_evaluations()
    sell(instance, "2026-12-24")
    [second] = resolved.execute_in_process(instance=instance).get_asset_check_evaluations()
    assert (first.passed, second.passed) == (False, True)
    assert second.metadata["expected_day"].value == "2026-12-24"
