"""The accepted lines of a ticket file, read by the rules of the flow and changing nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl

from pipeline_assets.csv_files.download import temporary_download
from pipeline_assets.csv_files.reading import CsvFile, RefusedFileError, open_csv
from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.events.time_budget import TimeBudget
from pipeline_assets.graph.bulk_import import LINE_SCHEMA, QUANTITY
from pipeline_assets.graph.ingestion import Ingestion
from pipeline_assets.graph.ownership import MOST_TICKET_ROWS, Line, TicketKey, ticket_of
from pipeline_assets.storage.bucket import Storage
from pipeline_assets.tickets import ingest
from pipeline_assets.tickets.batches import batches
from pipeline_assets.tickets.emptied import is_meant_to_be_empty
from pipeline_assets.tickets.rows import RowRules
from pipeline_assets.tickets.stores import TicketFiles


class _CrowdedError(Exception):
    """A ticket may have more rows than a ticket may have: its distinct rows must be counted from the start."""

    def __init__(self, tickets: set[TicketKey]) -> None:
        super().__init__()
        self.tickets = tickets


def read_lines(ingestion: Ingestion, number: int, files: TicketFiles, lines: Path) -> Ingestion | None:
    """Download a version and read it by the rules of the flow.

    Parameters
    ----------
    ingestion
        Run of the version, from its beginning.
    number
        What its lines carry as their `load`.
    files
        Where ticket files are.
    lines
        Folder that gets Parquet files of `LINE_SCHEMA`, named by `number`.

    Returns
    -------
    Ingestion or None
        What it comes to, accepted rows not counted; None where it is refused whole, or not to be read any more.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    try:
        with temporary_download(files.storage, ingestion.version, TimeBudget(), TICKETS) as path:
            return lines_of(path, ingestion, number, lines, storage=files.storage, day_begins=files.day_begins)
    except RefusedFileError:
        return None


def lines_of(
    path: Path, ingestion: Ingestion, number: int, lines: Path, *, storage: Storage, day_begins: timedelta
) -> Ingestion | None:
    """Read a version that was downloaded, as `read_lines` does.

    Parameters
    ----------
    path
        The version.
    ingestion, number, lines
        As there.
    storage
        Is asked whether a file without rows is meant to be empty.
    day_begins
        How long after midnight UTC the day of a purchase begins.

    Returns
    -------
    Ingestion or None
        None where it is refused whole.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    version, counted = ingestion.version, set[TicketKey]()
    try:
        while True:
            try:
                with open_csv(path, version.key, TICKETS) as file:
                    ingestion = _read_rows(file, ingestion, number, lines, counted, day_begins=day_begins)
                emptied = ingestion.next_row == 1 and is_meant_to_be_empty(storage, version)
                return replace(ingestion, emptied=emptied)
            except _CrowdedError as crowded:
                counted |= crowded.tickets
                _remove(lines.glob(f"{number}-*.parquet"))
    except RefusedFileError:
        _remove(lines.glob(f"{number}-*.parquet"))
        return None


def _read_rows(
    file: CsvFile, ingestion: Ingestion, number: int, lines: Path, counted: set[TicketKey], *, day_begins: timedelta
) -> Ingestion:
    rules = RowRules(file.header, datetime.fromisoformat(ingestion.version.event_time), day_begins)
    rows: Counter[TicketKey] = Counter()
    distinct: defaultdict[TicketKey, set[tuple[str, int]]] = defaultdict(set)
    for batch, _ in batches(file, rules, ingest.BATCH_ROWS):
        first = ingestion.next_row
        _lines_frame(number, first, batch.lines).write_parquet(lines / f"{number}-{first}.parquet")
        for line in batch.lines:
            ticket = ticket_of(line)
            rows[ticket] += 1
            if ticket in counted:
                distinct[ticket].add((line.product, line.fingerprint))
        if suspect := {ticket for ticket, n in rows.items() if n >= MOST_TICKET_ROWS} - counted:
            raise _CrowdedError(suspect)
        crowded = {TicketKey(*key).text for key, prints in distinct.items() if len(prints) >= MOST_TICKET_ROWS}
        ingestion = ingestion.with_batch(batch, {}, {}, crowded)
        rules.crowded = ingestion.crowded
    return replace(ingestion, done=True, cut=file.cut)


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


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink()
