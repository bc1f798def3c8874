"""Bulk import: the ticket files of a bucket as files for ``neo4j-admin database import full``, the same graph at once.

Neither graph nor ledger is changed, nor is anything put into quarantine: what is rejected is only counted.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline_assets.csv_files.download import temporary_download
from pipeline_assets.csv_files.reading import CsvFile, RefusedFileError, open_csv
from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.time_budget import TimeBudget
from pipeline_assets.graph.bulk_import import (
    LINE_SCHEMA,
    LOAD_SCHEMA,
    OWNER_SCHEMA,
    QUANTITY,
    Claimed,
    received_rows,
    settle_claims,
    write_import,
)
from pipeline_assets.graph.ingestion import Ingestion, KnownIngestion, properties, standing
from pipeline_assets.graph.ownership import MOST_TICKET_ROWS, Line, TicketKey, ticket_of
from pipeline_assets.tickets import ingest
from pipeline_assets.tickets.batches import batches
from pipeline_assets.tickets.emptied import is_meant_to_be_empty
from pipeline_assets.tickets.ingest import TICKET_FLOW
from pipeline_assets.tickets.rebuild import Progress, stored_in_order
from pipeline_assets.tickets.rows import RowRules

if TYPE_CHECKING:
    from pipeline_assets.tickets.stores import TicketStores


@dataclass(frozen=True, slots=True)
class Export:
    """Outcome of an export.

    Parameters
    ----------
    directory
        Where it was written.
    files
        Nodes or relationships of each file, by its name.
    objects
        Object versions that were read.
    refused
        Of these, refused whole or not to be read any more.
    rows
        Records of the others.
    seconds
        How long it took.
    """

    directory: Path
    files: dict[str, int]
    objects: int
    refused: int
    rows: int
    seconds: float


class _CrowdedError(Exception):
    """A ticket may have more rows than a ticket may have: its distinct rows must be counted from the start."""

    def __init__(self, tickets: set[TicketKey]) -> None:
        super().__init__()
        self.tickets = tickets


def export_graph(stores: TicketStores, bucket: str, directory: Path, *, progress: Progress) -> Export:
    """Write the graph that the files in the bucket make, as CSV files with a script that imports them.

    Versions that the ledger knows keep their places in the order.

    Parameters
    ----------
    stores
        Stores of the ticket flow; neither graph nor ledger is changed.
    bucket
        Name of the bucket of ticket files.
    directory
        Made when missing; the lines are kept in it while they are worked on.
    progress
        Called with what is done, how much of it and how much there is.

    Returns
    -------
    Export
        What was written.

    Raises
    ------
    FileExistsError
        `directory` is not empty.
    TransientError
        A store does not answer.
    """
    started = time.monotonic()
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise FileExistsError(f"{directory} is not empty: name a new folder for the export")
    editions = {receipt.id: receipt.edition for receipt in stores.ledger.receipts(TICKET_FLOW.name)}
    versions = stored_in_order(stores, bucket, {})
    ingestions: dict[int, Ingestion] = {}
    with tempfile.TemporaryDirectory(prefix=".lines-", dir=directory) as folder:
        lines = Path(folder)
        for number, version in enumerate(versions):
            run, revision = editions.get(version.id, (1, 0))
            ingestion = _read(Ingestion(version, run=run, revision=revision), number, stores, lines)
            if ingestion:
                ingestions[number] = ingestion
            progress("files read", number + 1, len(versions))
        claims = settle_claims(lines, pl.DataFrame(_owners(ingestions), OWNER_SCHEMA, orient="row"))
        frame = pl.DataFrame(_nodes(ingestions, claims, lines), LOAD_SCHEMA)
        files = write_import(claims, frame, directory)
    rows = sum(ingestion.next_row - 1 for ingestion in ingestions.values())
    return Export(directory, files, len(versions), len(versions) - len(ingestions), rows, time.monotonic() - started)


def _read(ingestion: Ingestion, number: int, stores: TicketStores, lines: Path) -> Ingestion | None:
    """The ingestion that a version comes to, its accepted lines put into `lines`; None where it is refused whole."""
    version, counted = ingestion.version, set[TicketKey]()
    try:
        with temporary_download(stores.storage, version, TimeBudget(), TICKETS) as path:
            while True:
                try:
                    with open_csv(path, version.key, TICKETS) as file:
                        ingestion = _read_rows(file, ingestion, number, lines, counted, day_begins=stores.day_begins)
                    return replace(
                        ingestion, emptied=ingestion.next_row == 1 and is_meant_to_be_empty(stores.storage, version)
                    )
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


def _standing(ingestions: Mapping[int, Ingestion]) -> dict[str, KnownIngestion | None]:
    """The version that stands for each object."""
    versions: defaultdict[str, list[KnownIngestion]] = defaultdict(list)
    for ingestion in ingestions.values():
        versions[ingestion.version.uri].append(KnownIngestion(ingestion.version.id, ingestion.version.uri, ingestion))
    return {uri: standing(known) for uri, known in versions.items()}


def _owners(ingestions: Mapping[int, Ingestion]) -> list[tuple[int, str, bool]]:
    """Rows of `OWNER_SCHEMA`."""
    stands = {known.id for known in _standing(ingestions).values() if known}
    return [(number, ingestion.owner, ingestion.version.id in stands) for number, ingestion in ingestions.items()]


def _nodes(ingestions: Mapping[int, Ingestion], claims: Claimed, lines: Path) -> list[dict[str, Any]]:
    """Rows of `LOAD_SCHEMA`: what was accepted beside what was rejected, as the live graph counts it."""
    accepted: defaultdict[int, dict[str, Counts]] = defaultdict(dict)
    for number, day, received, unique in received_rows(lines).iter_rows():
        accepted[number][day] = Counts(received, unique, duplicate=received - unique)
    for number, day, _, superseded in claims.day_counts().iter_rows():
        accepted[number][day] += Counts(accepted=-superseded, superseded=superseded)
    stands = _standing(ingestions)
    nodes = []
    for number, ingestion in ingestions.items():
        days = accepted[number]
        every = {
            day: ingestion.days.get(day, Counts()) + days.get(day, Counts())
            for day in ingestion.days.keys() | days.keys()
        }
        whole, best = replace(ingestion, days=every), stands[ingestion.version.uri]
        mine = best is not None and best.id == ingestion.version.id
        whole = replace(whole, stands=True) if mine else whole.displaced(best.ingestion) if best else whole
        known = KnownIngestion(
            ingestion.version.id, ingestion.version.uri, replace(whole, revision=ingestion.revision, untold=False)
        )
        nodes.append({"id": known.id, **properties(known)})
    return nodes


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink()
