"""Athena's protocol over HTTP, answered by DuckDB: the local cloud's own Athena takes no parameters.

Parameters are read as Trino reads them, as SQL expressions that must each be one literal, so that a value that is not
quoted well fails or changes the answer here as it would there. Pages are small, so that there are several.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import sqlglot
from sqlglot import TokenType, exp

from pipeline_assets.queries.answer import Answer
from pipeline_assets.queries.duckdb_engine import DuckDbEngine
from pipeline_assets.queries.named_query import NamedQuery
from pipeline_assets.queries.tables import known_tables

PAGE = 3
_TABLES = {table.name: table for table in known_tables()}
#: The state is asked for as often as this before a query has ended.
POLLS = 2


@dataclass
class AthenaStandIn:
    """What was started, by query id, and what became of it."""

    engine: DuckDbEngine
    started: list[dict[str, Any]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    #: Where this is set, queries end in it, with its reason.
    end_as: tuple[str, str] | None = None
    #: Where this is set, queries go on until they are stopped.
    busy: bool = False
    polls: dict[str, int] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    url: str = ""

    def start_query_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        query_id = f"query-{len(self.started)}"
        self.started.append(request)
        text = filled(request["QueryString"], request.get("ExecutionParameters", []))
        if not self.end_as:
            self.answers[query_id] = self.engine.run(NamedQuery("q", "", "", (), {}, text), {})
        return {"QueryExecutionId": query_id}

    def get_query_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        query_id = request["QueryExecutionId"]
        self.polls[query_id] = self.polls.get(query_id, 0) + 1
        state, reason = self.end_as or ("SUCCEEDED", "")
        if self.polls[query_id] <= POLLS or (self.busy and not self.end_as):
            state, reason = ("QUEUED", "RUNNING")[self.polls[query_id] > 1], ""
        statistics = {}
        if answer := self.answers.get(query_id):
            statistics = {"DataScannedInBytes": answer.scanned_bytes, "TotalExecutionTimeInMillis": 1500}
        status = {"State": state, "StateChangeReason": reason}
        text = self.started[int(query_id.removeprefix("query-"))]["QueryString"]
        execution = {"QueryExecutionId": query_id, "Query": text, "Status": status, "Statistics": statistics}
        return {"QueryExecution": execution}

    def get_partitions(self, request: dict[str, Any]) -> dict[str, Any]:
        """As Glue does, to which an engine goes for the days of a table; one at a time."""
        days = sorted(self.engine.days(_TABLES[request["TableName"]]))
        begin = int(request.get("NextToken", 0))
        page = {"Partitions": [{"Values": [day]} for day in days[begin : begin + 1]]}
        return page | ({"NextToken": str(begin + 1)} if begin + 1 < len(days) else {})

    def stop_query_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        self.stopped.append(request["QueryExecutionId"])
        self.end_as = ("CANCELLED", "Query cancelled by user")
        return {}

    def get_query_results(self, request: dict[str, Any]) -> dict[str, Any]:
        answer = self.answers[request["QueryExecutionId"]]
        lines = [answer.columns, *answer.rows]
        begin = int(request.get("NextToken", 0))
        end = begin + PAGE
        rows = [{"Data": [{} if cell is None else {"VarCharValue": _text(cell)} for cell in line]} for line in lines]
        rest = {"Precision": 0, "Scale": 0, "Nullable": "UNKNOWN", "CaseSensitive": False}
        columns = [{"Name": n, "Type": t, **rest} for n, t in zip(answer.columns, answer.types, strict=True)]
        page = {"ResultSet": {"Rows": rows[begin:end], "ResultSetMetadata": {"ColumnInfo": columns}}}
        return page | ({"NextToken": str(end)} if end < len(lines) else {})


def _text(cell: object) -> str:
    return str(cell).lower() if isinstance(cell, bool) else str(cell)


def filled(text: str, parameters: Sequence[str]) -> str:
    """The text with each placeholder replaced by its parameter, which has to be one literal; without comments."""
    places = [token for token in sqlglot.tokenize(text, dialect="athena") if token.token_type is TokenType.PLACEHOLDER]
    for token, parameter in reversed(list(zip(places, parameters, strict=True))):
        read = sqlglot.parse_one(parameter, dialect="athena")
        assert isinstance(read, exp.Literal | exp.Null), f"not a literal: {parameter}"
        text = f"{text[: token.start]}{parameter}{text[token.end + 1 :]}"
    return sqlglot.parse_one(text, dialect="athena").sql(dialect="athena", comments=False)


@contextmanager
def athena_stand_in(engine: DuckDbEngine) -> Iterator[AthenaStandIn]:
    """Serve the protocol on a free port of this machine for as long as the block lasts."""
    athena = AthenaStandIn(engine)
    operations = {
        "StartQueryExecution": athena.start_query_execution,
        "GetQueryExecution": athena.get_query_execution,
        "GetQueryResults": athena.get_query_results,
        "StopQueryExecution": athena.stop_query_execution,
        "GetPartitions": athena.get_partitions,
    }

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                status, answer = 200, operations[self.headers["X-Amz-Target"].rpartition(".")[2]](request)
            except Exception as error:  # noqa: BLE001 - as Athena answers to what it cannot read
                status, answer = 400, {"__type": "InvalidRequestException", "Message": str(error)}
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing of each request."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    athena.url = f"http://127.0.0.1:{server.server_address[1]}"
    serving = threading.Thread(target=lambda: server.serve_forever(0.01), daemon=True)
    serving.start()
    try:
        yield athena
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
