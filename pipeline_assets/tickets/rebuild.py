"""Rebuild of the purchase graph from the ticket files in S3, by today's rules, while new files go on arriving.

The bucket is what counts, not the ledger: versions that the ledger lacks are brought in and get their receipts. What
becomes of a rebuild that is killed is told in `graph.emptying`: another one, or a catch-up, brings in the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline_assets.errors import UserError
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.events.stored_objects import stored_versions
from pipeline_assets.graph.emptying import empty, known_ingestions, owned_tickets
from pipeline_assets.graph.fingerprint import graph_fingerprint
from pipeline_assets.graph.ingestion import KnownIngestion
from pipeline_assets.tickets.catch_up import restore_patiently
from pipeline_assets.tickets.ingest import TICKET_FLOW

if TYPE_CHECKING:
    from pipeline_assets.tickets.stores import TicketFiles, TicketStores

#: Told what is being done, how much of it is done and how much there is.
Progress = Callable[[str, int, int], None]


class ObjectsGoneError(UserError):
    """Raised when tickets of the graph come from object versions that are no longer in the bucket.

    `tickets` holds how many by the object's URI.
    """

    def __init__(self, tickets: dict[str, int]) -> None:
        named = ", ".join(list(tickets)[:5]) + (f" and {len(tickets) - 5} more" if len(tickets) > 5 else "")  # noqa: PLR2004
        super().__init__(
            f"{sum(tickets.values())} tickets of the graph come from files that are no longer in the bucket and would "
            f"be lost: {named}"
        )
        self.tickets = tickets


@dataclass(frozen=True, slots=True)
class RebuildPlan:
    """Plan of a rebuild.

    Parameters
    ----------
    versions
        Stored versions, oldest first.
    ingestions
        Ingestions that the graph knows, by id.
    lost
        By ingestion id, how many tickets come from versions that are not stored any more.
    """

    versions: tuple[ObjectVersion, ...]
    ingestions: dict[str, KnownIngestion]
    lost: dict[str, int]

    @property
    def lost_objects(self) -> dict[str, int]:
        """The tickets that would be lost, by the URI of their object."""
        objects: dict[str, int] = {}
        for ingestion_id, tickets in self.lost.items():
            uri = self.ingestions[ingestion_id].uri
            objects[uri] = objects.get(uri, 0) + tickets
        return objects

    @property
    def begun_again(self) -> list[KnownIngestion]:
        """The ingestions to begin again: those of stored versions, and those whose tickets would stay for no reason."""
        stored = {version.id for version in self.versions}
        return [known for known in self.ingestions.values() if known.id in stored or known.id in self.lost]


@dataclass(slots=True)
class _Done:
    """What was worked in so far."""

    worked: set[str] = field(default_factory=set)
    size: int = 0
    refused: int = 0
    gone: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Outcome of a rebuild.

    Parameters
    ----------
    objects
        Object versions that were brought in.
    counts
        Their rows by outcome.
    size
        Their bytes.
    refused
        Of these versions, refused whole.
    before, after
        Sizes of the graph.
    same
        Whether it says the same as before; None when that cannot be told since the files were not the same.
    missing
        Objects whose tickets the graph had and the bucket has not.
    seconds
        How long it took.
    """

    objects: int
    counts: Counts
    size: int
    refused: int
    before: dict[str, int]
    after: dict[str, int]
    same: bool | None
    missing: tuple[str, ...]
    seconds: float


def plan_rebuild(stores: TicketStores, bucket: str) -> RebuildPlan:
    """Plan a rebuild by bucket, ledger and graph; changes nothing."""
    ingestions = known_ingestions(stores.graph)
    versions = stored_in_order(stores, bucket, ingestions)
    stored = {version.id for version in versions}
    others = [known for known in ingestions.values() if known.id not in stored]
    gone = [known for known in others if known.uri.startswith(f"s3://{bucket}/")]
    return RebuildPlan(versions, ingestions, owned_tickets(stores.graph, gone))


