"""Trace of a ticket file or a ticket: all that bucket, queue, ledger, graph and quarantine know, and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipeline_assets.datasets.text import clean, clean_id
from pipeline_assets.events.dead_letters import DeadLetters
from pipeline_assets.events.names import LEFT_ALONE, is_left_alone
from pipeline_assets.graph.lookups import FoundTicket, LoadPlace, load_of_owner, loads_of_object, tickets_numbered
from pipeline_assets.graph.ownership import Content, TicketKey, content
from pipeline_assets.operations.backlog import Waiting, what_waits
from pipeline_assets.operations.rejected import Progress, rules_broken
from pipeline_assets.operations.versions import split_uri
from pipeline_assets.tickets.history import KnownVersion, known_versions
from pipeline_assets.tickets.search import rows_of_ticket
from pipeline_assets.tickets.stores import TicketStores

_NEVER = (
    "never seen: ledger, graph, dead letters and quarantine know nothing of it. Is its file in the bucket, under a "
    "name that ends in .csv or .csv.gz?"
)
#: As many purchases of one number as a verdict tells of.
_PURCHASES_TOLD = 5


@dataclass(frozen=True, slots=True)
class VersionTrace:
    """One version of a file; `in_dagster` is None before there is a receipt, `rules` counts its rejected rows."""

    known: KnownVersion
    deliveries: int
    in_dagster: bool | None
    rules: dict[str, int]
    dead_letters: int

    def as_dict(self) -> dict[str, Any]:
        """The trace of the version as a program reads it."""
        known = self.known
        receipt = known.receipt
        return {
            "version_id": known.version_id,
            "receipt": known.id,
            "in_bucket": known.stored and asdict(known.stored),
            "recorded_at": receipt.recorded_at if receipt else None,
            "counts": receipt.counts.as_dict() if receipt else None,
            "refused": receipt.refused if receipt else "",
            "in_graph": known.load and asdict(known.load),
            "deliveries": self.deliveries,
            "in_dagster": self.in_dagster,
            "rules": self.rules,
            "dead_letters": self.dead_letters,
        }


@dataclass(frozen=True, slots=True)
class FileTrace:
    """A ticket file with all its versions, oldest first; `deleted` says that its bucket holds a deletion of it."""

    uri: str
    versions: tuple[VersionTrace, ...]
    deleted: bool
    waiting: Waiting

    @property
    def verdict(self) -> str:
        """Where the file is, in one sentence."""
        return file_verdict(self)

    def as_dict(self) -> dict[str, Any]:
        """The trace as a program reads it."""
        return {
            "file": self.uri,
            "verdict": self.verdict,
            "deleted": self.deleted,
            "versions": [version.as_dict() for version in self.versions],
            "queued": self.waiting.queued,
            "dead_letters": self.waiting.dead,
        }


@dataclass(frozen=True, slots=True)
class ClaimTrace:
    """What one file version says of a ticket: `lines` that stand, and `superseded` ones that a later file has too.

    `load` is None where the graph does not know the version any more, `since` when the ledger recorded it.
    """

    owner: str
    load: LoadPlace | None
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
    replaced_by: LoadPlace | None

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
    versions, deleted = known_versions(stores, bucket, key)
    waiting = what_waits(letters, "tickets")
    traced = tuple(_traced(known, stores, waiting) for known in versions)
    return FileTrace(f"s3://{bucket}/{key}", traced, deleted, waiting)


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
    stands = next((each for each in loads_of_object(stores.graph, load.uri) if each.stands), None) if load else None
    newer = stands if stands and load and stands.id != load.id else None
    return PurchaseTrace(found.key, standing, claims, newer)


def _claim(owner: str, found: FoundTicket, standing: Content | None, stores: TicketStores) -> ClaimTrace:
    stamp, _, _ = owner.rpartition("/")
    load = load_of_owner(stores.graph, owner)
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


def file_verdict(trace: FileTrace) -> str:
    """Where a file is, by its newest version."""
    if is_left_alone(split_uri(trace.uri, "")[1]) and not any(version.known.receipt for version in trace.versions):
        return f"{trace.uri}: {'' if trace.versions else 'not in the bucket, and it '}{LEFT_ALONE}"
    if not trace.versions:
        return f"{trace.uri}: {_NEVER}{trace.waiting.sentence}"
    newest = trace.versions[-1]
    deleted = " It is deleted in the bucket; that takes no tickets out of the graph." if trace.deleted else ""
    return f"{trace.uri}: {_of_version(newest, trace.versions, trace.waiting)}{deleted}"


def ticket_verdict(trace: TicketTrace) -> str:
    """Where a ticket is: in the graph, taken back, rejected, or never seen."""
    said = [_in_graph(purchase, alone=len(trace.purchases) == 1) for purchase in trace.purchases[:_PURCHASES_TOLD]]
    if len(trace.purchases) > _PURCHASES_TOLD:
        said.append(f"And {len(trace.purchases) - _PURCHASES_TOLD} more purchases have this number.")
    said += [f"in quarantine from s3://{row['bucket']}/{row['key']}: {row['reason']}." for row in trace.rejected[:3]]
    if len(trace.rejected) > 3:  # noqa: PLR2004 - as many as were just told
        said.append(f"And {len(trace.rejected) - 3} more rows of it are in quarantine.")
    if not said:
        files = ", ".join(trace.refused[:3]) + (" and others" if len(trace.refused) > 3 else "")  # noqa: PLR2004
        unread = f" It may be in a file that was refused whole: {files}." if files else ""
        return f"{trace.ticket_id}: {_NEVER}{unread}{trace.waiting.sentence}"
    return f"{trace.ticket_id}: " + " ".join(said)


def _traced(known: KnownVersion, stores: TicketStores, waiting: Waiting) -> VersionTrace:
    receipt = known.receipt
    return VersionTrace(
        known,
        stores.ledger.deliveries(known.id) if receipt else 0,
        not stores.ledger.is_pending(receipt) if receipt else None,
        rules_broken(stores, receipt) if receipt else {},
        waiting.announced.get(known.id, 0),
    )


def _of_version(trace: VersionTrace, versions: Sequence[VersionTrace], waiting: Waiting) -> str:
    known = trace.known
    receipt, load = known.receipt, known.load
    which = f"version {known.version_id or known.id}"
    if receipt is None:
        return f"{which} {_not_through(trace, waiting)}"
    if receipt.refused:
        kept = any(v.known.receipt and not v.known.receipt.refused for v in versions)
        still = " What the version before it brought stays in the graph." if kept else ""
        return f"{which} was refused: {receipt.refused}.{still}"
    rows = ", ".join(f"{number} {outcome}" for outcome, number in receipt.counts.as_dict().items() if number)
    rejected = f" Rejected: {', '.join(f'{n} by {rule}' for rule, n in trace.rules.items())}." if trace.rules else ""
    shown = "Dagster shows it" if trace.in_dagster else "Dagster has yet to show it"
    lost = "" if load and load.done else " The graph has lost it: materialize purchase_graph to bring it in again."
    return f"{which} is through since {receipt.recorded_at} ({rows or 'no rows'}); {shown}.{rejected}{lost}"


def _not_through(trace: VersionTrace, waiting: Waiting) -> str:
    load = trace.known.load
    if trace.dead_letters:
        return "was dead-lettered: mend the cause, then `cesta redrive`."
    if load and not load.done:
        return f"is being loaded: {load.next_row - 1} rows are in the graph.{waiting.sentence}"
    if load:
        return "is in the graph, its receipt is not written yet."
    if waiting.queued:
        return f"has not been worked through: its event should be among the {waiting.queued} in the queue."
    return "is in the bucket, but no event announces it: put it again."


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
        told = f" {_products(superseded)} of an earlier file superseded by a later one." if superseded else ""
        return f"{which}in the graph with {lines}: {parts}.{told}"
    if purchase.replaced_by:
        return (
            f"{which}not in the graph: {last.file} carried it, and the version that stands for that file "
            f"({purchase.replaced_by.id}) does not."
        )
    return f"{which}not in the graph: {last.file} carried it, and a later run of that version rejected it."


def _products(number: int) -> str:
    return f"{number} product{'s' * (number != 1)}"
