"""Requests of reports: what is taken, and that whatever else comes is refused with its field, in words."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_assets.events.tenants import tenant_id
from pipeline_assets.queries.portable import faults
from pipeline_assets.queries.sql import placeholders
from pipeline_assets.reports.json_document import MOST_BYTES, read_document
from pipeline_assets.reports.named import query_request
from pipeline_assets.reports.refusals import InvalidRequestError
from pipeline_assets.reports.request import (
    DIMENSIONS,
    FILTERS,
    MEASURES,
    Filters,
    Period,
    ReportRequest,
    SummaryRequest,
)
from pipeline_assets.reports.statement import compile_report, compile_summary

TODAY = date(2026, 11, 30)
SQL = "'); DROP TABLE compras_json; --"


def asked(**document: Any) -> ReportRequest:
    return ReportRequest.of(read_document(json.dumps(document)), TODAY)


def test_what_is_not_said_has_its_usual_value() -> None:
    request = asked()
    assert request == ReportRequest(Period(date(2026, 11, 1), TODAY), ("purchases", "total", "average"))
    assert asked(dimensions=["product"]).order == (("purchases", True),)
    assert asked(dimensions=["day"]).order == ()
    assert asked(to="2026-03-10").period == Period(date(2026, 2, 9), date(2026, 3, 10))
    assert SummaryRequest.of({}, TODAY) == SummaryRequest(Period(date(2026, 11, 1), TODAY))


def test_all_that_may_be_said_is_read() -> None:
    text = """{"metrics": ["total", "median"], "group_by": ["week"], "order": ["-median", "week"], "limit": 7,
    "filters": {"products": ["A", "A", "' OR 1=1"], "total_min": 0.10, "total_max": "12", "currency": "EUR"},
    "from": "2026-01-01", "to": "2026-01-01", "format": "csv"}"""
    filters = Filters(("A", "' OR 1=1"), total_min=Decimal("0.10"), total_max=Decimal(12), currency="EUR")
    period = Period(date(2026, 1, 1), date(2026, 1, 1))
    order = (("median", True), ("week", False))
    expected = ReportRequest(period, ("total", "median"), ("week",), filters, order, 7, "csv")
    assert ReportRequest.of(read_document(text), TODAY) == expected
    assert ReportRequest.of(read_document(json.dumps(expected.document())), TODAY) == expected


@pytest.mark.parametrize(
    ("text", "field", "given", "allowed"),
    [
        ('{"measures": ["sales"]}', "measures[0]", "sales", "one of purchases, total"),
        ('{"measures": "total"}', "measures", "total", "a list of purchases"),
        ('{"measures": ["total", "total"]}', "measures[1]", "total again", "each once"),
        ('{"measures": ["total"], "metrics": ["total"]}', "metrics", "it beside measures", "one of the two"),
        ('{"dimensions": [["day"]]}', "dimensions[0]", '["day"]', "one of day, week"),
        (f'{{"dimensions": ["{SQL}"]}}', "dimensions[0]", SQL, "one of day"),
        ('{"tenant_id": "t2"}', "tenant_id", "a field", "one of measures"),
        ('{"filters": {"tenant_id": ["t2"]}}', "filters.tenant_id", "a filter", "one of products"),
        ('{"filters": ["x"]}', "filters", '["x"]', "an object with any of products"),
        ('{"filters": {"products": []}}', "filters.products", "[]", "a list of 1 to 50 texts"),
        ('{"filters": {"products": [7]}}', "filters.products[0]", "7", "a text of 1 to 256"),
        ('{"filters": {"customers": ["\\u0000"]}}', "filters.customers[0]", "?", "none of them NUL"),
        ('{"filters": {"customers": ["\\ud800"]}}', "filters.customers[0]", "\\ud800", "Unicode"),
        ('{"filters": {"total_min": -1}}', "filters.total_min", "-1", "an amount from 0"),
        ('{"filters": {"total_min": 1e30}}', "filters.total_min", "1E+30", "an amount from 0"),
        ('{"filters": {"total_min": 1e-999999999}}', "filters.total_min", "1E-999999999", "an amount from 0"),
        ('{"filters": {"total_min": 1e999999999}}', "filters.total_min", "1E+999999999", "an amount from 0"),
        ('{"filters": {"total_min": 0.001}}', "filters.total_min", "0.001", "two digits"),
        ('{"filters": {"total_min": true}}', "filters.total_min", "true", "an amount"),
        ('{"filters": {"total_min": "٣"}}', "filters.total_min", "\\u0663", "an amount"),
        ('{"filters": {"total_min": 3, "total_max": 2}}', "filters.total_min", "3", "which is 2"),
        ('{"filters": {"currency": "usd"}}', "filters.currency", "usd", "three capital letters"),
        ('{"from": "2026-11-31"}', "from", "2026-11-31", "a day such as"),
        ('{"from": "20261101"}', "from", "20261101", "a day such as"),
        ('{"from": 20261101}', "from", "20261101", "a day such as"),
        ('{"to": "1899-12-31"}', "to", "1899-12-31", "1900-01-01"),
        ('{"from": "2026-12-01"}', "from", "2026-12-01", "up to `to`, which is 2026-11-30"),
        ('{"from": "2000-01-01"}', "from", "a period of 9,831 days", "at most 3,660 days"),
        ('{"limit": 10001}', "limit", "10001", "1 to 10,000"),
        ('{"limit": true}', "limit", "true", "a whole number"),
        ('{"limit": 1.0}', "limit", "1.0", "a whole number"),
        ('{"order": ["-items"]}', "order[0]", "-items", "purchases, total, average"),
        ('{"order": ["total", "-total"]}', "order[1]", "-total", "each once"),
        ('{"format": "xlsx"}', "format", "xlsx", "one of json, csv"),
        ('{"format": ["csv"]}', "format", '["csv"]', "one of json, csv"),
        ("[]", "body", "[]", "a JSON object"),
        ("null", "body", "null", "a JSON object"),
        ("{", "body", "what is no JSON", "a JSON object"),
        ('{"limit": NaN}', "body", "NaN", "numbers of JSON"),
        ('{"limit": -Infinity}', "body", "-Infinity", "numbers of JSON"),
        (f'{{"limit": {"9" * 5000}}}', "body", "a number of 5000 characters", "at most 40"),
        ('{"limit": 1, "limit": 2}', "body", 'the key "limit" twice', "each key once"),
        ("[" * 30_000 + "]" * 30_000, "body", "a deeper nesting", "at most 8 levels"),
        ('{"a":' * 9 + "1" + "}" * 9, "body", "a deeper nesting", "at most 8 levels"),
        ('{"x": "' + "x" * MOST_BYTES + '"}', "body", "65,545 bytes", "at most 65,536 bytes"),
    ],
)
def test_a_refusal_names_the_field_what_was_given_and_what_is_allowed(
    text: str, field: str, given: str, allowed: str
) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        ReportRequest.of(read_document(text), TODAY)
    error = refused.value
    assert error.field == field
    assert error.given.startswith(given)
    assert allowed in error.allowed
    assert error.too_large == ("bytes" in error.given)
    assert str(error).isascii()
    assert len(error.given) <= 83
    assert "Traceback" not in str(error)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="no JSON"):
        read_document(b'{"from": "\xff"}')
    assert read_document("") == {}


words = st.sampled_from([None, True, 0, 7, -1, 2**70, 0.5, "", "2026-11-01", SQL, "\ud800", *MEASURES, *DIMENSIONS])
values = st.one_of(
    words, st.lists(words, max_size=3), st.dictionaries(st.sampled_from(["tenant_id", *FILTERS]), words, max_size=3)
)
fields = st.sampled_from(
    ["measures", "dimensions", "filters", "from", "to", "order", "limit", "format", "group_by", "metrics", "x"]
)


@given(st.dictionaries(fields, values, max_size=4))
def test_whatever_comes_is_a_request_or_a_refusal(document: dict[str, Any]) -> None:
    with suppress(InvalidRequestError):
        request = ReportRequest.of(read_document(json.dumps(document)), TODAY)
        assert compile_report(request, tenant_id("t1")).values["tenant"] == "t1"


def test_the_text_has_the_tenant_and_nothing_of_what_was_given() -> None:
    """Every value is bound; both engines answer alike; no text differs by what was given but for how much it was."""
    filters = {"products": [SQL, "x"], "product_names": [SQL], "customers": [SQL], "total_min": "1", "total_max": "2.5"}
    request = asked(
        measures=list(MEASURES), dimensions=list(DIMENSIONS), filters={**filters, "currency": "USD"}, order=["-median"]
    )
    for compiled in (
        compile_report(request, tenant_id(SQL)),
        compile_summary(SummaryRequest(request.period, "USD"), tenant_id(SQL)),
    ):
        text = compiled.query.statement
        assert not [each for each in ("DROP", "USD", "2026", "2.5") if each in text]
        assert text.count("FROM compras_current") == text.count("tenant_id = ? /* tenant */")
        assert compiled.values["tenant"] == tenant_id(SQL)
        assert set(placeholders(compiled.query)) == set(compiled.values)
        assert faults(compiled.query) == []


def test_requests_for_named_queries_have_the_form_of_the_function() -> None:
    document = {"parameters": {"a": Decimal("0.5"), "b": "x", "c": None}, "limit": 3}
    assert query_request("q", document) == {"name": "q", "parameters": {"a": 0.5, "b": "x", "c": None}, "limit": 3}
    assert query_request("q", {}) == {"name": "q", "parameters": None}
    with pytest.raises(InvalidRequestError, match="name: a field was given; expected one of parameters"):
        query_request("q", {"name": "other"})
    with pytest.raises(InvalidRequestError, match=r"parameters\.a"):
        query_request("q", {"parameters": {"a": "\0"}})
