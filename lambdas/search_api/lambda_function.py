"""Lambda that answers questions of a tenant about its own products and purchases, behind the HTTP API."""

from __future__ import annotations

import time
from functools import cache
from typing import Annotated, Any

import boto3
from aws_lambda_powertools.event_handler.openapi.params import Query
from botocore.config import Config

from lambdas._runtime.api_description import api_description, no_such_route
from lambdas._runtime.http_errors import HttpError, bad_request
from lambdas._runtime.http_handler import Door, TenantInPath
from lambdas.search_api.answers import Found
from lambdas.search_api.parameters import SearchParameters
from pipeline_assets.events.environment import optional, required
from pipeline_assets.search.engine import open_engine
from pipeline_assets.search.query import find
from pipeline_assets.search.query_log import AskedQuery, AskedTable, QueryLog
from pipeline_assets.search.request import Searched, SearchRequestError

door = Door(public=("GET /openapi.json",), elsewhere=no_such_route)
lambda_handler = door.lambda_handler
#: Kept open while the process lives, by address and name of the credential.
_engine = cache(open_engine)
#: An answer does not wait for its line in the log.
_AT_ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=1)
Parameters = Annotated[SearchParameters, Query()]


@door.app.get("/openapi.json", summary="This description", tags=["API"])
def describe() -> dict[str, Any]:
    """Describe the API as OpenAPI 3.1; no token is needed."""
    return api_description()


@door.app.get("/search/<tenant_id>", summary="Search products and purchases", tags=["Search"])
def search(tenant_id: TenantInPath, parameters: Parameters) -> Found:  # noqa: ARG001 - the door has it
    """Search all documents of the tenant."""
    return _found("all", parameters)


@door.app.get("/search/<tenant_id>/products", summary="Search products", tags=["Search"])
def search_products(tenant_id: TenantInPath, parameters: Parameters) -> Found:  # noqa: ARG001
    """Search the products of the tenant."""
    return _found("products", parameters)


@door.app.get("/search/<tenant_id>/purchases", summary="Search purchases", tags=["Search"])
def search_purchases(tenant_id: TenantInPath, parameters: Parameters) -> Found:  # noqa: ARG001
    """Search the purchases of the tenant."""
    return _found("purchases", parameters)


@cache
def _asked_table() -> AskedTable:
    name = required(None, "ASKED_QUERIES_TABLE", "the name of the DynamoDB table of what was searched for")
    return AskedTable(boto3.client("dynamodb", config=_AT_ONCE), name)


query_log = QueryLog(_asked_table)


def _found(kind: Searched, parameters: SearchParameters) -> Found:
    tenant = door.registered
    index = _engine(tenant.endpoint, tenant.secret)
    began = time.perf_counter()
    try:
        request = parameters.request(kind)
        answer = find(request, tenant.id, index, stage=optional(None, "STAGE", "dev"), secret=door.key)
    except SearchRequestError as error:
        raise _refused(error) from error
    if request.is_question:
        seconds = time.perf_counter() - began
        query_log.record(AskedQuery(tenant.id, door.caller_token, request.text, seconds, answer.total))
    return Found.model_validate(answer.document() | {"tenant_id": door.caller.tenant})


def _refused(error: SearchRequestError) -> HttpError:
    what = f"{error.what}; expected {error.expected}" if error.expected else error.what
    return bad_request("The search cannot be answered as it is.", {"where": error.where or "query", "what": what})