def rebuild_graph(stores: TicketStores, bucket: str, *, force: bool = False, progress: Progress) -> Rebuild:
    """Empty the graph and bring in every stored version of every ticket file again, oldest first.

    Parameters
    ----------
    stores
        Stores of the ticket flow.
    bucket
        Name of the bucket of ticket files.
    force
        Go on although tickets of files that are gone would be lost.
    progress
        Called with what is done, how much of it and how much there is.

    Returns
    -------
    Rebuild
        What came of it.

    Raises
    ------
    ObjectsGoneError
        Tickets would be lost and `force` is not given; nothing was changed.
    TransientError
        A store does not answer; another rebuild or a catch-up completes what was begun.
    """
    started = time.monotonic()
    graph = stores.graph
    graph.ensure_schema()
    plan = plan_rebuild(stores, bucket)
    if plan.lost and not force:
        raise ObjectsGoneError(plan.lost_objects)
    before, said_before = graph.sizes(), graph_fingerprint(graph)
    _empty(stores, plan, before["Ticket"], progress)
    done = _Done()
    _work_in(plan.versions, stores, done, progress)
    # What arrived meanwhile has an event of its own; this is for what had none.
    late = [v for v in stored_in_order(stores, bucket, known_ingestions(graph)) if v.id not in done.worked]
    _work_in(late, stores, done, progress)
    counts = _counts_now(stores, done.worked)
    same = (
        graph_fingerprint(graph) == said_before
        if _settled(plan.ingestions) == _settled(known_ingestions(graph))
        else None
    )
    return Rebuild(
        objects=len(done.worked),
        counts=counts,
        size=done.size,
        refused=done.refused,
        before=before,
        after=graph.sizes(),
        same=same,
        missing=tuple(sorted(done.gone | plan.lost_objects.keys())),
        seconds=time.monotonic() - started,
    )


def _empty(stores: TicketStores, plan: RebuildPlan, tickets: int, progress: Progress) -> None:
    deleted = 0

    def tell(nodes: int) -> None:
        nonlocal deleted
        deleted += nodes
        progress("tickets taken out", min(deleted, tickets), tickets)

    empty(stores.graph, plan.begun_again, tell)


def stored_in_order(
    stores: TicketFiles, bucket: str, ingestions: Mapping[str, KnownIngestion]
) -> tuple[ObjectVersion, ...]:
    """List the versions in the bucket in their order.

    Parameters
    ----------
    stores
        Where ticket files and their receipts are.
    bucket
        Name of the bucket.
    ingestions
        Ingestions that the graph knows, by id.

    Returns
    -------
    tuple of ObjectVersion
        Oldest first: with the stamp that the graph has, else that of the ledger, else that of the listing.
    """
    sources = {receipt.id: receipt.version for receipt in stores.ledger.receipts(TICKET_FLOW.name)}

    def known(version: ObjectVersion) -> ObjectVersion | None:
        known = ingestions.get(version.id)
        return version.at(known.ingestion.version.stamp) if known else sources.get(version.id)

    return tuple(sorted(stored_versions(stores.storage.bucket(bucket), known), key=lambda version: version.stamp))


def _work_in(versions: Iterable[ObjectVersion], stores: TicketStores, done: _Done, progress: Progress) -> None:
    versions = tuple(versions)
    for number, version in enumerate(versions, 1):
        receipt = restore_patiently(version, stores)
        stores.quarantine.drop_earlier_runs(version, receipt.run)
        done.worked.add(version.id)
        done.size += receipt.size
        done.refused += bool(receipt.refused)
        if receipt.refused and not receipt.partitions:  # it was listed, or in the graph, and is not to be read any more
            done.gone.add(version.uri)
        progress("files worked in", number, len(versions))


def _counts_now(stores: TicketStores, worked: set[str]) -> Counts:
    """The rows of these versions by outcome, once all of them are in: later ones superseded rows of earlier ones."""
    for known in known_ingestions(stores.graph).values():
        TICKET_FLOW.revise(known.id, stores)
    receipts = stores.ledger.receipts(TICKET_FLOW.name)
    return sum((receipt.counts for receipt in receipts if receipt.id in worked), Counts())


def _settled(ingestions: dict[str, KnownIngestion]) -> set[str] | None:
    """The versions in the graph, or None while one of them is not all in."""
    return set(ingestions) if all(known.ingestion.done for known in ingestions.values()) else None
