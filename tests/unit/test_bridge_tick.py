"""A tick of a flow's bridge: its time, its own trouble, and partitions that come into being with the receipts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from pipeline_assets.errors import TransientError
from pipeline_assets.flow_rows import FlowRow
from pipeline_assets.lineage.bridge import Place
from pipeline_assets.lineage.places import requests_for
from pipeline_assets.lineage.resources import LedgerResource
from pipeline_assets.lineage.sensors import run_tick
from pipeline_assets.lineage.shown import RECEIPTS, look_up
from pipeline_assets.lineage.store_figures import StoreFigures, StoreSays
from pipeline_assets.lineage.tick_time import (
    CHECKS_END,
    CLEARING_ENDS,
    EVENTS_END,
    LOOK_UP_ENDS,
    READING_ENDS,
    STATES_END,
    STORE_IN_TICK,
    TickTime,
)
from tests.worlds.bridged_flows import (
    FILES,
    INDEXES,
    LANDED,
    METRICS,
    NOW,
    QUARANTINE,
    YESTERDAY,
    Clock,
    FakeLedger,
    Looked,
    Slow,
    a_report,
    defs,
    made,
    materialized,
    said,
)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def tick(instance: dg.DagsterInstance) -> Callable[..., dg.SensorResult]:
    """A tick whose result is stored as the daemon stores it: events first, then partitions."""

    def tick_of(flow: FlowRow, ledger: FakeLedger) -> dg.SensorResult:
        with dg.build_sensor_context(instance=instance, repository_def=defs.get_repository_def()) as context:
            result = run_tick(flow, context, ledger, QUARANTINE, METRICS, tick=TickTime(ledger.clock))  # type: ignore[arg-type]
        for event in result.asset_events:
            instance.report_runless_asset_event(event)
        for request in result.dynamic_partitions_requests or ():
            instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
        return result

    return tick_of


def test_a_new_tenant_is_requested_and_told_of_by_the_next_tick(
    instance: dg.DagsterInstance, tick: Callable[..., dg.SensorResult]
) -> None:
    reports = [a_report(number, "indexes", ("index", f"tenant-{number % 2}")) for number in range(4)]
    ledger = FakeLedger({"indexes": reports})
    first = tick(INDEXES, ledger)
    assert first.asset_events == []
    assert first.dynamic_partitions_requests == [dg.AddDynamicPartitionsRequest("tenant", ["tenant-0", "tenant-1"])]
    assert said(first) == "indexes: 4 waited, 0 seen and cleared, 2 new partitions requested, 4 left for later"
    second = tick(INDEXES, ledger)
    assert materialized(second) == ["tenant-0", "tenant-1"]
    assert second.dynamic_partitions_requests == []
    third = tick(INDEXES, ledger)
    assert (third.asset_events, ledger.waiting["indexes"]) == ([], [])
    assert instance.get_dynamic_partitions("tenant") == ["tenant-0", "tenant-1"]


def test_a_partition_neither_waits_for_what_nobody_tells_of_nor_is_stale_for_its_sake(
    instance: dg.DagsterInstance, tick: Callable[..., dg.SensorResult]
) -> None:
    reports = [a_report(1, "files", ("made", YESTERDAY)), a_report(2, "files", ("told", YESTERDAY))]
    assert materialized(tick(FILES, FakeLedger({"files": reports}))) == [YESTERDAY, YESTERDAY]
    resolver = CachingStaleStatusResolver(instance, defs.resolve_asset_graph(), LoadingContextForTest(instance))
    assert resolver.get_stale_causes(made.key, YESTERDAY) == []
    assert resolver.get_status(made.key, YESTERDAY) is StaleStatus.FRESH


def test_a_daemon_that_dies_before_it_adds_the_partitions_is_asked_again(instance: dg.DagsterInstance) -> None:
    ledger = FakeLedger({"indexes": [a_report(1, "indexes", ("index", "tenant"))]})
    with dg.build_sensor_context(instance=instance, repository_def=defs.get_repository_def()) as context:
        for _ in range(2):
            result = run_tick(INDEXES, context, ledger, QUARANTINE, METRICS)  # type: ignore[arg-type]
            assert result.dynamic_partitions_requests == [dg.AddDynamicPartitionsRequest("tenant", ["tenant"])]
            assert result.asset_events == []


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("", id="none"),
        pytest.param("a...b", id="what Dagster takes for a range"),
        pytest.param("a\nb", id="a line break"),
        pytest.param("a" * 256, id="too long"),
    ],
)
def test_a_key_that_no_partition_may_have_is_rejected_and_stops_nothing(
    key: str, tick: Callable[..., dg.SensorResult]
) -> None:
    ledger = FakeLedger({"indexes": [a_report(1, "indexes", ("index", key)), a_report(2, "indexes", ("whole", ""))]})
    result = tick(INDEXES, ledger)
    assert materialized(result) == [""]
    assert result.dynamic_partitions_requests == []
    [observed] = [event for event in result.asset_events if isinstance(event, dg.AssetObservation)]
    assert observed.asset_key == dg.AssetKey("index")
    tick(INDEXES, ledger)
    assert ledger.waiting["indexes"] == []


def test_days_before_the_first_are_told_once_with_the_setting_and_are_no_error(
    instance: dg.DagsterInstance, tick: Callable[..., dg.SensorResult]
) -> None:
    places = [("files/landed", YESTERDAY), ("files/landed", "2014-12-30"), ("files/landed", "2014-12-31")]
    ledger = FakeLedger({"files": [a_report(1, "files", *places)]})
    first = tick(FILES, ledger)
    assert materialized(first) == [YESTERDAY]
    assert said(first) == "files: 1 waited, 0 seen and cleared, 1 reported in 1 events, 1 of days left out"
    [observed] = [event for event in first.asset_events if isinstance(event, dg.AssetObservation)]
    sentence = (
        "1 receipt has rows of days from 2014-12-30 on that are in the stores but in no partition, as these begin on "
        "2015-01-01: CESTA_FIRST_DAY=2014-12-30 makes partitions of them"
    )
    assert observed.description == sentence
    assert said(tick(FILES, ledger)) == "files: 1 waited, 1 seen and cleared"
    assert ledger.waiting["files"] == []
    watch = defs.resolve_sensor_def("left_out_watch")
    with dg.build_sensor_context(instance=instance) as context:
        looked = watch(context)
    assert isinstance(looked, dg.SensorResult)
    told = [event for event in looked.asset_events if isinstance(event, dg.AssetCheckEvaluation)]
    assert [(each.asset_key, each.passed, each.severity, each.description) for each in told] == [
        (LANDED, False, dg.AssetCheckSeverity.WARN, sentence),
        (dg.AssetKey("index"), True, dg.AssetCheckSeverity.WARN, "no receipt names a day that is no partition"),
    ]


def test_partitions_of_several_definitions_are_requested_each_under_its_own() -> None:
    more = dg.Definitions.merge(
        defs, dg.Definitions(assets=[dg.AssetSpec("other", partitions_def=dg.DynamicPartitionsDefinition(name="kind"))])
    )
    places = [Place("other", "b"), Place("index", "b"), Place("index", "a"), Place("other", "b")]
    assert list(requests_for(places, more.get_repository_def())) == [
        dg.AddDynamicPartitionsRequest("kind", ["b"]),
        dg.AddDynamicPartitionsRequest("tenant", ["a", "b"]),
    ]


def test_trouble_of_one_flow_is_its_own(tick: Callable[..., dg.SensorResult]) -> None:
    ledger = FakeLedger({"files": [a_report(1, "files", ("files/landed", YESTERDAY))]}, broken="indexes")
    with pytest.raises(TransientError):
        tick(INDEXES, ledger)
    assert materialized(tick(FILES, ledger)) == [YESTERDAY]


class TestTime:
    """The daemon gives up a tick after 60 seconds."""

    def test_what_is_begun_just_before_the_last_end_is_over_in_time(self) -> None:
        assert READING_ENDS < LOOK_UP_ENDS < CLEARING_ENDS < CHECKS_END < STATES_END < EVENTS_END
        store: Any = STORE_IN_TICK
        hangs = store.retries["total_max_attempts"] * (store.connect_timeout + store.read_timeout)
        between_attempts = 5
        assert EVENTS_END + hangs + between_attempts < 60

    def test_partitions_that_take_long_are_told_tick_by_tick(self, tick: Callable[..., dg.SensorResult]) -> None:
        days = [(NOW - timedelta(days=back)).date().isoformat() for back in range(1, 11)]
        ledger = FakeLedger(
            {"files": [a_report(number, "files", ("files/landed", day)) for number, day in enumerate(days)]}, seconds=5
        )
        told: list[str] = []
        for _ in range(20):
            ledger.clock.now = 0.0
            told += materialized(tick(FILES, ledger))
            assert ledger.clock.now <= EVENTS_END + 5
            if not ledger.waiting["files"]:
                break
        assert sorted(told) == sorted(days)
        assert ledger.waiting["files"] == []

    def test_even_a_tick_that_has_no_time_gets_on(self, tick: Callable[..., dg.SensorResult]) -> None:
        ledger = FakeLedger(
            {"files": [a_report(n, "files", ("files/landed", YESTERDAY)) for n in range(3)]}, seconds=99
        )
        tick(FILES, ledger)
        tick(FILES, ledger)
        assert ledger.waiting["files"] == []

    def test_a_backlog_that_takes_long_to_read_is_told_all_the_same(
        self, instance: dg.DagsterInstance, tick: Callable[..., dg.SensorResult]
    ) -> None:
        instance.report_runless_asset_event(dg.AssetMaterialization(LANDED, partition=YESTERDAY))
        waiting = [a_report(number, "files", ("files/landed", YESTERDAY)) for number in range(100)]
        ledger = FakeLedger({"files": waiting}, Looked(), reading=LOOK_UP_ENDS / 50)
        assert materialized(tick(FILES, ledger)) == [YESTERDAY]
        ledger.clock.now = 0.0
        tick(FILES, ledger)
        assert len(ledger.waiting["files"]) < 100

    def test_what_is_seen_is_cleared_piece_by_piece_while_there_is_time(
        self, tick: Callable[..., dg.SensorResult]
    ) -> None:
        waiting = [a_report(number, "files", ("files/landed", YESTERDAY)) for number in range(500)]
        ledger = FakeLedger({"files": waiting})
        tick(FILES, ledger)
        ledger.seconds_for_each = 0.1
        tick(FILES, ledger)
        assert ledger.clock.now < CLEARING_ENDS + 5
        assert 100 < len(ledger.waiting["files"]) < 400

    def test_what_was_not_looked_up_in_time_waits_and_what_was_is_told(self, instance: dg.DagsterInstance) -> None:
        """An asset with so many events that the time ends within its newest page: nothing older is known of it."""
        for number in range(5):
            listed = {RECEIPTS: dg.MetadataValue.json([f"stored-{number}"])}
            instance.report_runless_asset_event(dg.AssetMaterialization("index", partition="t", metadata=listed))
        clock = Clock()
        old = a_report(1, "indexes", ("index", "t"), recorded=NOW - timedelta(hours=6))
        new = a_report(2, "indexes", ("whole", ""), recorded=NOW)
        late = look_up(instance, [old, new], dg.AssetKey("index"), TickTime(Slow(clock, LOOK_UP_ENDS)))
        assert late.reports == [new]
        whole = look_up(instance, [old, new], dg.AssetKey("index"), TickTime(clock))
        assert whole.reports == [old, new]
        assert len(whole.shown) == 5

    def test_time_is_shared_evenly_and_what_one_part_leaves_the_next_may_use(self) -> None:
        clock = Clock()
        ends: list[float] = []
        for _, end in TickTime(clock).shares("abc", 12.0):
            ends.append(end)
            clock.now += 1.0
        assert ends == [4.0, 6.5, 12.0]


def test_the_sensor_opens_its_own_ledger_and_is_one_per_flow(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = FakeLedger({"files": [a_report(1, "files", ("files/landed", YESTERDAY))]})
    monkeypatch.setattr(LedgerResource, "open", lambda _: ledger)
    told: dict[str, Sequence[str]] = {}
    for name in ("files_bridge", "indexes_bridge"):
        opened = {"ledger": LedgerResource(ledger_table="t"), "quarantine": QUARANTINE, "metrics": METRICS}
        with dg.build_sensor_context(
            instance=instance, repository_def=defs.get_repository_def(), resources=opened
        ) as context:
            result = defs.resolve_sensor_def(name)(context)
            assert isinstance(result, dg.SensorResult)
            told[name] = materialized(result)
    assert told == {"files_bridge": [YESTERDAY], "indexes_bridge": []}


def test_a_tick_logs_what_it_stored_and_one_that_stored_nothing_is_silent(
    tick: Callable[..., dg.SensorResult], capfd: pytest.CaptureFixture[str]
) -> None:
    """Dagster calls a tick that requests no run skipped, so its page says nothing by itself."""
    ledger = FakeLedger({"files": [a_report(1, "files", ("files/landed", YESTERDAY))]})
    tick(FILES, ledger)
    told = [line.partition(" - INFO - ")[2] for line in capfd.readouterr().err.splitlines() if " - INFO - " in line]
    assert told == [
        "files: 1 waited, 0 seen and cleared, 1 reported in 1 events",
        f"files/landed [{YESTERDAY}]: 1 file, 1 of 10 rows rejected",
    ]
    tick(FILES, ledger)
    assert " - INFO - " not in capfd.readouterr().err


class Unreachable:
    """A store that does not answer, and counts how often it was asked."""

    asked = 0

    @contextmanager
    def open(self) -> Iterator[object]:
        type(self).asked += 1
        if self.asked:
            raise TransientError("the store is down")
        yield self


def test_a_store_that_does_not_answer_is_asked_once_a_tick_and_the_events_come_without_its_figures(
    instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    days = [(NOW - timedelta(days=back)).date().isoformat() for back in (1, 2)]
    ledger = FakeLedger({"files": [a_report(n, "files", ("files/landed", day)) for n, day in enumerate(days)]})
    asked = StoreFigures("files", "files/landed", "shop", lambda _store, _day: StoreSays({"size": 1}))
    with dg.build_sensor_context(
        instance=instance, repository_def=defs.get_repository_def(), resources={"shop": Unreachable()}
    ) as context:
        result = run_tick(FILES, context, ledger, QUARANTINE, METRICS, stores=[asked])  # type: ignore[arg-type]
    assert sorted(materialized(result)) == sorted(days)
    events = [event for event in result.asset_events if isinstance(event, dg.AssetMaterialization)]
    assert all("size" not in event.metadata and "rows_received" in event.metadata for event in events)
    assert Unreachable.asked == 1
    assert "without the figures of its store: the store is down" in capfd.readouterr().err
