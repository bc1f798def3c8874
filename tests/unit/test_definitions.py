"""What Dagster is told, and that telling it needs no environment."""

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, NoReturn

import dagster as dg
import pytest

from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.definitions import defs
from pipeline_assets.errors import TransientError
from pipeline_assets.events.accounts import PartitionAccount
from pipeline_assets.events.environment import MissingSettingError
from pipeline_assets.events.ledger import FlowTotals, PendingReport
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.quarantine import JsonLinesQuarantine
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.flows import FLOWS
from pipeline_assets.lineage import redo as file_assets
from pipeline_assets.lineage.bridge import Place, Standing
from pipeline_assets.lineage.conservation import CONSERVATION
from pipeline_assets.lineage.open_problems import FEW_REJECTED, NO_FILE_REFUSED, RECEIPTS_KNOWN
from pipeline_assets.lineage.places import standing_in
from pipeline_assets.lineage.resources import EnvironmentResource, LedgerResource, QuarantineResource
from pipeline_assets.lineage.retries import RETRIES
from pipeline_assets.operations.reprocess import PartitionReload
from pipeline_assets.tickets import assets as ticket_assets
from pipeline_assets.tickets import graph_assets
from pipeline_assets.tickets.assets import TicketStoresResource
from pipeline_assets.tickets.catch_up import CatchUp
from pipeline_assets.tickets.graph_assets import GraphWork
from pipeline_assets.tickets.rebuild import ObjectsGoneError, Rebuild
from tests.worlds.memory_storage import MemoryBucket
from tests.worlds.open_problems import MemoryProblems

SNAPSHOT = Path(__file__).with_name("asset_graph.txt")
LANDED, SOLD, GRAPH = dg.AssetKey(["tickets", "landed"]), dg.AssetKey(["tickets"]), dg.AssetKey(["purchase_graph"])
TODAY = datetime.now(UTC).date()
ANCHORS = {row.name: dg.AssetKey.from_user_string(row.anchor) for row in FLOWS}


def described() -> Iterator[str]:
    """The asset graph as lines that a person can review."""
    graph = defs.resolve_asset_graph()
    for key in graph.toposorted_asset_keys:
        node = graph.get(key)
        yield f"asset {key.to_user_string()}"
        for parent in sorted(node.parent_keys):
            mapping = graph.get_partition_mapping(key, parent)
            yield f"  from        {parent.to_user_string()} ({type(mapping).__name__})"
        yield f"  group       {node.group_name}"
        yield f"  kinds       {', '.join(sorted(node.kinds))}"
        yield f"  owners      {', '.join(node.owners)}"
        yield f"  partitions  {partitions_of(node.partitions_def)}"
        yield f"  backfill    {node.backfill_policy.policy_type.name if node.backfill_policy else 'one run'}"
        yield f"  metadata    {', '.join(sorted(node.metadata))}"
        yield f"  freshness   {freshness_of(node.freshness_policy)}"
        for check in sorted(node.check_keys):
            blocking = " (blocking)" if graph.get(check).blocking else ""
            yield f"  check       {check.name}{blocking}"
    for sensor in defs.sensors or ():
        yield f"sensor {sensor.name} every {sensor.minimum_interval_seconds} s, {sensor.default_status.name}"


def freshness_of(policy: Any) -> str:
    if policy is None:
        return "none"
    warns, fails = (window.to_timedelta() for window in (policy.warn_window, policy.fail_window))
    return f"warns after {warns}, fails after {fails}"


def partitions_of(partitions: dg.PartitionsDefinition[Any] | None) -> str:
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        return "none"
    begins = f"daily {partitions.timezone} from {partitions.start:%Y-%m-%d}"
    without = f", without {', '.join(map(str, partitions.exclusions))}" if partitions.exclusions else ""
    return f"{begins}, {partitions.end_offset} past the last whole day{without}"


def test_the_asset_graph_is_as_reviewed() -> None:
    """On purpose changed? Write the new picture with `python -m tests.unit.test_definitions`."""
    assert "\n".join(described()) + "\n" == SNAPSHOT.read_text()


def test_definitions_load_without_an_environment_and_pass_dagsters_own_validation(tmp_path: Path) -> None:
    code = "import dagster as dg; from pipeline_assets.definitions import defs; dg.Definitions.validate_loadable(defs)"
    project = Path(__file__).parents[2]
    bare = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(project)}
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", code]
    answer = subprocess.run(command, check=False, env=bare, cwd=tmp_path, capture_output=True, text=True)
    assert (answer.returncode, answer.stdout + answer.stderr) == (0, "")


