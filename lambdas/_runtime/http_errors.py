"""Errors of the HTTP API as their callers get them: problem documents (RFC 9457), one sentence each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

CONTENT_TYPE = "application/problem+json"
#: After how many seconds to ask again where a store is down.
RETRY_SECONDS = 5


@dataclass(eq=False)
class HttpError(Exception):
    """Why a request is not answered; whoever answers requests raises it.

    Parameters
    ----------
    status
        Status of the answer, 400 or more.
    detail
        What is wrong, a sentence for the caller; it quotes nothing that they sent.
    errors
        What is wrong with each part of the request: where it is, and what it should be.
    headers
        Further headers of the answer.
    """

    status: HTTPStatus
    detail: str
    errors: Sequence[Mapping[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def document(self, correlation_id: str) -> dict[str, Any]:
        """The document that tells of it."""
        told: dict[str, Any] = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
            "correlation_id": correlation_id,
        }
        return told | ({"errors": [dict(each) for each in self.errors]} if self.errors else {})

    def answer(self, correlation_id: str) -> dict[str, Any]:
        """The answer as API Gateway takes it from a function."""
        return {
            "statusCode": int(self.status),
            "headers": {"Content-Type": CONTENT_TYPE, **self.headers},
            "body": json.dumps(self.document(correlation_id), separators=(",", ":")),
            "isBase64Encoded": False,
        }


def bad_request(detail: str, *errors: Mapping[str, str]) -> HttpError:
    """What was sent cannot be answered as it is."""
    return HttpError(HTTPStatus.BAD_REQUEST, detail, errors)


def not_known() -> HttpError:
    """No token that is trusted."""
    asked = {"WWW-Authenticate": "Bearer"}
    return HttpError(HTTPStatus.UNAUTHORIZED, "A valid token is needed in the header Authorization.", headers=asked)


def not_allowed() -> HttpError:
    """Another tenant's data, or a right that the token lacks; the same whether what is asked for exists or not."""
    return HttpError(HTTPStatus.FORBIDDEN, "The token does not allow this.")


def not_found() -> HttpError:
    """No such place."""
    return HttpError(HTTPStatus.NOT_FOUND, "There is nothing at this address.")


def method_not_allowed(methods: Sequence[str]) -> HttpError:
    """Another method of a place that there is."""
    allowed = ", ".join(methods)
    return HttpError(HTTPStatus.METHOD_NOT_ALLOWED, f"This address takes {allowed} only.", headers={"Allow": allowed})


def too_large(most: int) -> HttpError:
    """More bytes than are taken."""
    return HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A body may have at most {most:,} bytes.")


def too_many(seconds: int) -> HttpError:
    """More requests of a tenant than it may send."""
    wait = {"Retry-After": str(seconds)}
    return HttpError(HTTPStatus.TOO_MANY_REQUESTS, "The tenant has sent too many requests this minute.", headers=wait)


def unavailable(seconds: int = RETRY_SECONDS) -> HttpError:
    """A store that does not answer."""
    wait = {"Retry-After": str(seconds)}
    return HttpError(HTTPStatus.SERVICE_UNAVAILABLE, "The data cannot be read now: ask again later.", headers=wait)


def failed() -> HttpError:
    """What nobody foresaw; the log says more, under the correlation id."""
    return HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, "The request could not be answered.")
