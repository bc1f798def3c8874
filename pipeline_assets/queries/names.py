"""Names of tables as Athena reads them: in any case, alone or after their database and Athena's own catalogue."""

from __future__ import annotations

from functools import cache
from typing import Final

import sqlglot
from sqlglot import exp

from pipeline_assets.errors import UserError
from pipeline_assets.queries.tables import is_of_purchases, relations
from pipeline_assets.queries.views import LakeView, Relation

#: What Athena calls the Glue catalogue of the account.
CATALOGUE: Final = "awsdatacatalog"


class UnknownNameError(UserError):
    """A table or database that the lake does not have; the message lists what it has."""


def read_tables(tree: exp.Expr, database: str = "", compras_database: str = "") -> list[Relation]:
    """Find the tables and views that a query reads, and take database and catalogue off their names in `tree`.

    Parameters
    ----------
    tree
        Query, changed in place.
    database, compras_database
        Names of the databases of the lake and of purchases; where one is empty, any name is taken for it.

    Returns
    -------
    list[Relation]
        Each once, in the order of `relations()`, with those that the views read.

    Raises
    ------
    UnknownNameError
        A table, database or catalogue is not there, or tables of both databases are read.
    """
    known = relations()
    parts = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    found: set[str] = set()
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            continue
        name = table.name.lower()
        if name not in known and (table.db or name not in parts):
            raise UnknownNameError(f"there is no table `{table.name}`; there are {', '.join(known)}")
        if name in known:
            found.add(name)
        _take_off(table, compras_database if name in known and is_of_purchases(known[name]) else database)
    if len({is_of_purchases(known[name]) for name in found}) > 1:
        raise UnknownNameError(f"tables of two databases are read in one query: {', '.join(sorted(found))}")
    of_purchases = any(is_of_purchases(known[name]) for name in found)
    for column in tree.find_all(exp.Column):
        _take_off(column, compras_database if of_purchases else database)
    read = found | _read_by_views(frozenset(found))
    return [each for name, each in known.items() if name in read]


@cache
def _read_by_views(names: frozenset[str]) -> frozenset[str]:
    """Names of all that views among these read, themselves or by way of other views."""
    views = [each for name, each in relations().items() if name in names and isinstance(each, LakeView)]
    read = frozenset(
        table.name
        for view in views
        for table in sqlglot.parse_one(view.statement, dialect="athena").find_all(exp.Table)
    )
    return read | _read_by_views(read) if read else read


def _take_off(named: exp.Table | exp.Column, database: str) -> None:
    """Take database and catalogue off a name."""
    if named.db and database and named.db.lower() != database.lower():
        raise UnknownNameError(f"there is no database `{named.db}` with it; its own is `{database}`")
    if named.catalog and named.catalog.lower() != CATALOGUE:
        raise UnknownNameError(f"there is no catalogue `{named.catalog}`; Athena's is `{CATALOGUE}`")
    named.set("db", None)
    named.set("catalog", None)
