"""Two flows with their bridges in Dagster, and a ledger in memory whose answers take the time that a test says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import dagster as dg

from pipeline_assets.errors import TransientError
from pipeline_assets.events.accounts import PartitionAccount
from pipeline_assets.events.ledger import FlowTotals, PendingReport
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.problems import Problem
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.flow_rows import FlowRow
from pipeline_assets.lineage.definitions import bridged
from pipeline_assets.lineage.resources import MetricsResource, QuarantineResource
from tests.worlds.open_problems import MemoryProblems

ROWS = Counts(received=10, accepted=9, quarantined=1)
NOW = datetime.now(UTC)
YESTERDAY = (NOW - timedelta(days=1)).date().isoformat()
FILES, INDEXES = FlowRow("files", anchor="files/landed"), FlowRow("indexes", anchor="index")
LANDED = dg.AssetKey(["files", "landed"])
DAYS = dg.DailyPartitionsDefinition("2020-01-01", timezone="UTC")


@dg.asset(partitions_def=DAYS)
def told() -> None: ...


@dg.asset(partitions_def=DAYS, deps=["told", "outside"], code_version="1.0")
def made() -> None: ...


defs = dg.Definitions.merge(
    dg.Definitions(
        assets=[
            dg.AssetSpec(LANDED, partitions_def=DAYS),
            dg.AssetSpec("index", partitions_def=dg.DynamicPartitionsDefinition(name="tenant")),
            dg.AssetSpec("whole"),
            dg.AssetSpec("outside"),
            told,
            made,
        ]
    ),
    bridged([FILES, INDEXES]),
)


class Clock:
    """Seconds that pass only when somebody works."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Looked(Clock):
    """A clock by which no two looks see the same time."""

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


@dataclass
class Slow:
    """A clock by which every look at it costs time."""

    clock: Clock
    seconds: float

    def __call__(self) -> float:
        self.clock.now += self.seconds
        return self.clock.now


@dataclass
class FakeLedger:
    """What waits of each flow; every answer takes some seconds of the clock."""

    waiting: dict[str, list[PendingReport]]
    clock: Clock = field(default_factory=Clock)
    seconds: float = 0.0
    broken: str = ""
    #: Seconds that it takes to read one waiting report.
    reading: float = 0.0
    #: Seconds that it takes to take one out.
    seconds_for_each: float = 0.0
    problems: MemoryProblems = field(default_factory=MemoryProblems)

    def is_open(self, problem: Problem) -> bool:
        del problem
        return True

    def each_pending(self, flow: str, *, limit: int) -> Iterator[PendingReport]:
        if flow == self.broken:
            raise TransientError("the ledger could not query pending items")
        for report in self.waiting.get(flow, [])[:limit]:
            self.clock.now += self.reading
            yield report

    def reported(self, flow: str, reports: Iterable[PendingReport]) -> None:
        self.clock.now += self.seconds
        for report in reports:
            self.clock.now += self.seconds_for_each
            self.waiting[flow].remove(report)

    def totals(self, flow: str) -> FlowTotals:
        del flow
        return FlowTotals(ROWS, objects=1, refused=0)

    def account(self, asset: str, partition: str) -> PartitionAccount:
        self.clock.now += self.seconds
        return PartitionAccount.of({f"{asset} {partition}": ROWS})


class NoMetrics(MetricsResource):
    def put(self, metric: str, flow: str, value: int) -> None:
        assert (metric, value) == ("PendingReceipts", value)
        assert flow


METRICS, QUARANTINE = NoMetrics(ledger_table="none"), QuarantineResource(quarantine_bucket="none")


def a_report(number: int, flow: str, *places: tuple[str, str], recorded: datetime = NOW) -> PendingReport:
    at = (recorded + timedelta(milliseconds=number)).isoformat()
    source = ObjectVersion("b", f"{number:03}", f"v{number}", "e", 100, at, "1")
    parts = tuple(PartitionCounts(asset, partition, ROWS) for asset, partition in places)
    receipt = Receipt(flow, source, 1, ROWS, parts, 100, 0.1, "1.0", at)
    return PendingReport(f"{at}#{receipt.report_id}", receipt)


def materialized(result: dg.SensorResult) -> list[str]:
    return [event.partition or "" for event in result.asset_events if isinstance(event, dg.AssetMaterialization)]


def said(result: dg.SensorResult) -> str:
    assert result.skip_reason
    return str(result.skip_reason.skip_message)
