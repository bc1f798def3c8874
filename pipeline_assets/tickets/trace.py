"""Where a ticket file or a ticket is: all that bucket, queue, ledger, graph and quarantine know, and one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipeline_assets.datasets.text import clean, clean_id
from pipeline_assets.events.dead_letters import DeadLetters
from pipeline_assets.files.rejected import Progress, rules_broken
from pipeline_assets.files.waiting import Waiting, what_waits
from pipeline_assets.graph.ownership import Content
from pipeline_assets.graph.whereabouts import LoadPlace, held_ticket, load_of_owner, loads_of_object
from pipeline_assets.tickets.history import KnownVersion, known_versions
from pipeline_assets.tickets.search import rows_of_ticket
from pipeline_assets.tickets.stores import TicketStores

_NEVER = (
    "never seen: ledger, graph, dead letters and quarantine know nothing of it. Is its file in the bucket, under a "
    "name that ends in .csv or .csv.gz?"
)


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
class TicketTrace:
    """A ticket: its place in the graph and the rejected rows that carry it.

    `content` is None where the graph has no such ticket, `owner` empty where it never had; `load` is the file version
    that carries or carried it, `replaced_by` the newer one that does not, `since` when the ledger recorded `load`.
    `refused` names files that nobody could read: whether they carry it is not known.
    """

    ticket_id: str
    content: Content | None
    owner: str
    load: LoadPlace | None
    since: str
    replaced_by: LoadPlace | None
    rejected: tuple[dict[str, Any], ...]
    refused: tuple[str, ...]
    waiting: Waiting

    @property
    def verdict(self) -> str:
        """Where the ticket is, in one sentence or two."""
        return ticket_verdict(self)

    def as_dict(self) -> dict[str, Any]:
        """The trace as a program reads it."""
        content = self.content and {
            "timestamp": self.content.timestamp,
            "baskets": sorted(self.content.baskets),
            "stores": sorted(self.content.stores),
            "lines": {
                name: {"quantity": float(line.quantity), "category": line.category}
                for name, line in sorted(self.content.lines.items())
            },
        }
        places = {"load": self.load and asdict(self.load), "replaced_by": self.replaced_by and asdict(self.replaced_by)}
        return {
            "ticket": self.ticket_id,
            "verdict": self.verdict,
            "in_graph": content,
            "owner": self.owner,
            "since": self.since,
            **places,
            "rejected": list(self.rejected),
            "refused_files": list(self.refused),
            "queued": self.waiting.queued,
            "dead_letters": self.waiting.dead,
        }


def trace_file(bucket: str, key: str, stores: TicketStores, letters: DeadLetters) -> FileTrace:
    """All that is known of a ticket file."""
    versions, deleted = known_versions(stores, bucket, key)
    waiting = what_waits(letters, "tickets")
    traced = tuple(_traced(known, stores, waiting) for known in versions)
    return FileTrace(f"s3://{bucket}/{key}", traced, deleted, waiting)


def trace_ticket(
    ticket_id: str, stores: TicketStores, letters: DeadLetters, *, progress: Progress = lambda *_: None
) -> TicketTrace:
    """All that is known of a ticket; reads the quarantine of all open files, which `progress` follows."""
    driver = stores.graph.driver
    ticket_id = clean_id(ticket_id) or clean(ticket_id)
    held = held_ticket(driver, ticket_id)
    load = load_of_owner(driver, held.owner) if held else None
    later = [each for each in loads_of_object(driver, load.uri) if each.effective] if load else []
    newer = [each for each in later if load and each.stamp > load.stamp]
    receipt = stores.ledger.receipt(load.id) if load else None
    rows = rows_of_ticket(ticket_id, stores, stores.quarantine.contents(), progress=progress)
    return TicketTrace(
        ticket_id,
        held.content if held else None,
        held.owner if held else "",
        load,
        receipt.recorded_at if receipt else "",
        newer[-1] if newer else None,
        tuple(row for row in rows if "row" in row),
        tuple(f"s3://{row['bucket']}/{row['key']}" for row in rows if "row" not in row),
        what_waits(letters, "tickets"),
    )


def file_verdict(trace: FileTrace) -> str:
    """Where a file is, by its newest version."""
    if not trace.versions:
        return f"{trace.uri}: {_NEVER}{trace.waiting.sentence}"
    newest = trace.versions[-1]
    deleted = " It is deleted in the bucket; that takes no tickets out of the graph." if trace.deleted else ""
    return f"{trace.uri}: {_of_version(newest, trace.versions, trace.waiting)}{deleted}"


def ticket_verdict(trace: TicketTrace) -> str:
    """Where a ticket is: in the graph, taken back, rejected, or never seen."""
    said = [_in_graph(trace)] if trace.owner else []
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
        return "was given up and lies in the dead letters: mend the cause, then `cesta redrive`."
    if load and not load.done:
        return f"is being loaded: {load.next_row - 1} rows are in the graph.{waiting.sentence}"
    if load:
        return "is in the graph, its receipt is not written yet."
    if waiting.queued:
        return f"has not been worked through: its event should be among the {waiting.queued} in the queue."
    return "is in the bucket, but no event announces it: put it again."


def _in_graph(trace: TicketTrace) -> str:
    where = f"{trace.load.uri} (receipt {trace.load.id})" if trace.load else "a file that the graph does not know"
    if trace.content is not None:
        lines = len(trace.content.lines)
        since = f", since {trace.since}" if trace.since else ""
        return f"in the graph with {lines} product{'s' * (lines != 1)}, from {where}{since}."
    if trace.replaced_by:
        return f"not in the graph: {where} carried it, and a newer version ({trace.replaced_by.id}) does not."
    return f"not in the graph: {where} carried it, and a later run of that version rejected it."
