"""What leaves the graph because a row is rejected: the file had the line before, and has not now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pipeline_assets.datasets.text import clean_id, clean_name
from pipeline_assets.events.rejection import Rejection
from pipeline_assets.graph.ingestion import Ingestion
from pipeline_assets.graph.lookups import tickets_numbered
from pipeline_assets.graph.ownership import Claim
from pipeline_assets.graph.store import PurchaseGraph

#: So many lines of a ticket are named.
_NAMED = 5


def with_lines_that_leave(
    graph: PurchaseGraph, ingestion: Ingestion, header: Sequence[str], rejections: Sequence[Rejection]
) -> list[Rejection]:
    """Complete the rejections of a batch by what the file had of their tickets before.

    Parameters
    ----------
    graph
        The graph.
    ingestion
        The version that rejects the rows, on its way; before it there was an earlier version or an earlier run.
    header
        The columns of the file; a row with too few fields has those that it has.
    rejections
        The rejected rows of the batch.

    Returns
    -------
    list of Rejection
        In the same order; the reasons name the lines that leave.

    Raises
    ------
    TransientError
        The graph does not answer.
    """
    stamps = {
        known.ingestion.version.stamp
        for known in graph.open_ingestions_of(ingestion.version.uri)
        if known.ingestion.stands
    }
    stamps.discard(ingestion.version.stamp)
    if not rejections or not (stamps or ingestion.run > 1):
        return list(rejections)
    rows = [dict(zip(header, rejection.fields, strict=False)) for rejection in rejections]
    numbers = sorted({_cleaned(row, "ticket_id", clean_id) for row in rows} - {""})
    before: defaultdict[str, list[Claim]] = defaultdict(list)
    for found in tickets_numbered(graph, numbers):
        before[found.key.ticket_id] += [
            claim
            for stamp, claim in found.claims.items()
            if stamp in stamps or (stamp == ingestion.version.stamp and claim.run < ingestion.run)
        ]
    return [
        _completed(rejection, row, before.get(_cleaned(row, "ticket_id", clean_id), ()))
        for rejection, row in zip(rejections, rows, strict=True)
    ]


def _cleaned(row: Mapping[str, str], column: str, make: Callable[[str], str]) -> str:
    """A value as the graph keeps it; empty for bytes that were no UTF-8, which it never has."""
    text = row.get(column, "")
    return "" if any("\ud800" <= letter <= "\udfff" for letter in text) else make(text)


def _completed(rejection: Rejection, row: Mapping[str, str], claims: Sequence[Claim]) -> Rejection:
    lines = [(product, line.quantity) for claim in claims for product, line in claim.lines.items()]
    same = [(product, quantity) for product, quantity in lines if product == _cleaned(row, "product", clean_name)]
    if not lines:
        return rejection
    named = ", ".join(f"{product!r} x {quantity}" for product, quantity in (same or lines)[:_NAMED])
    reason = f"{rejection.reason}; before, the file had {named} of this ticket: what no other row or file has leaves"
    return replace(rejection, reason=reason)
