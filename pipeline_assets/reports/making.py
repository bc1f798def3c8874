"""Answers to questions: at once where the engine is quick enough, else under an id, while the work goes on.

An engine of its own machines, Athena, goes on with a query by itself and is looked at again. One that works within
this process, DuckDB, cannot: another invocation asks it again, from the question that was kept.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final, Protocol, runtime_checkable

from pipeline_assets.events.tenants import TenantId
from pipeline_assets.queries.answer import Answer
from pipeline_assets.queries.errors import QueryError
from pipeline_assets.queries.named_query import NamedQuery
from pipeline_assets.queries.open_engine import SqlEngine
from pipeline_assets.queries.parameters import Value
from pipeline_assets.reports.kept import Asked, KeptReports, Reply
from pipeline_assets.reports.refusals import InvalidRequestError
from pipeline_assets.reports.request import Question, ReportRequest
from pipeline_assets.reports.rows import report_csv, report_document, summary_document
from pipeline_assets.reports.statement import Compiled, compile_report, compile_summary

_logger = logging.getLogger(__name__)
#: Seconds to wait before one looks again.
LOOK_AGAIN_SECONDS: Final = 2
#: Longer than a question is worked on, its tries included: what is not answered by then is lost.
_LOST_AFTER: Final = timedelta(minutes=60)
#: A function may answer 6 MB, in which a body is written once more as a text of JSON.
_MOST_BYTES: Final = 4_500_000
_LIMIT_OF_BYTES: Final = "Bytes scanned limit was exceeded"


@runtime_checkable
class LastingEngine(Protocol):
    """Engine that goes on with a query when nobody waits for it."""

    def begin(self, asked: NamedQuery, parameters: dict[str, Value], seconds: float) -> Answer | str:
        """Ask a query and wait for it for a while.

        Parameters
        ----------
        asked
            The query.
        parameters
            A value for each of its parameters.
        seconds
            How long it is waited for.

        Returns
        -------
        Answer or str
            Its rows; or the id of what goes on.

        Raises
        ------
        QueryError
            The query fails.
        TransientError
            The engine cannot be reached.
        """

    def look(self, asked: NamedQuery, execution: str, seconds: float) -> Answer | None:
        """Look at a query that was begun, and wait for it for a while.

        Parameters
        ----------
        asked
            The query.
        execution
            Id of what goes on.
        seconds
            How long it is waited for.

        Returns
        -------
        Answer or None
            Its rows; None where it goes on.

        Raises
        ------
        QueryError
            The query failed.
        TransientError
            The engine cannot be reached.
        """


@dataclass(frozen=True, slots=True)
class Desk:
    """Where questions of one tenant are answered.

    Parameters
    ----------
    tenant
        The tenant that asks, verified.
    name
        The tenant as it names itself.
    engine
        Engine that is asked.
    kept
        Where long questions are kept.
    later
        Has a question that was kept answered by another invocation, given the tenant and the id.
    """

    tenant: TenantId
    name: str
    engine: SqlEngine
    kept: KeptReports
    later: Callable[[TenantId, str], None]

    def answer(self, question: Question, seconds: float, now: datetime) -> Reply:
        """Answer a question, or say where its answer will be.

        Parameters
        ----------
        question
            What is asked.
        seconds
            How long the answer is waited for; not at all from 0 down.
        now
            When it is asked.

        Returns
        -------
        Reply
            The answer, a refusal, or 202 with the address of the answer.

        Raises
        ------
        TransientError
            A store does not answer.
        """
        compiled = _compiled(question, self.tenant)
        execution = ""
        if isinstance(self.engine, LastingEngine):
            try:
                found = self.engine.begin(compiled.query, dict(compiled.values), max(seconds, 0))
            except QueryError as error:
                return _failed(error)
            if isinstance(found, Answer):
                return _written(question, self.name, found)
            execution = found
        elif seconds > 0:
            try:
                return _written(question, self.name, self.engine.run(compiled.query, compiled.values, seconds))
            except QueryError as error:
                if error.code != "timed_out":
                    return _failed(error)
        report = self.kept.keep(self.tenant, Asked(question, self.name, now, execution))
        if not execution:
            self.later(self.tenant, report)
        return self._accepted(report)

    def look(self, report: str, seconds: float, now: datetime) -> Reply | None:
        """Look for the answer to a question that took long.

        Parameters
        ----------
        report
            Its id, any text.
        seconds
            How long it is waited for.
        now
            When one looks.

        Returns
        -------
        Reply or None
            The answer, or 202; None where the tenant has no question of that id.

        Raises
        ------
        TransientError
            A store does not answer.
        """
        if reply := self.kept.answered(self.tenant, report):
            return reply
        asked = self.kept.asked(self.tenant, report)
        if asked is None:
            return None
        if asked.execution and isinstance(self.engine, LastingEngine):
            compiled = _compiled(asked.question, self.tenant)
            try:
                found = self.engine.look(compiled.query, asked.execution, seconds)
            except QueryError as error:
                return _failed(error)
            return self._accepted(report) if found is None else _written(asked.question, asked.tenant_name, found)
        if now - asked.asked_at > _LOST_AFTER:
            return Reply(HTTPStatus.GONE, "The report was not made: ask for it again.")
        return self._accepted(report)

    def _accepted(self, report: str) -> Reply:
        # The name is the path's, which the token agrees with; whoever sends this writes it as an address has it.
        return Reply(
            HTTPStatus.ACCEPTED,
            json.dumps({"tenant_id": self.name, "report": report, "state": "running"}),
            headers={"Retry-After": str(LOOK_AGAIN_SECONDS)},
            report=report,
        )


def make_kept(tenant: TenantId, report: str, engine: SqlEngine, kept: KeptReports, seconds: float) -> Reply | None:
    """Answer a question that was kept, for whoever looks for it; doing it again changes nothing.

    Parameters
    ----------
    tenant
        The tenant that asked.
    report
        Id of the question.
    engine
        Engine that is asked.
    kept
        Where the question is, and the answer goes.
    seconds
        How long it may take.

    Returns
    -------
    Reply or None
        What was put; None where there is no such question, or it is answered.

    Raises
    ------
    TransientError
        A store does not answer.
    """
    asked = kept.asked(tenant, report)
    if asked is None or kept.answered(tenant, report):
        return None
    compiled = _compiled(asked.question, tenant)
    try:
        reply = _written(asked.question, asked.tenant_name, engine.run(compiled.query, compiled.values, seconds))
    except QueryError as error:
        reply = _failed(error)
    kept.answer(tenant, report, reply)
    return reply


def _compiled(question: Question, tenant: TenantId) -> Compiled:
    if isinstance(question, ReportRequest):
        return compile_report(question, tenant)
    return compile_summary(question, tenant)


def _written(question: Question, name: str, answer: Answer) -> Reply:
    try:
        if isinstance(question, ReportRequest):
            document = report_document(question, name, answer)
        else:
            document = summary_document(question, name, answer)
    except InvalidRequestError as error:
        return refusal(error)
    media_type, body = "application/json", json.dumps(document)
    headers = {"X-Scanned-Bytes": str(answer.scanned_bytes), "X-Cost-Usd": f"{answer.cost_usd:.6f}"}
    if isinstance(question, ReportRequest) and question.form == "csv":
        media_type, body = "text/csv; charset=utf-8", report_csv(document)
        headers["X-Truncated"] = str(document["truncated"]).lower()
    if (size := len(body.encode())) > _MOST_BYTES:
        return refusal(InvalidRequestError("limit", f"an answer of {size:,} bytes", f"at most {_MOST_BYTES:,} bytes"))
    return Reply(HTTPStatus.OK, body, media_type, headers)


def refusal(error: InvalidRequestError) -> Reply:
    """The reply to a request that cannot be answered as it is."""
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if error.too_large else HTTPStatus.BAD_REQUEST
    told = {"where": error.field, "given": error.given, "allowed": error.allowed}
    return Reply(status, "The request cannot be answered as it is.", errors=(told,))


def _failed(error: QueryError) -> Reply:
    if _LIMIT_OF_BYTES in str(error):
        detail = "The question reads more than one may: the limit of bytes of the workgroup was reached."
        return Reply(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
    if error.code == "timed_out":
        return Reply(HTTPStatus.GATEWAY_TIMEOUT, "The question took longer than it may, and was stopped.")
    _logger.error("a question failed: %s", error)
    return Reply(HTTPStatus.INTERNAL_SERVER_ERROR, "The request could not be answered.")
