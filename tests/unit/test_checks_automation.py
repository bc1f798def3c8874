"""When Dagster itself runs the checks that only a run can judge, and what is told of them in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from pipeline_assets.lineage.automation import SOON_AFTER
from pipeline_assets.lineage.carried import JUDGED_AT, carried_over
from tests.worlds.shown_checks import shown

DAY = "2026-11-20"


@dg.asset(partitions_def=dg.DailyPartitionsDefinition("2026-11-01", timezone="UTC"))
def table() -> None:
    """Something of which others report events."""


@dg.asset_check(asset=table, automation_condition=SOON_AFTER)
def sound() -> dg.AssetCheckResult:
    """Fails always: it is told of again as it was found."""
    return dg.AssetCheckResult(passed=False, description="3 rows are unsound", metadata={"rows": 3})


CHECK = sound.check_key
defs = dg.Definitions(assets=[table], asset_checks=[sound])


@dataclass
class Evaluations:
    """The automation's evaluations, one after the other."""

    instance: dg.DagsterInstance
    now: datetime = datetime(2026, 11, 21, 10, 1, tzinfo=UTC)
    cursor: Any = None

    def requested(self, later: timedelta = timedelta(minutes=1)) -> int:
        self.now += later
        result = dg.evaluate_automation_conditions(
            defs,
            self.instance,
            asset_selection=dg.AssetSelection.all_asset_checks(),
            cursor=self.cursor,
            evaluation_time=self.now,
        )
        self.cursor = result.cursor
        return result.total_requested

    def event(self) -> None:
        """An event of the asset, told as the bridge tells it."""
        for told in carried_over(self.instance, defs.get_repository_def(), [table.key.to_user_string()]):
            self.instance.report_runless_asset_event(told)
        self.instance.report_runless_asset_event(dg.AssetMaterialization(table.key, partition=DAY))

    def run(self) -> None:
        """Run the check, as the automation's request leads to."""
        job = dg.define_asset_job("of_the_check", dg.AssetSelection.checks(CHECK))
        resolved = dg.Definitions(assets=[table], asset_checks=[sound], jobs=[job])
        assert resolved.resolve_job_def("of_the_check").execute_in_process(instance=self.instance).success


@pytest.fixture
def evaluations() -> Iterator[Evaluations]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Evaluations(instance)


def test_it_runs_at_once_where_there_is_no_result_and_then_once_a_quarter_of_an_hour(evaluations: Evaluations) -> None:
    assert evaluations.requested() == 0, "nothing has happened"
    evaluations.event()
    assert evaluations.requested() == 1
    evaluations.run()
    assert evaluations.requested() == 0
    for _ in range(3):
        evaluations.event()
        assert evaluations.requested() == 0, "its last result is told again"
    assert evaluations.requested(timedelta(minutes=15)) == 1
    evaluations.run()
    assert evaluations.requested(timedelta(minutes=15)) == 0, "nothing came since"


def test_what_a_run_found_is_told_again_once_for_the_events_after_it(evaluations: Evaluations) -> None:
    instance = evaluations.instance
    evaluations.event()
    assert shown(instance, "table", "sound") is None
    evaluations.run()
    found = shown(instance, "table", "sound")
    assert found is not None
    for _ in range(3):
        evaluations.event()
        told = shown(instance, "table", "sound")
        assert told is not None
        assert (told.passed, told.metadata["rows"].value) == (False, 3)
        assert str(told.description).startswith("3 rows are unsound (as last judged 20")
        assert JUDGED_AT in told.metadata
    assert len(instance.event_log_storage.get_asset_check_execution_history(CHECK, limit=10)) == 2
