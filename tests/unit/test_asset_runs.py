"""Runs of the assets and checks of tickets, in this process, over stores that hold nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, NoReturn

import dagster as dg
import pytest

from pipeline_assets.definitions import defs
from pipeline_assets.errors import TransientError
from pipeline_assets.events.accounts import PartitionAccount
from pipeline_assets.events.ledger import FlowTotals, PendingReport
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.quarantine import JsonLinesQuarantine
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.flows import FLOWS, fed_flows
from pipeline_assets.lineage import redo as file_assets
from pipeline_assets.lineage.conservation import CONSERVATION
from pipeline_assets.lineage.resources import EnvironmentResource, LedgerResource, QuarantineResource
from pipeline_assets.operations.reprocess import PartitionReload
from pipeline_assets.tickets import assets as ticket_assets
from pipeline_assets.tickets import graph_assets
from pipeline_assets.tickets.assets import TicketStoresResource
from pipeline_assets.tickets.catch_up import CatchUp
from pipeline_assets.tickets.graph_assets import GraphWork
from pipeline_assets.tickets.rebuild import ObjectsGoneError, Rebuild
from tests.worlds.memory_storage import MemoryBucket
from tests.worlds.open_problems import MemoryProblems

LANDED, SOLD, GRAPH = dg.AssetKey(["tickets", "landed"]), dg.AssetKey(["tickets"]), dg.AssetKey(["purchase_graph"])
ANCHORS = {row.name: dg.AssetKey.from_user_string(row.anchor) for row in FLOWS}


ROWS = Counts(received=10, accepted=7, quarantined=1, duplicate=1, superseded=1)
DAYS = ["2026-03-01", "2026-03-02", "2026-03-03"]


#: A quarantine that holds nothing.
EMPTY = JsonLinesQuarantine(MemoryBucket("quarantine"), "tickets")


class FakeLedger:
    """Knows a file for each day but the last; the second day's account may lack a row."""

    lost_row = False
    problems = MemoryProblems()

    def account(self, asset: str, partition: str) -> PartitionAccount:
        del asset
        lost = self.lost_row and partition == DAYS[1]
        return PartitionAccount.of({"r1": Counts(received=10, accepted=9) if lost else ROWS})

    def pending(self, flow: str, *, limit: int) -> list[PendingReport]:
        del flow, limit
        return []

    def totals(self, flow: str) -> FlowTotals:
        del flow
        return FlowTotals(ROWS + ROWS, objects=2, refused=0)


class FakeGraph:
    """A graph of one store, whose keys may be broken."""

    repeated = 0

    def sizes(self) -> dict[str, int]:
        return {"Ticket": 5, "CONTAINS": 14}

    def duplicate_keys(self) -> dict[str, int]:
        return {"Ticket": self.repeated, "Store": 0}

    def incomplete_tickets(self) -> int:
        return 0


class FakeStores(TicketStoresResource):
    """Stores that hold nothing and reach nothing."""

    @contextmanager
    def open(self) -> Iterator[Any]:
        yield SimpleNamespace(ledger=FakeLedger(), graph=FakeGraph(), quarantine=EMPTY)


class FakeLedgerResource(LedgerResource):
    """The fake ledger."""

    def open(self) -> Any:
        return FakeLedger()


def caught_up(stores: object, *, progress: Callable[[str], None]) -> CatchUp:
    del stores
    progress("one file of one")
    return CatchUp(known=2, restored=(a_receipt(DAYS[0]),), missing=(), seconds=0.5)


def rebuilt(stores: object, bucket: str, *, force: bool, progress: Callable[[str, int, int], None]) -> Rebuild:
    assert stores
    assert bucket == "inbox"
    progress("files worked in", 2, 2)
    if not force:
        raise ObjectsGoneError({"s3://inbox/gone.csv": 3})
    sizes = FakeGraph().sizes()
    return Rebuild(2, ROWS, 100, 0, sizes, sizes, same=None, missing=("s3://inbox/gone.csv",), seconds=0.5)


class FakeQuarantine(QuarantineResource):
    """A quarantine with some messages of each flow."""

    kept: int = 0

    def foreign_messages(self, flow: str) -> int:
        del flow
        return self.kept


def a_receipt(day: str, refused: str = "") -> Receipt:
    source = ObjectVersion("inbox", f"{day}.csv", f"v-{day}", "e", 100, f"{day}T10:00:00.000Z", "A")
    parts = tuple(PartitionCounts(asset, day, ROWS) for asset in ("tickets/landed", "tickets"))
    return Receipt("tickets", source, 2, ROWS, parts, 100, 0.1, "1.0", f"{day}T10:00:01Z", refused=refused)


