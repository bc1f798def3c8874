"""The deployed API is as its description says: requests made from it, right and wrong ones, get what it promises.

Always the same requests, so that a failure comes again; with `--slow` many more of them.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from deploy.local.issuer import mint_token
from lambdas._runtime.api_description import api_description
from pipeline_assets.access.registry import TenantRegistry
from pipeline_assets.access.tenants import Tenant
from pipeline_assets.events.tenants import tenant_id
from tests.worlds.api import api_of
from tests.worlds.examples import examples
from tests.worlds.stack import RunningStack

pytestmark = pytest.mark.any_engine
TENANT = "described"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    negative_data_rejection,
]
DESCRIBED: dict[str, Any] = json.loads(json.dumps(api_description()))
OPERATIONS = [f"{method.upper()} {path}" for path, methods in DESCRIBED["paths"].items() for method in methods]


def test_the_description_is_one_of_openapi_3_1() -> None:
    assert DESCRIBED["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(DESCRIBED).iter_errors()] == []
    ids = [each["operationId"] for methods in DESCRIBED["paths"].values() for each in methods.values()]
    assert len(ids) == len(set(ids)), "clients name their functions by them"


@pytest.fixture(scope="module")
def known(cloud: RunningStack) -> RunningStack:
    """The instance, in which a tenant may ask as often as a test wants to."""
    registry = TenantRegistry(cloud.access.dynamodb, cloud.outputs["tables"]["tenants"])
    registry.put(Tenant(tenant_id(TENANT), TENANT, requests_per_minute=100_000))
    return cloud


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_answer_is_one_that_is_described(known: RunningStack, operation: str) -> None:
    method, path = operation.split(" ")
    document = json.loads(json.dumps(DESCRIBED))
    told = document["paths"][path][method.lower()]
    of_tenant = "{tenant_id}" in path
    for each in told.get("parameters", ()):
        if each["name"] == "tenant_id":
            # Whose data may be asked for is tried out by the tests of access.
            each["schema"] = {"const": TENANT}
    scope = told.get("x-scope")
    token = mint_token(known.instance, TENANT if of_tenant else "", 60, (scope,) if scope else ())
    schema = schemathesis.openapi.from_dict(document)

    @given(case=schema[path][method].as_strategy())
    @settings(
        max_examples=examples(60),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any) -> None:
        case.call_and_validate(
            base_url=api_of(known).address, headers={"Authorization": f"Bearer {token}"}, checks=CHECKS
        )

    ask()
