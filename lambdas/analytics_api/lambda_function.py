"""Lambda that reports on the purchases of a tenant and answers named queries, behind the HTTP API.

It invokes itself, asynchronously, for a report that takes longer than API Gateway waits.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import boto3
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from botocore.exceptions import BotoCoreError, ClientError

from lambdas._runtime import http_errors
from lambdas._runtime.http_errors import HttpError
from lambdas._runtime.http_handler import Door, TenantInPath, logger
from lambdas.analytics_api import shapes
from pipeline_assets.compras.report_answer import report_answer
from pipeline_assets.errors import TransientError
from pipeline_assets.events.environment import required
from pipeline_assets.events.tenants import TenantId
from pipeline_assets.queries.described import described
from pipeline_assets.queries.errors import QueryError
from pipeline_assets.queries.function import answer_request
from pipeline_assets.queries.named_query import NamedQuery
from pipeline_assets.queries.open_engine import QuerySettings, SqlEngine, open_engine
from pipeline_assets.queries.sql import queries, query
from pipeline_assets.reports.json_document import read_document
from pipeline_assets.reports.kept import KeptReports, Reply
from pipeline_assets.reports.making import Desk, make_kept, refusal
from pipeline_assets.reports.named import STATUSES, query_request
from pipeline_assets.reports.refusals import InvalidRequestError
from pipeline_assets.reports.request import ReportRequest, SummaryRequest
from pipeline_assets.storage.bucket import Bucket
from pipeline_assets.storage.s3 import open_storage

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_lambda import LambdaClient

#: Seconds that a caller waits for a report, of the thirty of API Gateway, and those kept for the answer itself.
_WAITED, _FOR_THE_ANSWER = 20.0, 5.0
#: Scope of whoever may ask named queries, which are of all tenants.
SCOPE = "cesta/queries"
#: Name in an event of the report that another invocation asks for.
_KEPT_REPORT = "kept_report"

door = Door(scopes=dict.fromkeys(("GET /queries", "GET /queries/{name}", "POST /queries/{name}"), SCOPE))

_From = Annotated[str | None, Query(alias="from", description="First day, such as 2026-11-01; 29 days before `to`.")]
_To = Annotated[str | None, Query(alias="to", description="Last day; today in UTC.")]
_Currency = Annotated[str | None, Query(description="Currency of the purchases that count, such as USD.")]
_Top = Annotated[str | None, Query(description="How many products are shown, 1 to 100; 10.")]
_Desde = Annotated[str | None, Query(description="First day, such as 2026-11-01; 29 days before `hasta`.")]
_Hasta = Annotated[str | None, Query(description="Last day; today in UTC.")]
_Formato = Annotated[str | None, Query(description="json, csv or html; json.")]
_Report = Annotated[str, Path(description="Id of a report that takes long.", max_length=256)]
_Name = Annotated[str, Path(description="Name of a query.", max_length=256)]
_Document = Annotated[dict[str, Any], Body(description="What is asked for.", json_schema_extra=shapes.REPORT_REQUEST)]
_Question = Annotated[dict[str, Any], Body(description="Values and page.", json_schema_extra=shapes.QUERY_REQUEST)]


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request; or make a report that was kept, in an invocation of this function's own."""
    if _KEPT_REPORT not in event:
        return door.lambda_handler(event, context)
    asked = event[_KEPT_REPORT]
    # That of the request, not of whichever this process answered last.
    logger.set_correlation_id(asked.get("correlation_id"))
    seconds = context.get_remaining_time_in_millis() / 1000 - _FOR_THE_ANSWER
    reply = make_kept(TenantId(asked["tenant"]), asked["report"], _engine(), _kept(), seconds)
    logger.info("kept report made", extra={"tenant": asked["tenant"], "status": reply.status if reply else 0})
    return {}


