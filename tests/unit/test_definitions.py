"""What Dagster is told, and that telling it needs no environment."""

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipeline_assets.analytics.sets import SETS
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.definitions import defs
from pipeline_assets.flows import FLOWS
from pipeline_assets.lineage.bridge import Place, Standing
from pipeline_assets.lineage.conservation import CONSERVATION
from pipeline_assets.lineage.open_problems import FEW_REJECTED, NO_FILE_REFUSED, RECEIPTS_KNOWN
from pipeline_assets.lineage.places import standing_in
from pipeline_assets.lineage.retries import RETRIES

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


def test_every_step_that_opens_stores_is_tried_again() -> None:
    defined = [
        each for each in (*(defs.assets or ()), *(defs.asset_checks or ())) if isinstance(each, dg.AssetsDefinition)
    ]
    steps = [each.node_def for each in defined if each.required_resource_keys - {"io_manager"}]
    assert len(steps) > 30
    policies = {step.name: step.retry_policy for step in steps if isinstance(step, dg.OpDefinition)}
    of_days = {name for name, policy in policies.items() if policy is None}
    assert of_days == {
        *(
            "export_day",
            "lake__loads",
            "tickets",
            "tickets__landed",
            "stocks",
            "stocks__landed",
            "compras__landed",
            "compras__documents",
            "compras__parquet",
            "compras__csv",
            "search__products_landed",
            "search__purchases_landed",
            "search__products",
            "search__purchases",
            "search__query_log",
        ),
        *(f"curated__{dataset.name}" for dataset in ECOMMERCE),
        *(f"prod__{each.name.replace('-', '_')}" for each in SETS),
    }, "which try their days again themselves"
    assert {policy for name, policy in policies.items() if name not in of_days} == {RETRIES}


if __name__ == "__main__":
    SNAPSHOT.write_text("\n".join(described()) + "\n")
