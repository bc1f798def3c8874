"""What it would take out of the graph to put a ticket file in the place of the one that stands."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from pipeline_assets.csv_files.reading import RefusedFileError, open_csv
from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.graph.ingestion import Rank
from pipeline_assets.graph.ownership import Line, TicketKey, ticket_of
from pipeline_assets.graph.standing import sole_tickets
from pipeline_assets.graph.store import PurchaseGraph
from pipeline_assets.tickets.rows import RowRules

_ALL = 2**31 - 1


def tickets_left_out(
    graph: PurchaseGraph, uri: str, path: Path, *, arrives: datetime, day_begins: timedelta = timedelta()
) -> int:
    """How many tickets the object alone has in the graph that a file in its place would not have.

    Parameters
    ----------
    graph
        Where the object's standing version is.
    uri
        The object, ``s3://bucket/key``.
    path
        The file that would be put in its place.
    arrives
        When it would be put, which bounds the times that are believed.
    day_begins
        How long after midnight UTC the day of a purchase begins.

    Returns
    -------
    int
        Zero for a file that would decide nothing: it would be refused whole, has no valid row, or its end is missing
        and what stands was read whole.

    Raises
    ------
    TransientError
        The graph cannot be read.
    """
    standing = [known for known in graph.open_ingestions_of(uri) if known.ingestion.stands]
    owners = {owner for known in standing for owner in known.ingestion.owners}
    alone = set(graph.read(partial(sole_tickets, owners=owners, limit=_ALL)))
    try:
        with open_csv(path, uri, TICKETS) as file:
            rules = RowRules(file.header, arrives, day_begins)
            rows = (rules.line(number, fields) for number, fields in file.records())
            carried = {TicketKey(*ticket_of(row)) for row in rows if isinstance(row, Line)}
            rank = Rank.PART if file.cut else Rank.WHOLE
    except RefusedFileError:
        return 0
    return len(alone - carried) if carried and all(known.rank <= rank for known in standing) else 0
