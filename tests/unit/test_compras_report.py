"""Reports on purchases: what counts, how it is added up, how it is written, and what is said of what cannot be."""

from __future__ import annotations

import csv
import io
import json
import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from html.parser import HTMLParser
from typing import Any

import pytest

from pipeline_assets.compras.report import Report, Totals, make_report
from pipeline_assets.compras.report_answer import FORMS, report_answer
from pipeline_assets.compras.report_formats import as_csv, as_json
from pipeline_assets.compras.report_page import as_html
from pipeline_assets.compras.report_request import MOST_DAYS, BadRequestError, ReportRequest
from pipeline_assets.errors import TransientError
from tests.worlds.compras import product, purchase
from tests.worlds.compras_documents import History, expected_report
from tests.worlds.memory_storage import MemoryBucket

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = NOW.date()
NOVEMBER = {"desde": "2026-11-01", "hasta": "2026-11-30"}
#: Ids that are told apart in keys; some look like what follows them there.
IDS = ("c1", "c_1", "c_20261101_101010", "c_20261101_101010_5", "a/b", "..", "ñandú 1", "x" * 300)


def report_on(history: History, tenant: str = "t1", **asked: object) -> Report:
    request = ReportRequest.of({"tenant_id": tenant, **NOVEMBER, **asked}, TODAY)
    return make_report(request, history.bucket, NOW)


def told(totals: Totals) -> tuple[int, Fraction, Decimal]:
    return totals.purchases, Fraction(totals.units), totals.sales


def statistics(report: Report) -> dict[str, Any]:
    return {
        "totals": told(report.totals),
        "average": report.totals.average,
        "buyers": report.buyers,
        "days": [(day, told(totals)) for day, totals in report.days],
        "weekdays": [told(totals) for totals in report.weekdays],
        "hours": [told(totals) for totals in report.hours],
        "products": [(each.codigo, told(each.totals)) for each in report.products],
        "products_sold": report.products_sold,
    }


def random_purchase(chance: random.Random, tenant: str, compra: str) -> dict[str, Any]:
    day = date(2026, 11, 1) + timedelta(days=chance.randrange(-40, 60))
    time = chance.choice(
        ["", f" {chance.randrange(24):02}:{chance.randrange(60):02}:00", f"T{chance.randrange(24):02}:05"]
    )
    lines = [
        product(
            f"P{chance.randrange(5)}",
            chance.choice(["0.1", "0.005", "19.99", "0", "1234567890.123456789", "3"]),
            chance.choice(["1", "3", "0.335", "7", "12000"]),
        )
        for _ in range(chance.randrange(4))
    ]
    item = {**purchase(compra, tenant, f"{day}{time}"), "productos": {"L": lines}}
    if chance.random() < 0.2:
        return {name: value for name, value in item.items() if name != "user_id"}
    return {**item, "user_id": {"S": f"u{chance.randrange(4)}"}}


@pytest.mark.parametrize("seed", range(6))
def test_random_changes_are_reported_as_the_purchases_that_are_left(seed: int) -> None:
    """Several changes in a second, moved days, removals and returns, two tenants with the same ids."""
    chance, history = random.Random(seed), History()
    for _ in range(220):
        tenant, compra = chance.choice(("t1", "t2", "tenant/1")), chance.choice(IDS)
        seconds = chance.choice((0, 0, 0, 1))
        if (tenant, compra) in history.items and chance.random() < 0.35:
            history.remove(tenant, compra, seconds=seconds)
        else:
            history.put(random_purchase(chance, tenant, compra), seconds=seconds)
    assert history.second < 100, "changes share seconds"
    for tenant in ("t1", "t2", "tenant/1"):
        for first, last in (("2026-11-01", "2026-11-30"), ("2026-11-07", "2026-11-07"), ("2026-09-01", "2027-02-28")):
            top = chance.randrange(1, 7)
            report = report_on(history, tenant, desde=first, hasta=last, top=top)
            expected = expected_report(history, tenant, date.fromisoformat(first), date.fromisoformat(last), top)
            assert statistics(report) == expected


