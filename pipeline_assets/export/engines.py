"""The databases that a source may be, each with its own SQL: what its columns are, how each is read, what it answers.

Every column is read in a form that no value of it can upset: what the driver of MySQL cannot give for every value, such
as times and decimals, comes as text; the values of SQLite, where each has a type of its own, come one by one.

Who does not answer is tried again (`TransientError`); whoever answers that it will not, or gives what its driver cannot
read, will do so the next time (`SourceError`). That is told by the codes of the engines' own protocols, and where there
is none by asking again: a database that answers other questions and twice not this one never will.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import polars as pl

from pipeline_assets.events.outcomes import TransientError
from pipeline_assets.export.errors import SourceError
from pipeline_assets.privacy.cards import without_numbers

#: The least whole number of 64 bits: in the order of the keys the place of what is none.
_LEAST = -(2**63)
#: The years from which on MySQL has times; below lie its days of no calendar, such as 0000-00-00.
_FIRST_DAY = "1000-01-01"
_DAY = "[1-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]"
_AT_A_TIME = 50_000
#: Whole numbers up to this one are themselves as floating ones.
_EXACT = 2**53
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


def engine_of(url: str) -> Engine:
    """The engine of a database's URL; raises `SourceError` for another."""
    parts = urlsplit(url)
    if parts.scheme == "mysql":
        return MySql(url)
    if parts.scheme == "sqlite":
        return Sqlite(unquote(parts.path))
    raise SourceError(f"a source database is mysql or sqlite, not {parts.scheme or 'nothing'}")


class MySql:
    """MySQL or MariaDB, through connectorx, which binds no parameters."""

    now = "DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%d %H:%i:%s.%f')"
    #: The session's zone is set to UTC, so the server's own is asked for.
    ahead = "TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', @@global.time_zone))"
    #: Each value of these types comes as it is: whole numbers, floating ones, text and bytes.
    _plain = frozenset(
        [
            "tinyint",
            "smallint",
            "mediumint",
            "int",
            "integer",
            "bigint",
            "year",
            "float",
            "double",
            "char",
            "varchar",
            "tinytext",
            "text",
            "mediumtext",
            "longtext",
            "enum",
            "set",
            "tinyblob",
            "blob",
            "mediumblob",
            "longblob",
            "binary",
            "varbinary",
        ]
    )
    _whole = frozenset({"tinyint", "smallint", "mediumint", "int", "integer", "bigint"})
    _moments = frozenset({"datetime", "timestamp"})
    _times = _moments | {"date"}
    _shapes = frozenset(
        [
            "geometry",
            "point",
            "linestring",
            "polygon",
            "multipoint",
            "multilinestring",
            "multipolygon",
            "geometrycollection",
            "geomcollection",
        ]
    )
    #: Classes of the SQL standard's states that pass: no connection, rolled back for another's sake, interrupted.
    _passing_states = frozenset({"08", "40", "70"})
    #: Errors of no class of their own that pass: no memory, no room, no lock in time.
    _passing_errors = frozenset({1021, 1037, 1038, 1041, 1205})
    _state = re.compile(r"ERROR (\d+) \((\w{2})\w{3}\)")

    def __init__(self, url: str) -> None:
        password = urlsplit(url).password or ""
        self._url, self._secrets = url, [secret for secret in (password, unquote(password)) if secret]

    def read(self, statement: str, asked: str) -> pl.DataFrame:
        """What a statement gives."""
        try:
            return self._run(statement)
        except TransientError as error:
            raise TransientError(f"the source database did not answer for {asked} as it should: {error}") from None
        except SourceError as error:
            raise SourceError(f"the source database does not give {asked}: {error}") from None

    def _run(self, statement: str, *, again: bool = True) -> pl.DataFrame:
        try:
            return pl.read_database_uri(
                statement, self._url, engine="connectorx", pre_execution_query=["SET time_zone = '+00:00'"]
            )
        except BaseException as error:
            # Where its Rust code gives up, connectorx raises what is no Exception.
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            said = str(error)
        if state := self._state.search(said):
            passing = state[2] in self._passing_states or int(state[1]) in self._passing_errors
            raise (TransientError if passing else SourceError)(self._told(said, statement))
        if again:
            # Not a word of the server: it is gone, or there is a value that the driver cannot read.
            if self._answers():
                return self._run(statement, again=False)
            raise TransientError(self._told(said, statement))
        raise SourceError("its driver cannot read a value of it")

    def _answers(self) -> bool:
        try:
            return pl.read_database_uri("SELECT 1 AS one", self._url, engine="connectorx").height == 1
        except BaseException as error:
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            return False

    def _told(self, said: str, statement: str) -> str:
        for secret in self._secrets:
            said = said.replace(secret, "***")
        return told(said, statement)

    def columns(self, table: str) -> list[SourceColumn]:
        """The columns of a table, in order."""
        wanted = ("column_name", "column_type", "is_nullable")
        listed = ", ".join(f"CAST({name} AS CHAR) AS c{place}" for place, name in enumerate(wanted))
        statement = (
            f"SELECT {listed} FROM information_schema.columns WHERE table_schema = DATABASE() "  # noqa: S608
            f"AND table_name = '{table}' ORDER BY ordinal_position"
        )
        rows = self.read(statement, f"the columns of {table}").rows()
        return [SourceColumn(name.lower(), name, kind.lower(), null == "YES") for name, kind, null in rows]

    def read_as(self, column: SourceColumn) -> str:
        """The expression by which a column is read whatever is in it."""
        if column.base in self._plain:
            return quoted(column.written)
        if column.base == "bit":
            return f"CAST({quoted(column.written)} AS UNSIGNED)"
        return self.as_text(column)

    def as_text(self, column: SourceColumn) -> str:
        """The expression for the values of a column as text."""
        function = "ST_AsText({})" if column.base in self._shapes else "CAST({} AS CHAR)"
        return function.format(quoted(column.written))

    def microseconds(self, column: SourceColumn) -> str | None:
        """The expression for a time as microseconds since 1970: a text takes its reader a third of all time."""
        name = quoted(column.written)
        if column.base not in self._moments or column.nullable:
            return None
        real = f"{name} >= '{_FIRST_DAY}' AND DAY({name}) BETWEEN 1 AND DAY(LAST_DAY({name}))"
        return f"CASE WHEN {real} THEN TIMESTAMPDIFF(MICROSECOND, '1970-01-01', {name}) END"

    def in_order(self, column: SourceColumn, table: str) -> str:  # noqa: ARG002 - the types say it here
        """The expression of whole numbers by which rows are ordered."""
        if column.base in self._whole and "unsigned" not in column.type and not column.nullable:
            return quoted(column.written)
        return f"COALESCE(CAST({quoted(column.written)} AS SIGNED), {_LEAST + 1})"

    def untimed(self, column: SourceColumn) -> str:
        """The condition of a row that says no time at which it was changed."""
        name = quoted(column.written)
        if column.base in self._times:
            return f"{name} IS NULL OR {name} < '{_FIRST_DAY}'"
        return f"{name} IS NULL OR CAST({name} AS CHAR) NOT REGEXP '^{_DAY}'"

    def among(self, columns: Sequence[str], keys: Sequence[Sequence[int]]) -> str:
        """The condition that a row has one of some keys."""
        return f"({', '.join(columns)}) IN ({_tuples(keys)})"


