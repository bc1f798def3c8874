"""Bulk import: the ticket files of a bucket as files for ``neo4j-admin database import full``, the same graph at once.

Neither graph nor ledger is changed, nor is anything put into quarantine: what is rejected is only counted.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import polars as pl

from pipeline_assets.events.outcomes import Counts
from pipeline_assets.graph.bulk_import import OWNER_SCHEMA, day_rows, frames_of, settle_claims, write_rows
from pipeline_assets.graph.import_files import FILES, LOAD, LOAD_SCHEMA, write_script
from pipeline_assets.graph.ingestion import Ingestion, KnownIngestion, properties, standing
from pipeline_assets.tickets.file_lines import read_lines
from pipeline_assets.tickets.ingest import TICKET_FLOW
from pipeline_assets.tickets.rebuild import Progress, stored_in_order

if TYPE_CHECKING:
    from pipeline_assets.tickets.stores import TicketFiles


#: Its name among the assets that settings choose an engine for.
EXPORT: Final = "graph/export"


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


@dataclass(frozen=True, slots=True)
class Settled:
    """Claims of all versions, settled and written.

    Parameters
    ----------
    ingestions
        By its number, what each version that was not refused comes to.
    rows
        Accepted rows by version and day, as `day_rows` has them; a version and day may have several rows, which add up.
    files
        Nodes or relationships of each file but that of loads, by its name.
    """

    ingestions: dict[int, Ingestion]
    rows: pl.DataFrame
    files: dict[str, int]


class Settle(Protocol):
    """What reads all versions and settles their claims."""

    def __call__(self, begun: Sequence[Ingestion], files: TicketFiles, directory: Path, progress: Progress) -> Settled:
        """Write all files but that of loads into `directory`; raises `TransientError`."""


def settle_here(begun: Sequence[Ingestion], files: TicketFiles, directory: Path, progress: Progress) -> Settled:
    """Settle the claims of all versions in this process, a version after the other.

    Parameters
    ----------
    begun
        The runs of all versions, from their beginning, in the order of their stamps.
    files
        Where ticket files are.
    directory
        Where files are written, and lines are kept while they are worked on.
    progress
        Called with what is done, how much of it and how much there is.

    Returns
    -------
    Settled
        What was written.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    ingestions: dict[int, Ingestion] = {}
    with tempfile.TemporaryDirectory(prefix=".lines-", dir=directory) as folder:
        lines = Path(folder)
        for number, ingestion in enumerate(begun):
            if read := read_lines(ingestion, number, files, lines):
                ingestions[number] = read
            progress("files read", number + 1, len(begun))
        claims = settle_claims(lines, owners_of(ingestions))
        written = {
            file.name: write_rows(frame, file, lines, directory / file.path)
            for file, frame in frames_of(claims).items()
        }
        return Settled(ingestions, day_rows(claims), written)


def export_graph(
    files: TicketFiles, bucket: str, directory: Path, *, progress: Progress, settle: Settle = settle_here
) -> Export:
    """Write the graph that the files in the bucket make, as CSV files with a script that imports them.

    Versions that the ledger knows keep their places in the order.

    Parameters
    ----------
    files
        Where ticket files and their receipts are.
    bucket
        Name of the bucket of ticket files.
    directory
        Made when missing; the lines are kept in it while they are worked on.
    progress
        Called with what is done, how much of it and how much there is.
    settle
        What reads the files and settles their claims.

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
    editions = {receipt.id: receipt.edition for receipt in files.ledger.receipts(TICKET_FLOW.name)}
    begun = []
    for version in stored_in_order(files, bucket, {}):
        run, revision = editions.get(version.id, (1, 0))
        begun.append(Ingestion(version, run=run, revision=revision))
    settled = settle(begun, files, directory, progress)
    loads = pl.LazyFrame(_nodes(settled), LOAD_SCHEMA)
    with tempfile.TemporaryDirectory(prefix=".lines-", dir=directory) as folder:
        written = settled.files | {LOAD.name: write_rows(loads, LOAD, Path(folder), directory / LOAD.path)}
    write_script(directory)
    read = settled.ingestions.values()
    return Export(
        directory,
        {file.name: written[file.name] for file in FILES},
        len(begun),
        len(begun) - len(read),
        sum(ingestion.next_row - 1 for ingestion in read),
        time.monotonic() - started,
    )


def export_bytes(files: TicketFiles, bucket: str) -> int:
    """How many bytes the versions in a bucket have that an export reads; raises `TransientError`."""
    return sum(version.size for version in files.storage.bucket(bucket).versions())


def owners_of(ingestions: Mapping[int, Ingestion]) -> pl.DataFrame:
    """A frame of `OWNER_SCHEMA`, a row for each version by its number."""
    stands = {known.id for known in _standing(ingestions).values() if known}
    rows = [(number, ingestion.owner, ingestion.version.id in stands) for number, ingestion in ingestions.items()]
    return pl.DataFrame(rows, OWNER_SCHEMA, orient="row")


def _standing(ingestions: Mapping[int, Ingestion]) -> dict[str, KnownIngestion | None]:
    """The version that stands for each object."""
    versions: defaultdict[str, list[KnownIngestion]] = defaultdict(list)
    for ingestion in ingestions.values():
        versions[ingestion.version.uri].append(KnownIngestion(ingestion.version.id, ingestion.version.uri, ingestion))
    return {uri: standing(known) for uri, known in versions.items()}


def _nodes(settled: Settled) -> list[dict[str, Any]]:
    """Rows of `LOAD_SCHEMA`: what was accepted beside what was rejected, as the live graph counts it."""
    ingestions = settled.ingestions
    accepted: defaultdict[int, defaultdict[str, Counts]] = defaultdict(lambda: defaultdict(Counts))
    for number, day, received, unique, superseded in settled.rows.iter_rows():
        repeated = received - unique
        accepted[number][day] += Counts(received, unique - superseded, duplicate=repeated, superseded=superseded)
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
