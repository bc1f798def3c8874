"""Who gets what of the HTTP API: every operation that the deployed API describes, over HTTP.

An operation that is added later is in all of this by itself.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from deploy.local.issuer import mint_token
from pipeline_assets.access.registry import TenantRegistry
from pipeline_assets.access.tenants import Tenant
from pipeline_assets.events.tenants import tenant_id
from tests.worlds.api import Answer, Api, Operation, api_of, claims, signed, untrusted_tokens
from tests.worlds.stack import RunningStack

pytestmark = pytest.mark.any_engine
OWN, OTHER = "access_own", "access_other"
#: Ways to write a tenant that is not the token's, or to write past it.
OTHER_NAMES = (
    OTHER,
    "nobody",
    "*",
    "%2A",
    "_all",
    f"{OWN},{OTHER}",
    f"{OWN}%2C{OTHER}",
    f"-{OTHER}",
    "..",
    "%2e%2e",
    ".",
    f"{OWN}%2F..%2F{OTHER}",
    f"{OWN}/../{OTHER}",
    OWN.upper(),
    OWN.title(),
    f"{OWN}%20",
    f"%20{OWN}",
    f"{OWN}%00",
    f"{OWN}%0A",
    f"{OWN}%0d%0aX-Tenant:%20{OTHER}",
    f"{OWN}%E2%80%8B",
    OWN.replace("a", "%D0%B0"),
    f"{OWN}%CC%81",
    OWN.replace("o", "%EF%BD%8F"),
    f"%25{ord(OWN[0]):02x}{OWN[1:]}",
    f"{OWN}%FF",
    f"{OWN};{OTHER}",
    f"{OWN}%3F{OTHER}",
    f"{OWN}%23",
    "null",
    "%7Btenant_id%7D",
    "x" * 300,
)
#: What a caller can send to their own tenant.
HOSTILE_QUERIES = (
    "tenant_id=" + OTHER,
    "q=" + "x" * 5000,
    "q=%00",
    "q=%FF%FE",
    "q=%22%7D%7D%2C%22query%22%3A%7B%22match_all%22",
    "q=*:*&q=" + OTHER,
    "q=" + "%28" * 500,
    "q=%F0%9F%9B%92%20%E2%80%AE",
    "size=0",
    "size=-1",
    "size=1e9",
    "size=99999999999999999999",
    "page=" + "A" * 3000,
    "page=eyJ0ZW5hbnQiOiJvdGhlciJ9",
    "price_min=NaN",
    "price_min=1e999",
    "from=2026-02-30",
    "from=0000-00-00&to=9999-99-99",
    "from=2026-12-31&to=2026-01-01",
    "desde=1&hasta=2",
    "sort=_score%2C_id",
    "mode=script",
    "category=" + OTHER + "&category=*&category=%00",
    "facets=maybe",
    "&&&=&==&%",
    "&".join(f"p{number}=1" for number in range(150)),
)
HOSTILE_BODIES = (
    b"",
    b"null",
    b"[]",
    b"0",
    b"{",
    b"\xff\xfe",
    b'{"a":NaN}',
    b'{"a":"\\ud800"}',
    b"[" * 30_000,
    b"{" + b'"a":' * 10_000,
    b'{"tenant_id":"access_other"}',
    b'{"measures":["total); DROP TABLE compras; --"],"dimensions":["\' OR 1=1"],"filters":{"tenant_id":"*"}}',
    b'{"measures":' + b"9" * 5000 + b"}",
    b'{"x":"' + b"y" * 70_000 + b'"}',
)


@pytest.fixture(scope="module")
def api(cloud: RunningStack) -> Api:
    return api_of(cloud)


@pytest.fixture(scope="module")
def operations(api: Api) -> list[Operation]:
    found = api.operations()
    assert {each.path for each in found} >= {f"/search/{{tenant_id}}{kind}" for kind in ("", "/products", "/purchases")}
    return found


@pytest.fixture(scope="module")
def token(cloud: RunningStack) -> str:
    registry = TenantRegistry(cloud.access.dynamodb, cloud.outputs["tables"]["tenants"])
    for name in (OWN, OTHER):
        registry.put(Tenant(tenant_id(name), name, requests_per_minute=100_000))
    return mint_token(cloud.instance, OWN, 60)


def is_a_problem(answer: Answer, status: int) -> bool:
    told = answer.document()
    return answer.headers["content-type"] == "application/problem+json" and told["status"] == status == answer.status


def test_without_a_trusted_token_nobody_is_let_in(cloud: RunningStack, api: Api, operations: list[Operation]) -> None:
    tokens = untrusted_tokens(cloud.instance, OWN)
    let_in = {
        (operation.method, operation.path, wrong): answer.status
        for operation in operations
        for wrong, each in tokens.items()
        if (answer := api.ask(operation.method, operation.at(OWN), each)).status != 401
    }
    assert not let_in


def test_a_token_of_no_tenant_opens_no_tenant(cloud: RunningStack, api: Api, operations: list[Operation]) -> None:
    of_none = signed(cloud.instance, claims(cloud.instance, ""))
    of_a_list = signed(cloud.instance, claims(cloud.instance, "") | {"custom:tenant_id": [OWN, OTHER]})
    of_an_object = signed(cloud.instance, claims(cloud.instance, "") | {"custom:tenant_id": {"a": OWN}})
    for operation in operations:
        for each in (of_none, of_a_list, of_an_object):
            assert api.ask(operation.method, operation.at(OWN), each).status == 403, operation


def test_no_other_name_opens_a_tenant(api: Api, token: str, operations: list[Operation]) -> None:
    opened = {
        (operation.method, operation.path, name): answer.status
        for operation in operations
        if operation.of_tenant
        for name in OTHER_NAMES
        if (answer := api.ask(operation.method, operation.at(name), token)).status not in {403, 404}
    }
    assert not opened


def test_a_refusal_says_nothing_of_whether_the_tenant_exists(api: Api, token: str, operations: list[Operation]) -> None:
    def told(name: str, operation: Operation) -> Any:
        answer = api.ask(operation.method, operation.at(name), token, X_Correlation_Id="same")
        assert is_a_problem(answer, 403)
        return answer.body

    for operation in (each for each in operations if each.of_tenant):
        assert told(OTHER, operation) == told("nobody", operation)


def test_a_right_over_all_tenants_is_none_over_a_tenant(
    cloud: RunningStack, api: Api, token: str, operations: list[Operation]
) -> None:
    for operation in operations:
        scope = (operation.scope or "cesta/queries",)
        of_all = mint_token(cloud.instance, "", 5, scope)
        if operation.of_tenant:
            assert api.ask(operation.method, operation.at(OWN), of_all).status == 403
        else:
            assert api.ask(operation.method, operation.at(OWN), token).status == 403
            assert api.ask(operation.method, operation.at(OWN), of_all).status not in {401, 403}


def test_whatever_is_sent_gets_own_data_or_a_refusal(api: Api, token: str, operations: list[Operation]) -> None:
    failed = {}
    for operation in (each for each in operations if each.of_tenant):
        asked: list[tuple[str, bytes | None]] = [(f"?{query}", None) for query in HOSTILE_QUERIES]
        asked += [("", body) for body in HOSTILE_BODIES if operation.method == "POST"]
        for query, body in asked:
            answer = api.ask(operation.method, operation.at(OWN) + query, token, body)
            own = answer.status < 400 and OTHER.encode() not in answer.body
            if not (own or (400 <= answer.status < 500 and is_a_problem(answer, answer.status))):
                failed[operation.method, operation.path, query[:60], (body or b"")[:60]] = (
                    answer.status,
                    answer.body[:200],
                )
    assert not failed


def test_the_same_name_escaped_is_the_same_tenant(api: Api, token: str) -> None:
    assert api.ask("GET", f"/search/%{ord(OWN[0]):02x}{OWN[1:]}", token).document()["tenant_id"] == OWN


@pytest.mark.parametrize("name", ["Perú y más", 'a"b\\c', "100%", "коза", "a+b&c=d", "t\x00t"])
def test_a_tenant_of_any_name_reaches_its_own_and_no_other(cloud: RunningStack, api: Api, name: str) -> None:
    own = mint_token(cloud.instance, name, 5)
    answer = api.ask("GET", f"/search/{quote(name, safe='')}", own)
    assert (answer.status, answer.document().get("tenant_id")) == (200, name), answer.body
    assert api.ask("GET", f"/search/{tenant_id(name)}", own).status == 403
    assert (
        api.ask("GET", f"/search/{quote(name, safe='')}", mint_token(cloud.instance, tenant_id(name), 5)).status == 403
    )


def test_what_is_not_there_is_told_as_a_problem(api: Api, token: str, operations: list[Operation]) -> None:
    assert is_a_problem(api.ask("GET", "/nothing", token), 404)
    for operation in operations:
        refused = api.ask("DELETE", operation.at(OWN), token)
        assert is_a_problem(refused, 405)
        assert operation.method in refused.headers["allow"].split(", ")


def test_a_tenant_that_asks_too_often_waits_and_no_other(cloud: RunningStack, api: Api, token: str) -> None:
    registry = TenantRegistry(cloud.access.dynamodb, cloud.outputs["tables"]["tenants"])
    registry.put(Tenant(tenant_id("access_busy"), "access_busy", requests_per_minute=3))
    busy = mint_token(cloud.instance, "access_busy", 5)
    # Eight requests lie in at most two minutes of the clock.
    answers = [api.ask("GET", "/search/access_busy", busy) for _ in range(8)]
    let_in = [each for each in answers if each.status == 200]
    waits = [each for each in answers if each.status == 429]
    assert len(let_in) + len(waits) == 8
    assert 3 <= len(let_in) <= 6
    assert all(is_a_problem(each, 429) and 1 <= int(each.headers["retry-after"]) <= 60 for each in waits)
    assert api.ask("GET", f"/search/{OWN}", token).status == 200


def test_a_removed_tenant_is_refused_at_once_like_one_that_never_was(cloud: RunningStack, api: Api) -> None:
    registry = TenantRegistry(cloud.access.dynamodb, cloud.outputs["tables"]["tenants"])
    gone = mint_token(cloud.instance, "access_gone", 5)
    assert api.ask("GET", "/search/access_gone", gone).status == 200
    registry.put(Tenant(tenant_id("access_gone"), "access_gone", state="removed"))
    assert is_a_problem(api.ask("GET", "/search/access_gone", gone), 403)


def test_the_log_names_tenant_route_and_status_and_no_person(cloud: RunningStack, api: Api, token: str) -> None:
    person = "ana.personal@example.com"
    known = signed(cloud.instance, claims(cloud.instance, OWN, sub=person, email=person))
    asked = str(uuid4())
    assert api.ask("GET", f"/search/{OWN}?q=shoes", known, X_Correlation_Id=asked).status == 200
    group = f"/aws/lambda/{cloud.outputs['functions']['search-api']}"
    pages = cloud.access.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    lines = [line for page in pages for event in page["events"] for line in event["message"].splitlines()]
    assert not [line for line in lines if person in line or token in line]
    (told,) = [
        json.loads(line) for line in lines if f'"correlation_id":"{asked}"' in line and "request answered" in line
    ]
    assert (told["tenant"], told["route"], told["status"]) == (OWN, "GET /search/{tenant_id}", 200)
    assert told["caller"].startswith("caller-1:")
