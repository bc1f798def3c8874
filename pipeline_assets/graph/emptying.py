"""Emptying the purchase graph so that every object version can be worked in anew, at any moment and by anyone.

Writers go on meanwhile, and the emptying may be killed between any two transactions. Therefore a load is first begun
again: its ledger node says the next run and row 1, as a redo would. Only then what its earlier runs wrote is deleted.
So no ledger node ever says that something is in which was deleted; whoever works on the object finds itself behind; and
what is left of the earlier runs when the new one ends is retired by it, as after every redo.

Loads that are not begun again, and the tombstones that they left, stay: an object version that is no longer stored
cannot leave its tombstones a second time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, LiteralString, TypeVar

from pipeline_assets.events.object_version import ObjectVersion
from pipeline_assets.graph.load import Load, owner_of
from pipeline_assets.graph.store import PurchaseGraph

if TYPE_CHECKING:
    from neo4j import ManagedTransaction

#: Tickets and other nodes of one transaction; what is seen takes a second at most.
BATCH = 5_000
_LOADS: Final = """
MATCH (load:TicketLoad)
RETURN load.id AS id, load.uri AS uri, load.stamp AS stamp, load.run AS run, load.state = 'done' AS done
"""
_BEGIN_AGAIN: Final = """
UNWIND $ids AS id
MATCH (load:TicketLoad {id: id})
SET load.run = load.run + 1, load.next_row = 1, load.state = 'loading', load.effective = false, load.tally = $tally
RETURN load.stamp AS stamp, load.run AS run
"""
_COUNT_OWNED: Final = """
UNWIND $owners AS owner
MATCH (t:Ticket {owner: owner})
RETURN owner, count(t) AS tickets
"""
_DELETE_OWNED: Final = """
UNWIND $owners AS owner
MATCH (t:Ticket {owner: owner})
WITH t LIMIT $limit
DETACH DELETE t
RETURN count(t) AS deleted
"""
_OWNERS: Final[dict[LiteralString, LiteralString]] = {
    "Ticket": "MATCH (t:Ticket) RETURN t.ticket_id AS ticket_id, t.owner AS owner",
    "RetiredTicket": "MATCH (t:RetiredTicket) RETURN t.ticket_id AS ticket_id, t.owner AS owner",
}
_DELETE_NAMED: Final[dict[LiteralString, LiteralString]] = {
    label: f"""
