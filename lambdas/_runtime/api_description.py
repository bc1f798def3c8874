"""Description of the HTTP API (OpenAPI 3.1), as `python -m docs.openapi` wrote it from the routes of all functions."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from lambdas._runtime.http_errors import HttpError, method_not_allowed, not_found

FILE = Path(__file__).with_suffix("") / "openapi.json"


@cache
def api_description() -> dict[str, Any]:
    """The document."""
    document: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return document


def no_such_route(method: str, path: str) -> HttpError:
    """What to say of a request that no route is for: whether there is the place at all, with other methods.

    Parameters
    ----------
    method
        Method of the request.
    path
        Its path.

    Returns
    -------
    HttpError
        405 where the place takes other methods, else 404.
    """
    parts = path.split("/")
    for template, operations in api_description()["paths"].items():
        wanted = template.split("/")
        if len(wanted) == len(parts) and all(
            w == p or (w.startswith("{") and p) for w, p in zip(wanted, parts, strict=True)
        ):
            methods = sorted(each.upper() for each in operations)
            if method not in methods:
                return method_not_allowed(methods)
    return not_found()
