"""Batches of a ticket file, each of which goes into the graph in one transaction."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_assets.csv_files.reading import CsvFile
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.rejection import Rejection
from pipeline_assets.graph.ingestion import Batch
from pipeline_assets.graph.ownership import Line
from pipeline_assets.tickets.rows import RowRules


def batches(file: CsvFile, rules: RowRules, size: int) -> Iterator[tuple[Batch, list[Rejection]]]:
    """Batches of the records that are left of a file.

    Parameters
    ----------
    file
        Opened, and set to its first record that is not in yet.
    rules
        Row rules of this file.
    size
        Records of a batch, at least 1; the last batch may have fewer.

    Yields
    ------
    tuple of Batch and list of Rejection
        A batch, and those of its records that were rejected.
    """
    lines: list[Line] = []
    rejections: list[Rejection] = []
    number = 0
    for number, fields in file.records():
        row = rules.line(number, fields)
        if isinstance(row, Line):
            lines.append(row)
        else:
            rejections.append(row)
        if len(lines) + len(rejections) == size:
            yield _batch(lines, rejections, number + 1, file.position, rules), rejections
            lines, rejections = [], []
    if lines or rejections:
        yield _batch(lines, rejections, number + 1, file.position, rules), rejections


def _batch(lines: list[Line], rejections: list[Rejection], next_row: int, position: int, rules: RowRules) -> Batch:
    days: dict[str, Counts] = {}
    for rejection in rejections:
        if rejection.day:
            days[rejection.day] = days.get(rejection.day, Counts()) + Counts(received=1, quarantined=1)
    unread_time = sum(not rejection.day for rejection in rejections)
    return Batch(lines, next_row, days, unread_time, rules.take_unusual(), position)
