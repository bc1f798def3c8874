"""Queries answered by Athena, in a workgroup that limits what one may scan and says where answers go."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, cast

import boto3
import pyathena
import sqlglot
from botocore.exceptions import BotoCoreError, ClientError
from pyathena.async_cursor import AsyncCursor
from pyathena.converter import DefaultTypeConverter
from pyathena.model import AthenaQueryExecution
from pyathena.result_set import AthenaResultSet
from pyathena.util import RetryConfig
from sqlglot.errors import SqlglotError

from pipeline_assets.errors import TransientError
from pipeline_assets.lake.tables import LakeTable
from pipeline_assets.queries.answer import Answer, Cell
from pipeline_assets.queries.as_of import settle_as_of
from pipeline_assets.queries.errors import QueryError
from pipeline_assets.queries.named_query import NamedQuery
from pipeline_assets.queries.names import UnknownNameError, read_tables
from pipeline_assets.queries.parameters import Value
from pipeline_assets.queries.sql import placeholders
from pipeline_assets.queries.tables import is_of_purchases
from pipeline_assets.queries.time_limit import stopped_after

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_glue import GlueClient

_POLL_SECONDS: Final = 0.5
# It writes tracebacks of what it raises as well; without a handler they would go to the terminal.
logging.getLogger("pyathena").addHandler(logging.NullHandler())


class AthenaEngine:
    """Engine that answers in one workgroup, over the tables of one database.

    Parameters
    ----------
    database
        Name of the Glue database.
    workgroup
        Name of the workgroup, which has a place for answers.
    compras_database
        Name of the Glue database of purchases; empty where there is none.
    poll_seconds
        Pause between two looks at a query that is under way, above 0.
    **client
        What the client is made with other than the environment says, as for `boto3.client`.
    """

    def __init__(
        self,
        *,
        database: str,
        workgroup: str,
        compras_database: str = "",
        poll_seconds: float = _POLL_SECONDS,
        **client: Any,  # noqa: ANN401 - whatever boto3 takes
    ) -> None:
        self._databases = database, compras_database
        self._connection = pyathena.connect(
            schema_name=database,
            catalog_name=None,
            work_group=workgroup,
            # The workgroup says where answers go, whatever the environment has for other users of PyAthena.
            s3_staging_dir="",
            poll_interval=poll_seconds,
            glue_metadata_fallback=False,
            **client,
        )
        self._database, self._client = database, client

    def run(self, asked: NamedQuery, parameters: Mapping[str, object], seconds: float | None = None) -> Answer:
        """Answer a query and wait for it; one that is interrupted (Ctrl-C) is stopped.

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
            Its rows, with the bytes and the time that Athena counted.

        Raises
        ------
        QueryError
            The query does not take a parameter, or Athena refuses it or ends it.
        TransientError
            Athena cannot be reached.
        """
        bound = settle_as_of(asked, asked.bind(parameters), self.days)
        literals = [literal(bound[name]) for name in placeholders(asked)]
        started: list[str] = []
        database = self._database_of(asked)
        with (
            stopped_after(seconds, lambda: self._stop(started), asked.name),
            _errors_translated(asked.name),
            self._connection.cursor(schema_name=database) as cursor,
        ):
            cursor.execute(asked.statement, literals, paramstyle="qmark", on_start_query_execution=started.append)
            return _answer(asked, cast("AthenaResultSet", cursor.result_set), bound)

    def begin(self, asked: NamedQuery, parameters: Mapping[str, object], seconds: float) -> Answer | str:
        """Ask a query and wait for a while; Athena goes on with it when nobody waits any more.

        Parameters
        ----------
        asked
            Query to answer.
        parameters
            Values by name; a parameter that is not given has its default.
        seconds
            How long it is waited for, 0 or more.

        Returns
        -------
        Answer or str
            Its rows; or the id of what Athena goes on with.

        Raises
        ------
        QueryError
            The query does not take a parameter, or Athena refuses it or ends it.
        TransientError
            Athena cannot be reached.
        """
        bound = settle_as_of(asked, asked.bind(parameters), self.days)
        literals = [literal(bound[name]) for name in placeholders(asked)]
        with _errors_translated(asked.name), self._waiting(self._database_of(asked)) as cursor:
            execution, future = cursor.execute(asked.statement, literals, paramstyle="qmark")
            try:
                return _answer(asked, future.result(seconds), bound)
            except TimeoutError:
                return str(execution)

    def look(self, asked: NamedQuery, execution: str, seconds: float) -> Answer | None:
        """Look at a query that was begun, and wait for it for a while.

        Parameters
        ----------
        asked
            The query.
        execution
            Id of what Athena goes on with.
        seconds
            How long it is waited for, 0 or more.

        Returns
        -------
        Answer or None
            Its rows, without the values it was asked with; None where Athena goes on.

        Raises
        ------
        QueryError
            Athena has ended it without an answer, or knows none of that id.
        TransientError
            Athena cannot be reached.
        """
        with _errors_translated(asked.name), self._waiting(self._database) as cursor:
            try:
                ended = cursor.poll(execution).result(seconds)
            except TimeoutError:
                return None
            result = AthenaResultSet(self._connection, DefaultTypeConverter(), ended, cursor.arraysize, RetryConfig())
            return _answer(asked, result, {})

    def _waiting(self, database: str) -> AsyncCursor:
        """A cursor that one may stop waiting for."""
        return self._connection.cursor(AsyncCursor, schema_name=database, max_workers=1)

    def _database_of(self, asked: NamedQuery) -> str:
        """The database whose tables a query reads; the lake's where it names none that is known."""
        lake, purchases = self._databases
        try:
            read = read_tables(sqlglot.parse_one(asked.statement, dialect="athena"))
        except (SqlglotError, UnknownNameError):
            return lake
        if not any(map(is_of_purchases, read)):
            return lake
        if not purchases:
            raise QueryError(f"`{asked.name}` reads purchases: COMPRAS_DATABASE is to name their database.")
        return purchases

    def days(self, table: LakeTable) -> set[str]:
        """Find the days of a table that are registered in Glue.

        Parameters
        ----------
        table
            Table whose partitions are days.

        Returns
        -------
        set[str]
            ISO days.

        Raises
        ------
        TransientError
            Glue cannot be reached.
        """
        pages = self._glue.get_paginator("get_partitions")
        try:
            found = pages.paginate(DatabaseName=self._database, TableName=table.name, ExcludeColumnSchema=True)
            return {partition["Values"][0] for page in found for partition in page["Partitions"]}
        except (ClientError, BotoCoreError) as error:
            raise TransientError(f"Glue did not tell the days of `{table.name}`: {error}") from error

    @cached_property
    def _athena(self) -> AthenaClient:
        return boto3.client("athena", **self._client)

    @cached_property
    def _glue(self) -> GlueClient:
        return boto3.client("glue", **self._client)

    def _stop(self, started: list[str]) -> None:
        for query_id in started:
            self._athena.stop_query_execution(QueryExecutionId=query_id)


