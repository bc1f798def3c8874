"""Where the graph has what of the ticket files: its loads by object, and a ticket with the load that owns it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, LiteralString

from neo4j import Query, RoutingControl
from neo4j.exceptions import DriverError, Neo4jError

from pipeline_assets.events.outcomes import TransientError
from pipeline_assets.graph.changes import read_held
from pipeline_assets.graph.ownership import Held

if TYPE_CHECKING:
    from neo4j import Driver

_COLUMNS: Final = """
RETURN load.id AS id, load.uri AS uri, load.stamp AS stamp, load.run AS run, load.next_row AS next_row,
       load.state AS state, load.effective AS effective
ORDER BY stamp
"""
LOADS_OF_OBJECT: Final = f"MATCH (load:TicketLoad {{uri: $of}}) {_COLUMNS}"
LOADS_WITH_STAMP: Final = f"MATCH (load:TicketLoad {{stamp: $of}}) {_COLUMNS}"


@dataclass(frozen=True, slots=True)
class LoadPlace:
    """How far an object version is in the graph.

    `id` is its receipt's, `next_row` the first record that is not in, `done` whether all are, `effective` whether the
    version decides what its key holds.
    """

    id: str
    uri: str
    stamp: str
    run: int
    next_row: int
    done: bool
    effective: bool


def loads_of_object(driver: Driver, uri: str) -> list[LoadPlace]:
    """The versions of an object that the graph knows, oldest first."""
    return _loads(driver, LOADS_OF_OBJECT, uri)


def load_of_owner(driver: Driver, owner: str) -> LoadPlace | None:
    """The load that a ticket's owner names, or None when the graph does not know it."""
    stamp, _, _ = owner.rpartition("/")
    found = _loads(driver, LOADS_WITH_STAMP, stamp)
    return found[0] if found else None


def held_ticket(driver: Driver, ticket_id: str) -> Held | None:
    """What the graph knows of a ticket, its content being None where it was retired; None when it knows nothing."""
    try:
        with driver.session() as session:
            return session.execute_read(read_held, [ticket_id]).get(ticket_id)
    except (DriverError, Neo4jError, OSError) as error:
        raise _unread(error) from error


def _loads(driver: Driver, text: LiteralString, of: str) -> list[LoadPlace]:
    try:
        records: list[Any] = driver.execute_query(Query(text), of=of, routing_=RoutingControl.READ).records
    except (DriverError, Neo4jError, OSError) as error:
        raise _unread(error) from error
    return [
        LoadPlace(r["id"], r["uri"], r["stamp"], r["run"], r["next_row"], r["state"] == "done", bool(r["effective"]))
        for r in records
    ]


def _unread(error: Exception) -> TransientError:
    return TransientError(f"the purchase graph could not be read: {type(error).__name__}: {error}")