def test_dagster_finds_the_definitions_of_the_module() -> None:
    """It takes a module that holds several for a mistake."""
    module = vars(importlib.import_module("pipeline_assets.definitions"))
    assert [name for name, value in module.items() if isinstance(value, dg.Definitions)] == ["defs"]


def test_today_is_an_arrival_day_and_tomorrow_a_purchase_day() -> None:
    arrival_days, purchase_days = (defs.resolve_assets_def(key).partitions_def for key in (LANDED, SOLD))
    assert arrival_days
    assert purchase_days
    assert arrival_days.get_last_partition_key() == TODAY.isoformat()
    assert purchase_days.get_last_partition_key() == (TODAY + timedelta(days=1)).isoformat()
    assert arrival_days.get_first_partition_key() == "2015-01-01"
    assert not purchase_days.has_partition_key("2024-12-25"), "a closed day"


def test_the_columns_and_their_lineage_come_from_the_spec() -> None:
    metadata = defs.resolve_assets_def(SOLD).get_asset_spec(SOLD).metadata
    schema, lineage = metadata["dagster/column_schema"], metadata["dagster/column_lineage"]
    assert [column.name for column in schema.columns] == list(TICKETS.column_names)
    assert [column.name for column in schema.columns if column.constraints.nullable] == ["category"]
    assert {
        name: [(dep.asset_key, dep.column_name) for dep in deps] for name, deps in lineage.deps_by_column.items()
    } == {name: [(LANDED, name)] for name in TICKETS.column_names}
    assert all(f"| {name} |" in metadata["column_lineage"].value for name in TICKETS.column_names)


def test_the_bridge_finds_the_checks_it_reports() -> None:
    checks = {(check.asset_key, check.name) for check in defs.resolve_asset_graph().asset_check_keys}
    assert {(LANDED, CONSERVATION), (SOLD, CONSERVATION)} <= checks
    assert {(anchor, RECEIPTS_KNOWN) for anchor in ANCHORS.values()} <= checks


def test_every_flow_has_the_checks_of_what_it_rejects() -> None:
    """At its anchor by its row; and wherever else its rows end."""
    checks = {(check.asset_key, check.name) for check in defs.resolve_asset_graph().asset_check_keys}
    everywhere = [ANCHORS[row.name] for row in FLOWS if row.queue]
    everywhere += [dg.AssetKey([layer, dataset.name]) for layer in ("raw", "curated") for dataset in ECOMMERCE]
    assert {(key, name) for key in everywhere for name in (FEW_REJECTED, NO_FILE_REFUSED)} <= checks
    assert {(SOLD, FEW_REJECTED), (dg.AssetKey("stocks"), FEW_REJECTED)} <= checks


def test_one_job_runs_every_check() -> None:
    job = defs.resolve_job_def("check_everything")
    assert set(job.asset_layer.asset_graph.asset_check_keys) == set(defs.resolve_asset_graph().asset_check_keys)


def test_a_check_of_what_is_open_stops_nothing_and_waits_for_no_other_asset() -> None:
    graph = defs.resolve_asset_graph()
    for key in graph.asset_check_keys:
        if key.name in {FEW_REJECTED, NO_FILE_REFUSED, "references"}:
            assert not graph.get(key).blocking
            assert graph.get(key).parent_entity_keys == {key.asset_key}


@pytest.mark.parametrize(
    ("asset", "partition", "expected"),
    [
        pytest.param("tickets/landed", TODAY.isoformat(), Standing.KNOWN, id="today"),
        pytest.param("tickets", "2015-01-01", Standing.KNOWN, id="first day"),
        pytest.param("tickets", (TODAY + timedelta(days=1)).isoformat(), Standing.KNOWN, id="tomorrow"),
        pytest.param(
            "tickets/landed", (TODAY + timedelta(days=1)).isoformat(), Standing.EARLY, id="clock ahead of ours"
        ),
        pytest.param("tickets", (TODAY + timedelta(days=9)).isoformat(), Standing.UNKNOWN, id="next week"),
        pytest.param("tickets", date(2014, 12, 31).isoformat(), Standing.LEFT_OUT, id="before the first day"),
        pytest.param("tickets", "2025-12-25", Standing.LEFT_OUT, id="a closed day"),
        pytest.param("curated/orders", "2025-12-25", Standing.KNOWN, id="a database is exported on a closed day, too"),
        pytest.param("tickets", "2026-1-1", Standing.UNKNOWN, id="not written as a day"),
        pytest.param("tickets", "", Standing.UNKNOWN, id="no partition"),
        pytest.param("purchase_graph", "", Standing.KNOWN, id="unpartitioned"),
        pytest.param("purchase_graph", "2026-01-01", Standing.UNKNOWN, id="partition of the unpartitioned"),
        pytest.param("", "", Standing.UNKNOWN, id="no asset"),
        pytest.param("ünbekannt/«x»", "", Standing.UNKNOWN, id="unknown asset"),
    ],
)
def test_the_bridge_knows_which_places_there_are(asset: str, partition: str, expected: Standing) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert standing_in(defs.get_repository_def(), instance)(Place(asset, partition)) is expected


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
    assert [event.metadata["foreign_messages"].value for event in first] == [kept] * 4
    assert look(kept) == []
    assert len(look(kept + 1)) == 4


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


