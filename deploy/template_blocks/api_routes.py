"""What the HTTP API has in the cloud template for each of its functions and routes, by its own description."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from deploy.template_blocks.flow_groups import Part
from lambdas._runtime.api_description import api_description
from pipeline_assets.flows import API_PACKAGES

#: Milliseconds within which nineteen of twenty requests are to be answered, by function, and how the alarm says it.
LATENCY: Final = {
    "search-api": ("!Ref SearchLatencyLimit", "SearchLatencyLimit, 500 ms unless set,"),
    "analytics-api": ("20000", "20000 ms"),
}
#: The function that answers where there is no route.
_ELSEWHERE: Final = "SearchApi"
_GUARDED: Final = "      AuthorizationType: JWT\n      AuthorizerId: !Ref ApiAuthorizer"
_OPEN: Final = "      AuthorizationType: NONE"


def functions_block() -> str:
    """Log, integration, permission and alarms of each function."""
    part = Part.read("api_function")
    return "".join(
        part.substitute(
            name=each.name, Name=each.logical_id, threshold=LATENCY[each.name][0], limit=LATENCY[each.name][1]
        )
        for each in API_PACKAGES
    )


def routes_block() -> str:
    """A route for each operation, and one for everything else."""
    logical = {each.name: each.logical_id for each in API_PACKAGES}
    routes = [
        _route(f"{method.upper()} {path}", logical[operation["x-function"]], _access(operation))
        for path, method, operation in operations()
    ]
    return "".join((*routes, _route("$default", _ELSEWHERE, _OPEN)))


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and description of each operation, in the order of the description."""
    for path, methods in api_description()["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def route_id(key: str) -> str:
    """Logical id of a route.

    >>> route_id("GET /search/{tenant_id}/products")
    'RouteGetSearchTenantIdProducts'
    """
    return "Route" + "".join(word.capitalize() for word in re.findall(r"[a-z0-9]+", key.lower()))


def _access(operation: dict[str, Any]) -> str:
    """A token is asked for unless the description says that none is."""
    if operation.get("security") == []:
        return _OPEN
    scope = operation.get("x-scope")
    return _GUARDED + (f"\n      AuthorizationScopes: [{scope}]" if scope else "")


def _route(key: str, function: str, access: str) -> str:
    return Part.read("api_route").substitute(Route=route_id(key), key=key, Function=function, access=access)
