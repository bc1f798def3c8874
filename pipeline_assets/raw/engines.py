"""SQL dialects of the source databases: catalogue, expressions to read columns, errors.

Columns are read so that no value can fail the statement: what the MySQL driver cannot return for every value, such as
times and decimals, comes as text; the values of SQLite, which have types of their own, come one by one.

An engine that cannot be reached raises `TransientError`; one that refuses a statement, or returns what its driver
cannot read, raises `SourceError`. The error codes of the protocol decide. Where there is no code the statement is tried
again: a database that answers others and fails this one twice never will answer it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pipeline_assets.privacy.cards import without_numbers

if TYPE_CHECKING:
    import polars as pl

#: Sort key of values that are no whole number: nearly the least of 64 bits.
NO_KEY = -(2**63) + 1
_QUOTED = re.compile(r"'[^']*'|`[^`]*`|\"[^\"]*\"")


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """Column of a source table.

    Parameters
    ----------
    name
        Name in lower case.
    source_name
        Name as the source spells it.
    type
        Declared type in lower case.
    nullable
        It may be null.
    """

    name: str
    source_name: str
    type: str
    nullable: bool

    @property
    def base(self) -> str:
        """Type without its parentheses and what follows them."""
        return re.split(r"[\s(]", self.type, maxsplit=1)[0]


class Engine(Protocol):
    """Dialect and driver of one kind of database."""

    #: SQL expressions: its clock in UTC as text, and the seconds that its own zone is ahead of UTC.
    now: str
    zone_offset: str

    def read(self, statement: str, subject: str) -> pl.DataFrame:
        """Run a query.

        Parameters
        ----------
        statement
            SQL without parameters.
        subject
            What is asked for, in errors.

        Returns
        -------
        polars.DataFrame
            The columns of the statement, in the types of the driver.

        Raises
        ------
        TransientError
            The database cannot be reached, or passes through a state that ends.
        SourceError
            It refuses the statement, or returns what its driver cannot read.
        """

    def columns(self, table: str) -> list[SourceColumn]:
        """Read the columns of a table, in order; none where there is no such table."""

    def read_as(self, column: SourceColumn) -> str:
        """Expression that reads a column whatever values it has."""

    def as_text(self, column: SourceColumn) -> str:
        """Expression for the values of a column as text."""

    def microseconds(self, column: SourceColumn) -> str | None:
        """Expression for a time as microseconds since 1970, null for days of no calendar; None where there is none."""

    def sort_key(self, column: SourceColumn, table: str) -> str:
        """Sort key of rows and pages: an expression of whole numbers, never null."""

    def untimed(self, column: SourceColumn) -> str:
        """Condition of rows without a readable time of change."""

    def has_key(self, columns: Sequence[str], keys: Sequence[Sequence[int]]) -> str:
        """Condition of rows that have one of some keys."""


def quoted(name: str) -> str:
    """Quote an identifier; both kinds of database take backticks."""
    return "`{}`".format(name.replace("`", "``"))


def redact_message(message: str, statement: str) -> str:
    """Redact a database's message: no personal numbers, and nothing in quotes but what the statement has too."""

    def known(found: re.Match[str]) -> str:
        return found[0] if found[0][1:-1].rpartition(".")[2] in statement else "'…'"

    return without_numbers(_QUOTED.sub(known, message))


def tuples(keys: Sequence[Sequence[int]]) -> str:
    """Keys as a list of SQL tuples."""
    return ", ".join(f"({', '.join(str(int(each)) for each in key)})" for key in keys)
