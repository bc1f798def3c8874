"""Lambda that answers questions of a tenant about its own products and purchases, behind the HTTP API."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Query

from lambdas._runtime.api_description import api_description, no_such_route
from lambdas._runtime.http_errors import HttpError, bad_request
from lambdas._runtime.http_handler import Door, TenantInPath
from lambdas.search_api.answers import Found
from lambdas.search_api.parameters import SearchParameters
from pipeline_assets.events.environment import optional
from pipeline_assets.search.engine import open_engine
from pipeline_assets.search.query import find
from pipeline_assets.search.request import Searched, SearchRequestError

door = Door(public=("GET /openapi.json",), elsewhere=no_such_route)
lambda_handler = door.lambda_handler
#: Kept open while the process lives, by address and name of the credential.
_engine = cache(open_engine)
Parameters = Annotated[SearchParameters, Query()]


@door.app.get("/openapi.json", summary="This description", tags=["API"])
def describe() -> dict[str, Any]:
    """Describe the API as OpenAPI 3.1; no token is needed."""
    return api_description()


@door.app.get("/search/<tenant_id>", summary="Search products and purchases", tags=["Search"])
def search(tenant_id: TenantInPath, parameters: Parameters) -> Found:
    """Search all documents of the tenant."""
    return _found(tenant_id, "all", parameters)


@door.app.get("/search/<tenant_id>/products", summary="Search products", tags=["Search"])
def search_products(tenant_id: TenantInPath, parameters: Parameters) -> Found:
    """Search the products of the tenant."""
    return _found(tenant_id, "products", parameters)


@door.app.get("/search/<tenant_id>/purchases", summary="Search purchases", tags=["Search"])
def search_purchases(tenant_id: TenantInPath, parameters: Parameters) -> Found:
    """Search the purchases of the tenant."""
    return _found(tenant_id, "purchases", parameters)


def _found(name: str, kind: Searched, parameters: SearchParameters) -> Found:
    tenant = door.registered
    index = _engine(tenant.endpoint, tenant.secret)
    try:
        answer = find(parameters.request(kind), tenant.id, index, stage=optional(None, "STAGE", "dev"), secret=door.key)
    except SearchRequestError as error:
        raise _refused(error) from error
    return Found.model_validate(answer.document() | {"tenant_id": name})


def _refused(error: SearchRequestError) -> HttpError:
    what = f"{error.what}; expected {error.expected}" if error.expected else error.what
    return bad_request("The search cannot be answered as it is.", {"where": error.where or "query", "what": what})
