"""The purchase graph as plain data, for comparing what is there with what should be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pipeline_assets.graph.ownership import Content

if TYPE_CHECKING:
    from neo4j import Driver

EDGES = {
    "PART_OF": "MATCH (a:Ticket)-[:PART_OF]->(b:Basket) RETURN a.ticket_id AS a, b.basket_id AS b, null AS c",
    "SOLD_AT": "MATCH (a:Ticket)-[:SOLD_AT]->(b:Store) RETURN a.ticket_id AS a, b.name AS b, null AS c",
    "CONTAINS": "MATCH (a:Ticket)-[r:CONTAINS]->(b:Product) RETURN a.ticket_id AS a, b.name AS b, r.quantity AS c",
    "IN_CATEGORY": "MATCH (a:Product)-[:IN_CATEGORY]->(b:Category) RETURN a.name AS a, b.name AS b, null AS c",
}
NODES = {"Ticket": "ticket_id", "Basket": "basket_id", "Product": "name", "Category": "name", "Store": "name"}

Picture = dict[str, list[tuple[Any, ...]]]


def picture(driver: Driver) -> Picture:
    """Every node by its key and every relationship, sorted."""
    found: Picture = {}
    for label, key in NODES.items():
        records = driver.execute_query(f"MATCH (n:{label}) RETURN n.{key} AS key").records
        found[label] = sorted((record["key"],) for record in records)
    for kind, query in EDGES.items():
        found[kind] = sorted((r["a"], r["b"], r["c"]) for r in driver.execute_query(query).records)
    return found


def expected_picture(tickets: dict[str, Content]) -> Picture:
    """The picture that these tickets make, each with its content."""
    lines = [(t, p, line) for t, content in tickets.items() for p, line in content.lines.items()]
    pairs = {(product, line.category) for _, product, line in lines if line.category}
    return {
        "Ticket": _keys(tickets),
        "Basket": _keys(basket for content in tickets.values() for basket in content.baskets),
        "Product": _keys(product for _, product, _ in lines),
        "Category": _keys(category for _, category in pairs),
        "Store": _keys(store for content in tickets.values() for store in content.stores),
        "PART_OF": sorted((t, basket, None) for t, content in tickets.items() for basket in content.baskets),
        "SOLD_AT": sorted((t, store, None) for t, content in tickets.items() for store in content.stores),
        "CONTAINS": sorted((t, product, line.quantity) for t, product, line in lines),
        "IN_CATEGORY": sorted((product, category, None) for product, category in pairs),
    }


def _keys(names: Iterable[str]) -> list[tuple[str]]:
    return sorted({(name,) for name in names})