UNWIND $rows AS row
MATCH (t:{label} {{ticket_id: row.ticket_id}})
WHERE t.owner = row.owner OR (t.owner IS NULL AND row.owner IS NULL)
DETACH DELETE t
RETURN count(t) AS deleted
"""
    for label in _OWNERS
}
_DELETE_UNSUPPORTED: Final[LiteralString] = """
MATCH (n:{label})
WHERE NOT EXISTS {{ MATCH (n)<-[:{kind}]-(:{of}) }}
WITH n LIMIT $limit
DETACH DELETE n
RETURN count(n) AS deleted
"""
_DELETE_UNSUPPORTED_CATEGORIES: Final = """
MATCH (p:Product)-[r:IN_CATEGORY]->(c:Category)
WHERE NOT EXISTS { MATCH (p)<-[line:CONTAINS]-(:Ticket) WHERE line.category = c.name }
WITH r LIMIT $limit
DELETE r
RETURN count(r) AS deleted
"""
#: What no ticket leads to, in an order in which none of them leaves another one behind.
_DELETE_LEFTOVERS: Final[tuple[LiteralString, ...]] = (
    _DELETE_UNSUPPORTED.format(label="Product", kind="CONTAINS", of="Ticket"),
    _DELETE_UNSUPPORTED.format(label="Basket", kind="PART_OF", of="Ticket"),
    _DELETE_UNSUPPORTED.format(label="Store", kind="SOLD_AT", of="Ticket"),
    _DELETE_UNSUPPORTED_CATEGORIES,
    _DELETE_UNSUPPORTED.format(label="Category", kind="IN_CATEGORY", of="Product"),
)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class KnownLoad:
    """A load that the graph knows: its object, its place in the order, its run, and whether all of it is in."""

    id: str
    uri: str
    stamp: str
    run: int
    done: bool

    @property
    def owners(self) -> list[str]:
        """What the tickets of its runs carry as their owner."""
        return [owner_of(self.stamp, run) for run in range(1, self.run + 1)]


def known_loads(graph: PurchaseGraph) -> dict[str, KnownLoad]:
    """Every load that the graph knows, by the id of its object version."""
    return {row[0]: KnownLoad(*row) for row in graph.read(partial(_rows, text=_LOADS))}


def owned_tickets(graph: PurchaseGraph, loads: Collection[KnownLoad]) -> dict[str, int]:
    """How many tickets each of these loads has in the graph, by its id; those with none are left out."""
    load_of = {owner: load.id for load in loads for owner in load.owners}
    owned: Counter[str] = Counter()
    for owners in _in_batches(list(load_of)):
        for owner, tickets in graph.read(partial(_rows, text=_COUNT_OWNED, owners=owners)):
            owned[load_of[owner]] += tickets
    return dict(owned)


def empty(graph: PurchaseGraph, loads: Collection[KnownLoad], progress: Callable[[int], None]) -> None:
    """Begin these loads again and delete what they wrote, what nobody knows the load of, and what nothing supports.

    Bounded transactions, each in its turn; `progress` is told how many nodes each one deleted.
    """
    runs: dict[str, int] = {}
    for ids in _in_batches([load.id for load in loads]):
        runs |= graph.in_turn(None, partial(_begin_again, ids=ids))
    owners = [owner_of(stamp, run) for stamp, begun in runs.items() for run in range(1, begun)]
    for some in _in_batches(owners):
        _until_none(graph, _DELETE_OWNED, progress, owners=some)
    for label, every in _OWNERS.items():
        # The loads are read after the tickets: a ticket that a writer has just put has its load in the graph by then.
        found = graph.read(partial(_rows, text=every))
        known = {load.stamp for load in known_loads(graph).values()}
        rows = [{"ticket_id": name, "owner": owner} for name, owner in found if _is_stale(owner, runs, known)]
        for batch in _in_batches(rows):
            progress(graph.in_turn(None, partial(_deleted, text=_DELETE_NAMED[label], bound={"rows": batch})))
    for text in _DELETE_LEFTOVERS:
        _until_none(graph, text, progress)


def _rows(tx: ManagedTransaction, text: LiteralString, **bound: object) -> list[list[Any]]:
    return tx.run(text, bound).values()


def _begin_again(tx: ManagedTransaction, ids: Sequence[str]) -> dict[str, int]:
    nothing = Load(ObjectVersion("", "", "", "", 0, "", "")).tally
    return {record["stamp"]: record["run"] for record in tx.run(_BEGIN_AGAIN, ids=ids, tally=nothing)}


def _is_stale(owner: str | None, runs: Mapping[str, int], known: Collection[str]) -> bool:
    """Whether an owner is an earlier run of a load that was begun again, or of no load at all."""
    stamp, _, run = (owner or "").rpartition("/")
    if stamp not in known:
        return True
    return stamp in runs and owner is not None and int(run) < runs[stamp]


def _until_none(graph: PurchaseGraph, text: LiteralString, progress: Callable[[int], None], **bound: list[str]) -> None:
    while deleted := graph.in_turn(None, partial(_deleted, text=text, bound={"limit": BATCH, **bound})):
        progress(deleted)


def _deleted(tx: ManagedTransaction, text: LiteralString, bound: dict[str, Any]) -> int:
    return int(tx.run(text, bound).single(strict=True)["deleted"])


def _in_batches(items: list[_T]) -> Iterator[list[_T]]:
    for first in range(0, len(items), BATCH):
        yield items[first : first + BATCH]
