"""The shop of docs/scale.md in numbers: what is assumed of it, what was measured, what AWS says, and what follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import Final

from docs.scale_queue import HOURS, Arrival, Waits, through_a_queue

# The shop, assumed.
LINES_A_YEAR: Final = 10_000_000_000
OPEN_DAYS: Final = 364
LINES_OF_A_TICKET: Final = 10
#: The day before a feast has so many times the lines of a usual day.
FEAST: Final = 3
#: How often a purchase changes after it was made: one in five is corrected once.
CHANGES_OF_A_PURCHASE: Final = 1.2

# Measured; in brackets the section of the benchmarks.
#: Lines a second of one function's process on the graph, with everything (A file of ten million rows).
GRAPH_LINES_A_SECOND: Final = 9_592
#: From the upload of a small file to the graph (From upload to graph), of which the most is the function's.
SECONDS_A_FILE: Final = 0.08
#: MiB of a curated day on Polars: without rows, and for each million (How a curated day grows).
POLARS_MIB: Final = (325, 102)
#: MiB of the sets' features: without rows, and for each million lines of history (Prod sets of a year).
SETS_MIB: Final = (179, 216)
#: Seconds of a processor for a million lines of a curated day on Spark, and bytes of its object for each line.
SPARK_SECONDS_A_MILLION: Final = 4.5
CURATED_BYTES_A_LINE: Final = 25
#: Documents a second of one invocation behind the stream (Changes of purchases into documents).
DOCUMENTS_A_SECOND: Final = 650
#: Documents a second of their compaction, 32 requests to S3 at a time; that each takes 30 ms is assumed.
COMPACTED_A_SECOND: Final = 32 / 0.03
#: Bytes a second at which the driver fetches pieces of a day and puts them as one object; assumed.
PUT_TOGETHER_A_SECOND: Final = 50e6
#: Bytes of an event in Dagster's log: a materialization, a check, the id of one receipt; and of a tick without news.
MATERIALIZATION, CHECK, RECEIPT_ID, TICK = 5_900, 1_260, 37, 734
#: Bytes that the ledger keeps of a receipt: twice its body, and its shares.
LEDGER_BYTES: Final = 2_300
#: Neo4j's records of a line: a relationship, its properties, its part of ticket and product.
GRAPH_BYTES_A_LINE: Final = 200

# What AWS says: limits, and prices in us-east-1.
KEY_WRITES: Final = 1_000
PUT_BYTES: Final = 5 << 30
RELATIONSHIPS: Final = 34_000_000_000
STREAM_SHARDS, STREAM_POLLS = 4, 4
WRITE_UNIT, S3_PUT, S3_GB, LEDGER_GB = 0.625e-6, 5e-6, 0.023, 0.25
LAMBDA_GB_SECOND, VCPU_HOUR, GB_HOUR = 0.0000166667, 0.052624, 0.0057785

USUAL: Final = LINES_A_YEAR / OPEN_DAYS
OPEN_SECONDS: Final = len(HOURS) * 3600


@dataclass(frozen=True, slots=True)
class Receipts:
    """Receipts of a flow: of a usual day, in the second that has most, and how many places each names."""

    flow: str
    a_day: float
    a_second: float
    places: int
    stream: bool = False

    @property
    def write_units(self) -> int:
        """What one costs in the ledger: transactions count twice, shares and sums of each place with it."""
        return (11 if self.stream else 10) + 4 * self.places

    @property
    def of_one_key(self) -> float:
        """Writes a second on the key under which they wait for Dagster: put by a transaction, and deleted."""
        return 3 * self.a_second


def tickets_through(files: Sequence[Arrival], writers: int) -> Waits:
    """Let so many writers on the graph take the files of a day."""
    return through_a_queue(files, writers, seconds_a_file=SECONDS_A_FILE, lines_a_second=GRAPH_LINES_A_SECOND)


def receipts_of(usual: Sequence[Arrival]) -> list[Receipts]:
    """Receipts of the flows of a usual day, whose files are given."""
    minutes = tickets_through(usual, 2).busiest_minute
    changes = USUAL / LINES_OF_A_TICKET * CHANGES_OF_A_PURCHASE
    busiest = changes * max(HOURS) / sum(HOURS) / 3600
    bounded = [batches(changes / OPEN_SECONDS, 100, 5), batches(busiest, 100, 5)]
    at_once = [batches(changes / OPEN_SECONDS, 1_000, 0), batches(busiest, 1_000, 0)]
    return [
        Receipts("tickets", len(usual), minutes / 60, 2),
        Receipts("ecommerce", 38, 1, 2),
        Receipts("compras", bounded[0] * OPEN_SECONDS, bounded[1], 2, stream=True),
        Receipts("compras-search", at_once[0] * OPEN_SECONDS, at_once[1], 2, stream=True),
    ]


def batches(changes_a_second: float, size: int, window: float) -> float:
    """Batches a second of a table's stream: when one is full, when its window ends, or whenever Lambda looks."""
    shard = changes_a_second / STREAM_SHARDS
    looks = 1 / window if window else STREAM_POLLS
    # A look that finds nothing starts nothing.
    begun = looks * (1 - exp(-shard / looks))
    return STREAM_SHARDS * max(shard / size, begun)
