"""Receipts: what they say survives being written down, whatever they name."""

from dataclasses import replace
from datetime import date, timedelta

from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.shares import fingerprint
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.privacy.leaks import Canaries, scan_text

SOURCE = ObjectVersion("b", "año/a.csv", "v1", "e", 10, "2026-11-20T10:00:00.000Z", "A")
ROWS = Counts(received=10, accepted=7, quarantined=1, duplicate=1, superseded=1)
RECEIPT = Receipt(
    "tickets",
    SOURCE,
    2,
    ROWS,
    (
        PartitionCounts("tickets/landed", "2026-11-20", ROWS, of_arrival=True),
        PartitionCounts("tickets", "2026-11-19", ROWS),
    ),
    10,
    0.25,
    "1.0",
    "2026-11-20T10:00:01.000Z",
    "refused",
    {"tickets_created": 3},
)
#: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
ITEM_BYTES = 400 * 1024


def test_a_receipt_is_what_it_was_after_being_written_down() -> None:
    assert Receipt.unpacked(RECEIPT.packed()) == RECEIPT


def test_a_receipt_that_names_every_day_there_is_fits_into_an_item() -> None:
    days = (date(2015, 1, 1) + timedelta(days=number) for number in range(4_400))
    parts = tuple(PartitionCounts("tickets", day.isoformat(), replace(ROWS, received=day.toordinal())) for day in days)
    assert len(replace(RECEIPT, partitions=parts).packed()) < ITEM_BYTES / 3


def test_no_fingerprint_of_sources_looks_like_a_card_number() -> None:
    ids = [f"{number:032x}" for number in range(3_000)]
    sums = [fingerprint(ids[first : first + size]) for size in (1, 2, 7) for first in range(0, 3_000, size)]
    assert scan_text("ledger", "\n".join(f'{{"N": "{number}"}}' for number in sums), Canaries(())) == []
    assert fingerprint(ids) == sum(map(fingerprint, ([each] for each in ids)))
