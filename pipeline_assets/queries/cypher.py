"""Named queries in Cypher on the purchase graph: a file each in ``cypher/``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from pipeline_assets.queries.errors import QueryError
from pipeline_assets.queries.named_query import NamedQuery, find_query, read_queries

if TYPE_CHECKING:
    from neo4j import Driver
    from neo4j.exceptions import Neo4jError

#: What begins a line of comment.
COMMENT = "//"


@cache
def queries() -> tuple[NamedQuery, ...]:
    """All named queries in Cypher, in the order of their names."""
    return read_queries(files(__package__) / "cypher", ".cypher", COMMENT)


def query(name: str) -> NamedQuery:
    """Named query in Cypher by its name.

    Parameters
    ----------
    name
        Its name.

    Returns
    -------
    NamedQuery
        Query in Cypher.

    Raises
    ------
    QueryError
        There is none; the message lists those there are.
    """
    return find_query(name, queries())


def ask(driver: Driver, name: str, **parameters: object) -> list[dict[str, object]]:
    """Ask the purchase graph a named query, reading only.

    Parameters
    ----------
    driver
        Driver of the graph.
    name
        Name of the query.
    **parameters
        Values by name; a parameter that is not given has its default.

    Returns
    -------
    list[dict[str, object]]
        Rows, with the query's `columns`.

    Raises
    ------
    QueryError
        Query or parameter do not exist, a value is of the wrong kind, or the graph lacks the memory for the answer.
    Neo4jError
        The graph cannot be reached or fails otherwise; a `neo4j.exceptions.DriverError` as well.
    """
    from neo4j import Query, RoutingControl  # noqa: PLC0415 - takes half a second, and the texts need none of it
    from neo4j.exceptions import Neo4jError  # noqa: PLC0415

    asked = query(name)
    bound = asked.bind(parameters)
    try:
        result = driver.execute_query(Query(asked.statement), bound, routing_=RoutingControl.READ)
    except Neo4jError as error:
        if _out_of_memory(error):
            bounds = [p for p in ("min_support", "min_baskets", "limit") if p in bound]
            raise QueryError(
                f"The graph has not memory enough for `{name}` with {bound}: ask for less ({', '.join(bounds)}) "
                "or give it more."
            ) from error
        raise
    return [record.data() for record in result.records]


def _out_of_memory(error: Neo4jError) -> bool:
    return "OutOfMemory" in (error.code or "") or "heap budget" in (error.message or "")
