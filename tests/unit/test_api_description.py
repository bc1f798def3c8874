"""The description of the API is that of its routes, and the template guards each of them."""

from __future__ import annotations

import pytest

from deploy.template_blocks.api_routes import operations, route_id
from docs import openapi
from lambdas._runtime.api_description import FILE, no_such_route
from tests.worlds.template_reading import RESOURCES, of_type

#: What anybody may ask, without a token.
OPEN = {"GET /openapi.json", "$default"}


def test_it_is_what_the_routes_say() -> None:
    assert FILE.read_text(encoding="utf-8") == openapi.text(), "write it again: python -m docs.openapi"


def test_every_route_asks_for_a_token_but_the_description() -> None:
    routes = {each["RouteKey"]: each for each in of_type("AWS::ApiGatewayV2::Route").values()}
    assert {key for key, each in routes.items() if each["AuthorizationType"] != "JWT"} == OPEN
    assert all(each["AuthorizerId"] == {"Ref": "ApiAuthorizer"} for key, each in routes.items() if key not in OPEN)
    assert set(routes) == {f"{method.upper()} {path}" for path, method, _ in operations()} | {"$default"}


def test_what_api_gateway_answers_by_itself_is_described() -> None:
    for _, _, told in operations():
        if told["security"]:
            for status in ("401", "403", "413", "429", "500", "503"):
                assert set(told["responses"][status]["content"]) == {"application/json", "application/problem+json"}


def test_what_is_of_no_tenant_asks_for_a_right_at_the_gateway_too() -> None:
    for path, method, told in operations():
        route = RESOURCES[route_id(f"{method} {path}")]["Properties"]
        if told["security"]:
            assert ("{tenant_id}" in path) != bool(told.get("x-scope"))
            assert route.get("AuthorizationScopes", []) == [s for s in [told.get("x-scope")] if s]


def test_only_the_api_may_call_its_functions() -> None:
    called = {each["FunctionName"]["Ref"]: each for each in of_type("AWS::Lambda::Permission").values()}
    for integration in of_type("AWS::ApiGatewayV2::Integration").values():
        permission = called[integration["IntegrationUri"]["Fn::GetAtt"][0]]
        assert permission["Principal"] == "apigateway.amazonaws.com"
        assert permission["SourceArn"]["Fn::Sub"].endswith(":${Api}/*")


def test_a_person_cannot_change_their_tenant() -> None:
    pool, people = RESOURCES["UserPool"]["Properties"], RESOURCES["UserPoolPeople"]["Properties"]
    assert [(each["Name"], each["Mutable"]) for each in pool["Schema"]] == [("tenant_id", False)]
    assert people["WriteAttributes"] == ["email"]
    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/search", 404),
        ("GET", "/search/", 404),
        ("POST", "/search/acme", 405),
        ("DELETE", "/search/acme/products", 405),
        ("GET", "/search/acme/products/x", 404),
        ("HEAD", "/openapi.json", 405),
    ],
)
def test_another_method_is_told_from_another_place(method: str, path: str, status: int) -> None:
    assert no_such_route(method, path).status == status
