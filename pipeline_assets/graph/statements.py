"""The Cypher of the purchase graph's writer: one text for Neo4j and for the embedded graph, parameters always bound.

Relationships are created, not merged: the transaction has its turn (see `turns`) and knows what is there.
"""

from typing import Final, LiteralString

#: Node label and the property that is its unique key.
UNIQUE_KEYS: Final[dict[LiteralString, LiteralString]] = {
    "Ticket": "key",
    "Basket": "key",
    "Product": "name",
    "Category": "name",
    "Store": "name",
    "TicketClaim": "id",
    "RetiredTicket": "key",
    "TicketLoad": "id",
    "GraphLock": "name",
}
#: Properties that are looked up without being keys.
INDEXES: Final[tuple[tuple[LiteralString, LiteralString], ...]] = (
    ("Ticket", "owner"),
    ("Ticket", "ticket_id"),
    ("TicketClaim", "ticket"),
    ("TicketClaim", "owner"),
    ("RetiredTicket", "ticket_id"),
    ("TicketLoad", "uri"),
    ("TicketLoad", "stamp"),
)
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

RELEASE_TURN: Final = """
MATCH (lock:GraphLock {name: 'purchases', holder: $holder})
SET lock.until = 0
"""

_LOAD: Final = """
RETURN load.id AS id, load.uri AS uri, load.stamp AS stamp, load.run AS run, load.next_row AS next_row,
       load.state AS state, load.rank AS rank, load.stands AS stands, load.revision AS revision, load.untold AS untold,
       load.tally AS tally
"""
READ_INGESTION: Final = f"MATCH (load:TicketLoad {{id: $id}}) {_LOAD}"
READ_INGESTIONS: Final = f"MATCH (load:TicketLoad) {_LOAD}"
READ_INGESTIONS_OF_OBJECT: Final = f"MATCH (load:TicketLoad {{uri: $uri}}) {_LOAD} ORDER BY stamp"
#: Of the versions of an object those that may stand or be told otherwise; of the many that were replaced, the newest.
READ_UNDECIDED_INGESTIONS: Final = f"""
MATCH (load:TicketLoad {{uri: $uri}})
WHERE load.stands OR load.state <> 'done' OR load.rank < $whole
{_LOAD}
"""
#: What stands of an object, and what is on its way to.
READ_OPEN_INGESTIONS: Final = f"""
MATCH (load:TicketLoad {{uri: $uri}})
WHERE load.stands OR load.state <> 'done'
{_LOAD} ORDER BY stamp
"""
READ_NEWEST_WHOLE_INGESTIONS: Final = f"""
MATCH (load:TicketLoad {{uri: $uri}})
WHERE load.rank = $whole
{_LOAD} ORDER BY stamp DESC LIMIT 2
"""
READ_INGESTIONS_OF_STAMPS: Final = f"UNWIND $stamps AS of MATCH (load:TicketLoad {{stamp: of}}) {_LOAD}"

NEWER_VERSION: Final = """
MATCH (load:TicketLoad {uri: $uri})
WHERE load.rank = $whole AND load.stamp > $stamp
RETURN count(load) AS newer
"""

WRITE_INGESTION: Final = """
MERGE (load:TicketLoad {id: $id})
SET load.uri = $uri, load.stamp = $stamp, load.run = $run, load.next_row = $next_row, load.state = $state,
    load.rank = $rank, load.stands = $stands, load.revision = $revision, load.untold = $untold, load.tally = $tally
"""

READ_UNTOLD_INGESTIONS: Final = f"UNWIND $ids AS id MATCH (load:TicketLoad {{id: id}}) WHERE load.untold {_LOAD}"

SET_TOLD: Final = """
MATCH (load:TicketLoad {id: $id})
WHERE load.run = $run AND load.revision = $revision
SET load.untold = false
"""

READ_TICKETS: Final = """
UNWIND $keys AS key
MATCH (t:Ticket {key: key})
RETURN t.key AS key, t.owner AS owner, t.timestamp AS timestamp,
       [(t)-[c:CONTAINS]->(p) | [p.name, c.quantity, c.category, c.row_hashes]] AS lines
"""

READ_CLAIMS: Final = """
UNWIND $keys AS key
MATCH (c:TicketClaim {ticket: key})
RETURN c.ticket AS ticket, c.owner AS owner, c.timestamp AS timestamp, c.lines AS lines
"""

TICKETS_OF_OWNERS: Final = """
UNWIND $owners AS owner
MATCH (t:Ticket {owner: owner})
RETURN t.key AS key
LIMIT $limit
"""

SHARED_TICKETS_OF_OWNERS: Final = """
UNWIND $owners AS owner
MATCH (c:TicketClaim {owner: owner})
RETURN DISTINCT c.ticket AS key
LIMIT $limit
"""

PUT_TICKETS: Final = """
UNWIND $rows AS row
MERGE (t:Ticket {key: row.key})
SET t.ticket_id = row.ticket_id, t.timestamp = datetime(row.timestamp), t.owner = row.owner
"""

CHANGE_TICKETS: Final = """
UNWIND $rows AS row
MATCH (t:Ticket {key: row.key})
SET t.timestamp = datetime(row.timestamp), t.owner = row.owner
"""

PUT_BASKETS: Final = """
UNWIND $rows AS row
MATCH (t:Ticket {key: row.key})
MERGE (b:Basket {key: row.basket})
SET b.basket_id = row.basket_id
CREATE (t)-[:PART_OF]->(b)
"""

PUT_STORES: Final = """
UNWIND $rows AS row
MATCH (t:Ticket {key: row.key})
MERGE (s:Store {name: row.store})
CREATE (t)-[:SOLD_AT]->(s)
"""

PUT_PRODUCTS: Final = """
UNWIND $names AS name
MERGE (:Product {name: name})
"""

PUT_LINES: Final = """
UNWIND $rows AS row
MATCH (t:Ticket {key: row.key})
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
MATCH (:Ticket {key: row.key})-[r:CONTAINS]->(:Product {name: row.product})
DELETE r
"""

DROP_TICKETS: Final = """
UNWIND $keys AS key
MATCH (t:Ticket {key: key})
DETACH DELETE t
"""

PUT_CLAIMS: Final = """
UNWIND $rows AS row
MERGE (c:TicketClaim {id: row.id})
SET c.ticket = row.ticket, c.owner = row.owner, c.timestamp = row.timestamp, c.lines = row.lines
"""

DROP_CLAIMS: Final = """
UNWIND $ids AS id
MATCH (c:TicketClaim {id: id})
DELETE c
"""

PUT_RETIRED: Final = """
UNWIND $rows AS row
MERGE (r:RetiredTicket {key: row.key})
SET r.ticket_id = row.ticket_id, r.owner = row.owner
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
UNWIND $keys AS key
MATCH (b:Basket {key: key})
WHERE NOT EXISTS { MATCH (b)<-[:PART_OF]-(:Ticket) }
DELETE b
"""

PRUNE_STORES: Final = """
UNWIND $names AS name
MATCH (s:Store {name: name})
WHERE NOT EXISTS { MATCH (s)<-[:SOLD_AT]-(:Ticket) }
DELETE s
"""
