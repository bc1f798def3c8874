"""The receipts bridge through a real Dagster daemon and the local cloud's ledger, also when the daemon is killed."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import dagster as dg
import pytest
from botocore.exceptions import EndpointConnectionError

from deploy.local.cloud import CREDENTIALS, REGION
from deploy.local.instance import PROJECT
from deploy.local.processes import inherited_environment, kill_group, start
from pipeline_assets.definitions import defs
from pipeline_assets.errors import TransientError
from pipeline_assets.events.ledger import Ledger, pending_item
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.shares import sums_of
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.lineage import sensors
from pipeline_assets.lineage.checks import (
    FLOWS,
    RECEIPTS,
    RECEIPTS_KNOWN,
    listed_in,
    rejected_since,
    stored_since,
)
from pipeline_assets.settings import MissingSettingError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from tests.worlds.stack import RunningStack

pytestmark = pytest.mark.any_engine  # its graph is never asked
LANDED, SOLD, GRAPH = "tickets/landed", "tickets", "purchase_graph"
OTHERS = [flow for flow in FLOWS if flow != "tickets"]
ROWS = Counts(received=10, accepted=7, quarantined=1, duplicate=1, superseded=1)


@dataclass
class Bridge:
    """A ledger table of its own, a Dagster instance of its own, and the daemon between them."""

    endpoint_url: str
    table: str
    home: Path
    dynamodb: "DynamoDBClient"
    process: subprocess.Popen[bytes] | None = None

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.dynamodb, self.table)

    @property
    def environment(self) -> dict[str, str]:
        """The environment contract; nothing but the ledger is there to be reached."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            **{name.upper(): value for name, value in CREDENTIALS.items()},
            "NEO4J_URI": "bolt://127.0.0.1:1",
            "NEO4J_PASSWORD": "not needed",
            "TICKETS_QUEUE_URL": "not-needed",
            "QUARANTINE_BUCKET": "not-needed",
            "LEDGER_TABLE": self.table,
            "DAGSTER_HOME": str(self.home),
        }

    def start_daemon(self) -> None:
        program = str(Path(sys.executable).with_name("dagster-daemon"))
        command = [sys.executable, program, "run", "-m", "pipeline_assets.definitions"]
        self.process = start(
            command, {**inherited_environment(), **self.environment}, self.home / "daemon.log", PROJECT
        )

    def kill_daemon(self) -> None:
        assert self.process is not None
        kill_group(self.process.pid)
        self.process.wait()
        self.process = None

    def instance(self) -> dg.DagsterInstance:
        return dg.DagsterInstance.from_config(str(self.home))

    def ticks(self) -> list[Any]:
        with self.instance() as instance:
            states = instance.all_instigator_state()
            return [t for s in states for t in instance.get_ticks(s.instigator_origin_id, s.selector_id)]

    def stored(self, asset: str) -> list[dg.EventLogRecord]:
        with self.instance() as instance:
            key = dg.AssetKey.from_user_string(asset)
            return list(stored_since(instance.fetch_materializations, key, 0.0))


def ids_of(records: Sequence[dg.EventLogRecord]) -> Counter[tuple[str, str]]:
    return Counter(
        (record.partition_key or "", report_id)
        for record in records
        for report_id in listed_in(record.asset_materialization, RECEIPTS)
    )


def rows_received(record: dg.EventLogRecord) -> int:
    value = record.asset_materialization.metadata["rows_received"].value if record.asset_materialization else None
    assert isinstance(value, int)
    return value


def until(condition: Callable[[], object], seconds: float, what: str, every: float = 0.1) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(every)


@pytest.fixture
def bridge(cloud: "RunningStack", tmp_path: Path) -> Iterator[Bridge]:
    dynamodb = cloud.access.dynamodb
    bridge = Bridge(cloud.instance.endpoint_url, f"ledger-{uuid4().hex[:8]}", tmp_path, dynamodb)
    dynamodb.create_table(
        TableName=bridge.table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
    )
    shutil.copy(PROJECT / "deploy" / "dagster" / "dagster.yaml", tmp_path)
    with (
        bridge.instance() as instance
    ):  # two processes that make the tables of a fresh home would stumble over each other
        instance.get_runs_count()
        instance.all_instigator_state()
        instance.get_asset_keys()
    yield bridge
    if bridge.process:
        bridge.kill_daemon()


