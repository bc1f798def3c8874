"""Queries answered by Athena, in a workgroup that limits what one may scan and says where answers go."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets.errors import TransientError
from pipeline_assets.queries.engine import Answer, Cell
from pipeline_assets.queries.named_query import Question, QuestionError, Value
from pipeline_assets.queries.sql import placeholders

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_athena.type_defs import (
        ColumnInfoTypeDef,
        DatumTypeDef,
        QueryExecutionTypeDef,
        StartQueryExecutionInputTypeDef,
    )

_UNDER_WAY: Final = ("QUEUED", "RUNNING")
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 2.0
#: Athena answers with text; everything that is not here is text.
_READ: Final[Mapping[str, Callable[[str], Cell]]] = {
    **dict.fromkeys(("tinyint", "smallint", "integer", "bigint"), int),
    **dict.fromkeys(("float", "real", "double"), float),
    "decimal": Decimal,
    "boolean": lambda text: text == "true",
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
}


class AthenaEngine:
    """Answers queries in one workgroup, over the tables of one database."""

    def __init__(self, athena: AthenaClient, *, database: str, workgroup: str) -> None:
        self._athena = athena
        self._database = database
        self._workgroup = workgroup

    def run(self, asked: Question, parameters: Mapping[str, object]) -> Answer:
        """Answer a query and wait for it; one that is given up (Ctrl-C, say) is stopped.

        Raises `QuestionError` for a parameter that the query does not take and for a query that Athena refuses, and
        `TransientError` when Athena cannot be reached.
        """
        bound = asked.bind(parameters)
        with _failures_told():
            execution = self._execute(asked, [literal(bound[name]) for name in placeholders(asked)])
            columns, rows = self._results(execution["QueryExecutionId"])
        types = tuple(column["Type"] for column in columns)
        return Answer(
            columns=tuple(column["Name"] for column in columns),
            types=types,
            rows=tuple(tuple(_cell(*each) for each in zip(row, types, strict=True)) for row in rows),
            scanned_bytes=execution["Statistics"].get("DataScannedInBytes", 0),
            seconds=execution["Statistics"].get("TotalExecutionTimeInMillis", 0) / 1000,
        )

    def _execute(self, asked: Question, literals: list[str]) -> QueryExecutionTypeDef:
        """Start a query and wait until it has its answer."""
        request: StartQueryExecutionInputTypeDef = {
            "QueryString": asked.statement,
            "QueryExecutionContext": {"Database": self._database},
            "WorkGroup": self._workgroup,
        }
        if literals:
            request["ExecutionParameters"] = literals
        query_id = self._athena.start_query_execution(**request)["QueryExecutionId"]
        try:
            execution = self._wait(query_id)
        except BaseException:
            self._athena.stop_query_execution(QueryExecutionId=query_id)
            raise
        status = execution["Status"]
        if status["State"] != "SUCCEEDED":
            reason = status.get("StateChangeReason") or status["State"].lower()
            raise QuestionError(f"Athena did not answer `{asked.name}`: {reason}")
        return execution

    def _wait(self, query_id: str) -> QueryExecutionTypeDef:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            execution = self._athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
            if execution["Status"]["State"] not in _UNDER_WAY:
                return execution
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def _results(self, query_id: str) -> tuple[list[ColumnInfoTypeDef], list[list[DatumTypeDef]]]:
        """Columns and rows of an answer; its first row is a header."""
        columns: list[ColumnInfoTypeDef] = []
        rows: list[list[DatumTypeDef]] = []
        for page in self._athena.get_paginator("get_query_results").paginate(QueryExecutionId=query_id):
            columns = page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
            rows += [row["Data"] for row in page["ResultSet"]["Rows"]]
        return columns, rows[1:]


def literal(value: Value) -> str:
    """A value as Athena wants it for a placeholder: as the SQL literal that it reads it back from."""
    if value is None:
        return "NULL"
    if isinstance(value, float):
        # Without an exponent Athena would take it for a decimal, and divide as such.
        written = repr(value)
        return written if "e" in written else f"{written}E0"
    if isinstance(value, int):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"


def _cell(datum: DatumTypeDef, kind: str) -> Cell:
    text = datum.get("VarCharValue")
    return text if text is None else _READ.get(kind, str)(text)


@contextmanager
def _failures_told() -> Iterator[None]:
    """Turn what the client raises into our own words: what Athena refuses, and what did not get through."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"].get("Code") == "InvalidRequestException":
            raise QuestionError(f"Athena refused it: {error.response['Error'].get('Message', error)}") from error
        raise TransientError(f"Athena did not answer: {error}") from error
    except BotoCoreError as error:
        raise TransientError(f"Athena did not answer: {error}") from error
