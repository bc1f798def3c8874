"""Queries answered by DuckDB in this process, over the same objects: what the laptop has instead of Athena.

The text is Athena's; sqlglot makes DuckDB's of it. Types are those of the Glue tables, times are UTC in milliseconds.
What differs is known: Athena sees the days that are registered, DuckDB those that are there. `scanned_bytes` are the
bytes fetched from S3: footers, and the compressed columns that the query needs. A query that Athena may answer in
another way, or not at all, is answered with a `PortabilityWarning`.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from pipeline_assets.analytics.tables import MANIFESTS
from pipeline_assets.compras.tables import COMPRAS_TABLES
from pipeline_assets.datasets.spec import Column
from pipeline_assets.errors import TransientError
from pipeline_assets.lake.tables import GlueColumn, LakeTable
from pipeline_assets.queries.answer import Answer
from pipeline_assets.queries.as_of import settle_as_of
from pipeline_assets.queries.documents_file import PATH
from pipeline_assets.queries.errors import QueryError
from pipeline_assets.queries.lake_objects import table_dataset
from pipeline_assets.queries.named_query import NamedQuery
from pipeline_assets.queries.names import UnknownNameError, read_tables
from pipeline_assets.queries.parameters import Value
from pipeline_assets.queries.portable import PortabilityWarning, faults
from pipeline_assets.queries.reading import Reading
from pipeline_assets.queries.sql import placeholders
from pipeline_assets.queries.time_limit import stopped_after
from pipeline_assets.storage.bucket import Bucket
from pipeline_assets.storage.retries import retries

_ATTEMPTS: Final = 5
#: DuckDB's names of types where Athena has another one.
_ATHENA_TYPES: Final = {"hugeint": "bigint", "decimal": "decimal"}
_SETTINGS: Final = (
    "SET TimeZone = 'UTC'",
    # A query reads what is registered for it, and nothing else of this machine.
    "SET python_enable_replacements = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


class _RewrittenError(Exception):
    """A day was rewritten while it was read."""


@dataclass(frozen=True, slots=True)
class _Ends:
    """When a query began, and how many seconds it may take."""

    began: float
    seconds: float | None

    def left(self) -> float | None:
        """Seconds that are left, none where it may take any."""
        return None if self.seconds is None else self.seconds - (time.perf_counter() - self.began)


class DuckDbEngine:
    """Engine that answers over the buckets of one lake.

    Parameters
    ----------
    buckets
        Buckets of the lake, of the prod sets and of purchases by their logical names.
    database, compras_database
        Names of the databases of the lake and of purchases; where one is empty, any name is taken for it.
    """

    def __init__(self, buckets: Mapping[str, Bucket], database: str = "", compras_database: str = "") -> None:
        self._buckets = buckets
        self._databases = database, compras_database

    def run(self, asked: NamedQuery, parameters: Mapping[str, object], seconds: float | None = None) -> Answer:
        """Answer a query; begins again when a day is rewritten under it.

        What Athena may answer otherwise is told by a `PortabilityWarning`.

        Parameters
        ----------
        asked
            Query to answer.
        parameters
            Values by name; a parameter that is not given has its default.
        seconds
            How long it may take; as long as it takes where it is None.

        Returns
        -------
        Answer
            Its rows and the bytes fetched for it; the time includes attempts that were given up.

        Raises
        ------
        QueryError
            The query does not take a parameter, or it fails.
        TransientError
            The lake cannot be reached or changes too fast.
        """
        ends = _Ends(time.perf_counter(), seconds)
        try:
            bound = settle_as_of(asked, asked.bind(parameters), self.days)
            answer = retries(_RewrittenError, attempts=_ATTEMPTS)(self._read, asked, bound, ends)
        except _RewrittenError as error:
            message = f"days of the lake were rewritten {_ATTEMPTS} times while `{asked.name}` read them"
            raise TransientError(message) from error
        _warn_of_faults(asked)
        return answer

    def _read(self, asked: NamedQuery, bound: dict[str, Value], ends: _Ends) -> Answer:
        reading = Reading()
        try:
            return self._answer(asked, bound, reading, ends)
        except (SqlglotError, UnknownNameError) as error:
            raise QueryError(f"`{asked.name}` could not be answered: {error}") from error
        except (TransientError, duckdb.Error, OSError) as error:
            if reading.changed:
                raise _RewrittenError from error
            if fault := (error if isinstance(error, TransientError) else reading.fault):
                raise TransientError(f"the lake could not be read: {fault}") from (error.__cause__ or error)
            raise QueryError(f"`{asked.name}` could not be answered: {error}") from error

    def _answer(self, asked: NamedQuery, bound: dict[str, Value], reading: Reading, ends: _Ends) -> Answer:
        values = [_bindable(bound[name]) for name in placeholders(asked)]
        parsed = sqlglot.parse_one(asked.statement, dialect="athena")
        relations = read_tables(parsed, *self._databases)
        with duckdb.connect() as connection:
            for each in relations:
                if isinstance(each, LakeTable):
                    self._open_table(connection, each, reading)
                else:
                    statement = _duckdb(sqlglot.parse_one(each.statement, dialect="athena"))
                    connection.execute(f"CREATE VIEW {each.name} AS {statement}")
            for setting in _SETTINGS:
                connection.execute(setting)
            with stopped_after(ends.left(), connection.interrupt, asked.name):
                connection.execute(_duckdb(parsed), values)
                described = connection.description or []
                rows = connection.fetchall()
        return Answer(
            columns=tuple(column[0] for column in described),
            types=tuple(_athena_type(str(column[1])) for column in described),
            rows=tuple(rows),
            scanned_bytes=reading.scanned_bytes,
            seconds=time.perf_counter() - ends.began,
            parameters=bound,
        )

    def days(self, table: LakeTable) -> set[str]:
        """Find the days of a table of a prod set that were published whole.

        Parameters
        ----------
        table
            Table whose partitions are days.

        Returns
        -------
        set[str]
            ISO days that the table has and the set has a manifest of, which is put last.

        Raises
        ------
        QueryError
            The bucket of the set is not known here.
        TransientError
            The bucket cannot be listed.
        """
        bucket = self._bucket(table)
        published = {listed.key for listed in bucket.objects(MANIFESTS)}
        days = {
            listed.key.removeprefix(f"{table.prefix}as_of=").partition("/")[0]
            for listed in bucket.objects(table.prefix)
        }
        return {day for day in days if f"{MANIFESTS}as_of={day}.json" in published}

    def _bucket(self, table: LakeTable) -> Bucket:
        if table.bucket not in self._buckets:
            told = f"`{table.name}` is in the bucket of `{table.bucket}`, which the environment does not name."
            raise QueryError(told, code="not_available")
        return self._buckets[table.bucket]

    def _open_table(self, connection: duckdb.DuckDBPyConnection, table: LakeTable, reading: Reading) -> None:
        """Let a connection see a table, with the types that Glue has for it."""
        objects = connection.from_arrow(table_dataset(table, self._bucket(table), reading))
        columns = [*(_typed(column) for column in table.columns), *(f'"{name}"' for name in table.partitions)]
        objects.project(", ".join(columns)).create_view(table.name)
        if table.format == "json":
            objects.project(", ".join([*columns, f'"{PATH}"'])).create_view(f"{table.name}{PATH}")


def _duckdb(tree: exp.Expr) -> str:
    """DuckDB's text of a statement: the address of an object, which Athena has in every table unseen, is a column."""
    if any(column.name == PATH for column in tree.find_all(exp.Column)):
        hidden = {table.name for table in COMPRAS_TABLES if table.format == "json"}
        for table in tree.find_all(exp.Table):
            if table.name.lower() in hidden:
                alias = table.alias or table.name
                named = exp.to_identifier(f"{table.name.lower()}{PATH}", quoted=True)
                table.replace(exp.Table(this=named, alias=exp.TableAlias(this=exp.to_identifier(alias))))
    return tree.sql(dialect="duckdb")


def _typed(column: Column | GlueColumn) -> str:
    """A column as Athena reads it: its timestamps have milliseconds, to which Trino rounds half up."""
    if isinstance(column, GlueColumn) or column.type != "datetime":
        return f'"{column.name}"'
    rounded = f"""date_trunc('millisecond', "{column.name}"::TIMESTAMP + INTERVAL '500 microseconds')"""
    return f'{rounded} AS "{column.name}"'


def _warn_of_faults(asked: NamedQuery) -> None:
    """Warn whoever runs a query of what Athena may answer otherwise."""
    for fault in faults(asked):
        told = f"Athena may answer `{asked.name}` otherwise: it {fault}"
        warnings.warn(told, PortabilityWarning, stacklevel=3)


def _bindable(value: object) -> object:
    """Days and amounts are bound as text, as Athena gets them; partition keys that days are compared with are text."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date) else value


def _athena_type(name: str) -> str:
    lower = name.lower().partition("(")[0]
    return _ATHENA_TYPES.get(lower, lower)