class Sqlite:
    """A SQLite file, through Python's own module: a column has no type there, only each of its values has."""

    now = "strftime('%Y-%m-%d %H:%M:%f', 'now')"
    ahead = "0"
    #: What another process may be at, and what a machine may lack for a while.
    _passing = frozenset(
        {
            sqlite3.SQLITE_BUSY,
            sqlite3.SQLITE_LOCKED,
            sqlite3.SQLITE_NOMEM,
            sqlite3.SQLITE_IOERR,
            sqlite3.SQLITE_FULL,
            sqlite3.SQLITE_CANTOPEN,
            sqlite3.SQLITE_PROTOCOL,
            sqlite3.SQLITE_INTERRUPT,
        }
    )

    def __init__(self, path: str) -> None:
        if not Path(path).is_file():
            raise SourceError(f"there is no SQLite database at {path}")
        #: Whether a column of a table has whole numbers alone, asked once: it is a look at all of them.
        self._whole: dict[tuple[str, str], bool] = {}
        self._uri = f"{Path(path).absolute().as_uri()}?mode=rw"

    def read(self, statement: str, asked: str) -> pl.DataFrame:
        """What a statement gives."""
        try:
            try:
                return self._run(statement, str)
            except sqlite3.OperationalError as error:
                # A text that is none in UTF-8 has no code of its own; told apart value by value, reading takes longer.
                if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in self._passing:
                    raise
                return self._run(statement, _text_or_bytes)
        except sqlite3.Error as error:
            said = f"{type(error).__name__}: {told(str(error), statement)}"
            # The lowest byte of a code is its class.
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in self._passing:
                raise TransientError(f"the source database did not answer for {asked} as it should: {said}") from None
            raise SourceError(f"the source database does not give {asked}: {said}") from None

    def _run(self, statement: str, read: Callable[[bytes], str | bytes]) -> pl.DataFrame:
        with closing(sqlite3.connect(self._uri, uri=True)) as database:
            database.text_factory = read
            cursor = database.execute(statement)
            names = [description[0] for description in cursor.description]
            frames = list(_frames(cursor, names))
        return pl.DataFrame([_joined(name, [frame[name] for frame in frames]) for name in names])

    def columns(self, table: str) -> list[SourceColumn]:
        """The columns of a table, in order."""
        statement = f"SELECT name, type, \"notnull\" FROM pragma_table_xinfo('{table}') WHERE hidden IN (0, 2, 3)"  # noqa: S608
        rows = self.read(statement, f"the columns of {table}").rows()
        return [SourceColumn(name.lower(), name, kind.lower(), not given) for name, kind, given in rows]

    def read_as(self, column: SourceColumn) -> str:
        """The expression by which a column is read: itself."""
        return quoted(column.written)

    def as_text(self, column: SourceColumn) -> str:
        """The expression for the values of a column as text."""
        return f"CAST({quoted(column.written)} AS TEXT)"

    def microseconds(self, column: SourceColumn) -> str | None:  # noqa: ARG002 - there are no times
        """None: a time is text there, or whatever it is."""
        return None

    def in_order(self, column: SourceColumn, table: str) -> str:
        """The expression of whole numbers by which rows are ordered."""
        name = quoted(column.written)
        others = f"SELECT COUNT(*) AS n FROM {quoted(table)} WHERE typeof({name}) <> 'integer'"  # noqa: S608
        if (table, name) not in self._whole:
            self._whole[table, name] = not self.read(others, f"the keys of {table}").item()
        if self._whole[table, name]:
            return name
        return f"COALESCE(CAST({name} AS INTEGER), {_LEAST + 1})"

    def untimed(self, column: SourceColumn) -> str:
        """The condition of a row that says no time at which it was changed."""
        # By ranges, which an index answers: what lies in none of them begins like a year, or is read as one to come.
        # Numbers are before every text there, bytes behind; a bound that looks like a number would be taken for one.
        name = quoted(column.written)
        none = f"{name} IS NULL OR " if column.nullable else ""  # where there is none, it keeps SQLite from the index
        return f"{none}{name} < '19/~' OR ({name} > '1:' AND {name} < '20/~') OR {name} >= ':'"

    def among(self, columns: Sequence[str], keys: Sequence[Sequence[int]]) -> str:
        """The condition that a row has one of some keys."""
        return f"({', '.join(columns)}) IN (VALUES {_tuples(keys)})"


