"""Named queries in SQL on the lake: a file each in ``sql/``, in Athena's dialect.

A placeholder is followed by the name of its parameter, ``? /* first_day */``, which one may use more than once.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import sqlglot
from sqlglot import TokenType
from sqlglot.errors import SqlglotError

from pipeline_assets.queries.errors import QueryError
from pipeline_assets.queries.named_query import NamedQuery, find_query, read_queries

#: What begins a line of comment.
COMMENT = "--"


@cache
def queries() -> tuple[NamedQuery, ...]:
    """All named queries in SQL, in the order of their names."""
    return read_queries(files(__package__) / "sql", ".sql", COMMENT)


def query(name: str) -> NamedQuery:
    """Named query in SQL by its name.

    Parameters
    ----------
    name
        Its name.

    Returns
    -------
    NamedQuery
        Query in Athena's dialect.

    Raises
    ------
    QueryError
        There is none; the message lists those there are.
    """
    return find_query(name, queries())


def placeholders(asked: NamedQuery) -> list[str]:
    """Names of the parameters that the placeholders of a query stand for, in the order of the text.

    Parameters
    ----------
    asked
        Query in Athena's dialect.

    Returns
    -------
    list[str]
        A name for each placeholder; one that is used again is there again.

    Raises
    ------
    QueryError
        A placeholder names no parameter, a parameter has no placeholder, or a quote is not closed.
    """
    try:
        tokens = sqlglot.tokenize(asked.statement, dialect="athena")
    except SqlglotError as error:
        raise QueryError(f"`{asked.name}` could not be read: {error}") from error
    marks = [token.comments for token in tokens if token.token_type is TokenType.PLACEHOLDER]
    names = [comments[0].strip() if comments else "" for comments in marks]
    if set(names) != {parameter.name for parameter in asked.parameters}:
        raise QueryError(f"`{asked.name}.sql`: its placeholders are not those of its parameters: {names}.")
    return names
