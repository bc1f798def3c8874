"""The purchase graph as plain data, for comparing what is there with what should be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pipeline_assets.graph.ownership import Claim, Content, Line, TicketKey, content, ticket_of

if TYPE_CHECKING:
    from neo4j import Driver

EDGES = {
    "PART_OF": "MATCH (a:Ticket)-[:PART_OF]->(b:Basket) RETURN a.{ticket} AS a, b.{basket} AS b, null AS c",
    "SOLD_AT": "MATCH (a:Ticket)-[:SOLD_AT]->(b:Store) RETURN a.{ticket} AS a, b.name AS b, null AS c",
    "CONTAINS": "MATCH (a:Ticket)-[r:CONTAINS]->(b:Product) RETURN a.{ticket} AS a, b.name AS b, r.quantity AS c",
    "IN_CATEGORY": "MATCH (a:Product)-[:IN_CATEGORY]->(b:Category) RETURN a.name AS a, b.name AS b, null AS c",
}

Picture = dict[str, list[tuple[Any, ...]]]


def picture(driver: Driver, *, keyed: bool = False) -> Picture:
    """Every node and every relationship, sorted: tickets and baskets by their numbers or, `keyed`, by their keys."""
    ticket, basket = ("key", "key") if keyed else ("ticket_id", "basket_id")
    nodes = {"Ticket": ticket, "Basket": basket, "Product": "name", "Category": "name", "Store": "name"}
    found: Picture = {}
    for label, key in nodes.items():
        records = driver.execute_query(f"MATCH (n:{label}) RETURN n.{key} AS key").records
        found[label] = sorted((record["key"],) for record in records)
    for kind, query in EDGES.items():
        records = driver.execute_query(query.format(ticket=ticket, basket=basket)).records
        found[kind] = sorted((r["a"], r["b"], r["c"]) for r in records)
    return found


def expected_picture(tickets: Mapping[TicketKey, Content], *, keyed: bool = False) -> Picture:
    """The picture that these tickets make, each with its content."""
    name = {key: key.text if keyed else key.ticket_id for key in tickets}
    baskets = {key.basket: key.basket if keyed else key.basket_id for key in tickets}
    lines = [(name[key], p, line) for key, said in tickets.items() for p, (_, line) in said.lines.items()]
    pairs = {(product, line.category) for _, product, line in lines if line.category}
    return {
        "Ticket": sorted((each,) for each in name.values()),
        "Basket": sorted((each,) for each in baskets.values()),
        "Product": _keys(product for _, product, _ in lines),
        "Category": _keys(category for _, category in pairs),
        "Store": _keys(key.store for key in tickets),
        "PART_OF": sorted((name[key], baskets[key.basket], None) for key in tickets),
        "SOLD_AT": sorted((name[key], key.store, None) for key in tickets),
        "CONTAINS": sorted((t, product, line.quantity) for t, product, line in lines),
        "IN_CATEGORY": sorted((product, category, None) for product, category in pairs),
    }


def contents(*objects: Iterable[Line]) -> dict[TicketKey, Content]:
    """The tickets that the rows of these objects make, the oldest object first."""
    claims: dict[TicketKey, dict[str, Claim]] = {}
    for number, lines in enumerate(objects):
        for line in lines:
            claims.setdefault(TicketKey(*ticket_of(line)), {}).setdefault(f"{number:06d}", Claim()).add(line)
    return {ticket: content(said) for ticket, said in claims.items()}


def _keys(names: Iterable[str]) -> list[tuple[str]]:
    return sorted({(name,) for name in names})