def reload_nothing(
    asset: str, partition: str, ledger: object, redo: object, *, progress: Callable[[str], None]
) -> PartitionReload:
    del asset, ledger, redo
    progress("working")
    if partition == DAYS[2]:
        return PartitionReload((), Counts(), PartitionAccount.of({}), 0, 0.0)
    refused = "no longer in the bucket" if partition == DAYS[1] else ""
    state = PartitionAccount.of({a_receipt(partition).id: ROWS + ROWS})
    return PartitionReload((a_receipt(partition, refused),), ROWS, state, 100, 0.1)


FAKES: dict[str, EnvironmentResource] = {
    "stores": FakeStores(
        neo4j_uri="bolt://127.0.0.1:1",
        neo4j_password="none",
        tickets_queue_url="none",
        quarantine_bucket="none",
        ledger_table="none",
        tickets_bucket="inbox",
    ),
    "ledger": FakeLedgerResource(ledger_table="none"),
    "quarantine": FakeQuarantine(quarantine_bucket="none"),
}


def run_of(
    key: dg.AssetKey,
    instance: dg.DagsterInstance,
    tags: dict[str, str] | None = None,
    config: dg.RunConfig | None = None,
) -> dg.ExecuteInProcessResult:
    checks = defs.resolve_asset_graph().get(key).check_keys
    selected = dg.AssetSelection.assets(key) | dg.AssetSelection.checks(*checks)
    job = dg.define_asset_job("by_hand", selected, config=config)
    resolved = dg.Definitions(
        assets=defs.assets,
        asset_checks=defs.asset_checks,
        jobs=[job],
        resources={**(defs.resources or {}), **FAKES},
    )
    return resolved.resolve_job_def("by_hand").execute_in_process(instance=instance, tags=tags, raise_on_error=False)


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setattr(file_assets, "reload_partition", reload_nothing)
    monkeypatch.setattr(graph_assets, "catch_up", caught_up)
    monkeypatch.setattr(graph_assets, "rebuild_graph", rebuilt)
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


RANGE = {"dagster/asset_partition_range_start": DAYS[0], "dagster/asset_partition_range_end": DAYS[-1]}


@pytest.mark.parametrize("key", [pytest.param(LANDED, id="landed"), pytest.param(SOLD, id="tickets")])
def test_a_range_of_days_is_one_run_and_each_day_tells_its_own_numbers(
    key: dg.AssetKey, instance: dg.DagsterInstance
) -> None:
    result = run_of(key, instance, RANGE)
    assert result.success
    told = {
        event.partition or "": event for event in result.asset_materializations_for_node(key.to_python_identifier())
    }
    assert sorted(told) == DAYS
    first, second, empty = (told[day].metadata for day in DAYS)
    versions = {day: (told[day].tags or {})["dagster/data_version"] for day in DAYS}
    assert versions == {day: told[day].metadata["data_version"].value for day in DAYS}
    assert len(set(versions.values())) == 3
    assert (first["rows_received"].value, first["rows_accepted"].value) == (10, 7)
    assert first["dagster/partition_row_count"].value == (20 if key == LANDED else 14)
    assert (first["objects_refused"].value, second["objects_refused"].value) == (0, 1)
    assert f"inbox/{DAYS[0]}.csv" in str(first["sources"].value)
    assert first["data_version"].value != second["data_version"].value
    assert (empty["rows_received"].value, empty["objects"].value) == (0, 0)
    assert told[DAYS[2]].description == "no file is known for this day: nothing to do"
    [check] = [found for found in result.get_asset_check_evaluations() if found.check_name == CONSERVATION]
    assert check.passed
    assert check.metadata["partitions"].value == 3


@pytest.mark.parametrize("kept", [0, 2])
def test_messages_that_announce_nothing_are_shown_where_files_arrive_once_their_number_changes(
    instance: dg.DagsterInstance, kept: int
) -> None:
    watch = defs.resolve_sensor_def("foreign_messages_watch")

    def look(kept: int) -> list[dg.AssetCheckEvaluation]:
        with dg.build_sensor_context(instance=instance) as context:
            found = watch(context, quarantine=FakeQuarantine(quarantine_bucket="none", kept=kept))
        assert isinstance(found, dg.SensorResult)
        told = [event for event in found.asset_events if isinstance(event, dg.AssetCheckEvaluation)]
        for event in told:
            instance.report_runless_asset_event(event)
        return told

    first = look(kept)
    assert {event.asset_key: event.passed for event in first} == {
        anchor: not kept for flow, anchor in ANCHORS.items() if flow != "loads"
    }
    assert all(event.severity is dg.AssetCheckSeverity.WARN for event in first)
    assert [event.metadata["foreign_messages"].value for event in first] == [kept] * len(fed_flows())
    assert look(kept) == []
    assert len(look(kept + 1)) == len(fed_flows())


