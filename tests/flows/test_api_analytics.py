"""Reports and named queries over HTTP, of a deployed instance: own data, refusals with their field, long reports."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from deploy.local.issuer import mint_token
from pipeline_assets.access.registry import TenantRegistry
from pipeline_assets.access.tenants import Tenant
from pipeline_assets.events.tenants import tenant_id
from pipeline_assets.reports.request import DIMENSIONS, MEASURES, Period, ReportRequest, SummaryRequest
from tests.worlds.api import Answer, Api, api_of
from tests.worlds.compras import product, purchase
from tests.worlds.compras_documents import History
from tests.worlds.reports import expected_report, expected_summary
from tests.worlds.stack import RunningStack
from tests.worlds.waiting import until

#: No purchase of these comes near the graph.
pytestmark = pytest.mark.any_engine
OWN, OTHER = "api_shop", "api_shop_2"
PERIOD = Period(date(2026, 11, 1), date(2026, 11, 30))
DAYS = {"from": "2026-11-01", "to": "2026-11-30"}
SQL = "' OR 1=1; DROP TABLE compras_json; --"


@pytest.fixture(scope="module")
def items(cloud: RunningStack) -> Iterator[list[dict[str, Any]]]:
    """Purchases of a tenant, one of them moved to another day, one removed, and another tenant with the same ids."""
    bucket = cloud.access.open_bucket("compras")
    history = History(bucket)
    for number in range(5):
        sold = product("P1", "2.55", str(number + 1)), product("=HYPERLINK()", "0.10", "1", "+Té")
        history.put(purchase(f"c{number}", OWN, f"2026-11-{number % 3 + 1:02} 10:00:00", *sold))
    history.put(purchase("c0", OWN, "2026-11-20", product("P1", "1", "1")))
    history.remove(OWN, "c4")
    history.put(purchase("c1", OTHER, "2026-11-02 10:00:00", product("SECRET", "1000", "1")))
    yield [item for (owner, _), item in history.items.items() if owner == OWN]
    # No writer registered their days, so whoever verifies the catalog later would miss them.
    for tenant in (OWN, OTHER):
        bucket.delete_all([each.key for each in bucket.objects(f"compras/{tenant}/")])


@pytest.fixture(scope="module")
def api(cloud: RunningStack, items: list[dict[str, Any]]) -> Api:
    assert items
    return api_of(cloud)


@pytest.fixture(scope="module")
def token(cloud: RunningStack) -> str:
    registry = TenantRegistry(cloud.access.dynamodb, cloud.outputs["tables"]["tenants"])
    for name in (OWN, OTHER):
        registry.put(Tenant(tenant_id(name), name, requests_per_minute=100_000))
    return mint_token(cloud.instance, OWN, 60)


def post(api: Api, token: str, document: object, **headers: str) -> Answer:
    return api.ask("POST", f"/analytics/{OWN}/report", token, json.dumps(document).encode(), **headers)


def test_a_summary_is_what_the_purchases_come_to(api: Api, token: str, items: list[dict[str, Any]]) -> None:
    answer = api.ask("GET", f"/analytics/{OWN}?from=2026-11-01&to=2026-11-30&top=2", token)
    assert answer.status == 200, answer.body
    told = answer.document()
    expected = expected_summary(items, SummaryRequest(PERIOD, top=2))
    assert {name: told[name] for name in expected} == expected
    assert (told["tenant_id"], told["currency"]) == (OWN, "USD")
    assert told["scanned_bytes"] > 0
    assert told["cost_usd"] > 0


@pytest.mark.parametrize("dimensions", [(), ("day",), ("week", "weekday"), ("month", "hour"), ("product", "customer")])
def test_a_report_is_what_the_purchases_come_to(
    api: Api, token: str, items: list[dict[str, Any]], dimensions: tuple[str, ...]
) -> None:
    answer = post(api, token, {"metrics": list(MEASURES), "group_by": list(dimensions), "order": ["-total"], **DAYS})
    assert answer.status == 200, answer.body
    request = ReportRequest(PERIOD, MEASURES, dimensions, order=(("total", True),))
    assert answer.document()["rows"] == expected_report(items, request)
    assert set(dimensions) <= set(DIMENSIONS)


def test_a_report_in_csv_has_no_formula(api: Api, token: str) -> None:
    answer = post(api, token, {"dimensions": ["product"], "measures": ["total"], "format": "csv", **DAYS})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert int(answer.headers["x-scanned-bytes"]) > 0
    rows = list(csv.reader(io.StringIO(answer.body.decode())))
    assert rows[0] == ["product", "product_name", "currency", "total"]
    assert ["'=HYPERLINK()", "'+Té", "USD", "0.30"] in rows
    first = post(api, token, {"dimensions": ["product"], "measures": ["total"], "format": "csv", "limit": 1, **DAYS})
    assert len(first.body.splitlines()) == 2
    assert (answer.headers["x-truncated"], first.headers["x-truncated"]) == ("false", "true")


def made(api: Api, place: str, token: str) -> Answer:
    """The answer at an address once it is there."""

    def answer() -> Answer | None:
        found = api.ask("GET", place, token)
        assert found.status in {200, 202}, found.body
        return found if found.status == 200 else None

    found = until(answer)
    assert found
    return found


def test_a_report_that_takes_long_is_made_meanwhile_and_is_its_tenants_alone(
    cloud: RunningStack, api: Api, token: str, items: list[dict[str, Any]]
) -> None:
    asked = str(uuid4())
    question = {"dimensions": ["day"], "measures": ["total"], **DAYS}
    accepted = post(api, token, question, Prefer="respond-async", X_Correlation_Id=asked)
    assert (accepted.status, accepted.document()["state"]) == (202, "running")
    place = accepted.headers["location"]
    assert place.startswith(f"/analytics/{OWN}/report/")
    assert accepted.headers["retry-after"]

    report = made(api, place, token)
    assert report.document()["rows"] == expected_report(items, ReportRequest(PERIOD, ("total",), ("day",)))
    group = f"/aws/lambda/{cloud.outputs['functions']['analytics-api']}"
    logs = cloud.access.client("logs").get_paginator("filter_log_events")

    def told() -> list[str]:
        messages = [event["message"] for page in logs.paginate(logGroupName=group) for event in page["events"]]
        return [line for each in messages for line in each.splitlines() if asked in line and "kept report made" in line]

    assert until(told), "the line is found by the id of the request"
    other = mint_token(cloud.instance, OTHER, 5)
    assert api.ask("GET", place, other).status == 403
    assert api.ask("GET", place.replace(OWN, OTHER), other).status == 404
    for unknown in ("0", "%00", "..%2F..%2Fapi_shop", "A" * 32):
        assert api.ask("GET", f"/analytics/{OWN}/report/{unknown}", token).status == 404
    later = api.ask("GET", f"/analytics/{OWN}?from=2026-11-01&to=2026-11-30", token, Prefer="respond-async")
    assert later.status == 202
    summed = made(api, later.headers["location"], token)
    assert summed.document()["total"] == expected_summary(items, SummaryRequest(PERIOD))["total"]


def test_reports_of_the_function_stand_behind_the_same_door(cloud: RunningStack, api: Api, token: str) -> None:
    place = f"/reportes/compras/{OWN}?desde=2026-11-01&hasta=2026-11-30&top=1"
    told = api.ask("GET", place, token).document()
    assert (told["tenant_id"], told["totals"]["purchases"], len(told["top_products"])) == (OWN, 4, 1)
    page = api.ask("GET", f"{place}&formato=html", token, Prefer="respond-async")
    assert page.status == 200, "it has no other address"
    assert page.headers["content-type"].startswith("text/html")
    assert page.body.startswith(b"<!DOCTYPE html>")
    assert b"SECRET" not in page.body
    refused = api.ask("GET", f"/reportes/compras/{OWN}?desde=x", token)
    assert (refused.status, refused.document()["errors"][0]["where"]) == (400, "desde")
    assert api.ask("GET", place, mint_token(cloud.instance, OTHER, 5)).status == 403


@pytest.mark.parametrize(
    ("document", "where", "allowed"),
    [
        ({"measures": [SQL]}, "measures[0]", "one of purchases"),
        ({"dimensions": ["tenant_id"]}, "dimensions[0]", "one of day"),
        ({"filters": {"tenant_id": OTHER}}, "filters.tenant_id", "one of products"),
        ({"filters": {"total_min": 1e300}}, "filters.total_min", "an amount"),
        ({"limit": 10**30}, "limit", "1 to 10,000"),
        ({"from": SQL}, "from", "a day such as"),
        ({"tenant_id": OTHER}, "tenant_id", "one of measures"),
    ],
)
def test_a_refusal_names_the_field_and_what_is_allowed(
    api: Api, token: str, document: dict[str, Any], where: str, allowed: str
) -> None:
    answer = post(api, token, document)
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")
    (error,) = answer.document()["errors"]
    assert error["where"] == where
    assert error["given"]
    assert allowed in error["allowed"]
    assert allowed in error["what"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"limit": 1, "limit": 2}',
        b'{"limit": NaN}',
        b'{"a":' * 9_000 + b"1" + b"}" * 9_000,
        b'{"filters": {"customers": ["\\u0000"]}}',
        b'{"filters": {"total_min": 1e-999999999}}',
        b'{"limit": ' + b"9" * 10_000 + b"}",
    ],
    ids=["twice", "no number", "deep", "NUL", "tiny", "digits"],
)
def test_a_hostile_body_is_refused(api: Api, token: str, body: bytes) -> None:
    assert api.ask("POST", f"/analytics/{OWN}/report", token, body).status == 400


def test_a_body_of_a_megabyte_is_too_large(api: Api, token: str) -> None:
    body = b'{"x": "' + b"x" * 2**20 + b'"}'
    assert api.ask("POST", f"/analytics/{OWN}/report", token, body).status == 413


def test_values_stay_values(api: Api, token: str) -> None:
    filters = {"products": [SQL, "SECRET"], "product_names": [SQL], "customers": [SQL, OTHER], "currency": "USD"}
    answer = post(api, token, {"filters": filters, **DAYS})
    assert (answer.status, answer.document()["rows"]) == (200, [])


def test_named_queries_are_for_those_with_their_scope(cloud: RunningStack, api: Api, token: str) -> None:
    reader = mint_token(cloud.instance, "", 10, ("cesta/queries",))
    names = [each["name"] for each in api.ask("GET", "/queries", reader).document()["queries"]]
    assert {"fraud_found", "compras_daily"} <= set(names)
    assert api.ask("GET", "/queries/compras_daily", reader).document()["parameters"]["first_day"]["required"] is False
    days = {"first_day": "2026-11-01", "last_day": "2026-11-30"}

    def ask(name: str, document: object, by: str = reader) -> Answer:
        return api.ask("POST", f"/queries/{name}", by, json.dumps(document).encode(), Prefer="respond-async")

    first = ask("compras_daily", {"parameters": days, "limit": 1}).document()
    assert len(first["rows"]) == 1
    second = ask("compras_daily", {"page": first["next_page"], "limit": 1000}).document()
    assert {row["tenant_id"] for row in [*first["rows"], *second["rows"]]} >= {OWN, OTHER}
    assert ask("none", {}).status == 404
    assert ask("compras_daily", {"parameters": {"first_day": SQL}}).status == 400
    assert ask("compras_daily", {"parameters": {"other": 1}}).document()["errors"][0]["where"] == "unknown_parameter"
    assert ask("compras_daily", {"page": "eyJ9", "limit": 0}).status == 400
    assert ask("fraud_found", {}).status == 404
    assert [api.ask("GET", place, token).status for place in ("/queries", "/queries/compras_daily")] == [403, 403]
    assert ask("compras_daily", {}, token).status == 403
