"""A ledger table, a Dagster instance and a daemon of a test's own: the bridge of tickets as it runs in production."""

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from deploy.local.cloud import CREDENTIALS, REGION
from deploy.local.instance import PROJECT
from deploy.local.processes import inherited_environment, kill_group, start
from pipeline_assets.analytics.tables import PROD_CATALOGS, bucket_variable, crawler_variable
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.flows import FLOWS
from pipeline_assets.lineage.shown import RECEIPTS, listed_in, rejected_in, stored_since

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


LANDED, SOLD, GRAPH = "tickets/landed", "tickets", "purchase_graph"
ANCHOR = dg.AssetKey(["tickets", "landed"])
_OF_THE_SEARCH = ("ELASTICSEARCH_URL", "PRODUCTS_TABLE", "COMPRAS_TABLE", "TENANTS_TABLE")
OTHERS = [row.name for row in FLOWS if row.name != "tickets"]
ROWS = Counts(received=10, accepted=7, quarantined=1, duplicate=1, superseded=1)


@dataclass
class Bridge:
    """A ledger table of its own, a Dagster instance of its own, and the daemon between them."""

    endpoint_url: str
    table: str
    home: Path
    dynamodb: "DynamoDBClient"
    graph: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.dynamodb, self.table)

    @property
    def environment(self) -> dict[str, str]:
        """The environment contract; nothing but the ledger and the graph is there to be reached."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            **{name.upper(): value for name, value in CREDENTIALS.items()},
            **self.graph,
            "TICKETS_QUEUE_URL": "not-needed",
            "RAW_BUCKET": "not-needed",
            "CURATED_BUCKET": "not-needed",
            **{bucket_variable(catalog.name): "not-needed" for catalog in PROD_CATALOGS},
            **{crawler_variable(catalog.name): "not-needed" for catalog in PROD_CATALOGS},
            "LAKE_DATABASE": "not-needed",
            **dict.fromkeys(_OF_THE_SEARCH, "not-needed"),
            "QUARANTINE_BUCKET": "not-needed",
            "LEDGER_TABLE": self.table,
            "DAGSTER_HOME": str(self.home),
        }

    def start_daemon(self, *definitions: str) -> None:
        program = str(Path(sys.executable).with_name("dagster-daemon"))
        command = [sys.executable, program, "run", *(definitions or ("-m", "pipeline_assets.definitions"))]
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
            return stored_in(instance, asset)


def stored_in(instance: dg.DagsterInstance, asset: str) -> list[dg.EventLogRecord]:
    return list(stored_since(instance.fetch_materializations, dg.AssetKey.from_user_string(asset), 0.0))


def ids_of(records: Sequence[dg.EventLogRecord]) -> Counter[tuple[str, str]]:
    return Counter(
        (record.partition_key or "", report_id)
        for record in records
        for report_id in listed_in(record.asset_materialization, RECEIPTS)
    )


def rejected_of(instance: dg.DagsterInstance) -> list[list[str]]:
    """What observations of the anchor say was rejected."""
    records = stored_since(instance.fetch_observations, ANCHOR, 0.0)
    return [entry for record in records for entry in rejected_in(record)]


def rows_received(record: dg.EventLogRecord) -> int:
    value = record.asset_materialization.metadata["rows_received"].value if record.asset_materialization else None
    assert isinstance(value, int)
    return value


def a_receipt(number: int, day: date, *more: tuple[str, str]) -> Receipt:
    arrived = f"{day.isoformat()}T10:00:00.000Z"
    source = ObjectVersion("inbox", f"{number:06}.csv", f"v{number}", f"e{number}", 100, arrived, f"{number:X}")
    places = [(LANDED, day.isoformat()), (SOLD, day.isoformat()), (GRAPH, ""), *more]
    parts = tuple(PartitionCounts(asset, partition, ROWS, of_arrival=asset == LANDED) for asset, partition in places)
    return Receipt("tickets", source, 1, ROWS, parts, 100, 0.05, "1.0", datetime.now(UTC).isoformat())
