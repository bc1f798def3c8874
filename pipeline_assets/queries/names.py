"""Names of tables as Athena reads them: in any case, alone or after the lake's database and Athena's own catalogue."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from pipeline_assets.errors import UserError
from pipeline_assets.lake.tables import LakeTable
from pipeline_assets.queries.tables import known_tables

#: What Athena calls the Glue catalogue of the account.
CATALOGUE: Final = "awsdatacatalog"


class UnknownNameError(UserError):
    """A table or database that the lake does not have; the message lists what it has."""


def read_tables(tree: exp.Expr, database: str = "") -> list[LakeTable]:
    """Find the tables of the lake that a query reads, and take database and catalogue off their names in `tree`.

    Parameters
    ----------
    tree
        Query, changed in place.
    database
        Name of the lake's database; where it is empty, any name is taken for it.

    Returns
    -------
    list[LakeTable]
        Each table once, in the order of `known_tables()`.

    Raises
    ------
    UnknownNameError
        A table, database or catalogue is not there.
    """
    known = {table.name: table for table in known_tables()}
    parts = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    found = set()
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            continue
        name = table.name.lower()
        if name not in known and (table.db or name not in parts):
            raise UnknownNameError(f"there is no table `{table.name}`; there are {', '.join(known)}")
        _take_off(table, database)
        found.add(name)
    for column in tree.find_all(exp.Column):
        _take_off(column, database)
    return [table for name, table in known.items() if name in found]


def _take_off(named: exp.Table | exp.Column, database: str) -> None:
    """Take database and catalogue off a name."""
    if named.db and database and named.db.lower() != database.lower():
        raise UnknownNameError(f"there is no database `{named.db}`; the lake's is `{database}`")
    if named.catalog and named.catalog.lower() != CATALOGUE:
        raise UnknownNameError(f"there is no catalogue `{named.catalog}`; Athena's is `{CATALOGUE}`")
    named.set("db", None)
    named.set("catalog", None)
