"""The day that a query on prod sets asks of: one that its tables have, the newest where none is named."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date

import sqlglot

from pipeline_assets.lake.tables import LakeTable
from pipeline_assets.queries.errors import QueryError
from pipeline_assets.queries.named_query import NamedQuery
from pipeline_assets.queries.names import read_tables
from pipeline_assets.queries.parameters import NEWEST, Value


def settle_as_of(
    asked: NamedQuery, bound: Mapping[str, Value], days: Callable[[LakeTable], Collection[str]]
) -> dict[str, Value]:
    """Put a day that the tables have in place of the newest, and refuse one that they have not.

    So there is never another day's set under the name of the one that was asked for, nor an empty answer for a set that
    was not made.

    Parameters
    ----------
    asked
        Query, which takes days of the kind ``as_of`` or none.
    bound
        A value for every parameter.
    days
        Finds the ISO days that a table has.

    Returns
    -------
    dict[str, Value]
        The values, with a day for each parameter of the kind ``as_of``.

    Raises
    ------
    QueryError
        A table of the query has no day, or not the one that is asked for; its code is ``unknown_day``.
    """
    settled = dict(bound)
    parameters = [parameter.name for parameter in asked.parameters if parameter.kind == "as_of"]
    if not parameters:
        return settled
    tables = [
        table
        for table in read_tables(sqlglot.parse_one(asked.statement, dialect="athena"))
        if isinstance(table, LakeTable) and table.partitions == ("as_of",)
    ]
    made = set.intersection(*(set(days(table)) for table in tables))
    names = " and ".join(dict.fromkeys(f"`{table.bucket}`" for table in tables))
    if not made:
        raise QueryError(f"{names} was not made as of any day yet.", code="unknown_day")
    newest = max(made)
    for name in parameters:
        day = settled[name]
        if day != NEWEST and str(day) not in made:
            raise QueryError(f"{names} was not made as of {day}; the newest day is {newest}.", code="unknown_day")
        settled[name] = date.fromisoformat(newest) if day == NEWEST else day
    return settled
