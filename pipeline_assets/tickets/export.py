"""The ticket files of a bucket as files for ``neo4j-admin database import full``: the same graph, made all at once.

Neither graph nor ledger is changed, nor is anything put into quarantine: what is rejected is only counted.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.time_budget import TimeBudget
from pipeline_assets.files.download import downloaded
from pipeline_assets.files.reading import CsvFile, RefusedFileError, open_csv
from pipeline_assets.graph.export import LINE_SCHEMA, LOAD_SCHEMA, QUANTITY, day_counts, scan_lines, write_import
from pipeline_assets.graph.load import Load
from pipeline_assets.graph.ownership import MOST_TICKET_ROWS, Line
from pipeline_assets.tickets import ingest
from pipeline_assets.tickets.batches import batches
from pipeline_assets.tickets.ingest import TICKET_FLOW
from pipeline_assets.tickets.rebuild import Progress, stored_in_order
from pipeline_assets.tickets.rows import RowRules

if TYPE_CHECKING:
    from pipeline_assets.tickets.stores import TicketStores


@dataclass(frozen=True, slots=True)
class Export:
    """What was written: `files` with the number of nodes or relationships in each, out of so many objects and rows.

    `refused` counts the versions that were refused whole, or cannot be read any more.
    """

    directory: Path
    files: dict[str, int]
    objects: int
    refused: int
    rows: int
    seconds: float


class _CrowdedError(Exception):
    """A ticket may have more rows than a ticket may have: its distinct rows must be counted from the start."""

    def __init__(self, tickets: set[str]) -> None:
        super().__init__()
        self.tickets = tickets


def export_graph(stores: TicketStores, bucket: str, directory: Path, *, progress: Progress) -> Export:
    """Write the graph that the files in the bucket make, as CSV files with a script that imports them.

    Versions that the ledger knows keep their places in the order. `directory` is made when missing and must be empty;
    the lines are kept beside the files while they are worked on. Raises `FileExistsError` and `TransientError`.
    """
    started = time.monotonic()
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise FileExistsError(f"{directory} is not empty: name a new folder for the export")
    runs = {receipt.id: receipt.run for receipt in stores.ledger.receipts(TICKET_FLOW.name)}
    versions = stored_in_order(stores, bucket, {})
    loads: dict[int, Load] = {}
    with tempfile.TemporaryDirectory(prefix=".lines-", dir=directory) as folder:
        lines = Path(folder)
        for number, version in enumerate(versions):
            load = _read(Load(version, run=runs.get(version.id, 1)), number, stores, lines)
            if load:
                loads[number] = load
            progress("files read", number + 1, len(versions))
        days: defaultdict[int, dict[str, Counts]] = defaultdict(dict)
        for number, day, received, accepted in day_counts(scan_lines(lines)).iter_rows():
            days[number][day] = Counts(received, accepted, duplicate=received - accepted)
        frame = pl.DataFrame([_row(n, load, days[n]) for n, load in loads.items()], LOAD_SCHEMA, orient="row")
        files = write_import(lines, frame, directory)
    rows = sum(load.next_row - 1 for load in loads.values())
    return Export(directory, files, len(versions), len(versions) - len(loads), rows, time.monotonic() - started)


def _read(load: Load, number: int, stores: TicketStores, lines: Path) -> Load | None:
    """The load that a version comes to, its accepted lines put into `lines`; None where it is refused whole."""
    version, counted = load.version, set[str]()
    try:
        with downloaded(stores.s3, version, TimeBudget(), TICKETS) as path:
            while True:
                try:
                    with open_csv(path, version.key, TICKETS) as file:
                        return _read_rows(file, load, number, lines, counted)
                except _CrowdedError as crowded:
                    counted |= crowded.tickets
                    _remove(lines.glob(f"{number}-*.parquet"))
    except RefusedFileError:
        _remove(lines.glob(f"{number}-*.parquet"))
        return None


def _read_rows(file: CsvFile, load: Load, number: int, lines: Path, counted: set[str]) -> Load:
    rules = RowRules(file.header, datetime.fromisoformat(load.version.event_time))
    rows: Counter[str] = Counter()
    distinct: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)
    for batch, _ in batches(file, rules, ingest.BATCH_ROWS):
        first = load.next_row
        _lines_frame(number, first, batch.lines).write_parquet(lines / f"{number}-{first}.parquet")
        for line in batch.lines:
            rows[line.ticket_id] += 1
            if line.ticket_id in counted:
                distinct[line.ticket_id].add((line.product, line.fingerprint))
        if suspect := {ticket for ticket, n in rows.items() if n >= MOST_TICKET_ROWS} - counted:
            raise _CrowdedError(suspect)
        crowded = {ticket for ticket, prints in distinct.items() if len(prints) >= MOST_TICKET_ROWS}
        load = load.with_batch(batch, {}, {}, crowded)
        rules.crowded = load.crowded
    return replace(load, done=True)


def _lines_frame(number: int, first: int, lines: Iterable[Line]) -> pl.DataFrame:
    rows = [
        (
            number,
            row,
            *line[:5],
            f"{line.quantity:f}" if isinstance(line.quantity, Decimal) else str(line.quantity),
            *line[6:],
        )
        for row, line in enumerate(lines, first)
    ]
    frame = pl.DataFrame(rows, pl.Schema(LINE_SCHEMA | {"quantity": pl.String}), orient="row")
    return frame.with_columns(pl.col("quantity").cast(QUANTITY))


def _row(number: int, load: Load, days: dict[str, Counts]) -> tuple[object, ...]:
    """A load as a row of `LOAD_SCHEMA`, with what was accepted beside what was rejected."""
    every = {day: load.days.get(day, Counts()) + days.get(day, Counts()) for day in load.days.keys() | days.keys()}
    whole = replace(load, days=every)
    version = load.version
    return (
        number,
        version.id,
        version.uri,
        version.stamp,
        whole.run,
        whole.next_row,
        whole.effective,
        whole.tally,
        whole.owner,
    )


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink()