@door.app.get(
    "/analytics/<tenant_id>",
    summary="Purchases of a period: totals, days, products",
    tags=["Analytics"],
    responses={200: shapes.answers(shapes.SUMMARY), 202: shapes.later()},
)
def summary(
    tenant_id: TenantInPath,  # noqa: ARG001 - the door has it
    first: _From = None,
    last: _To = None,
    currency: _Currency = None,
    top: _Top = None,
) -> Response[Any]:
    """Sum up the purchases of the tenant as they are now, in the last thirty days unless told.

    Parameters
    ----------
    tenant_id
        The tenant in the path.
    first, last
        Days of the period.
    currency
        Currency of the purchases that count.
    top
        How many products are shown.

    Returns
    -------
    Response
        The summary, or the address where it will be.
    """
    given = {"from": first, "to": last, "currency": currency, "top": top}
    with_refusals = {name: value for name, value in given.items() if value is not None}
    try:
        asked = SummaryRequest.of(with_refusals, _now().date())
    except InvalidRequestError as error:
        return _told(refusal(error))
    return _told(_desk().answer(asked, _patience(), _now()))


@door.app.post(
    "/analytics/<tenant_id>/report",
    summary="Report of chosen measures by chosen dimensions",
    tags=["Analytics"],
    responses={200: shapes.answers(shapes.REPORT, csv=True), 202: shapes.later()},
)
def report(tenant_id: TenantInPath, document: _Document) -> Response[Any]:  # noqa: ARG001 - read as it was sent
    """Report on the purchases of the tenant as they are now; `Prefer: respond-async` asks for an address at once."""
    try:
        asked = ReportRequest.of(_sent(), _now().date())
    except InvalidRequestError as error:
        return _told(refusal(error))
    return _told(_desk().answer(asked, _patience(), _now()))


@door.app.get(
    "/analytics/<tenant_id>/report/<report_id>",
    summary="Report that took long",
    tags=["Analytics"],
    responses={200: shapes.answers({}, csv=True), 202: shapes.later()},
)
def kept_report(tenant_id: TenantInPath, report_id: _Report) -> Response[Any]:  # noqa: ARG001
    """Look for the answer to a question that took long; it is there for a day."""
    return _told(_desk().look(report_id, _patience(), _now()))


@door.app.get(
    "/reportes/compras/<tenant_id>",
    summary="Report on purchases, of generarReporteCompras",
    tags=["Analytics"],
    responses={200: shapes.answers({"type": "object"}, csv=True, html=True)},
)
def reporte(  # noqa: PLR0917 - the parameters of a report
    tenant_id: TenantInPath,  # noqa: ARG001
    desde: _Desde = None,
    hasta: _Hasta = None,
    top: _Top = None,
    moneda: _Currency = None,
    formato: _Formato = None,
) -> Response[Any]:
    """Report on the purchases of the tenant by day, weekday, hour and product, as JSON, CSV or a page.

    Parameters
    ----------
    tenant_id
        The tenant in the path.
    desde, hasta
        Days of the period.
    top
        How many products are shown.
    moneda
        Currency of the purchases that count.
    formato
        How it is written.

    Returns
    -------
    Response
        The report.
    """
    given = {"desde": desde, "hasta": hasta, "top": top, "moneda": moneda, "formato": formato}
    parameters = {name: value for name, value in given.items() if value is not None}
    asked = {"queryStringParameters": {**parameters, "tenant_id": door.caller.tenant}}
    answer = report_answer(asked, _documents(), _now(), _seconds())
    status, headers = HTTPStatus(answer["statusCode"]), answer["headers"]
    if status != HTTPStatus.OK:
        error = json.loads(answer["body"])["error"]
        where = [{"where": error["parameter"], "what": error["message"]}] if "parameter" in error else []
        detail = "The report cannot be made as it is asked for." if where else error["message"]
        return _refused(status, detail, where)
    return Response(status, headers["content-type"], answer["body"])


@door.app.get("/queries", summary="Named queries", tags=["Queries"])
def named_queries() -> dict[str, Any]:
    """List the named queries with what they take and give; they are of all tenants."""
    return {"queries": [described(each) for each in queries()]}


