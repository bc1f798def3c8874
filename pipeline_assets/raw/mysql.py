"""MySQL and MariaDB as a source, through connectorx."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from socket import create_connection
from urllib.parse import unquote, urlsplit

import polars as pl

from pipeline_assets.errors import TransientError
from pipeline_assets.raw.engines import NO_KEY, SourceColumn, quoted, redact_message, tuples
from pipeline_assets.raw.errors import SourceError

#: Below the years that MySQL has lie its days of no calendar, such as 0000-00-00.
_FIRST_DAY = "1000-01-01"
_DAY = "[1-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]"
_PORT, _CONNECT_SECONDS = 3306, 5.0


class MySql:
    """Engine for MySQL and MariaDB, through connectorx, which binds no parameters."""

    now = "DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%d %H:%i:%s.%f')"
    #: The session's zone is set to UTC, so the server's own is asked for.
    zone_offset = "TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', @@global.time_zone))"
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
    #: Errors of no class of their own that pass: no memory, room or thread, no lock in time, a row changed meanwhile,
    #: too many connections or statements of a user, too many transactions, a statement that took too long.
    _passing_errors = frozenset({1020, 1021, 1037, 1038, 1041, 1114, 1135, 1203, 1205, 1226, 1637, 3024})
    _state = re.compile(r"ERROR (\d+) \((\w{2})\w{3}\)")

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        password = parts.password or ""
        self._url, self._secrets = url, [secret for secret in (password, unquote(password)) if secret]
        self._address = (parts.hostname or "", parts.port or _PORT)

    def read(self, statement: str, subject: str) -> pl.DataFrame:
        """Run a query.

        Returns
        -------
        polars.DataFrame
            The columns of the statement.

        Raises
        ------
        TransientError
            The server cannot be reached, or says that it will answer later.
        SourceError
            It refuses the statement, or the driver cannot read a value.
        """
        try:
            return self._run(statement)
        except TransientError as error:
            raise TransientError(f"the source database did not answer for {subject} as it should: {error}") from None
        except SourceError as error:
            raise SourceError(f"the source database does not give {subject}: {error}") from None

    def _run(self, statement: str, *, again: bool = True) -> pl.DataFrame:
        try:
            return pl.read_database_uri(
                statement, self._url, engine="connectorx", pre_execution_query=["SET time_zone = '+00:00'"]
            )
        except BaseException as error:
            # Where its Rust code gives up, connectorx raises what is no Exception.
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            message = str(error)
        if state := self._state.search(message):
            passing = state[2] in self._passing_states or int(state[1]) in self._passing_errors
            raise (TransientError if passing else SourceError)(self._redact(message, statement))
        if again:
            # No message of the server: it is gone, or the driver cannot read a value.
            if self._listens() and self._answers():
                return self._run(statement, again=False)
            raise TransientError(self._redact(message, statement))
        raise SourceError("its driver cannot read a value of it")

    def _listens(self) -> bool:
        """Whether anybody takes connections: connectorx would try for half a minute."""
        try:
            with closing(create_connection(self._address, _CONNECT_SECONDS)):
                return True
        except OSError:
            return False

    def _answers(self) -> bool:
        try:
            return pl.read_database_uri("SELECT 1 AS one", self._url, engine="connectorx").height == 1
        except BaseException as error:
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            return False

    def _redact(self, message: str, statement: str) -> str:
        for secret in self._secrets:
            message = message.replace(secret, "***")
        return redact_message(message, statement)

    def columns(self, table: str) -> list[SourceColumn]:
        """Read the columns of a table, in order."""
        fields = ("column_name", "column_type", "is_nullable")
        listed = ", ".join(f"CAST({name} AS CHAR) AS c{place}" for place, name in enumerate(fields))
        statement = (
            f"SELECT {listed} FROM information_schema.columns WHERE table_schema = DATABASE() "  # noqa: S608
            f"AND table_name = '{table}' ORDER BY ordinal_position"
        )
        rows = self.read(statement, f"the columns of {table}").rows()
        return [SourceColumn(name.lower(), name, kind.lower(), null == "YES") for name, kind, null in rows]

    def read_as(self, column: SourceColumn) -> str:
        """Expression that reads a column whatever values it has."""
        if column.base in self._plain:
            return quoted(column.source_name)
        if column.base == "bit":
            return f"CAST({quoted(column.source_name)} AS UNSIGNED)"
        return self.as_text(column)

    def as_text(self, column: SourceColumn) -> str:
        """Expression for the values of a column as text."""
        function = "ST_AsText({})" if column.base in self._shapes else "CAST({} AS CHAR)"
        return function.format(quoted(column.source_name))

    def microseconds(self, column: SourceColumn) -> str | None:
        """Expression for a time as microseconds since 1970: parsing texts takes a third of all time."""
        name = quoted(column.source_name)
        if column.base not in self._moments or column.nullable:
            return None
        real = f"{name} >= '{_FIRST_DAY}' AND DAY({name}) BETWEEN 1 AND DAY(LAST_DAY({name}))"
        return f"CASE WHEN {real} THEN TIMESTAMPDIFF(MICROSECOND, '1970-01-01', {name}) END"

    def sort_key(self, column: SourceColumn, table: str) -> str:  # noqa: ARG002 - the types say it here
        """Sort key of rows and pages, an expression of whole numbers."""
        if column.base in self._whole and "unsigned" not in column.type and not column.nullable:
            return quoted(column.source_name)
        return f"COALESCE(CAST({quoted(column.source_name)} AS SIGNED), {NO_KEY})"

    def untimed(self, column: SourceColumn) -> str:
        """Condition of rows without a readable time of change."""
        name = quoted(column.source_name)
        if column.base in self._times:
            return f"{name} IS NULL OR {name} < '{_FIRST_DAY}'"
        return f"{name} IS NULL OR CAST({name} AS CHAR) NOT REGEXP '^{_DAY}'"

    def has_key(self, columns: Sequence[str], keys: Sequence[Sequence[int]]) -> str:
        """Condition of rows that have one of some keys."""
        return f"({', '.join(columns)}) IN ({tuples(keys)})"
