"""Answer of the reporting function: a report in the form that is asked for, or an error with its kind.

What is asked for comes as the event itself, or as the query string of an HTTP request by way of an API Gateway; the
answer has the shape of an HTTP response in both cases.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from pipeline_assets.compras.current import UnreadableDocumentError
from pipeline_assets.compras.report import Report, SlowReportError, make_report
from pipeline_assets.compras.report_formats import as_csv, as_json
from pipeline_assets.compras.report_page import as_html
from pipeline_assets.compras.report_request import BadRequestError, ReportRequest

if TYPE_CHECKING:
    from pipeline_assets.storage.bucket import Bucket

#: By the name of a form: its media type, and what writes it.
FORMS: Final[Mapping[str, tuple[str, Callable[[Report], str]]]] = {
    "json": ("application/json", as_json),
    "csv": ("text/csv; charset=utf-8", as_csv),
    "html": ("text/html; charset=utf-8", as_html),
}


def report_answer(event: object, bucket: Bucket, now: datetime, seconds: float | None = None) -> dict[str, Any]:
    """Answer an event.

    Parameters
    ----------
    event
        The parameters of a report and its `formato` (json unless told), or an API Gateway's event that has them.
    bucket
        The bucket of documents.
    now
        When it is asked.
    seconds
        How long purchases are read, unless as long as it takes.

    Returns
    -------
    dict[str, Any]
        ``statusCode``, ``headers`` and ``body``; the body of an error has its ``type`` and its ``message``.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    try:
        return _report(event, bucket, now, seconds)
    except BadRequestError as error:
        return error_answer(HTTPStatus.BAD_REQUEST, "bad_request", str(error), parameter=error.parameter)
    except SlowReportError as error:
        return error_answer(HTTPStatus.GATEWAY_TIMEOUT, "timed_out", str(error))
    except UnreadableDocumentError as error:
        return error_answer(HTTPStatus.INTERNAL_SERVER_ERROR, "unreadable_document", str(error))


def error_answer(status: HTTPStatus, kind: str, message: str, **more: str) -> dict[str, Any]:
    """Answer with an error.

    Parameters
    ----------
    status
        Status of the HTTP response.
    kind
        Kind of the error, for a program.
    message
        What is wrong, for a person.
    **more
        What else is known of it.

    Returns
    -------
    dict[str, Any]
        As of `report_answer`.
    """
    body = json.dumps({"error": {"type": kind, "message": message, **more}})
    return _response(status, "application/json", body)


def _report(event: object, bucket: Bucket, now: datetime, seconds: float | None) -> dict[str, Any]:
    parameters = _parameters(event)
    form = parameters.get("formato") or "json"
    if not isinstance(form, str) or form not in FORMS:
        raise BadRequestError("formato", "there is no such form", expected=" or ".join(FORMS))
    request = ReportRequest.of(parameters, now.astimezone(UTC).date())
    media_type, write = FORMS[form]
    return _response(HTTPStatus.OK, media_type, write(make_report(request, bucket, now, seconds)))


def _parameters(event: object) -> Mapping[str, object]:
    if not isinstance(event, Mapping):
        raise BadRequestError("event", "it is no object", expected="the parameters of a report")
    if "requestContext" in event or "queryStringParameters" in event:
        event = event.get("queryStringParameters") or {}
        if not isinstance(event, Mapping):
            raise BadRequestError("queryStringParameters", "it is no object", expected="the parameters of a report")
    return event


def _response(status: HTTPStatus, media_type: str, body: str) -> dict[str, Any]:
    headers = {"content-type": media_type, "cache-control": "no-store", "x-content-type-options": "nosniff"}
    return {"statusCode": int(status), "headers": headers, "body": body}