def test_numbers_are_exact_and_days_add_up() -> None:
    history = History()
    history.put(purchase("c1", "t1", "2026-11-02 10:00:00", product("P1", "0.1", "3")))
    history.put(purchase("c2", "t1", "2026-11-03 10:00:00", product("P1", "1234567890123456789.01", "1")))
    report = report_on(history)
    assert report.totals.sales == Decimal("1234567890123456789.31")
    assert sum(totals.sales for _, totals in report.days) == report.totals.sales
    assert json.loads(as_json(report), parse_float=Decimal)["totals"]["sales"] == Decimal("1234567890123456789.31")
    assert "1234567890123456789.31" in as_csv(report)


def test_of_changes_within_a_second_the_last_one_counts() -> None:
    """A key says the sequence number only where another document had the plain key; the object has it always."""
    history = History()
    for price in ("1", "2", "3"):
        history.put(purchase("c1", "t1", "2026-11-02", product("P1", price, "1")), seconds=0)
    assert report_on(history).totals.sales == Decimal("3.00")
    history.remove("t1", "c1", seconds=0)
    assert report_on(history).totals.purchases == 0
    history.put(purchase("c1", "t1", "2026-11-02", product("P1", "5", "1")), seconds=0)
    assert report_on(history).totals.sales == Decimal("5.00")


def test_a_purchase_that_was_moved_counts_where_it_is_now() -> None:
    history = History()
    history.put(purchase("c1", "t1", "2026-11-02 10:00:00"))
    history.put(purchase("c1", "t1", "2027-05-09 10:00:00"))
    assert report_on(history).totals.purchases == 0
    assert report_on(history, desde="2027-05-09", hasta="2027-05-09").totals.purchases == 1
    history.remove("t1", "c1")
    assert report_on(history, desde="2026-11-01", hasta="2027-05-31").totals.purchases == 0


def test_a_product_has_the_name_of_its_latest_purchase_and_counts_once_in_each() -> None:
    history = History()
    history.put(purchase("c2", "t1", "2026-11-03", product("P1", "2", "1", "new"), product("P1", "2", "2", "new")))
    history.put(purchase("c1", "t1", "2026-11-02", product("P1", "2", "1", "old")))
    unnamed = {"M": {**product("P1", "2", "1")["M"], "nombre": {"NULL": True}}}
    history.put(purchase("c3", "t1", "2026-11-04", unnamed))
    (found,) = report_on(history).products
    assert (found.nombre, found.totals) == ("new", Totals(3, Decimal(5), Decimal("10.00")))


def test_no_purchase_is_a_report_of_zeros_in_every_form() -> None:
    report = report_on(History(), "nobody")
    assert (report.totals, report.buyers, report.products, report.moneda) == (Totals(), 0, (), "")
    assert len(report.days) == 30
    document = json.loads(as_json(report))
    assert document["totals"] == {"purchases": 0, "units": 0, "sales": 0.0, "average": 0.0, "buyers": 0}
    assert document["moneda"] is None
    assert len(as_csv(report).splitlines()) == 1 + 1 + 30 + 7 + 24
    assert "no purchase" in as_html(report)


def test_other_currencies_are_never_added_up() -> None:
    history = History()
    history.put(purchase("c1", "t1", "2026-11-02", product("P1", "2", "1")))
    history.priced_in("EUR")
    history.put(purchase("c2", "t1", "2026-11-02", product("P1", "3", "1")))
    with pytest.raises(BadRequestError, match="moneda: the purchases are in EUR, USD, and nothing is converted"):
        report_on(history)
    assert report_on(history, moneda="eur").totals == Totals(1, Decimal(1), Decimal("3.00"))
    assert report_on(history, moneda="USD").totals.sales == Decimal("2.00")
    assert report_on(history, moneda="PEN").totals.purchases == 0


def test_what_lies_among_the_documents_and_is_none_is_passed_over() -> None:
    history = History()
    history.put(purchase("c1", "t1", "2026-11-02 10:00:00"))
    for key in ("README", "2026/11/02/notes.txt", "2026/13/40/insert_c_20261102_101010.json", "2026/11/é", "2026/1"):
        history.bucket.put(f"compras/t1/{key}", b"no document")
    assert report_on(history).totals.purchases == 1


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"fecha": 5}', b"\xff"])
def test_a_document_of_another_shape_is_named(body: bytes) -> None:
    history, key = History(), "compras/t1/2026/11/02/insert_c9_20261102_101010.json"
    history.bucket.put(key, body)
    answer = report_answer({"tenant_id": "t1", **NOVEMBER}, history.bucket, NOW)
    error = json.loads(answer["body"])["error"]
    assert (answer["statusCode"], error["type"]) == (500, "unreadable_document")
    assert error["message"].startswith(f"{key}: it is no document of a purchase")


