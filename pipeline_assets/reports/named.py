"""Requests for named queries as they come over HTTP, in the form of the function that answers them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final

from pipeline_assets.reports.refusals import InvalidRequestError
from pipeline_assets.reports.request import MOST_CHARACTERS, is_plain, name_of

_FIELDS: Final = ("parameters", "limit", "page")
#: Status of what cannot be answered, by its code; of a code that is not here, 400.
STATUSES: Final[Mapping[str, HTTPStatus]] = {
    "unknown_query": HTTPStatus.NOT_FOUND,
    "unknown_day": HTTPStatus.NOT_FOUND,
    "timed_out": HTTPStatus.GATEWAY_TIMEOUT,
    "answer_too_large": HTTPStatus.UNPROCESSABLE_ENTITY,
    "not_available": HTTPStatus.SERVICE_UNAVAILABLE,
    "failed": HTTPStatus.UNPROCESSABLE_ENTITY,
}


def query_request(name: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """Make the request of the function that answers named queries.

    Parameters
    ----------
    name
        Name of the query, any text.
    document
        What was sent: ``parameters``, ``limit`` and ``page``, all of them optional.

    Returns
    -------
    dict[str, Any]
        The request, whose values are still to be checked by the query.

    Raises
    ------
    InvalidRequestError
        A field is unknown, or a text is none that an engine takes.
    """
    if unknown := [field for field in document if field not in _FIELDS]:
        raise InvalidRequestError(name_of(unknown[0]), "a field", f"one of {', '.join(_FIELDS)}")
    given = document.get("parameters")
    if isinstance(given, Mapping):
        for field, value in given.items():
            if isinstance(value, str) and not is_plain(value):
                allowed = f"a text of 1 to {MOST_CHARACTERS} characters, none of them NUL, and not blank"
                raise InvalidRequestError(f"parameters.{name_of(field)}", value, allowed)
        given = {field: _number(value) for field, value in given.items()}
    return {"name": name, **document, "parameters": given}


def _number(value: object) -> object:
    """A share is a double for the engines; amounts are sent as texts."""
    return float(value) if isinstance(value, Decimal) else value
