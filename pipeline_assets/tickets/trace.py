"""Trace of a ticket file or a ticket: all that bucket, queue, ledger, graph and quarantine know, and a verdict."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pipeline_assets.datasets.text import clean, clean_id
from pipeline_assets.events.dead_letters import DeadLetters
from pipeline_assets.graph.lookups import (
    FoundTicket,
    IngestionPlace,
    ingestion_of_owner,
    ingestions_of_object,
    tickets_numbered,
)
from pipeline_assets.graph.ownership import Content, TicketKey, content
from pipeline_assets.operations.backlog import Waiting, what_waits
from pipeline_assets.operations.rejected import Progress
from pipeline_assets.operations.trace import ObjectTrace, Place, trace_object
from pipeline_assets.tickets.search import rows_of_ticket
from pipeline_assets.tickets.stores import TicketStores

_NEVER = (
    "never seen: ledger, graph, dead letters and quarantine know nothing of it. Is its file in the bucket, under a "
    "name that ends in .csv or .csv.gz?"
)
#: As many purchases of one number as a verdict tells of.
_PURCHASES_TOLD = 5


@dataclass(frozen=True)
class FileTrace(ObjectTrace):
    """A ticket file with all its versions, oldest first; `deleted` says that its bucket holds a deletion of it."""

    target = "graph"
    never = _NEVER
    kept = " What the version before it brought stays in the graph."
    undeleted = " It is deleted in the bucket; that takes no tickets out of the graph."

    def under_way(self, load: Place) -> str:
        """What is said of a version without a receipt that the graph knows."""
        if load.done:
            return "is in the graph, its receipt is not written yet."
        return f"is being loaded: {load.next_row - 1} rows are in the graph.{self.waiting.sentence}"

    def lost(self, load: Place | None) -> str:
        """What is said, after a space, of a version with a receipt that the graph does not hold whole."""
        whole = load and load.done
        return "" if whole else " The graph has lost it: materialize purchase_graph to bring it in again."


@dataclass(frozen=True, slots=True)
class ClaimTrace:
    """What one file version says of a ticket: `lines` that stand, and `superseded` ones that a later file has too.

    `load` is None where the graph does not know the version any more, `since` when the ledger recorded it.
    """

    owner: str
    load: IngestionPlace | None
    since: str
    lines: tuple[str, ...]
    superseded: tuple[str, ...]

    @property
    def file(self) -> str:
        """The file and its receipt, for a sentence."""
        return f"{self.load.uri} (receipt {self.load.id})" if self.load else "a file that the graph does not know"


@dataclass(frozen=True, slots=True)
class PurchaseTrace:
    """A ticket of one store, basket and day; without `content` it has left the graph, `claims` being who had it last.

    `replaced_by` is the version that stands for that file and does not have it.
    """

    key: TicketKey
    content: Content | None
    claims: tuple[ClaimTrace, ...]
    replaced_by: IngestionPlace | None

    def as_dict(self) -> dict[str, Any]:
        """The purchase as a program reads it."""
        content = self.content and {
            "timestamp": self.content.timestamp,
            "lines": {
                name: {"quantity": float(line.quantity), "category": line.category}
                for name, (_, line) in sorted(self.content.lines.items())
            },
        }
        claims = [asdict(claim) for claim in self.claims]
        replaced_by = self.replaced_by and asdict(self.replaced_by)
        return {**self.key._asdict(), "in_graph": content, "claims": claims, "replaced_by": replaced_by}


@dataclass(frozen=True, slots=True)
class TicketTrace:
    """A ticket number: the purchases that the graph knows under it, and the rejected rows that carry it.

    `refused` names files that nobody could read: whether they carry it is not known.
    """

    ticket_id: str
    purchases: tuple[PurchaseTrace, ...]
    rejected: tuple[dict[str, Any], ...]
    refused: tuple[str, ...]
    waiting: Waiting

    @property
    def verdict(self) -> str:
        """Where the ticket is, in a few sentences."""
        return ticket_verdict(self)

    def as_dict(self) -> dict[str, Any]:
        """The trace as a program reads it."""
        return {
            "ticket": self.ticket_id,
            "verdict": self.verdict,
            "purchases": [purchase.as_dict() for purchase in self.purchases],
            "rejected": list(self.rejected),
            "refused_files": list(self.refused),
            "queued": self.waiting.queued,
            "dead_letters": self.waiting.dead,
        }


def trace_file(bucket: str, key: str, stores: TicketStores, letters: DeadLetters) -> FileTrace:
    """Trace a ticket file.

    Parameters
    ----------
    bucket, key
        The file.
    stores
        Stores of the ticket flow.
    letters
        Dead letters of its queue.

    Returns
    -------
    FileTrace
        All that is known of it.
    """
    places = ingestions_of_object(stores.graph, f"s3://{bucket}/{key}")
    found = trace_object("tickets", (bucket, key), stores, letters, places)
    return FileTrace(found.uri, found.versions, found.deleted, found.waiting)


def trace_ticket(
    ticket_id: str, stores: TicketStores, letters: DeadLetters, *, progress: Progress = lambda *_: None
) -> TicketTrace:
    """Trace a ticket; reads the quarantine of all open files.

    Parameters
    ----------
    ticket_id
        Number of the ticket.
    stores
        Stores of the ticket flow.
    letters
        Dead letters of its queue.
    progress
        Called with how many of how many files of the quarantine were looked at.

    Returns
    -------
    TicketTrace
        All that is known of it.
    """
    ticket_id = clean_id(ticket_id) or clean(ticket_id)
    purchases = tuple(_purchase(found, stores) for found in tickets_numbered(stores.graph, [ticket_id]))
    rows = rows_of_ticket(ticket_id, stores, stores.quarantine.contents(), progress=progress)
    return TicketTrace(
        ticket_id,
        purchases,
        tuple(row for row in rows if "row" in row),
        tuple(f"s3://{row['bucket']}/{row['key']}" for row in rows if "row" not in row),
        what_waits(letters, "tickets"),
    )


def _purchase(found: FoundTicket, stores: TicketStores) -> PurchaseTrace:
    standing = content(found.claims) if found.claims else None
    claims = tuple(_claim(owner, found, standing, stores) for owner in found.owners)
    load = claims[-1].load if not standing else None
    stands = (
        next((each for each in ingestions_of_object(stores.graph, load.uri) if each.stands), None) if load else None
    )
    newer = stands if stands and load and stands.id != load.id else None
    return PurchaseTrace(found.key, standing, claims, newer)


def _claim(owner: str, found: FoundTicket, standing: Content | None, stores: TicketStores) -> ClaimTrace:
    stamp, _, _ = owner.rpartition("/")
    load = ingestion_of_owner(stores.graph, owner)
    receipt = stores.ledger.receipt(load.id) if load else None
    products = sorted(found.claims[stamp].lines) if standing else []
    stands = {product for product, (by, _) in standing.lines.items() if by == stamp} if standing else set()
    return ClaimTrace(
        owner,
        load,
        receipt.recorded_at if receipt else "",
        tuple(product for product in products if product in stands),
        tuple(product for product in products if product not in stands),
    )


def ticket_verdict(trace: TicketTrace) -> str:
    """Where a ticket is: in the graph, taken back, rejected, or never seen."""
    said = [_in_graph(purchase, alone=len(trace.purchases) == 1) for purchase in trace.purchases[:_PURCHASES_TOLD]]
    if len(trace.purchases) > _PURCHASES_TOLD:
        said.append(f"And {len(trace.purchases) - _PURCHASES_TOLD} more purchases have this number.")
    said += [f"in quarantine from s3://{row['bucket']}/{row['key']}: {row['reason']}." for row in trace.rejected[:3]]
    if len(trace.rejected) > 3:  # noqa: PLR2004 - as many as were just shown
        said.append(f"And {len(trace.rejected) - 3} more rows of it are in quarantine.")
    if not said:
        files = ", ".join(trace.refused[:3]) + (" and others" if len(trace.refused) > 3 else "")  # noqa: PLR2004
        unread = f" It may be in a file that was refused whole: {files}." if files else ""
        return f"{trace.ticket_id}: {_NEVER}{unread}{trace.waiting.sentence}"
    return f"{trace.ticket_id}: " + " ".join(said)


def _in_graph(purchase: PurchaseTrace, *, alone: bool) -> str:
    store, _, basket, day = purchase.key
    which = "" if alone else f"of store {store}, basket {basket}, {day}: "
    *_, last = purchase.claims
    if purchase.content is not None:
        since = f", since {last.since}" if last.since else ""
        lines = _products(len(purchase.content.lines))
        if len(purchase.claims) == 1:
            return f"{which}in the graph with {lines}, from {last.file}{since}."
        heard = [claim for claim in reversed(purchase.claims) if claim.lines]
        parts = "; ".join(f"{_products(len(claim.lines))} from {claim.file}" for claim in heard)
        superseded = sum(len(claim.superseded) for claim in purchase.claims)
        beside = f" {_products(superseded)} of an earlier file superseded by a later one." if superseded else ""
        return f"{which}in the graph with {lines}: {parts}.{beside}"
    if purchase.replaced_by:
        return (
            f"{which}not in the graph: {last.file} carried it, and the version that stands for that file "
            f"({purchase.replaced_by.id}) does not."
        )
    return f"{which}not in the graph: {last.file} carried it, and a later run of that version rejected it."


def _products(number: int) -> str:
    return f"{number} product{'s' * (number != 1)}"