def test_the_csv_is_the_report() -> None:
    history = History()
    history.put(purchase("c1", "t1", "2026-11-02 10:00:00", product("=1+1", "2.5", "2", "@SUM(A1)")))
    rows = list(csv.DictReader(io.StringIO(as_csv(report_on(history)))))
    total, *others = rows
    assert (total["section"], total["purchases"], total["units"], total["sales"], total["buyers"]) == (
        "total", "1", "2", "5.00", "1",
    )  # fmt: skip
    assert {row["currency"] for row in rows} == {"USD"}
    for section in ("day", "weekday", "hour"):
        assert sum(Decimal(row["sales"]) for row in others if row["section"] == section) == Decimal("5.00")
    sold = next(row for row in rows if row["section"] == "product")
    assert (sold["key"], sold["name"]) == ("'=1+1", "'@SUM(A1)"), "no spreadsheet runs it"


class _Page(HTMLParser):
    """Tags, addresses and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def test_the_page_stands_alone_and_runs_nothing_of_its_data() -> None:
    history, evil = History(), "<script>alert(1)</script>\"' onload=x"
    history.put(purchase("c1", evil, "2026-11-02 10:00:00", product(evil, "2.5", "2", evil), product("P2", "1", "1")))
    page = _Page(as_html(report_on(history, evil)))
    assert {"svg", "rect", "table"} < set(page.tags)
    assert not {"script", "img", "link", "iframe", "object"} & set(page.tags)
    names = {name for name, _ in page.attributes}
    assert not {name for name in names if name.startswith("on")} | {"src", "href"} & names
    assert f"Purchases of {evil}" in page.texts
    assert "6.00" in " ".join(page.texts)
    assert page.tags.count("rect") == 30 + 24 + 7


@pytest.mark.parametrize("price", ["0", "0.001", "9999999999999999", "1E+125", "1E-130"])
def test_a_page_is_drawn_of_any_amount(price: str) -> None:
    history = History()
    history.put(purchase("c1", "t1", "2026-11-02", product("P1", price, "1")))
    for name, value in _Page(as_html(report_on(history))).attributes:
        if name in {"x", "y", "width", "height"}:
            assert 0 <= float(str(value)) <= 1_000


BAD: list[tuple[object, str, str]] = [
    ([], "event", "it is no object"),
    ("t1", "event", "it is no object"),
    (None, "event", "it is no object"),
    ({}, "tenant_id", "it is missing"),
    ({"tenant_id": ""}, "tenant_id", "it is missing"),
    ({"tenant_id": 5}, "tenant_id", "no id of a tenant"),
    ({"tenant_id": ["t1"]}, "tenant_id", "no id of a tenant"),
    ({"tenant_id": "x" * 2_049}, "tenant_id", "no id of a tenant"),
    ({"tenant_id": "\ud800"}, "tenant_id", "no id of a tenant"),
    ({"tenant_id": "t1", "desde": "2026-11-20", "hasta": "2026-11-19"}, "desde", "2026-11-20 comes after hasta"),
    ({"tenant_id": "t1", "desde": "2026-12-20"}, "desde", "comes after hasta 2026-11-20"),
    ({"tenant_id": "t1", "desde": "2026-02-30"}, "desde", "'2026-02-30' is no day"),
    ({"tenant_id": "t1", "desde": "20.11.2026"}, "desde", "is no day"),
    ({"tenant_id": "t1", "desde": "2026-W47-5"}, "desde", "is no day"),
    ({"tenant_id": "t1", "hasta": "20261120"}, "hasta", "is no day"),
    ({"tenant_id": "t1", "hasta": "2026-11-20T10:00:00"}, "hasta", "is no day"),
    ({"tenant_id": "t1", "hasta": 20261120}, "hasta", "is no day"),
    ({"tenant_id": "t1", "hasta": "tomorrow" * 1_000}, "hasta", "is no day"),
    ({"tenant_id": "t1", "hasta": "1899-12-31"}, "hasta", "is too early"),
    ({"tenant_id": "t1", "desde": "2025-11-19"}, "desde", "the period has 367 days"),
    ({"tenant_id": "t1", "top": 0}, "top", "'0' is no number of products"),
    ({"tenant_id": "t1", "top": 101}, "top", "'101' is no number"),
    ({"tenant_id": "t1", "top": -1}, "top", "'-1' is no number"),
    ({"tenant_id": "t1", "top": "ten"}, "top", "'ten' is no number"),
    ({"tenant_id": "t1", "top": "٣"}, "top", "is no number"),
    ({"tenant_id": "t1", "top": 2.5}, "top", "'2.5' is no number"),
    ({"tenant_id": "t1", "top": True}, "top", "'True' is no number"),
    ({"tenant_id": "t1", "top": "9" * 5_000}, "top", "is no number"),
    ({"tenant_id": "t1", "moneda": "dollars"}, "moneda", "'dollars' is no currency"),
    ({"tenant_id": "t1", "moneda": 5}, "moneda", "'5' is no currency"),
    ({"tenant_id": "t1", "formato": "pdf"}, "formato", "there is no such form"),
    ({"tenant_id": "t1", "formato": ["csv"]}, "formato", "there is no such form"),
    ({"tenant_id": "t1", "dsde": "2026-11-01"}, "'dsde'", "there is no such parameter"),
    ({"queryStringParameters": "tenant_id=t1"}, "queryStringParameters", "it is no object"),
    ({"version": "2.0", "requestContext": {}}, "tenant_id", "it is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("event", "parameter", "message"), BAD)
def test_what_cannot_be_reported_is_said_in_a_sentence(event: object, parameter: str, message: str) -> None:
    answer = report_answer(event, MemoryBucket("compras"), NOW)
    error = json.loads(answer["body"])["error"]
    assert (answer["statusCode"], error["type"], error["parameter"]) == (400, "bad_request", parameter)
    assert message in error["message"]
    assert error["message"].startswith(f"{parameter}: ")
    assert "; expected " in error["message"]
    assert len(error["message"]) < 250


def test_the_last_thirty_days_and_ten_products_are_reported_unless_told() -> None:
    request = ReportRequest.of({"tenant_id": "t1", "desde": "", "top": None, "formato": "csv"}, TODAY)
    assert request == ReportRequest("t1", date(2026, 10, 22), TODAY, 10)
    longest = ReportRequest.of({"tenant_id": "t1", "desde": "2025-11-20", "top": "100"}, TODAY)
    assert ((longest.hasta - longest.desde).days + 1, longest.top) == (MOST_DAYS, 100)


@pytest.mark.parametrize("form", FORMS)
def test_an_event_by_hand_and_one_of_an_api_gateway_are_answered_alike(form: str) -> None:
    history, asked = History(), {"tenant_id": "t1", **NOVEMBER, "formato": form}
    history.put(purchase("c1", "t1", "2026-11-02 10:00:00"))
    gateway = {
        "version": "2.0",
        "rawPath": "/reportes/compras",
        "requestContext": {"http": {"method": "GET"}},
        "queryStringParameters": asked,
    }
    answer = report_answer(asked, history.bucket, NOW)
    assert answer == report_answer(gateway, history.bucket, NOW)
    assert answer["statusCode"] == 200
    assert answer["headers"]["content-type"].startswith(FORMS[form][0])


def test_a_report_that_takes_longer_than_it_may_is_given_up() -> None:
    history = History()
    history.put(purchase("c1", "t1", "2026-11-02 10:00:00"))
    asked = {"tenant_id": "t1", **NOVEMBER}
    answer = report_answer(asked, history.bucket, NOW, -1)
    error = json.loads(answer["body"])["error"]
    assert (answer["statusCode"], error["type"]) == (504, "timed_out")
    assert "a shorter period" in error["message"]
    assert report_answer(asked, history.bucket, NOW, 60)["statusCode"] == 200


def test_a_bucket_that_does_not_answer_makes_no_report_of_less() -> None:
    history = History(MemoryBucket("compras"))
    history.put(purchase("c1", "t1", "2026-11-02 10:00:00"))
    assert isinstance(history.bucket, MemoryBucket)
    history.bucket.fault = "SlowDown"
    with pytest.raises(TransientError, match="SlowDown"):
        report_answer({"tenant_id": "t1", **NOVEMBER}, history.bucket, NOW)
