"""Numbered ticket files of one purchase day each, and what a graph and a ledger hold once they are in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.graph.ownership import Line
from pipeline_assets.tickets.rows import RowRules
from tests.worlds.graph_picture import Picture, contents, expected_picture

TICKETS_PER_FILE = 40
#: Of every file: each ticket has two lines, the first one stands there twice, and one row has no quantity.
COUNTS = Counts(received=2 * TICKETS_PER_FILE + 2, accepted=2 * TICKETS_PER_FILE, duplicate=1, quarantined=1)
FOLDER = "days/"
_FIRST = date(2025, 1, 1)


def key_of(number: int) -> str:
    return f"{FOLDER}{number:04d}.csv"


def number_of(key: str) -> int:
    return int(key[len(FOLDER) : -len(".csv")])


def day_of(number: int) -> str:
    return (_FIRST + timedelta(days=number)).isoformat()


def body_of(number: int) -> bytes:
    return "".join(",".join(row) + "\n" for row in [list(TICKETS.column_names), *_rows(number)]).encode()


def picture_of(numbers: Iterable[int]) -> Picture:
    """What the pure rules make of these files."""
    rules = RowRules(list(TICKETS.column_names), datetime(2026, 11, 20, tzinfo=UTC))
    lines = [rules.line(place, row) for number in numbers for place, row in enumerate(_rows(number), 1)]
    return expected_picture(contents([line for line in lines if isinstance(line, Line)]))


def _rows(number: int) -> list[list[str]]:
    at = f"{day_of(number)} 10:00:00"
    rows = [
        [f"T-{number}-{each}", product, f"B-{number}-{each}", at, "Food", quantity, f"S-{number % 3}"]
        for each in range(TICKETS_PER_FILE)
        for product, quantity in (("Bread", "1"), (f"Milk {each % 7}", "2.5"))
    ]
    return [*rows, rows[0], [f"T-{number}-bad", "Bread", "B", at, "", "none", "S"]]