@door.app.get("/queries/<name>", summary="What a named query takes and gives", tags=["Queries"])
def named_query(name: _Name) -> dict[str, Any]:
    """Describe a named query."""
    return described(_query(name))


@door.app.post("/queries/<name>", summary="Ask a named query", tags=["Queries"])
def ask_query(name: _Name, document: _Question) -> Response[Any]:  # noqa: ARG001 - read as it was sent
    """Ask a named query for a page of its rows; `next_page` of an answer is the `page` of what follows."""
    try:
        asked = query_request(name, _sent())
    except InvalidRequestError as error:
        return _told(refusal(error))
    answer = answer_request(asked, _engine(), _seconds())
    if wrong := answer.get("error"):
        if wrong["code"] == "failed":
            logger.error("a named query failed", extra={"query": name, "reason": wrong["message"]})
        status = STATUSES.get(wrong["code"], HTTPStatus.BAD_REQUEST)
        where = [{"where": wrong["code"], "what": _ascii(wrong["message"])}] if status < STATUSES["failed"] else []
        return _refused(status, "The query cannot be answered as it is asked.", where)
    return Response(HTTPStatus.OK, "application/json", json.dumps(answer))


def _query(name: str) -> NamedQuery:
    """A named query; raises `HttpError` (404) where there is none."""
    try:
        return query(name)
    except QueryError as error:
        raise http_errors.not_found() from error


def _refused(status: HTTPStatus, detail: str, errors: list[dict[str, str]]) -> Response[Any]:
    raise HttpError(status, detail, errors)


def _told(reply: Reply | None) -> Response[Any]:
    """A reply as the door answers it; raises `HttpError` for a problem, and 404 where there is none."""
    if reply is None:
        raise http_errors.not_found()
    if reply.status >= HTTPStatus.BAD_REQUEST:
        raise _problem(reply)
    headers = dict(reply.headers or {})
    if reply.report:
        headers["Location"] = f"/analytics/{quote(door.caller.tenant, safe='')}/report/{reply.report}"
    return Response(reply.status, reply.media_type, reply.body, headers)


def _problem(reply: Reply) -> HttpError:
    told = [{**each, "what": f"{each['given']} was given; expected {each['allowed']}"} for each in reply.errors]
    return HttpError(HTTPStatus(reply.status), reply.body, told)


def _desk() -> Desk:
    return Desk(door.tenant, door.caller.tenant, _engine(), _kept(), _invoke_later)


def _sent() -> dict[str, Any]:
    """The body as it was sent, with its numbers to the last digit."""
    return read_document(door.app.current_event.decoded_body or "")


def _patience() -> float:
    """Seconds that the caller waits; none where they want an address at once."""
    return 0.0 if "respond-async" in str(door.app.current_event.headers.get("prefer", "")) else _seconds()


def _seconds() -> float:
    """Seconds that there are for an answer which has no other address."""
    left: float = door.app.lambda_context.get_remaining_time_in_millis() / 1000 - _FOR_THE_ANSWER
    return min(_WAITED, left)


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()[:500]


def _now() -> datetime:
    return datetime.now(UTC)


def _invoke_later(tenant: TenantId, report_id: str) -> None:
    asked = {"tenant": tenant, "report": report_id, "correlation_id": logger.get_correlation_id()}
    payload = json.dumps({_KEPT_REPORT: asked}).encode()
    name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
    try:
        _functions().invoke(FunctionName=name, InvocationType="Event", Payload=payload)
    except (BotoCoreError, ClientError) as error:
        raise TransientError(f"the report could not be begun: {error}") from error


@cache
def _functions() -> LambdaClient:
    return boto3.client("lambda")


@cache
def _engine() -> SqlEngine:
    return open_engine(QuerySettings.from_environment())


@cache
def _kept() -> KeptReports:
    return KeptReports(open_storage().bucket(required(None, "REPORTS_BUCKET", "the name of the bucket of reports")))


@cache
def _documents() -> Bucket:
    return open_storage().bucket(required(None, "COMPRAS_BUCKET", "the name of the bucket of purchase documents"))
