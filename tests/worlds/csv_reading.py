"""CSV files as the tests read them."""

from __future__ import annotations

from pathlib import Path

from pipeline_assets.csv_files.reading import open_csv
from pipeline_assets.datasets.tickets import TICKETS
from tests.worlds.ticket_files import HEAD

COLUMNS = HEAD.strip().split(",")


def read(path: Path, content: str | bytes, name: str = "t.csv") -> tuple[list[list[str]], str]:
    """The records of a file, and why its end was not reached."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with open_csv(path, name, TICKETS) as file:
        return [fields for _, fields in file.records()], file.cut


def tickets(records: list[list[str]]) -> list[str]:
    """The tickets of the rows that are whole."""
    return [fields[0] for fields in records if len(fields) == len(COLUMNS)]


def whole_reading(path: Path, content: str | bytes) -> list[tuple[int, list[str], int, str]]:
    """The records with numbers and positions after each, and whether the end was reached before the last was read."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with open_csv(path, "t.csv", TICKETS) as file:
        found = [(number, fields, file.position, file.cut) for number, fields in file.records()]
        return [*found, (0, [], file.position, file.cut)]
