"""The Cypher of the purchase graph's writer: one text for Neo4j and for the embedded graph, parameters always bound.

Relationships are created, not merged: the transaction has its turn (see `turns`) and knows what is there.
"""

from typing import Final, LiteralString

#: Node label and the property that is its unique key.
UNIQUE_KEYS: Final[dict[LiteralString, LiteralString]] = {
    "Ticket": "ticket_id",
    "Basket": "basket_id",
    "Product": "name",
    "Category": "name",
    "Store": "name",
    "RetiredTicket": "ticket_id",
    "TicketLoad": "id",
    "GraphLock": "name",
}
#: Properties that are looked up without being keys.
INDEXES: Final[tuple[tuple[LiteralString, LiteralString], ...]] = (("Ticket", "owner"), ("TicketLoad", "uri"))
RELATIONSHIPS: Final[tuple[LiteralString, ...]] = ("PART_OF", "CONTAINS", "IN_CATEGORY", "SOLD_AT")

MAKE_LOCK: Final = """
MERGE (lock:GraphLock {name: 'purchases'})
ON CREATE SET lock.turn = 0, lock.until = 0
"""

SEE_TURN: Final = """
MATCH (lock:GraphLock {name: 'purchases'})
RETURN lock.until < timestamp() OR lock.holder = $holder AS free
"""

RESERVE_TURN: Final = """
MATCH (lock:GraphLock {name: 'purchases'})
WHERE lock.until < timestamp() OR lock.holder = $holder
SET lock.holder = $holder, lock.until = timestamp() + $milliseconds
RETURN lock.turn AS turn
"""

TAKE_TURN: Final = """
MATCH (lock:GraphLock {name: 'purchases'})
SET lock.turn = lock.turn + 1, lock.until = 0
RETURN lock.turn AS turn
"""

GIVE_UP_TURN: Final = """
MATCH (lock:GraphLock {name: 'purchases', holder: $holder})
SET lock.until = 0
"""

READ_LOAD: Final = """
MATCH (load:TicketLoad {id: $id})
RETURN load.stamp AS stamp, load.run AS run, load.next_row AS next_row, load.state AS state, load.tally AS tally
"""

NEWER_VERSION: Final = """
MATCH (load:TicketLoad {uri: $uri})
WHERE load.effective AND load.stamp > $stamp
RETURN count(load) AS newer
"""

EARLIER_LOADS: Final = """
MATCH (load:TicketLoad {uri: $uri})
WHERE load.stamp <= $stamp
RETURN load.stamp AS stamp, load.run AS run
"""

WRITE_LOAD: Final = """
MERGE (load:TicketLoad {id: $id})
SET load.uri = $uri, load.stamp = $stamp, load.run = $run, load.next_row = $next_row,
    load.state = $state, load.effective = $effective, load.tally = $tally
"""

READ_TICKETS: Final = """
UNWIND $ids AS id
MATCH (t:Ticket {ticket_id: id})
RETURN t.ticket_id AS ticket_id, t.owner AS owner, t.timestamp AS timestamp,
       [(t)-[:PART_OF]->(b) | b.basket_id] AS baskets,
       [(t)-[:SOLD_AT]->(s) | s.name] AS stores,
       [(t)-[c:CONTAINS]->(p) | [p.name, c.quantity, c.category, c.row_hashes]] AS lines
"""

READ_RETIRED: Final = """
UNWIND $ids AS id
MATCH (r:RetiredTicket {ticket_id: id})
RETURN r.ticket_id AS ticket_id, r.owner AS owner
"""

OUTDATED_TICKETS: Final = """
UNWIND $owners AS owner
MATCH (t:Ticket {owner: owner})
RETURN t.ticket_id AS ticket_id
LIMIT $limit
"""

DROP_RETIRED: Final = """
UNWIND $ids AS id
MATCH (r:RetiredTicket {ticket_id: id})
DELETE r
"""

PUT_TICKETS: Final = """
UNWIND $rows AS row
MERGE (t:Ticket {ticket_id: row.ticket_id})
SET t.timestamp = datetime(row.timestamp), t.owner = row.owner
"""

PUT_BASKETS: Final = """
UNWIND $rows AS row
MATCH (t:Ticket {ticket_id: row.ticket_id})
MERGE (b:Basket {basket_id: row.name})
CREATE (t)-[:PART_OF]->(b)
"""

PUT_STORES: Final = """
UNWIND $rows AS row
MATCH (t:Ticket {ticket_id: row.ticket_id})
MERGE (s:Store {name: row.name})
CREATE (t)-[:SOLD_AT]->(s)
"""

PUT_PRODUCTS: Final = """
UNWIND $names AS name
MERGE (:Product {name: name})
"""

PUT_LINES: Final = """
UNWIND $rows AS row
MATCH (t:Ticket {ticket_id: row.ticket_id})
MATCH (p:Product {name: row.product})
CREATE (t)-[:CONTAINS {quantity: row.quantity, category: row.category, row_hashes: row.row_hashes}]->(p)
"""

PUT_CATEGORIES: Final = """
UNWIND $pairs AS pair
MATCH (p:Product {name: pair.product})
MERGE (c:Category {name: pair.category})
MERGE (p)-[:IN_CATEGORY]->(c)
"""

DROP_LINES: Final = """
UNWIND $rows AS row
MATCH (:Ticket {ticket_id: row.ticket_id})-[r:CONTAINS]->(:Product {name: row.product})
DELETE r
"""

DROP_BASKETS: Final = """
UNWIND $rows AS row
MATCH (:Ticket {ticket_id: row.ticket_id})-[r:PART_OF]->(:Basket {basket_id: row.name})
DELETE r
"""

DROP_STORES: Final = """
UNWIND $rows AS row
MATCH (:Ticket {ticket_id: row.ticket_id})-[r:SOLD_AT]->(:Store {name: row.name})
DELETE r
"""

DROP_TICKETS: Final = """
UNWIND $ids AS id
MATCH (t:Ticket {ticket_id: id})
DETACH DELETE t
"""

PUT_RETIRED: Final = """
UNWIND $rows AS row
MERGE (r:RetiredTicket {ticket_id: row.ticket_id})
SET r.owner = row.owner
"""

PRUNE_CATEGORIES_OF_PRODUCTS: Final = """
UNWIND $pairs AS pair
MATCH (p:Product {name: pair.product})-[r:IN_CATEGORY]->(:Category {name: pair.category})
WHERE NOT EXISTS { MATCH (p)<-[line:CONTAINS]-(:Ticket) WHERE line.category = pair.category }
DELETE r
"""

PRUNE_PRODUCTS: Final = """
UNWIND $names AS name
MATCH (p:Product {name: name})
WHERE NOT EXISTS { MATCH (p)<-[:CONTAINS]-(:Ticket) }
DETACH DELETE p
"""

PRUNE_CATEGORIES: Final = """
UNWIND $names AS name
MATCH (c:Category {name: name})
WHERE NOT EXISTS { MATCH (c)<-[:IN_CATEGORY]-(:Product) }
DELETE c
"""

PRUNE_BASKETS: Final = """
UNWIND $names AS name
MATCH (b:Basket {basket_id: name})
WHERE NOT EXISTS { MATCH (b)<-[:PART_OF]-(:Ticket) }
DELETE b
"""

PRUNE_STORES: Final = """
UNWIND $names AS name
MATCH (s:Store {name: name})
WHERE NOT EXISTS { MATCH (s)<-[:SOLD_AT]-(:Ticket) }
DELETE s
"""
