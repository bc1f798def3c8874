"""Shapes of what the API of reports takes and answers, as its description has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline_assets.reports.request import DIMENSIONS, FORMS, MEASURES, MOST_CHARACTERS, MOST_ROWS, MOST_TEXTS

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse, OpenAPIResponseHeader

_TEXT: Final = {"type": "string"}
_WHOLE: Final = {"type": "integer"}
_DAY: Final = {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
_OR_NONE: Final = {"anyOf": [_TEXT, {"type": "null"}]}
_AMOUNT: Final = _OR_NONE | {"description": "An amount, exact to the cent."}
_CURRENCY: Final = _OR_NONE | {"description": "Currency of the amounts."}
_COSTS: Final = {
    "scanned_bytes": {"type": "integer", "description": "Bytes that were read for it."},
    "cost_usd": {"type": "number", "description": "What Athena charges for these bytes."},
    "seconds": {"type": "number"},
}
_SUMS: Final[dict[str, Any]] = {
    "purchases": _WHOLE,
    "total": _TEXT,
    "average": _TEXT,
    "customers": _WHOLE,
    "items": _TEXT,
}
_PERIOD: Final[dict[str, Any]] = {"tenant_id": _TEXT, "from": _DAY, "to": _DAY, "currency": _CURRENCY}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": sorted(properties), "properties": properties}


def _words(known: tuple[str, ...]) -> dict[str, Any]:
    return {"type": "array", "uniqueItems": True, "items": {"enum": list(known)}}


_TEXTS: Final = {
    "type": "array",
    "minItems": 1,
    "maxItems": MOST_TEXTS,
    "items": {"type": "string", "minLength": 1, "maxLength": MOST_CHARACTERS},
}
_LEAST_AMOUNT: Final = {
    "anyOf": [
        {"type": "string", "pattern": "^[0-9]{1,16}([.][0-9]{1,2})?$"},
        {"type": "integer", "minimum": 0, "maximum": 10**15},
    ]
}
REPORT_REQUEST: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "measures": _words(MEASURES),
        "metrics": _words(MEASURES) | {"description": "Another name of `measures`."},
        "dimensions": _words(DIMENSIONS),
        "group_by": _words(DIMENSIONS) | {"description": "Another name of `dimensions`."},
        "filters": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "products": _TEXTS,
                "product_names": _TEXTS,
                "customers": _TEXTS,
                "total_min": _LEAST_AMOUNT,
                "total_max": _LEAST_AMOUNT,
                "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
            },
        },
        "from": _DAY,
        "to": _DAY,
        "order": {"type": "array", "items": _TEXT, "description": "Names, with - before one for the greatest first."},
        "limit": {"type": "integer", "minimum": 1, "maximum": MOST_ROWS},
        "format": {"enum": list(FORMS)},
    },
}
QUERY_REQUEST: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"parameters": {"type": "object"}, "limit": _WHOLE, "page": _TEXT},
}
SUMMARY: Final = _object(
    {
        **_PERIOD,
        **_SUMS,
        "by_day": {"type": "array", "items": _object({"day": _DAY, **_SUMS})},
        "top_products": {
            "type": "array",
            "items": _object({"codigo": _TEXT, "nombre": _OR_NONE, **_SUMS, "total": _AMOUNT}),
        },
        **_COSTS,
    }
)
REPORT: Final = _object(
    {
        **_PERIOD,
        "dimensions": _words(DIMENSIONS),
        "measures": _words(MEASURES),
        "rows": {"type": "array", "items": {"type": "object"}},
        "truncated": {"type": "boolean", "description": "Whether there are more rows than the limit."},
        **_COSTS,
    }
)
RUNNING: Final = _object({"tenant_id": _TEXT, "report": _TEXT, "state": {"enum": ["running"]}})


def answers(schema: dict[str, Any], *, csv: bool = False, html: bool = False) -> OpenAPIResponse:
    """The answer of 200 in a description.

    Parameters
    ----------
    schema
        Schema of its JSON.
    csv, html
        Whether it may be written so, too.

    Returns
    -------
    OpenAPIResponse
        The description.
    """
    content: dict[str, Any] = {"application/json": {"schema": schema}}
    content |= {"text/csv": {"schema": _TEXT}} if csv else {}
    content |= {"text/html": {"schema": _TEXT}} if html else {}
    return {"description": "The answer.", "content": content}


def later() -> OpenAPIResponse:
    """The answer of 202 in a description."""
    location: OpenAPIResponseHeader = {"description": "Where the answer will be, for a day.", "schema": _TEXT}
    return {
        "description": "It takes longer; the header Location says where the answer will be.",
        "headers": {"Location": location},
        "content": {"application/json": {"schema": RUNNING}},
    }
