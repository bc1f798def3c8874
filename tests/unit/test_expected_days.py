"""The days on which data were expected: there, missing, or closed days that nobody waits for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import dagster as dg
import pytest

from pipeline_assets.datasets.calendar import RETAIL, Calendar
from pipeline_assets.lineage import expected_days
from pipeline_assets.lineage.expected_days import NO_DAY_MISSING, days_watch, expected_day, no_day_missing_check
from pipeline_assets.lineage.policies import EVERY_OPEN_DAY

SOLD = dg.AssetKey("sold")
DAYS = dg.DailyPartitionsDefinition("2026-12-01", timezone="UTC")
sold = dg.AssetSpec(SOLD, partitions_def=DAYS, tags=EVERY_OPEN_DAY)
defs = dg.Definitions(assets=[sold], asset_checks=[no_day_missing_check(SOLD, RETAIL)], sensors=[days_watch])


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
        assert (event.asset_key, event.check_name, event.severity) == (SOLD, NO_DAY_MISSING, dg.AssetCheckSeverity.WARN)
        instance.report_runless_asset_event(event)
    return [(event.passed, event.description or "") for event in told]


def sell(instance: dg.DagsterInstance, *days: int) -> None:
    for day in days:
        instance.report_runless_asset_event(dg.AssetMaterialization(SOLD, partition=f"2026-12-{day:02}"))


def test_what_never_had_an_event_is_not_asked_for(instance: dg.DagsterInstance) -> None:
    assert look(instance) == []


def test_missing_days_are_told_once_and_again_when_they_are_there(instance: dg.DagsterInstance) -> None:
    sell(instance, 20, 22, 23)
    missing = "2 of 5 days expected up to 2026-12-24 are missing: 2026-12-21, 2026-12-24"
    assert look(instance) == [(False, missing)]
    assert look(instance) == []
    sell(instance, 20)
    assert look(instance) == [], "an old day that is worked again does not help"
    sell(instance, 24)
    assert look(instance) == [(False, "1 of 5 days expected up to 2026-12-24 are missing: 2026-12-21")]
    sell(instance, 21)
    assert look(instance) == [(True, "all 5 days expected from 2026-12-20 to 2026-12-24 are there")]
    assert look(instance) == []


def test_of_many_missing_days_the_last_are_named(instance: dg.DagsterInstance) -> None:
    sell(instance, 10)
    [(passed, said)] = look(instance)
    assert not passed
    assert said.startswith("14 of 15 days expected up to 2026-12-24 are missing: 2026-12-20, ")
    assert said.endswith("2026-12-24 and 9 more")


def test_what_is_newer_than_all_that_is_expected_lacks_nothing(instance: dg.DagsterInstance) -> None:
    sell(instance, 26)
    assert look(instance) == [(True, "no day is expected yet")]


def test_a_run_of_the_check_says_the_same(instance: dg.DagsterInstance) -> None:
    job = dg.define_asset_job("check", selection=dg.AssetSelection.all_asset_checks())
    resolved = dg.Definitions(assets=[sold], asset_checks=defs.asset_checks, jobs=[job]).resolve_job_def("check")
    sell(instance, 23)
    [first] = resolved.execute_in_process(instance=instance).get_asset_check_evaluations()
    sell(instance, 24)
    [second] = resolved.execute_in_process(instance=instance).get_asset_check_evaluations()
    assert (first.passed, second.passed) == (False, True)
    assert (first.metadata["missing"].value, first.metadata["days_missing"].value) == (["2026-12-24"], 1)
