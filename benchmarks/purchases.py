"""Ticket files for the benchmarks, made of the real grocery purchases of the sample."""

from __future__ import annotations

import csv
import io
import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deploy.samples.purchases import write_days
from pipeline_assets.datasets.tickets import TICKETS

_WHOLE_YEAR = 366


def ticket_files(rows: int) -> Iterator[bytes]:
    """Ticket files of so many rows, one after another, each with purchases that no other one has; without an end.

    When the year is used up it begins again, its tickets renamed.

    Parameters
    ----------
    rows
        Rows of each file, above zero.

    Yields
    ------
    bytes
        A CSV file with its header.
    """
    with tempfile.TemporaryDirectory(prefix="cesta-bench-") as directory:
        write_days(Path(directory), _WHOLE_YEAR)
        records = _records(Path(directory))
        while True:
            yield _as_csv(itertools.islice(records, rows))


def _records(directory: Path) -> Iterator[list[str]]:
    for year in itertools.count():
        for path in sorted(directory.iterdir()):
            with path.open(newline="", encoding="utf-8") as file:
                for ticket, product, basket, *rest in itertools.islice(csv.reader(file), 1, None):
                    yield [f"{ticket}-{year}", product, f"{basket}-{year}", *rest]


def _as_csv(records: Iterator[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(TICKETS.column_names)
    writer.writerows(records)
    return text.getvalue().encode()
