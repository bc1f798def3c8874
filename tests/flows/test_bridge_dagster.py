"""The receipts bridge through a real Dagster daemon and the local cloud's ledger, also when the daemon is killed."""

import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import dagster as dg
import pytest
from botocore.exceptions import EndpointConnectionError

from deploy.local.dagster_processes import settle_dagster
from deploy.local.outputs import environment_contract
from pipeline_assets.definitions import defs
from pipeline_assets.errors import TransientError
from pipeline_assets.events.ledger import pending_item
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.shares import sums_of
from pipeline_assets.flows import FLOWS
from pipeline_assets.lineage import resources
from pipeline_assets.lineage.flows import bridge_name
from pipeline_assets.lineage.open_problems import FEW_REJECTED, RECEIPTS_KNOWN
from pipeline_assets.lineage.resources import MetricsResource
from pipeline_assets.lineage.shown import RECEIPTS
from tests.worlds.bridge_daemon import (
    ANCHOR,
    GRAPH,
    LANDED,
    OTHERS,
    SOLD,
    Bridge,
    a_receipt,
    ids_of,
    rejected_of,
    rows_received,
    stored_in,
)
from tests.worlds.stores import make_table
from tests.worlds.waiting import until

if TYPE_CHECKING:
    from tests.worlds.stack import RunningStack

pytestmark = pytest.mark.any_engine  # its graph is asked for its size alone


@pytest.fixture
def bridge(cloud: "RunningStack", tmp_path: Path) -> Iterator[Bridge]:
    dynamodb = cloud.access.dynamodb
    contract = environment_contract(cloud.instance, cloud.outputs)
    graph = {name: value for name, value in contract.items() if name.startswith("NEO4J_")}
    bridge = Bridge(cloud.instance.endpoint_url, f"ledger-{uuid4().hex[:8]}", tmp_path, dynamodb, graph)
    make_table(dynamodb, bridge.table)
    settle_dagster(tmp_path)
    with (
        bridge.instance() as instance
    ):  # two processes that make the tables of a fresh home would stumble over each other
        instance.get_runs_count()
        instance.all_instigator_state()
        instance.get_asset_keys()
    yield bridge
    if bridge.process:
        bridge.kill_daemon()


def test_a_daemon_killed_in_the_middle_of_storing_leaves_every_receipt_stored_exactly_once(bridge: Bridge) -> None:
    first_day = datetime.now(UTC).date() - timedelta(days=120)
    receipts = [a_receipt(number, first_day + timedelta(days=number)) for number in range(110)]
    foreign = a_receipt(999, first_day, ("tickets/misspelt", "2026-03-01"))
    for receipt in [*receipts, foreign]:
        bridge.ledger.record(receipt)

    for enough in (15, 60):
        bridge.start_daemon()
        # One connection for all looks: opening one takes from the daemon what it needs to get there.
        with bridge.instance() as watched:
            until(partial(_has_stored, watched, enough), 60, f"{enough} events stored", every=0.02)
            bridge.kill_daemon()
        assert len(bridge.stored(GRAPH)) == 0, "the tick was over before the daemon was killed"
    assert len(bridge.ledger.pending("tickets", limit=1_000)) == 111

    bridge.start_daemon()
    until(lambda: not bridge.ledger.pending("tickets", limit=1), 60, "no receipt waits")
    bridge.kill_daemon()

    for asset in (LANDED, SOLD, GRAPH):
        records = bridge.stored(asset)
        expected = [
            (part.partition, receipt.report_id)
            for receipt in [*receipts, foreign]
            for part in receipt.partitions
            if part.asset == asset
        ]
        assert ids_of(records) == Counter(expected)
        assert sum(map(rows_received, records)) == 10 * 111
    with bridge.instance() as instance:
        rejected = rejected_of(instance)
        check = dg.AssetCheckKey(ANCHOR, RECEIPTS_KNOWN)
        latest = instance.event_log_storage.get_latest_asset_check_execution_by_key([check])[check]
    assert rejected == [["tickets/misspelt", "2026-03-01", foreign.report_id, foreign.source.uri]]
    assert latest.status.value == "FAILED"


def _has_stored(watched: dg.DagsterInstance, enough: int) -> bool:
    return len(stored_in(watched, LANDED)) >= enough


