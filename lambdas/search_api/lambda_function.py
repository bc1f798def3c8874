"""Lambda that answers questions of a tenant about its own products and purchases, behind the HTTP API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lambdas._runtime.api_description import api_description, no_such_route
from lambdas._runtime.http_handler import Door, TenantInPath

door = Door(public=("GET /openapi.json",), elsewhere=no_such_route)
lambda_handler = door.lambda_handler


@dataclass(frozen=True, slots=True)
class KnownTenant:
    """What a tenant may know of itself.

    Parameters
    ----------
    tenant_id
        Its name.
    requests_per_minute
        How often it may ask.
    """

    tenant_id: str
    requests_per_minute: int


@door.app.get("/openapi.json", summary="This description", tags=["API"])
def describe() -> dict[str, Any]:
    """Describe the API as OpenAPI 3.1; no token is needed."""
    return api_description()


@door.app.get("/tenants/<tenant_id>", summary="What is known of the tenant", tags=["Tenants"])
def tenant(tenant_id: TenantInPath) -> KnownTenant:
    """Tell the tenant its own name and limit; a way to try a token."""
    return KnownTenant(tenant_id, door.requests_per_minute)