def test_a_single_day_carries_its_own_data_version(instance: dg.DagsterInstance) -> None:
    [event] = run_of(SOLD, instance, {"dagster/partition": DAYS[0]}).asset_materializations_for_node("tickets")
    assert event.tags is not None
    assert event.tags["dagster/data_version"] == event.metadata["data_version"].value


def test_conservation_fails_in_a_run_where_a_row_is_lost(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeLedger, "lost_row", True)
    result = run_of(SOLD, instance, RANGE)
    [check] = [found for found in result.get_asset_check_evaluations() if found.check_name == CONSERVATION]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert f"{DAYS[1]}: 10 received but 9 accepted" in (check.description or "")


def test_the_graph_tells_its_size_and_what_was_missing(instance: dg.DagsterInstance) -> None:
    result = run_of(GRAPH, instance)
    [event] = result.asset_materializations_for_node("purchase_graph")
    assert (event.metadata["graph_ticket"].value, event.metadata["dagster/row_count"].value) == (5, 14)
    assert event.metadata["result"].value == "2 files are known, 1 were not in the graph and are now"
    assert {check.check_name: check.passed for check in result.get_asset_check_evaluations()} == {
        "keys_unique": True,
        "tickets_complete": True,
    }


def rebuild_with(instance: dg.DagsterInstance, *, force: bool) -> dg.ExecuteInProcessResult:
    work = GraphWork(rebuild=True, force=force)
    return run_of(GRAPH, instance, config=dg.RunConfig(ops={"purchase_graph": work}))


def test_a_rebuild_tells_what_was_before_and_what_is_lost(instance: dg.DagsterInstance) -> None:
    [event] = rebuild_with(instance, force=True).asset_materializations_for_node("purchase_graph")
    assert (event.metadata["objects"].value, event.metadata["objects_missing"].value) == (2, 1)
    assert "| Ticket | 5 |" in str(event.metadata["size_before"].value)
    assert str(event.metadata["result"].value).startswith("built anew from 2 file versions in 0.5 s; it cannot be")


def test_a_rebuild_that_would_lose_tickets_fails_with_their_files(instance: dg.DagsterInstance) -> None:
    result = rebuild_with(instance, force=False)
    assert not result.success
    assert "s3://inbox/gone.csv" in str(result.failure_data_for_node("purchase_graph"))


def test_the_job_in_the_ui_rebuilds_as_it_is() -> None:
    config = defs.resolve_job_def("rebuild_purchase_graph").run_config or {}
    assert config["ops"] == {"purchase_graph": {"config": {"rebuild": True, "force": False}}}


def test_a_key_on_two_nodes_fails_its_check(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeGraph, "repeated", 3)
    checks = {check.check_name: check for check in run_of(GRAPH, instance).get_asset_check_evaluations()}
    assert not checks["keys_unique"].passed
    assert checks["keys_unique"].description == "keys that stand on more than one node: 3 of Ticket"


def test_a_store_that_does_not_answer_makes_the_step_wait_and_try_again(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []

    @contextmanager
    def closed_at_first(settings: object) -> Iterator[Any]:
        opened.append(settings)
        if len(opened) < 3:
            raise TransientError("the purchase graph did not take the work")
        yield SimpleNamespace(ledger=FakeLedger(), graph=FakeGraph(), quarantine=EMPTY)

    monkeypatch.setattr(ticket_assets, "open_stores", closed_at_first)
    monkeypatch.setattr(FakeStores, "open", TicketStoresResource.open)
    monkeypatch.setattr(dg.RetryPolicy, "calculate_delay", lambda *_: 0)
    result = run_of(SOLD, instance, {"dagster/partition": DAYS[0]})
    assert result.success
    assert len(opened) == 3


def test_a_rebuild_that_breaks_off_is_not_tried_again(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object, **__: object) -> NoReturn:
        raise TransientError("the purchase graph did not take the work")

    monkeypatch.setattr(graph_assets, "rebuild_graph", breaks)
    result = rebuild_with(instance, force=True)
    assert not result.success
    assert "materialize purchase_graph to bring in what it lacks" in str(result.failure_data_for_node("purchase_graph"))
    assert result.retry_attempts_for_node("purchase_graph") == 0
