"""Receipts of tickets for a ledger on a table of its own."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.operations.access import Access
from tests.worlds.stores import make_table

DAYS = ("2026-11-18", "2026-11-19")
ARRIVED = "2026-11-20"
PLACES = [("tickets/landed", ARRIVED), *(("tickets", day) for day in DAYS)]


def new_table(cloud: Access) -> str:
    name = f"ledger-{uuid4().hex}"
    make_table(cloud.dynamodb, name)
    return name


def version(key: str, number: int) -> ObjectVersion:
    return ObjectVersion("b", key, f"v{number}", "e", 10, f"{ARRIVED}T10:00:{number:02d}.000Z", f"{number:X}")


def receipt(source: ObjectVersion, rows: dict[str, int], run: int = 1, revision: int = 0, refused: str = "") -> Receipt:
    """A receipt of a version that accepted so many rows of each day."""
    counts = Counts(received=sum(rows.values()), accepted=sum(rows.values()))
    days = (PartitionCounts("tickets", day, Counts(received=n, accepted=n)) for day, n in rows.items())
    parts = (PartitionCounts("tickets/landed", source.arrival_day, counts, of_arrival=True), *days)
    return Receipt(
        "tickets", source, run, counts, parts, 10, 0.1, "1", f"{ARRIVED}T11:00:00.000Z", refused, revision=revision
    )


def bad(
    source: ObjectVersion, rejected: int, accepted: int = 3, run: int = 1, revision: int = 0, refused: str = ""
) -> Receipt:
    """A receipt with rejected rows of the first day, or of a version that was refused."""
    counts = Counts(rejected + accepted, accepted, rejected)
    parts = [PartitionCounts("tickets/landed", source.arrival_day, counts, of_arrival=True)]
    parts += [] if refused else [PartitionCounts("tickets", DAYS[0], counts)]
    return replace(receipt(source, {}, run, revision, refused), counts=counts, partitions=tuple(parts))