def literal(value: Value) -> str:
    """SQL literal that Athena takes for a placeholder and reads back as the value.

    Parameters
    ----------
    value
        Value of a parameter.

    Returns
    -------
    str
        A day or an amount as text, a float with an exponent.
    """
    if value is None:
        return "NULL"
    if isinstance(value, float):
        # Without an exponent Athena would take it for a decimal, and divide as such.
        written = repr(value)
        return written if "e" in written else f"{written}E0"
    if isinstance(value, int):
        return repr(value)
    text = f"{value:f}" if isinstance(value, Decimal) else str(value)
    return "'" + text.replace("'", "''") + "'"


def _answer(asked: NamedQuery, result: AthenaResultSet, bound: Mapping[str, Cell]) -> Answer:
    if result.state != AthenaQueryExecution.STATE_SUCCEEDED:
        reason = result.state_change_reason or "it was ended without a reason"
        raise QueryError(f"Athena did not answer `{asked.name}`: {reason}")
    described = result.description or []
    return Answer(
        columns=tuple(str(column[0]) for column in described),
        types=tuple(str(column[1]) for column in described),
        rows=tuple(cast("list[tuple[Cell, ...]]", result.fetchall())),
        scanned_bytes=result.data_scanned_in_bytes or 0,
        seconds=(result.total_execution_time_in_millis or 0) / 1000,
        parameters=bound,
    )


@contextmanager
def _errors_translated(name: str) -> Iterator[None]:
    """Raise our own errors for those of PyAthena, whose cause is the client's error where a request failed."""
    try:
        yield
    except pyathena.Error as error:
        cause = error.__cause__
        if cause is None:
            reason = (error.args and error.args[0]) or "it was ended without a reason"
            raise QueryError(f"Athena did not answer `{name}`: {reason}") from error
        if isinstance(cause, ClientError) and cause.response["Error"].get("Code") == "InvalidRequestException":
            raise QueryError(f"Athena refused it: {cause.response['Error'].get('Message', cause)}") from error
        raise TransientError(f"Athena did not answer: {cause}") from error