def a_receipt(number: int, day: date, *more: tuple[str, str]) -> Receipt:
    arrived = f"{day.isoformat()}T10:00:00.000Z"
    source = ObjectVersion("inbox", f"{number:06}.csv", f"v{number}", f"e{number}", 100, arrived, f"{number:X}")
    places = [(LANDED, day.isoformat()), (SOLD, day.isoformat()), (GRAPH, ""), *more]
    parts = tuple(PartitionCounts(asset, partition, ROWS) for asset, partition in places)
    return Receipt("tickets", source, 1, ROWS, parts, 100, 0.05, "1.0", datetime.now(UTC).isoformat())


def test_a_daemon_killed_in_the_middle_of_storing_leaves_every_receipt_stored_exactly_once(bridge: Bridge) -> None:
    first_day = datetime.now(UTC).date() - timedelta(days=120)
    receipts = [a_receipt(number, first_day + timedelta(days=number)) for number in range(110)]
    foreign = a_receipt(999, first_day, ("tickets/misspelt", "2026-03-01"))
    for receipt in [*receipts, foreign]:
        bridge.ledger.record(receipt)

    for enough in (15, 60):
        bridge.start_daemon()
        until(partial(_has_stored, bridge, enough), 60, f"{enough} events stored", every=0.02)
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
        rejected = rejected_since(instance, FLOWS["tickets"], 0.0)
        check = dg.AssetCheckKey(FLOWS["tickets"], RECEIPTS_KNOWN)
        latest = instance.event_log_storage.get_latest_asset_check_execution_by_key([check])[check]
    assert rejected == [["tickets/misspelt", "2026-03-01", foreign.report_id, foreign.source.uri]]
    assert latest.status.value == "FAILED"


def _has_stored(bridge: Bridge, enough: int) -> bool:
    return len(bridge.stored(LANDED)) >= enough


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
    sensors._cloudwatch.cache_clear()  # noqa: SLF001
    sensors._ledger.cache_clear()  # noqa: SLF001
    with bridge.instance() as instance:
        yield dg.build_sensor_context(instance=instance, repository_def=defs.get_repository_def())
    sensors._cloudwatch.cache_clear()  # noqa: SLF001
    sensors._ledger.cache_clear()  # noqa: SLF001


def a_tick(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    result = sensors.receipts_bridge(context, ledger=sensors.LedgerResource())
    assert isinstance(result, dg.SensorResult)
    return result


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
    assert kinds == ["AssetCheckEvaluation"] * 3 + ["AssetMaterialization"] * 3
    checks, materializations = result.asset_events[:3], result.asset_events[3:]
    assert all(
        check.passed and check.partition is None for check in checks if isinstance(check, dg.AssetCheckEvaluation)
    )
    landed, sold, graph = (event.metadata for event in materializations)
    assert (landed["rows_received"].value, landed["dagster/partition_row_count"].value) == (10, 20)
    assert (sold["rows_accepted"].value, sold["dagster/partition_row_count"].value) == (7, 14)
    assert (graph["rows_accepted"].value, graph["state_objects"].value) == (7, 2)
    assert "dagster/row_count" not in graph
    assert (landed["source_bytes"].value, landed["objects"].value, landed["state_objects"].value) == (100, 1, 2)
    assert "inbox/000002.csv" in str(landed["sources"].value)
    assert result.skip_reason is not None
    said = ["tickets: 2 waited, 1 seen and cleared, 3 told in 3 events", *(f"{flow}: nothing waits" for flow in OTHERS)]
    assert result.skip_reason.skip_message == "; ".join(said)


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
    assert (check.passed, check.severity, check.blocking) == (False, dg.AssetCheckSeverity.ERROR, True)
    assert f"{yesterday}: 10 received but 7 accepted + 1 quarantined" in (check.description or "")


def test_the_metric_is_published_and_its_failure_stops_nothing(
    bridge: Bridge, context: dg.SensorEvaluationContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge.ledger.record(a_receipt(1, datetime.now(UTC).date()))
    published: list[tuple[str, int]] = []

    def publish(_: object, flow: str, waiting: int) -> None:
        published.append((flow, waiting))
        raise EndpointConnectionError(endpoint_url="https://monitoring.example")

    monkeypatch.setattr(sensors.LedgerResource, "publish_waiting", publish)
    assert len(a_tick(context).asset_events) == 6
    assert published == [("tickets", 1), *((flow, 0) for flow in OTHERS)]
    monkeypatch.undo()


def test_the_number_of_waiting_receipts_reaches_cloudwatch(bridge: Bridge, context: dg.SensorEvaluationContext) -> None:
    bridge.ledger.record(a_receipt(1, datetime.now(UTC).date()))
    a_tick(context)
    cloudwatch = sensors._cloudwatch()  # noqa: SLF001
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
    with pytest.raises(MissingSettingError, match="LEDGER_TABLE is not set"):
        a_tick(context)
