"""Fingerprint of the content of the purchase graph, the same for two graphs that say the same."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final, LiteralString

from pipeline_assets.graph.store import PurchaseGraph

if TYPE_CHECKING:
    from neo4j import ManagedTransaction

#: Nodes by their keys, relationships by those of their ends; not who has claims on a ticket, which a redo changes.
_SAID: Final[tuple[LiteralString, ...]] = (
    "MATCH (n:Ticket) RETURN 'Ticket', n.key, n.ticket_id, n.timestamp",
    "MATCH (n:Basket) RETURN 'Basket', n.key, n.basket_id",
    "MATCH (n:Product) RETURN 'Product', n.name",
    "MATCH (n:Category) RETURN 'Category', n.name",
    "MATCH (n:Store) RETURN 'Store', n.name",
    "MATCH (t:Ticket)-[r:CONTAINS]->(p:Product) RETURN 'CONTAINS', t.key, p.name, r.quantity, r.category",
    "MATCH (t:Ticket)-[:PART_OF]->(b:Basket) RETURN 'PART_OF', t.key, b.key",
    "MATCH (t:Ticket)-[:SOLD_AT]->(s:Store) RETURN 'SOLD_AT', t.key, s.name",
    "MATCH (p:Product)-[:IN_CATEGORY]->(c:Category) RETURN 'IN_CATEGORY', p.name, c.name",
)
_BITS = 128


def graph_fingerprint(graph: PurchaseGraph) -> str:
    """32 hexadecimal digits from every node and relationship, whatever their order; reads the whole graph."""

    def read(tx: ManagedTransaction) -> int:
        return sum(_print_of(record.values()) for text in _SAID for record in tx.run(text))

    return f"{graph.read(read) % (1 << _BITS):032x}"


def _print_of(values: list[object]) -> int:
    text = json.dumps(values, default=str)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=_BITS // 8).digest(), "little")
