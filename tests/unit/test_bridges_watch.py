"""The watch over the bridges says what waits, since when, and that a bridge is stopped."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, InstigatorType

from pipeline_assets.events.ledger import PendingReport
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.flow_rows import FlowRow
from pipeline_assets.lineage.bridges_watch import RECEIPTS_SHOWN_IN_TIME
from pipeline_assets.lineage.carried import carried_over
from pipeline_assets.lineage.definitions import bridged
from pipeline_assets.lineage.resources import LedgerResource
from pipeline_assets.operations.waiting import waiting_of

FILES = FlowRow("files", anchor="landed")
LANDED = dg.AssetKey("landed")
defs = dg.Definitions.merge(dg.Definitions(assets=[dg.AssetSpec(LANDED)]), bridged([FILES]))


def now() -> datetime:
    """Looked up by each test: others may have taken minutes since this module was read."""
    return datetime.now(UTC)


@dataclass
class FakeLedger:
    """Receipts that wait, by when they were recorded."""

    recorded: list[datetime] = field(default_factory=list)

    def pending(self, flow: str, *, limit: int) -> list[PendingReport]:
        assert flow == FILES.name
        return [self._report(at) for at in sorted(self.recorded)[:limit]]

    def pending_count(self, flow: str) -> int:
        assert flow == FILES.name
        return len(self.recorded)

    def _report(self, at: datetime) -> PendingReport:
        source = ObjectVersion("b", "k", "v", "e", 1, at.isoformat(), "1")
        return PendingReport("k", Receipt(FILES.name, source, 1, Counts(), (), 1, 0.1, "1", at.isoformat()))


LEDGER = FakeLedger()


class FakeLedgerResource(LedgerResource):
    def open(self) -> Any:
        return LEDGER


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    LEDGER.recorded = []
    with dg.DagsterInstance.local_temp(str(tmp_path)) as local:
        yield local


@pytest.fixture
def look(instance: dg.DagsterInstance) -> Callable[[], list[dg.AssetCheckEvaluation]]:
    """One tick of the watch, stored."""
    watch = defs.resolve_sensor_def("bridges_watch")

    def tick() -> list[dg.AssetCheckEvaluation]:
        with dg.build_sensor_context(instance=instance) as context:
            result = watch(context, ledger=FakeLedgerResource(ledger_table="none"))
        assert isinstance(result, dg.SensorResult)
        told = [event for event in result.asset_events if isinstance(event, dg.AssetCheckEvaluation)]
        for event in told:
            assert (event.asset_key, event.check_name) == (LANDED, RECEIPTS_SHOWN_IN_TIME)
            instance.report_runless_asset_event(event)
        return told

    return tick


def switch(instance: dg.DagsterInstance, name: str, status: InstigatorStatus) -> None:
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("cesta"), "__repository__")
    state = InstigatorState(RemoteInstigatorOrigin(repository, name), InstigatorType.SENSOR, status)
    known = instance.get_instigator_state(state.instigator_origin_id, state.selector_id)
    (instance.update_instigator_state if known else instance.add_instigator_state)(state)


def test_what_waits_a_moment_is_no_trouble_and_told_once(look: Callable[[], list[dg.AssetCheckEvaluation]]) -> None:
    LEDGER.recorded = [now()]
    [first] = look()
    assert (first.passed, first.description) == (True, "receipts are shown within seconds")
    assert look() == []
    LEDGER.recorded = []
    assert look() == []


def test_a_bridge_that_does_not_keep_up_is_told_with_the_oldest_receipt(
    look: Callable[[], list[dg.AssetCheckEvaluation]],
) -> None:
    oldest = now() - timedelta(minutes=11)
    LEDGER.recorded = [now(), oldest, now()]
    [late] = look()
    assert (late.passed, late.severity) == (False, dg.AssetCheckSeverity.ERROR)
    waits = f"3 receipts wait, the oldest since {oldest:%Y-%m-%d %H:%M:%S} UTC"
    assert late.description == f"{waits}: see the ticks of the sensor files_bridge"
    assert late.metadata["receipts_waiting"].value == 3
    assert look() == [], "the same is not told with every look"
    LEDGER.recorded = []
    [well] = look()
    assert (well.passed, well.description) == (True, "no receipt waits")


def test_a_stopped_bridge_is_told_at_once_and_worse_when_receipts_wait(
    instance: dg.DagsterInstance, look: Callable[[], list[dg.AssetCheckEvaluation]]
) -> None:
    assert [each.passed for each in look()] == [True]
    switch(instance, "other_bridge", InstigatorStatus.STOPPED)
    assert look() == []
    switch(instance, "files_bridge", InstigatorStatus.STOPPED)
    [stopped] = look()
    assert (stopped.passed, stopped.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert stopped.description == (
        "the sensor files_bridge is stopped, no receipt waits: start it on the page Automation"
    )
    LEDGER.recorded = [now()]
    [waits] = look()
    assert (waits.passed, waits.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "1 receipt waits, the oldest since" in str(waits.description)
    assert look() == []
    LEDGER.recorded = []
    switch(instance, "files_bridge", InstigatorStatus.RUNNING)
    assert [each.passed for each in look()] == [True]


def test_a_run_that_materializes_the_asset_lets_the_watch_tell_again(
    instance: dg.DagsterInstance, look: Callable[[], list[dg.AssetCheckEvaluation]]
) -> None:
    """Dagster hides what was told before a run's materialization, but not before the bridge's own."""
    assert len(look()) == 1
    instance.report_runless_asset_event(dg.AssetMaterialization(LANDED))
    assert look() == []

    @dg.asset(key=LANDED)
    def by_hand() -> None: ...

    assert dg.materialize([by_hand], instance=instance).success
    # Dagster compares with the time at which a check was stored, which it keeps in whole seconds.
    time.sleep(1.1)
    assert len(look()) == 1
    assert look() == []


def test_a_run_that_fails_before_its_check_lets_the_watch_tell_again(
    instance: dg.DagsterInstance, look: Callable[[], list[dg.AssetCheckEvaluation]]
) -> None:
    """What it planned is the newest that Dagster has of the check, and no evaluation."""
    assert len(look()) == 1

    @dg.asset(key=LANDED)
    def by_hand() -> None:
        raise dg.Failure

    @dg.asset_check(asset=LANDED, name=RECEIPTS_SHOWN_IN_TIME)
    def planned() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    job = dg.define_asset_job("by_hand")
    resolved = dg.Definitions(assets=[by_hand], asset_checks=[planned], jobs=[job]).resolve_job_def("by_hand")
    assert not resolved.execute_in_process(instance=instance, raise_on_error=False).success
    assert list(carried_over(instance, defs.get_repository_def(), ["landed"])) == []
    assert len(look()) == 1
    assert look() == []


def test_a_run_of_the_check_says_the_same(instance: dg.DagsterInstance) -> None:
    LEDGER.recorded = [now() - timedelta(hours=1)]
    selection = dg.AssetSelection.checks(dg.AssetCheckKey(LANDED, RECEIPTS_SHOWN_IN_TIME))
    resolved = dg.Definitions(
        assets=defs.assets,
        asset_checks=defs.asset_checks,
        jobs=[dg.define_asset_job("check", selection)],
        resources={**(defs.resources or {}), "ledger": FakeLedgerResource(ledger_table="none")},
    )
    [found] = resolved.resolve_job_def("check").execute_in_process(instance=instance).get_asset_check_evaluations()
    assert not found.passed
    assert str(found.description).startswith("1 receipt waits, the oldest since")


def test_nothing_that_waits_is_no_time_waited() -> None:
    waiting = waiting_of(FakeLedger(), FILES.name)  # type: ignore[arg-type]
    assert (waiting.receipts, waiting.oldest, waiting.seconds(now())) == (0, None, 0.0)
