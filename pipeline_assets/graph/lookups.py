"""Lookups in the graph for a trace: its ingestions by object, and tickets with the claims on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, LiteralString

from pipeline_assets.graph import statements
from pipeline_assets.graph.changes import read_claims
from pipeline_assets.graph.ingestion import KnownIngestion, known_ingestion
from pipeline_assets.graph.ownership import Claims, TicketKey, owner_of
from pipeline_assets.graph.store import PurchaseGraph

if TYPE_CHECKING:
    from neo4j import ManagedTransaction

_TICKETS: Final[LiteralString] = """
UNWIND $numbers AS number
MATCH (t:Ticket {ticket_id: number})
RETURN t.key AS key ORDER BY key
"""
_RETIRED: Final[LiteralString] = """
UNWIND $numbers AS number
MATCH (r:RetiredTicket {ticket_id: number})
RETURN r.key AS key, r.owner AS owner ORDER BY key
"""


@dataclass(frozen=True, slots=True)
class IngestionPlace:
    """Progress of an object version in the graph.

    Parameters
    ----------
    id
        Its receipt's.
    uri, stamp
        Address of the object, and its place in the order of all.
    run
        How often it was begun from row 1.
    next_row
        Number of the first record that is not in yet.
    done
        Whether all records are in.
    stands
        Whether it is the version that stands for its key.
    """

    id: str
    uri: str
    stamp: str
    run: int
    next_row: int
    done: bool
    stands: bool


@dataclass(frozen=True, slots=True)
class FoundTicket:
    """A ticket that the graph knows under a number: the claims on it, none where it has left.

    `owners` are those of the claims, the greatest stamp last; of one that has left, the last that had carried it.
    """

    key: TicketKey
    claims: Claims
    owners: tuple[str, ...]


def ingestions_of_object(graph: PurchaseGraph, uri: str) -> list[IngestionPlace]:
    """The versions of an object that the graph knows, oldest first; raises `TransientError`."""
    return [place(known) for known in graph.ingestions_of(uri)]


def ingestion_of_owner(graph: PurchaseGraph, owner: str) -> IngestionPlace | None:
    """The ingestion that an owner names, or None when the graph does not know it; raises `TransientError`."""
    stamp, _, _ = owner.rpartition("/")

    def read(tx: ManagedTransaction) -> list[KnownIngestion]:
        return [known_ingestion(record) for record in tx.run(statements.READ_INGESTIONS_OF_STAMPS, stamps=[stamp])]

    return next(map(place, graph.read(read)), None)


def tickets_numbered(graph: PurchaseGraph, numbers: Sequence[str]) -> list[FoundTicket]:
    """What the graph knows under ticket numbers, of whatever store, basket and day; raises `TransientError`."""

    def read(tx: ManagedTransaction) -> list[FoundTicket]:
        keys = [TicketKey.read(record["key"]) for record in tx.run(_TICKETS, numbers=numbers)]
        held = read_claims(tx, keys)
        # A transaction that only reads sees what others commit meanwhile: a ticket may have left since it was found.
        found = [FoundTicket(key, held[key], _owners(held[key])) for key in keys if key in held]
        gone = {TicketKey.read(r["key"]): r["owner"] for r in tx.run(_RETIRED, numbers=numbers)}
        return found + [FoundTicket(key, {}, (owner,)) for key, owner in gone.items() if key not in held]

    return graph.read(read)


def place(known: KnownIngestion) -> IngestionPlace:
    """How far an ingestion is, without its counts."""
    at = known.ingestion
    return IngestionPlace(known.id, known.uri, at.version.stamp, at.run, at.next_row, at.done, at.stands)


def _owners(claims: Claims) -> tuple[str, ...]:
    return tuple(owner_of(stamp, claims[stamp].run) for stamp in sorted(claims))
