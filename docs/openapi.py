"""Writes the description of the HTTP API from the routes of its functions: `python -m docs.openapi`."""

from __future__ import annotations

import json
import re
from importlib import import_module
from typing import Any

from lambdas._runtime.api_description import FILE
from lambdas._runtime.http_errors import CONTENT_TYPE
from lambdas._runtime.http_handler import Door
from pipeline_assets.flows import API_PACKAGES

TITLE, VERSION = "Cesta", "1.0.0"
#: What any route may answer beside its own.
_STATUSES = {
    "400": "The request is not as it is described here.",
    "401": "There is no token, or none that is trusted.",
    "403": "The token is another tenant's, or lacks a right.",
    "413": "The body is too large.",
    "429": "Too many requests; the header Retry-After says when to ask again.",
    "500": "The request could not be answered; its correlation id is in the logs.",
    "503": "A store does not answer; the header Retry-After says when to ask again.",
}
#: What API Gateway may answer in place of a function, in its own form.
_OF_THE_GATEWAY = frozenset({"401", "403", "413", "429", "500", "503"})

#: What may become of a question in SQL.
_OF_QUERIES = {
    "422": "The question reads or answers more than one may, or the engine could not answer it.",
    "504": "The question took longer than it may.",
}
#: What an address with a name or an id in it may answer.
_OF_PLACES = {
    "404": "There is none of this name.",
    "410": "The report was not made: ask for it again.",
}


def document() -> dict[str, Any]:
    """The description, with each route's function under `x-function` and the scope it asks for under `x-scope`."""
    described: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": TITLE,
            "version": VERSION,
            "description": "Products and purchases of a tenant: search and analytics.",
        },
        "servers": [{"url": "/"}],
        "paths": {},
        "components": {
            "schemas": {"Problem": _PROBLEM},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }
    for package in API_PACKAGES:
        door: Door = import_module(package.handler).door
        routes = json.loads(door.app.get_openapi_json_schema(title=TITLE, version=VERSION, openapi_version="3.1.0"))
        schemas = routes.get("components", {}).get("schemas", {})
        described["components"]["schemas"] |= {n: _schema(s) for n, s in schemas.items() if "ValidationError" not in n}
        for path, operations in routes["paths"].items():
            for method, operation in operations.items():
                _describe_parameters(operation, door, method, path)
                told = _operation(operation, package.name, door, f"{method.upper()} {path}")
                described["paths"].setdefault(path, {})[method] = told
    return described


def _operation(operation: dict[str, Any], function: str, door: Door, route: str) -> dict[str, Any]:
    own = {status: each for status, each in operation["responses"].items() if status not in {"422", "500"}}
    told = operation | {"x-function": function, "responses": own}
    # What follows on the first paragraph of a docstring is for who reads the code.
    told["description"] = operation.get("description", "").partition("\n\n")[0]
    if route in door.public:
        return told | {"security": []}
    if route in door.scopes:
        told["x-scope"] = door.scopes[route]
    told["security"] = [{"token": []}]
    of_queries = _OF_QUERIES if function == "analytics-api" else {}
    of_places = _OF_PLACES if re.search(r"{(?!tenant_id})", route) else {}
    for status, what in (_STATUSES | of_queries | of_places).items():
        content: dict[str, Any] = {"application/json": {"schema": {}}} if status in _OF_THE_GATEWAY else {}
        own.setdefault(status, {"description": what, "content": content | {CONTENT_TYPE: {"schema": _REFERENCE}}})
    return told


def _describe_parameters(operation: dict[str, Any], door: Door, method: str, path: str) -> None:
    """Give the parameters that are fields of a model the schemas of these: powertools tells their plain types only."""
    rule = re.sub(r"{(\w+)}", r"<\1>", path)
    (route,) = (each for each in door.routes if each.method == method.upper() and each.path == rule)
    models = [each.type_ for each in route.dependant.query_params if hasattr(each.type_, "model_json_schema")]
    fields = {name: schema for model in models for name, schema in model.model_json_schema()["properties"].items()}
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "query" and parameter["name"] in fields:
            parameter["schema"] = _plain(fields[parameter["name"]])


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema without its title, and without null, which no text of a query means."""
    (schema,) = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    return {name: value for name, value in schema.items() if name not in {"title", "description"}}


def _schema(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with the first part of its class's docstring: the rest is for who reads the code."""
    told, _, _ = schema.get("description", "").partition("\n\nParameters\n")
    return schema | ({"description": told} if told else {})


_REFERENCE = {"$ref": "#/components/schemas/Problem"}
_PROBLEM = {
    "type": "object",
    "description": "Why a request is not answered (RFC 9457).",
    "required": ["type", "title", "status", "detail", "correlation_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "correlation_id": {"type": "string", "description": "By it the request is found in the logs."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["where", "what"],
                "properties": {"where": {"type": "string"}, "what": {"type": "string"}},
            },
        },
    },
}


def text() -> str:
    """The file's content."""
    return json.dumps(document(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