@pytest.mark.alone
def test_ten_thousand_waiting_receipts_are_shown_within_seconds(
    bridge: Bridge, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """Under ten on two quiet cores, up to five of them the daemon's own pause; the bound leaves room for busy ones."""
    bridge.start_daemon()
    until(lambda: any(tick.tick_data.end_timestamp for tick in bridge.ticks()), 60, "the first tick")
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    receipts = [a_receipt(number, yesterday - timedelta(days=number % 14)) for number in range(10_000)]
    _put_at_once(bridge, receipts)
    started = time.monotonic()
    until(lambda: sum(ids_of(bridge.stored(GRAPH)).values()) == len(receipts), 60, "all are shown", every=0.5)
    seconds = time.monotonic() - started
    record_testsuite_property("seconds_until_10000_receipts_are_shown", round(seconds, 1))
    until(lambda: not bridge.ledger.pending("tickets", limit=1), 60, "no receipt waits", every=0.5)

    days = {part.partition for receipt in receipts for part in receipt.partitions if part.asset == LANDED}
    assert 2 * len(days) + 1 <= 30
    for asset in (LANDED, SOLD, GRAPH):
        counted = ids_of(bridge.stored(asset))
        assert (len(counted), set(counted.values())) == (10_000, {1})
    assert seconds < 20


def _put_at_once(bridge: Bridge, receipts: Sequence[Receipt]) -> None:
    """What `Ledger.record` writes for each receipt, in batches: first what partitions are made of, then what waits."""
    parts = [
        {
            "pk": {"S": f"partition#{part.asset}#{part.partition}"},
            "sk": {"S": receipt.id},
            "source": {"S": json.dumps(receipt.source.as_dict())},
            "counts": {"S": json.dumps(part.counts.as_dict())},
        }
        for receipt in receipts
        for part in receipt.partitions
    ]
    shares: defaultdict[tuple[str, str], dict[str, Counts]] = defaultdict(dict)
    for receipt in receipts:
        for part in receipt.partitions:
            shares[f"account#{part.asset}#{part.partition}", receipt.id[0]][receipt.id] = part.counts
    sums = [
        {"pk": {"S": pk}, "sk": {"S": digit}} | {name: {"N": str(number)} for name, number in sums_of(those).items()}
        for (pk, digit), those in shares.items()
    ]
    items: list[Any] = [*parts, *sums, *map(pending_item, receipts)]
    for start_at in range(0, len(items), 25):
        requests: list[Any] = [{"PutRequest": {"Item": item}} for item in items[start_at : start_at + 25]]
        bridge.dynamodb.batch_write_item(RequestItems={bridge.table: requests})


@pytest.fixture
def context(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.SensorEvaluationContext]:
    """A tick without a daemon, in this process."""
    for name, value in bridge.environment.items():
        monkeypatch.setenv(name, value)
    resources._cloudwatch.cache_clear()  # noqa: SLF001
    resources._ledger.cache_clear()  # noqa: SLF001
    with bridge.instance() as instance:
        yield dg.build_sensor_context(instance=instance, repository_def=defs.get_repository_def())
    resources._cloudwatch.cache_clear()  # noqa: SLF001
    resources._ledger.cache_clear()  # noqa: SLF001


def a_tick(context: dg.SensorEvaluationContext, flow: str = "tickets") -> dg.SensorResult:
    # As a daemon does it: what the environment says of a resource is looked up for each tick.
    bridge = defs.resolve_sensor_def(bridge_name(flow))
    resources = {name: (defs.resources or {})[name] for name in bridge.required_resource_keys}
    with dg.build_sensor_context(
        instance=context.instance, repository_def=context.repository_def, resources=resources
    ) as ticking:
        result = bridge(ticking)
    assert isinstance(result, dg.SensorResult)
    return result


def told_by(result: dg.SensorResult) -> str:
    assert result.skip_reason is not None
    return str(result.skip_reason.skip_message)


def test_a_tick_tells_what_was_done_and_what_a_partition_holds_apart(
    bridge: Bridge, context: dg.SensorEvaluationContext
) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    bridge.ledger.record(a_receipt(1, yesterday))
    for event in a_tick(context).asset_events:
        context.instance.report_runless_asset_event(event)
    bridge.ledger.record(a_receipt(2, yesterday))
    result = a_tick(context)

    kinds = [type(event).__name__ for event in result.asset_events]
    assert kinds == ["AssetCheckEvaluation"] * 6 + ["AssetMaterialization"] * 3
    checks, materializations = result.asset_events[:6], result.asset_events[6:]
    judged = [check for check in checks if isinstance(check, dg.AssetCheckEvaluation)]
    assert {check.partition for check in judged} == {None}
    # One of eight rows of each file.
    assert {check.check_name for check in judged if not check.passed} == {FEW_REJECTED}
    landed, sold, graph = (event.metadata for event in materializations)
    assert (landed["rows_received"].value, landed["dagster/partition_row_count"].value) == (10, 20)
    assert (sold["rows_accepted"].value, sold["dagster/partition_row_count"].value) == (7, 14)
    assert (graph["rows_accepted"].value, graph["state_objects"].value) == (7, 2)
    assert graph["dagster/row_count"].value == graph["graph_contains"].value
    assert "| Ticket |" in str(graph["size"].value)
    assert [event.description for event in materializations] == [
        "1 file, 1 of 10 rows rejected, 1 duplicate, 1 superseded"
    ] * 3
    assert [list(told)[-1] for told in (landed, sold, graph)] == [RECEIPTS] * 3
    assert [told["rows_rejected_share"].value for told in (landed, sold, graph)] == [0.1] * 3
    assert (landed["source_bytes"].value, landed["objects"].value, landed["state_objects"].value) == (100, 1, 2)
    assert "inbox/000002.csv" in str(landed["sources"].value)
    assert told_by(result) == "tickets: 2 waited, 1 seen and cleared, 3 reported in 3 events"
    others = {flow: a_tick(context, flow) for flow in OTHERS}
    assert {flow: told_by(other) for flow, other in others.items()} == {
        flow: f"{flow}: nothing waits" for flow in OTHERS
    }
    assert [event for other in others.values() for event in other.asset_events] == []


def test_conservation_fails_where_a_row_is_lost(bridge: Bridge, context: dg.SensorEvaluationContext) -> None:
    yesterday = (datetime.now(UTC).date() - timedelta(days=1)).isoformat()
    lost = Counts(received=10, accepted=7, quarantined=1)
    whole = a_receipt(1, date.fromisoformat(yesterday))
    bridge.ledger.record(
        Receipt(
            "tickets",
            whole.source,
            1,
            lost,
            (PartitionCounts(LANDED, yesterday, lost),),
            1,
            0.0,
            "1",
            whole.recorded_at,
        )
    )
    events = a_tick(context).asset_events
    [check] = [e for e in events if isinstance(e, dg.AssetCheckEvaluation) and e.check_name == "conservation"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert f"{yesterday}: 10 received but 7 accepted + 1 quarantined" in (check.description or "")


def test_the_metric_is_published_and_its_failure_stops_nothing(
    bridge: Bridge, context: dg.SensorEvaluationContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge.ledger.record(a_receipt(1, datetime.now(UTC).date()))
    published: list[tuple[str, str, int]] = []

    def put(_: object, metric: str, flow: str, waiting: int) -> None:
        published.append((metric, flow, waiting))
        raise EndpointConnectionError(endpoint_url="https://monitoring.example")

    monkeypatch.setattr(MetricsResource, "put", put)
    assert len(a_tick(context).asset_events) == 9
    for flow in OTHERS:
        assert a_tick(context, flow).asset_events == []
    assert published == [("PendingReceipts", "tickets", 1), *(("PendingReceipts", flow, 0) for flow in OTHERS)]
    monkeypatch.undo()


def test_the_number_of_waiting_receipts_reaches_cloudwatch(bridge: Bridge, context: dg.SensorEvaluationContext) -> None:
    bridge.ledger.record(a_receipt(1, datetime.now(UTC).date()))
    a_tick(context)
    cloudwatch = resources._cloudwatch()  # noqa: SLF001
    names = [metric["MetricName"] for metric in cloudwatch.list_metrics(Namespace="Cesta")["Metrics"]]
    assert "PendingReceipts" in names


def test_without_its_ledger_a_tick_fails_with_one_sentence(
    bridge: Bridge, context: dg.SensorEvaluationContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge.ledger.record(a_receipt(1, datetime.now(UTC).date()))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(TransientError, match="the ledger could not query pending items"):
        a_tick(context)
    assert len(bridge.ledger.pending("tickets", limit=10)) == 1


def test_without_its_environment_a_tick_names_the_missing_variable(
    bridge: Bridge, context: dg.SensorEvaluationContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert os.environ["LEDGER_TABLE"] == bridge.table
    monkeypatch.delenv("LEDGER_TABLE")
    with pytest.raises(dg.DagsterInvalidConfigError, match='"LEDGER_TABLE" which is not set'):
        a_tick(context)


DYNAMIC = """
import dagster as dg

from pipeline_assets import definitions as product

tenants = dg.AssetSpec(["search", "index"], partitions_def=dg.DynamicPartitionsDefinition(name="tenant"))
defs = dg.Definitions.merge(product.defs, dg.Definitions(assets=[tenants]))
"""


def test_receipts_of_a_new_tenant_are_shown_under_a_partition_that_was_added_for_them(
    bridge: Bridge, tmp_path: Path
) -> None:
    """The daemon and the code server as they are in production; the asset of tenants is the test's own."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    tenants = [f"tenant-{number}" for number in range(3)]
    receipts = [a_receipt(number, yesterday, ("search/index", tenants[number % 3])) for number in range(6)]
    unfit = a_receipt(9, yesterday, ("search/index", "a...z"))
    for receipt in [*receipts, unfit]:
        bridge.ledger.record(receipt)
    module = tmp_path / "with_tenants.py"
    module.write_text(DYNAMIC)

    bridge.start_daemon("-f", str(module))
    until(lambda: not bridge.ledger.pending("tickets", limit=1), 120, "no receipt waits")
    bridge.kill_daemon()

    with bridge.instance() as instance:
        assert sorted(instance.get_dynamic_partitions("tenant")) == tenants
        assert [entry[:2] for entry in rejected_of(instance)] == [["search/index", "a...z"]]
    expected = [(tenants[number % 3], receipt.report_id) for number, receipt in enumerate(receipts)]
    assert ids_of(bridge.stored("search/index")) == Counter(expected)
    assert len(ids_of(bridge.stored(LANDED))) == 7
    failed = {tick.instigator_name for tick in bridge.ticks() if tick.error}
    assert failed.isdisjoint(f"{row.name}_bridge" for row in FLOWS), "the watches have no lake here, the bridges do"
