"""Emptying of the purchase graph, so that every object version can be worked in anew, at any moment and by anyone.

Writers go on meanwhile, and the emptying may be killed between any two transactions. Therefore an ingestion is first
begun again: its ledger node says the next run and row 1, as a redo would. Only then what its earlier runs wrote is
deleted. So no ledger node ever says that something is in which was deleted; whoever works on the object finds itself
behind; and what is left of the earlier runs when the new one ends is retired by it, as after every redo.

Ingestions that are not begun again keep their claims, and with them what no stored object version could bring back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, LiteralString, TypeVar

from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.graph import statements
from pipeline_assets.graph.ingestion import Ingestion, KnownIngestion, known_ingestion
from pipeline_assets.graph.ownership import TicketKey, owner_of
from pipeline_assets.graph.standing import take_back
from pipeline_assets.graph.store import PurchaseGraph

if TYPE_CHECKING:
    from neo4j import ManagedTransaction

#: Tickets and other nodes of one transaction; what is seen takes a second at most.
BATCH = 5_000
#: Nobody's ingestion: on its behalf claims are withdrawn for which no object takes the place.
_NOBODY: Final = Ingestion(ObjectVersion("", "", "", "", 0, "", ""))
_BEGIN_AGAIN: Final = """
UNWIND $ids AS id
MATCH (load:TicketLoad {id: id})
SET load.run = load.run + 1, load.next_row = 1, load.state = 'loading', load.rank = 0, load.stands = false,
    load.revision = 0, load.untold = false, load.tally = $tally
RETURN load.stamp AS stamp, load.run AS run
"""
_COUNT_OWNED: Final[tuple[LiteralString, ...]] = tuple(
    f"UNWIND $owners AS owner MATCH (n:{label} {{owner: owner}}) RETURN owner, count(n) AS tickets"
    for label in ("Ticket", "TicketClaim")
)
_DELETE_OWNED: Final = """
UNWIND $owners AS owner
MATCH (t:Ticket {owner: owner})
WITH t LIMIT $limit
DETACH DELETE t
RETURN count(t) AS deleted
"""
_OWNERS: Final[dict[LiteralString, LiteralString]] = {
    label: f"MATCH (t:{label}) WHERE t.owner IS NOT NULL RETURN t.key AS key, t.owner AS owner"
    for label in ("Ticket", "RetiredTicket")
}
#: A ticket that several claims share, of which none is there.
_DELETE_UNCLAIMED: Final = """
MATCH (t:Ticket)
WHERE t.owner IS NULL AND NOT EXISTS { MATCH (c:TicketClaim {ticket: t.key}) }
WITH t LIMIT $limit
DETACH DELETE t
RETURN count(t) AS deleted
"""
_CLAIMS: Final = "MATCH (c:TicketClaim) RETURN c.ticket AS key, c.owner AS owner"
_DELETE_NAMED: Final[dict[LiteralString, LiteralString]] = {
    label: f"""
UNWIND $rows AS row
MATCH (t:{label} {{key: row.key}})
WHERE t.owner = row.owner
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


def known_ingestions(graph: PurchaseGraph) -> dict[str, KnownIngestion]:
    """Every ingestion that the graph knows, by the id of its object version."""
    return {known.id: known for known in graph.read(_all_ingestions)}


def owned_tickets(graph: PurchaseGraph, ingestions: Collection[KnownIngestion]) -> dict[str, int]:
    """Number of tickets that each of these ingestions has a claim on, by its id; those with none are left out."""
    ingestion_of = {owner: known.id for known in ingestions for owner in known.ingestion.owners}
    owned: Counter[str] = Counter()
    for owners in _in_batches(list(ingestion_of)):
        for text in _COUNT_OWNED:
            for owner, tickets in graph.read(partial(_rows, text=text, owners=owners)):
                owned[ingestion_of[owner]] += tickets
    return dict(owned)


def empty(graph: PurchaseGraph, ingestions: Collection[KnownIngestion], progress: Callable[[int], None]) -> None:
    """Begin ingestions again and delete what they wrote, what nobody knows the ingestion of, and what nothing supports.

    Parameters
    ----------
    graph
        The graph; it is emptied in bounded transactions, each under the writers' lock.
    ingestions
        Ingestions that are begun again.
    progress
        Called with the number of nodes that each transaction deleted.
    """
    runs: dict[str, int] = {}
    for ids in _in_batches([ingestion.id for ingestion in ingestions]):
        runs |= graph.in_turn(None, partial(_begin_again, ids=ids))
    owners = [owner_of(stamp, run) for stamp, begun in runs.items() for run in range(1, begun)]
    for some in _in_batches(owners):
        _until_none(graph, _DELETE_OWNED, progress, owners=some)
    for label, every in _OWNERS.items():
        rows = [{"key": key, "owner": owner} for key, owner in _stale(graph, every, runs)]
        for batch in _in_batches(rows):
            progress(graph.in_turn(None, partial(_delete, text=_DELETE_NAMED[label], bound={"rows": batch})))
    for claims in _in_batches(_stale(graph, _CLAIMS, runs)):
        progress(graph.in_turn(None, partial(_withdraw, claims=claims)))
    for text in (_DELETE_UNCLAIMED, *_DELETE_LEFTOVERS):
        _until_none(graph, text, progress)


def _all_ingestions(tx: ManagedTransaction) -> list[KnownIngestion]:
    return [known_ingestion(record) for record in tx.run(statements.READ_INGESTIONS)]


def _stale(graph: PurchaseGraph, text: LiteralString, runs: Mapping[str, int]) -> list[list[str]]:
    """Keys and owners of what belongs to no ingestion, or to an earlier run of one that was begun again."""
    # The ingestions are read after what they own: of what a writer has just put, the ingestion is in the graph by then.
    found = graph.read(partial(_rows, text=text))
    known = {each.ingestion.version.stamp for each in known_ingestions(graph).values()}
    return [[key, owner] for key, owner in found if _is_stale(owner, runs, known)]


def _withdraw(tx: ManagedTransaction, claims: Sequence[Sequence[str]]) -> int:
    take_back(tx, {TicketKey.read(key) for key, _ in claims}, {owner for _, owner in claims}, _NOBODY)
    return len(claims)


def _rows(tx: ManagedTransaction, text: LiteralString, **bound: object) -> list[list[Any]]:
    return tx.run(text, bound).values()


def _begin_again(tx: ManagedTransaction, ids: Sequence[str]) -> dict[str, int]:
    return {record["stamp"]: record["run"] for record in tx.run(_BEGIN_AGAIN, ids=ids, tally=_NOBODY.tally)}


def _is_stale(owner: str, runs: Mapping[str, int], known: Collection[str]) -> bool:
    stamp, _, run = owner.rpartition("/")
    return stamp not in known or (stamp in runs and int(run) < runs[stamp])


def _until_none(graph: PurchaseGraph, text: LiteralString, progress: Callable[[int], None], **bound: list[str]) -> None:
    while deleted := graph.in_turn(None, partial(_delete, text=text, bound={"limit": BATCH, **bound})):
        progress(deleted)


def _delete(tx: ManagedTransaction, text: LiteralString, bound: dict[str, Any]) -> int:
    return int(tx.run(text, bound).single(strict=True)["deleted"])


def _in_batches(items: list[_T]) -> Iterator[list[_T]]:
    for first in range(0, len(items), BATCH):
        yield items[first : first + BATCH]
