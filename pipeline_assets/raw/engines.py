"""The databases that a source may be, each with its own SQL: what its columns are, how each is read, what it answers.

Every column is read in a form that no value of it can upset: what the driver of MySQL cannot give for every value, such
as times and decimals, comes as text; the values of SQLite, where each has a type of its own, come one by one.

Who does not answer is tried again (`TransientError`); whoever answers that it will not, or gives what its driver cannot
read, will do so the next time (`SourceError`). That is told by the codes of the engines' own protocols, and where there
is none by asking again: a database that answers other questions and twice not this one never will.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pipeline_assets.privacy.cards import without_numbers

if TYPE_CHECKING:
    import polars as pl

#: In the order of the keys, the place of what is no whole number: nearly the least of 64 bits.
NO_KEY = -(2**63) + 1
_QUOTED = re.compile(r"'[^']*'|`[^`]*`|\"[^\"]*\"")


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column of a table: its name in lower case and as it is written there, and its declared type in lower case."""

    name: str
    written: str
    type: str
    nullable: bool

    @property
    def base(self) -> str:
        """The type without what is in parentheses or follows them."""
        return re.split(r"[\s(]", self.type, maxsplit=1)[0]


class Engine(Protocol):
    """One kind of database."""

    #: Its clock as text, in UTC, and the seconds that its own zone is ahead of UTC.
    now: str
    ahead: str

    def read(self, statement: str, asked: str) -> pl.DataFrame:
        """What a statement gives; `asked` names it in errors. Raises `TransientError` and `SourceError`."""

    def columns(self, table: str) -> list[SourceColumn]:
        """The columns of a table, in order; none where there is no such table."""

    def read_as(self, column: SourceColumn) -> str:
        """The expression by which a column is read whatever is in it."""

    def as_text(self, column: SourceColumn) -> str:
        """The expression for the values of a column as text."""

    def microseconds(self, column: SourceColumn) -> str | None:
        """The expression for a time as microseconds since 1970, null where it is of no calendar; None where none is."""

    def in_order(self, column: SourceColumn, table: str) -> str:
        """The expression of whole numbers, never null, by which rows are ordered and pages begin."""

    def untimed(self, column: SourceColumn) -> str:
        """The condition of a row that says no time at which it was changed."""

    def among(self, columns: Sequence[str], keys: Sequence[Sequence[int]]) -> str:
        """The condition that a row has one of some keys."""


def quoted(name: str) -> str:
    """A name as it stands in a statement; both kinds of database take it between backticks."""
    return "`{}`".format(name.replace("`", "``"))


def told(said: str, statement: str) -> str:
    """What a database said, without numbers of persons and with nothing in quotes but what the statement has too."""

    def known(found: re.Match[str]) -> str:
        return found[0] if found[0][1:-1].rpartition(".")[2] in statement else "'…'"

    return without_numbers(_QUOTED.sub(known, said))


def tuples(keys: Sequence[Sequence[int]]) -> str:
    """Keys as they stand in a statement."""
    return ", ".join(f"({', '.join(str(int(each)) for each in key)})" for key in keys)