def test_every_step_that_opens_stores_is_tried_again() -> None:
    defined = [
        each for each in (*(defs.assets or ()), *(defs.asset_checks or ())) if isinstance(each, dg.AssetsDefinition)
    ]
    steps = [each.node_def for each in defined if each.required_resource_keys - {"io_manager"}]
    assert len(steps) > 30
    policies = {step.name: step.retry_policy for step in steps if isinstance(step, dg.OpDefinition)}
    of_days = {name for name, policy in policies.items() if policy is None}
    assert of_days == {
        *("export_day", "lake__loads", "tickets", "tickets__landed", "stocks", "stocks__landed"),
        *(f"curated__{dataset.name}" for dataset in ECOMMERCE),
    }, "which try their days again themselves"
    assert {policy for name, policy in policies.items() if name not in of_days} == {RETRIES}


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


def test_the_page_of_resources_tells_the_variables_of_each() -> None:
    resources = defs.get_repository_def().get_top_level_resources()
    assert resources.keys() == {
        "stores",
        "stock_stores",
        "export_stores",
        "curation_stores",
        "ledger",
        "quarantine",
        "metrics",
    }
    shown = {key: resource.config_schema.default_value for key, resource in resources.items()}
    for fields in shown.values():
        assert fields == {name: {"env": name.upper()} for name in fields}
    assert shown["ledger"].keys() == {"ledger_table"}
    assert {"neo4j_uri", "neo4j_password", "ledger_table"} <= shown["stores"].keys()


class TestFields:
    """What a resource is given as fields, and what it takes from the environment."""

    GIVEN: ClassVar = {
        "neo4j_uri": "bolt://10.0.0.7:7687",
        "neo4j_password": "none",
        "tickets_queue_url": "none",
        "quarantine_bucket": "none",
        "ledger_table": "receipts",
    }

    def test_a_field_counts_more_than_its_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LEDGER_TABLE", "another")
        assert TicketStoresResource(**self.GIVEN).settings.ledger_table == "receipts"

    def test_an_optional_one_left_empty_is_as_its_variable_says(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TICKETS_BUCKET", "files")
        monkeypatch.delenv("NEO4J_USER", raising=False)
        settings = TicketStoresResource(**self.GIVEN).settings
        assert (settings.bucket, settings.neo4j_user) == ("files", "neo4j")

    def test_a_variable_that_is_missing_is_named_before_anything_is_opened(
        self, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("LEDGER_TABLE", raising=False)
        checks = dg.Definitions(assets=defs.assets, asset_checks=defs.asset_checks, resources=defs.resources)
        with pytest.raises(dg.DagsterInvalidConfigError, match='"LEDGER_TABLE" which is not set'):
            checks.resolve_implicit_global_asset_job_def().execute_in_process(
                instance=instance, asset_selection=[SOLD], partition_key=DAYS[0]
            )

    def test_a_variable_that_is_empty_is_named_with_its_meaning(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("LEDGER_TABLE", raising=False)
        with pytest.raises(MissingSettingError, match="LEDGER_TABLE is not set: it must hold"):
            LedgerResource(ledger_table="").open()

    def test_one_that_is_empty_fails_the_run_before_its_first_step(
        self, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("NEO4J_URI", "NEO4J_PASSWORD", "TICKETS_QUEUE_URL", "QUARANTINE_BUCKET"):
            monkeypatch.setenv(name, "none")
        monkeypatch.setenv("LEDGER_TABLE", "")
        job = dg.define_asset_job("by_hand", dg.AssetSelection.assets(SOLD).without_checks())
        resolved = dg.Definitions(assets=defs.assets, jobs=[job], resources=defs.resources).resolve_job_def("by_hand")
        with pytest.raises(dg.DagsterResourceFunctionError) as raised:
            resolved.execute_in_process(instance=instance, partition_key=DAYS[0])
        assert "LEDGER_TABLE is not set: it must hold" in str(raised.value.__cause__)


if __name__ == "__main__":
    SNAPSHOT.write_text("\n".join(described()) + "\n")
