"""A flow that the product does not have: readings of a sensor as CSV files, kept as JSON objects beside each other.

`ROW` is all that the product is told of it; `register` puts it into the registry.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import boto3

import pipeline_assets.flows as registry
from lambdas._runtime.queue_handler import opened_once, queue_handler
from pipeline_assets.csv_files.ingest import CsvFlow
from pipeline_assets.csv_files.reading import CsvFile
from pipeline_assets.datasets.spec import Column, Dataset, Rule
from pipeline_assets.events.environment import Environment, required
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.quarantine import JsonLinesQuarantine
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.rejection import BrokenRuleError, Rejection, misshapen, rejection
from pipeline_assets.events.settings import ledger_table, quarantine_bucket
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.events.time_budget import TimeBudget
from pipeline_assets.flow_rows import Bounds, FlowRow, FunctionPackage, QueueGroup
from pipeline_assets.storage.bucket import Storage
from pipeline_assets.storage.s3 import open_storage

NAME = "readings"
READINGS = Dataset(
    name=NAME,
    description="What a sensor read.",
    owner="team:test",
    columns=(Column("sensor", "text", "the sensor"), Column("value", "number", "what it read")),
    key=("sensor",),
    rules=(
        Rule("present", "halt", "the object version that the event announced"),
        Rule("size", "halt", "at most 1.5 GB, unpacked"),
        Rule("readable", "halt", "a CSV file in UTF-8"),
        Rule("header", "halt", "a header line with the columns sensor and value"),
        Rule("some_row_valid", "halt", "at least one row that can be accepted"),
        Rule("row_readable", "quarantine", "a whole row of CSV"),
        Rule("columns", "quarantine", "as many fields as the header has"),
        Rule("value_whole", "quarantine", "a whole number"),
    ),
)


@dataclass(frozen=True, slots=True)
class ReadingSettings:
    """Where the stores of readings are."""

    queue_url: str
    bucket: str
    quarantine_bucket: str
    ledger_table: str

    @classmethod
    def from_environment(cls, environment: Environment = None) -> ReadingSettings:
        return cls(
            required(environment, "READINGS_QUEUE_URL", "the address of the queue of readings"),
            required(environment, "READINGS_BUCKET", "the name of the bucket of readings"),
            quarantine_bucket(environment),
            ledger_table(environment),
        )


@dataclass(frozen=True, slots=True)
class ReadingStores:
    """Where readings come from and go to."""

    storage: Storage
    ledger: Ledger
    quarantine: JsonLinesQuarantine


@contextmanager
def open_stores(settings: ReadingSettings) -> Iterator[ReadingStores]:
    storage = open_storage()
    ledger = Ledger(boto3.client("dynamodb"), settings.ledger_table)
    yield ReadingStores(storage, ledger, JsonLinesQuarantine(storage.bucket(settings.quarantine_bucket), NAME))


@dataclass(frozen=True, slots=True)
class Reading:
    """Where one run of a file stands."""

    version: ObjectVersion
    run: int
    next_row: int = 1
    done: bool = False
    counts: Counts = field(default_factory=Counts)


class ReadingFlow(CsvFlow[Reading, ReadingStores]):
    """Files of readings, each kept as one JSON object."""

    dataset = READINGS
    left_out = "readings that it no longer names are gone"

    def known(self, version: ObjectVersion, stores: ReadingStores) -> Reading | None:
        del version, stores
        return None

    def begin(self, version: ObjectVersion, run: int) -> Reading:
        return Reading(version, run)

    def judge(self, file: CsvFile, version: ObjectVersion) -> Iterator[tuple[str, int] | Rejection]:
        del version
        for number, fields in file.records():
            try:
                if len(fields) != len(file.header):
                    raise misshapen(fields, len(file.header))
                record = dict(zip(file.header, fields, strict=True))
                if not record["value"].isdecimal():
                    raise BrokenRuleError("value_whole", "value", record["value"])
                yield record["sensor"], int(record["value"])
            except BrokenRuleError as broken:
                yield rejection(READINGS, number, broken, fields, "")

    def put_rows(self, file: CsvFile, load: Reading, stores: ReadingStores, budget: TimeBudget) -> Reading:
        budget.check(self.name, load.version.uri)
        outcomes = list(self.judge(file, load.version))
        rejected = [each for each in outcomes if isinstance(each, Rejection)]
        stores.quarantine.keep_rows(load.version, load.run, file.header, rejected)
        kept = dict(each for each in outcomes if not isinstance(each, Rejection))
        bucket = stores.storage.bucket(load.version.bucket)
        bucket.put(f"_kept/{load.version.key}.json", json.dumps(kept).encode())
        counts = Counts(len(outcomes), len(outcomes) - len(rejected), len(rejected))
        return replace(load, next_row=len(outcomes) + 1, done=True, counts=counts)

    def refused(self, load: Reading) -> Reading:
        return load

    def finish(self, load: Reading, stores: ReadingStores, budget: TimeBudget) -> Reading:
        del stores, budget
        return load

    def partitions(self, load: Reading, counts: Counts) -> tuple[PartitionCounts, ...]:
        del load, counts
        return ()

    def effects(self, load: Reading) -> dict[str, int]:
        del load
        return {}

    def follow_up(self, receipt: Receipt, stores: ReadingStores, budget: TimeBudget) -> None:
        del receipt, stores, budget


READING_FLOW = ReadingFlow()
lambda_handler = queue_handler(READING_FLOW, opened_once(ReadingSettings, open_stores))

ROW = FlowRow(
    name=NAME,
    anchor="readings/landed",
    queue=NAME,
    bucket=NAME,
    resources="Readings",
    flow=f"{__name__}:READING_FLOW",
    settings=f"{__name__}:ReadingSettings",
    opener=f"{__name__}:open_stores",
    package=FunctionPackage("readings-to-json", __name__, frozenset({"dynamodb", "s3", "sqs"})),
    bounds=Bounds(function_seconds=20, batch=10),
    group=QueueGroup(
        queue_name=NAME,
        bucket_name=NAME,
        function_name="readings-to-json",
        concurrency="ReadingsConcurrency",
        objects="files of readings",
        bucket_holds="Put files of readings here.",
        function_does="Keeps readings as JSON.",
        no_error="a bad row",
        ask_if_retried="does S3 answer?",
    ),
    environment={"READINGS_QUEUE_URL": "queues.readings", "READINGS_BUCKET": "buckets.readings"},
)


def register() -> None:
    """Put the row into the registry of this process, before anything is imported that is derived from it."""
    vars(registry)["FLOWS"] = (*registry.FLOWS, ROW)
