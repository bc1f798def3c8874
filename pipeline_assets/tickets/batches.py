"""The records of a ticket file in batches, each of which goes into the graph in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pipeline_assets.events.outcomes import Counts
from pipeline_assets.graph.load import Batch
from pipeline_assets.graph.ownership import Line
from pipeline_assets.tickets.reading import TicketFile
from pipeline_assets.tickets.rows import Rejection, RowRules


def batches(
    file: TicketFile, rules: RowRules, first_row: int, size: int, check: Callable[[], None]
) -> Iterator[tuple[Batch, list[Rejection]]]:
    """The records from `first_row` on, `size` in a batch, and those of them that were rejected.

    Those before `first_row` are in already; `check` is called now and then while they are passed over.
    """
    lines: list[Line] = []
    rejections: list[Rejection] = []
    number = 0
    for number, fields in file.records():
        if number < first_row:
            if number % size == 0:
                check()
            continue
        row = rules.line(number, fields)
        if isinstance(row, Line):
            lines.append(row)
        else:
            rejections.append(row)
        if len(lines) + len(rejections) == size:
            yield _batch(lines, rejections, number + 1, rules), rejections
            lines, rejections = [], []
    if lines or rejections:
        yield _batch(lines, rejections, number + 1, rules), rejections


def _batch(lines: list[Line], rejections: list[Rejection], next_row: int, rules: RowRules) -> Batch:
    days: dict[str, Counts] = {}
    for rejection in rejections:
        if rejection.day:
            days[rejection.day] = days.get(rejection.day, Counts()) + Counts(received=1, quarantined=1)
    unread_time = sum(not rejection.day for rejection in rejections)
    return Batch(lines, next_row, days, unread_time, rules.take_unusual())