def quoted(name: str) -> str:
    """A name as it stands in a statement; both kinds of database take it between backticks."""
    return "`{}`".format(name.replace("`", "``"))


def told(said: str, statement: str) -> str:
    """What a database said, without numbers of persons and with nothing in quotes but what the statement has too."""

    def known(found: re.Match[str]) -> str:
        return found[0] if found[0][1:-1].rpartition(".")[2] in statement else "'…'"

    return without_numbers(_QUOTED.sub(known, said))


def _tuples(keys: Sequence[Sequence[int]]) -> str:
    return ", ".join(f"({', '.join(str(int(each)) for each in key)})" for key in keys)


def _text_or_bytes(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _frames(cursor: sqlite3.Cursor, names: Sequence[str]) -> Iterator[dict[str, pl.Series]]:
    while rows := cursor.fetchmany(_AT_A_TIME):
        yield {name: _series(name, values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}


def _series(name: str, values: Sequence[Any]) -> pl.Series:
    """Values of SQLite: of the type that all of them have, else numbers, else text, else bytes."""
    kinds = set(map(type, values)) - {type(None)}
    if len(kinds) <= 1:
        return pl.Series(name, values, strict=True)
    if kinds == {int, float} and all(abs(v) <= _EXACT for v in values if type(v) is int):
        return pl.Series(name, [None if v is None else float(v) for v in values])
    if bytes in kinds:
        return pl.Series(name, [v if v is None or isinstance(v, bytes) else str(v).encode() for v in values])
    return pl.Series(name, [None if v is None else str(v) for v in values])


def _joined(name: str, parts: Sequence[pl.Series]) -> pl.Series:
    """The values of a column from all its frames, in one type."""
    kinds = {part.dtype for part in parts} - {pl.Null()}
    if len(kinds) > 1 and kinds <= {pl.Int64(), pl.Float64()}:
        exact = all((part.abs() <= _EXACT).all() for part in parts if part.dtype == pl.Int64)
        kinds = {pl.Float64() if exact else pl.String()}
    if len(kinds) > 1:
        kinds = {pl.Binary() if pl.Binary() in kinds else pl.String()}
    (kind,) = kinds or {pl.Null()}
    text = (part.cast(pl.String) if kind == pl.Binary and part.dtype != pl.Binary else part for part in parts)
    return pl.concat([pl.Series(name, [], kind), *(part.cast(kind).alias(name) for part in text)])
