"""SQLite file as a source, through the standard library."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl

from pipeline_assets.errors import TransientError
from pipeline_assets.raw.engines import NO_KEY, SourceColumn, quoted, redact_message, tuples
from pipeline_assets.raw.errors import SourceError

_AT_A_TIME = 50_000
#: Whole numbers up to this one are themselves as floating ones.
_EXACT = 2**53


class Sqlite:
    """Engine for a SQLite file: types belong to values there, not to columns."""

    now = "strftime('%Y-%m-%d %H:%M:%f', 'now')"
    zone_offset = "0"
    #: Error codes that pass: another process is at work, or the machine lacks something for a while.
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
        #: Whether a column has whole numbers alone, asked once: it is a scan of all of them.
        self._whole: dict[tuple[str, str], bool] = {}
        self._uri = f"{Path(path).absolute().as_uri()}?mode=rw"

    def read(self, statement: str, subject: str) -> pl.DataFrame:
        """Run a query.

        Returns
        -------
        polars.DataFrame
            The columns of the statement, each in the type that holds all of its values.

        Raises
        ------
        TransientError
            The file is locked, or the machine lacks what it needs for a while.
        SourceError
            The statement fails whenever it is run.
        """  # noqa: DOC501 - what is raised again is caught below
        try:
            try:
                return self._run(statement, str)
            except sqlite3.OperationalError as error:
                # Text that is not UTF-8 has no code of its own; to decode value by value takes longer.
                if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in self._passing:
                    raise
                return self._run(statement, _text_or_bytes)
        except sqlite3.Error as error:
            message = f"{type(error).__name__}: {redact_message(str(error), statement)}"
            # The lowest byte of a code is its class.
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in self._passing:
                raise TransientError(
                    f"the source database did not answer for {subject} as it should: {message}"
                ) from None
            raise SourceError(f"the source database does not give {subject}: {message}") from None

    def _run(self, statement: str, read: Callable[[bytes], str | bytes]) -> pl.DataFrame:
        with closing(sqlite3.connect(self._uri, uri=True)) as database:
            database.text_factory = read
            cursor = database.execute(statement)
            names = [description[0] for description in cursor.description]
            frames = list(_frames(cursor, names))
        return pl.DataFrame([_concat(name, [frame[name] for frame in frames]) for name in names])

    def columns(self, table: str) -> list[SourceColumn]:
        """Read the columns of a table, in order."""
        statement = f"SELECT name, type, \"notnull\" FROM pragma_table_xinfo('{table}') WHERE hidden IN (0, 2, 3)"  # noqa: S608
        rows = self.read(statement, f"the columns of {table}").rows()
        return [SourceColumn(name.lower(), name, kind.lower(), not given) for name, kind, given in rows]

    def read_as(self, column: SourceColumn) -> str:
        """Expression that reads a column: its name."""
        return quoted(column.source_name)

    def as_text(self, column: SourceColumn) -> str:
        """Expression for the values of a column as text."""
        return f"CAST({quoted(column.source_name)} AS TEXT)"

    def microseconds(self, column: SourceColumn) -> str | None:  # noqa: ARG002 - there are no times
        """Nothing: SQLite has no type of times."""
        return None

    def sort_key(self, column: SourceColumn, table: str) -> str:
        """Sort key of rows and pages, an expression of whole numbers."""
        name = quoted(column.source_name)
        others = f"SELECT COUNT(*) AS n FROM {quoted(table)} WHERE typeof({name}) <> 'integer'"  # noqa: S608
        if (table, name) not in self._whole:
            self._whole[table, name] = not self.read(others, f"the keys of {table}").item()
        if self._whole[table, name]:
            return name
        return f"COALESCE(CAST({name} AS INTEGER), {NO_KEY})"

    def untimed(self, column: SourceColumn) -> str:
        """Condition of rows without a readable time of change."""
        # By ranges, which an index answers: what lies in none of them begins like a year, or reads as a future one.
        # Numbers are before every text there, bytes behind; a bound that looks like a number would be taken for one.
        name = quoted(column.source_name)
        none = f"{name} IS NULL OR " if column.nullable else ""  # where there is none, it keeps SQLite from the index
        return f"{none}{name} < '19/~' OR ({name} > '1:' AND {name} < '20/~') OR {name} >= ':'"

    def has_key(self, columns: Sequence[str], keys: Sequence[Sequence[int]]) -> str:
        """Condition of rows that have one of some keys."""
        return f"({', '.join(columns)}) IN (VALUES {tuples(keys)})"


def _text_or_bytes(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _frames(cursor: sqlite3.Cursor, names: Sequence[str]) -> Iterator[dict[str, pl.Series]]:
    while rows := cursor.fetchmany(_AT_A_TIME):
        yield {name: _series(name, values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}


def _series(name: str, values: Sequence[Any]) -> pl.Series:
    """Series of SQLite's values: in the type that all of them have, else numbers, else text, else bytes."""
    kinds = set(map(type, values)) - {type(None)}
    if len(kinds) <= 1:
        return pl.Series(name, values, strict=True)
    if kinds == {int, float} and all(abs(v) <= _EXACT for v in values if type(v) is int):
        return pl.Series(name, [None if v is None else float(v) for v in values])
    if bytes in kinds:
        return pl.Series(name, [v if v is None or isinstance(v, bytes) else str(v).encode() for v in values])
    return pl.Series(name, [None if v is None else str(v) for v in values])


def _concat(name: str, parts: Sequence[pl.Series]) -> pl.Series:
    """Concatenate the values of a column from all its frames, in one type."""
    kinds = {part.dtype for part in parts} - {pl.Null()}
    if len(kinds) > 1 and kinds <= {pl.Int64(), pl.Float64()}:
        exact = all((part.abs() <= _EXACT).all() for part in parts if part.dtype == pl.Int64)
        kinds = {pl.Float64() if exact else pl.String()}
    if len(kinds) > 1:
        kinds = {pl.Binary() if pl.Binary() in kinds else pl.String()}
    (kind,) = kinds or {pl.Null()}
    text = (part.cast(pl.String) if kind == pl.Binary and part.dtype != pl.Binary else part for part in parts)
    return pl.concat([pl.Series(name, [], kind), *(part.cast(kind).alias(name) for part in text)])
