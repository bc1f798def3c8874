"""Questions of a tenant on both engines: what SQL comes to is what the purchases themselves come to, and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.local.cloud import CREDENTIALS, REGION
from pipeline_assets.events.tenants import TenantId, tenant_id
from pipeline_assets.queries.athena import AthenaEngine
from pipeline_assets.queries.duckdb_engine import DuckDbEngine
from pipeline_assets.queries.open_engine import SqlEngine
from pipeline_assets.queries.portable import faults
from pipeline_assets.reports.kept import KeptReports, Reply
from pipeline_assets.reports.making import Desk, make_kept
from pipeline_assets.reports.request import DIMENSIONS, MEASURES, Filters, Period, ReportRequest, SummaryRequest
from pipeline_assets.reports.rows import report_document, summary_document
from pipeline_assets.reports.statement import compile_report, compile_summary
from tests.worlds.athena_stand_in import AthenaStandIn, athena_stand_in
from tests.worlds.compras import product, purchase
from tests.worlds.compras_documents import History
from tests.worlds.examples import examples
from tests.worlds.memory_storage import MemoryBucket
from tests.worlds.reports import expected_report, expected_summary

TENANTS = ("t1", "T1", "t/3")
NAMES = ("Pan", "pan", "=1+1", "Ñandú 'x'", "Té")
CODES = ("P1", "p1", "=X", "é")
USERS = ("u1", "u2", "' OR 1=1 --")
FIRST = date(2026, 10, 26)
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)

numbers = st.decimals("0.005", "40", places=3).map(str)
lines = st.builds(product, st.sampled_from(CODES), numbers, numbers, st.sampled_from(NAMES))
moments = st.builds(
    lambda days, time: f"{FIRST + timedelta(days=days)}{time}",
    st.integers(0, 20),
    st.sampled_from(["", " 09:30:00", "T23:59:59Z", " 00:00"]),
)
items = st.builds(
    lambda compra, tenant, fecha, user, products: (
        purchase(compra, tenant, fecha)
        | {"productos": {"L": products}}
        | {"user_id": {"S": user} if user else {"NULL": True}}
    ),
    st.sampled_from("abcdef"),
    st.sampled_from(TENANTS),
    moments,
    st.sampled_from([*USERS, None]),
    st.lists(lines, max_size=3),
)
changes = st.lists(st.tuples(items, st.booleans()), max_size=25)


def some(known: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    """None of these, or some."""
    return st.one_of(st.just(()), st.lists(st.sampled_from(known), min_size=1, unique=True).map(tuple))


@st.composite
def reports(draw: st.DrawFn) -> ReportRequest:
    measures = tuple(draw(st.lists(st.sampled_from(MEASURES), min_size=1, unique=True)))
    dimensions = tuple(draw(st.lists(st.sampled_from(DIMENSIONS), max_size=3, unique=True)))
    begin = draw(st.integers(0, 15))
    least = draw(st.one_of(st.none(), st.decimals(0, 200, places=2)))
    most = draw(st.one_of(st.none(), st.decimals(least or 0, 300, places=2)))
    filters = Filters(draw(some(CODES)), draw(some(NAMES)), draw(some(USERS)), least, most)
    order = draw(st.lists(st.sampled_from([*measures, *dimensions]), max_size=2, unique=True))
    return ReportRequest(
        Period(FIRST + timedelta(days=begin), FIRST + timedelta(days=begin + draw(st.integers(0, 12)))),
        measures,
        dimensions,
        filters if draw(st.booleans()) else Filters(),
        tuple((name, draw(st.booleans())) for name in order),
        draw(st.sampled_from([1, 3, 1_000])),
    )


def history_of(changed: list[tuple[dict[str, Any], bool]]) -> History:
    history = History()
    for item, removed in changed:
        key = item["tenant_id"]["S"], item["compra_id"]["S"]
        if removed and key in history.items:
            history.remove(*key)
        else:
            history.put({name: value for name, value in item.items() if value != {"NULL": True}})
    return history


def of_tenant(history: History, tenant: str) -> list[dict[str, Any]]:
    return [item for (owner, _), item in history.items.items() if owner == tenant]


def engine_of(history: History) -> DuckDbEngine:
    return DuckDbEngine({"compras": history.bucket})


@pytest.mark.filterwarnings("error::pipeline_assets.queries.portable.PortabilityWarning")
@settings(max_examples=examples(16), deadline=None, suppress_health_check=list(HealthCheck))
@given(changed=changes, asked=st.lists(reports(), min_size=3, max_size=3))
def test_a_report_is_what_the_purchases_come_to(
    changed: list[tuple[dict[str, Any], bool]], asked: list[ReportRequest]
) -> None:
    """After changes, removals and moves to another day, for each tenant; Athena would answer alike."""
    history = history_of(changed)
    for tenant, request in zip(TENANTS, asked, strict=True):
        compiled = compile_report(request, tenant_id(tenant))
        answer = engine_of(history).run(compiled.query, compiled.values)
        document = report_document(request, tenant, answer)
        assert document["rows"] == expected_report(of_tenant(history, tenant), request)
        assert ReportRequest.of(json.loads(json.dumps(request.document())), date.max) == request


@settings(max_examples=examples(8), deadline=None, suppress_health_check=list(HealthCheck))
@given(changed=changes, begin=st.integers(0, 15), days=st.integers(0, 12), top=st.integers(1, 3))
def test_a_summary_is_what_the_purchases_come_to(
    changed: list[tuple[dict[str, Any], bool]], begin: int, days: int, top: int
) -> None:
    history = history_of(changed)
    first = FIRST + timedelta(days=begin)
    request = SummaryRequest(Period(first, first + timedelta(days=days)), top=top)
    for tenant in TENANTS[:2]:
        compiled = compile_summary(request, tenant_id(tenant))
        assert faults(compiled.query) == []
        document = summary_document(request, tenant, engine_of(history).run(compiled.query, compiled.values))
        expected = expected_summary(of_tenant(history, tenant), request)
        assert {name: document[name] for name in expected} == expected


@pytest.fixture(scope="module")
def history() -> History:
    """Three tenants with the same ids; one purchase of the first was moved to another day."""
    history = History()
    for number in range(6):
        sold = product("P1", "2.50", str(number + 1)), product("=2+5", "0.10", "1", "@cmd")
        history.put(purchase(f"c{number}", "t1", f"2026-11-{number % 3 + 1:02} 10:00:00", *sold))
    history.put(purchase("c0", "t1", "2026-11-04 10:00:00", product("P1", "2.50", "1")))
    history.put(purchase("c1", "t2", "2026-11-02 10:00:00", product("P1", "1000", "1")))
    history.put(purchase("c1", "T1", "2026-11-02 10:00:00", product("P1", "5000", "1")))
    return history


@pytest.fixture
def athena(history: History) -> Iterator[AthenaStandIn]:
    with athena_stand_in(engine_of(history)) as stand_in:
        yield stand_in


def athena_engine(stand_in: AthenaStandIn) -> AthenaEngine:
    where = {"region_name": REGION, "endpoint_url": stand_in.url, **CREDENTIALS}
    return AthenaEngine(database="lake", workgroup="w", compras_database="purchases", poll_seconds=0.01, **where)


@pytest.fixture(params=["duckdb", "athena"])
def engine(request: pytest.FixtureRequest, history: History, athena: AthenaStandIn) -> SqlEngine:
    return engine_of(history) if request.param == "duckdb" else athena_engine(athena)


def desk(engine: SqlEngine, kept: KeptReports | None = None, later: list[Any] | None = None) -> Desk:
    held = kept or KeptReports(MemoryBucket("results"))
    queue = later if later is not None else []
    return Desk(tenant_id("t1"), "t1", engine, held, lambda tenant, report: queue.append((tenant, report)))


ASKED = ReportRequest(Period(date(2026, 11, 1), date(2026, 11, 30)), ("total", "median"), ("day",))
SUMMARY = SummaryRequest(Period(date(2026, 11, 1), date(2026, 11, 4)))


def rows(reply: Reply | None) -> list[dict[str, Any]]:
    assert reply
    assert reply.status == 200, reply
    found: list[dict[str, Any]] = json.loads(reply.body)["rows"]
    return found


TOTALS = [
    {"day": "2026-11-01", "currency": "USD", "total": "10.10", "median": "10.10"},
    {"day": "2026-11-02", "currency": "USD", "total": "17.70", "median": "8.85"},
    {"day": "2026-11-03", "currency": "USD", "total": "22.70", "median": "11.35"},
    {"day": "2026-11-04", "currency": "USD", "total": "2.50", "median": "2.50"},
]


def test_both_engines_answer_at_once_where_they_are_quick(engine: SqlEngine) -> None:
    assert rows(desk(engine).answer(ASKED, 60, NOW)) == TOTALS
    reply = desk(engine).answer(SUMMARY, 60, NOW)
    summary = json.loads(reply.body)
    assert (summary["purchases"], summary["total"], summary["currency"]) == (6, "53.00", "USD")
    assert [each["codigo"] for each in summary["top_products"]] == ["P1", "=2+5"]
    assert int((reply.headers or {})["X-Scanned-Bytes"]) == summary["scanned_bytes"] > 0
    assert summary["cost_usd"] > 0


def test_only_the_tenants_own_folders_are_read(history: History) -> None:
    sizes = {}
    for tenant in ("t1", "t2", "nobody"):
        compiled = compile_report(ASKED, tenant_id(tenant))
        sizes[tenant] = engine_of(history).run(compiled.query, compiled.values).scanned_bytes
    whole = sum(listed.size for listed in history.bucket.objects("compras/t1/"))
    assert sizes == {"t1": whole, "t2": sizes["t2"], "nobody": 0}
    assert 0 < sizes["t2"] < whole / 4


def test_cells_that_a_spreadsheet_would_run_are_harmless(engine: SqlEngine) -> None:
    asked = ReportRequest(ASKED.period, ("items",), ("product",), order=(("items", True),), form="csv")
    reply = desk(engine).answer(asked, 60, NOW)
    assert reply.media_type.startswith("text/csv")
    assert reply.body.splitlines() == ["product,product_name,currency,items", "P1,Pan,USD,21", "'=2+5,'@cmd,USD,5"]


def test_a_report_that_takes_long_is_made_by_another_invocation(history: History) -> None:
    kept = KeptReports(MemoryBucket("results"))
    later: list[Any] = []
    mine = desk(engine_of(history), kept, later)
    accepted = mine.answer(ASKED, 0, NOW)
    assert (accepted.status, json.loads(accepted.body)["state"]) == (202, "running")
    assert later == [("t1", accepted.report)]
    assert _status(mine.look(accepted.report, 0, NOW)) == 202
    for _ in range(2):
        make_kept(tenant_id("t1"), accepted.report, engine_of(history), kept, 60)
    assert rows(mine.look(accepted.report, 0, NOW)) == TOTALS
    stranger = Desk(TenantId("t2"), "t2", engine_of(history), kept, lambda *_: None)
    for report in (accepted.report, "../t1/" + accepted.report, "", "x" * 5000, "..", "\0"):
        assert stranger.look(report, 0, NOW) is None
    make_kept(TenantId("t2"), accepted.report, engine_of(history), kept, 60)
    assert stranger.look(accepted.report, 0, NOW) is None


def test_a_report_that_nobody_made_is_told_of_as_lost(history: History) -> None:
    mine = desk(engine_of(history))
    report = mine.answer(ASKED, 0, NOW).report
    assert _status(mine.look(report, 0, NOW + timedelta(minutes=59))) == 202
    assert _status(mine.look(report, 0, NOW + timedelta(minutes=61))) == 410


def test_athena_goes_on_with_a_query_and_is_looked_at_again(history: History, athena: AthenaStandIn) -> None:
    athena.busy = True
    later: list[Any] = []
    mine = desk(athena_engine(athena), later=later)
    accepted = mine.answer(ASKED, 0.05, NOW)
    assert accepted.status == 202
    assert _status(mine.look(accepted.report, 0.05, NOW)) == 202
    athena.busy = False
    assert rows(mine.look(accepted.report, 60, NOW)) == TOTALS
    assert (len(athena.started), athena.stopped, later) == (1, [], [])
    assert Desk(TenantId("t2"), "t2", mine.engine, mine.kept, mine.later).look(accepted.report, 0, NOW) is None
    assert history


@pytest.mark.parametrize("seconds", [0.0, 60.0])
def test_a_limit_of_bytes_is_told(athena: AthenaStandIn, seconds: float) -> None:
    athena.end_as = ("FAILED", "Query exhausted resources: Bytes scanned limit was exceeded")
    mine = desk(athena_engine(athena))
    reply = mine.answer(ASKED, seconds, NOW)
    reply = mine.look(reply.report, 60, NOW) or reply if reply.status == 202 else reply
    assert reply.status == 422
    assert "limit of bytes" in reply.body


def test_purchases_in_several_currencies_are_not_added_up() -> None:
    history = History()
    history.put(purchase("c1", "t1", "2026-11-01"))
    history.priced_in("EUR")
    history.put(purchase("c2", "t1", "2026-11-01"))
    refused = desk(engine_of(history)).answer(SUMMARY, 60, NOW)
    assert (refused.status, refused.errors[0]["where"]) == (400, "currency")
    assert "EUR, USD" in refused.errors[0]["allowed"]
    chosen = SummaryRequest(SUMMARY.period, "EUR")
    assert json.loads(desk(engine_of(history)).answer(chosen, 60, NOW).body)["purchases"] == 1
    each = rows(desk(engine_of(history)).answer(ReportRequest(ASKED.period, ("total",)), 60, NOW))
    assert each == [{"currency": "EUR", "total": "19.98"}, {"currency": "USD", "total": "19.98"}]


def test_amounts_that_no_shop_has_leave_the_others_as_they_are() -> None:
    history = History()
    history.put(purchase("c1", "t1", "2026-11-01", product("P1", "99999999999999999999", "5")))
    history.put(purchase("c2", "t1", "2026-11-01", product("P1", "2", "1")))
    (row,) = rows(desk(engine_of(history)).answer(ReportRequest(ASKED.period, MEASURES), 60, NOW))
    assert (row["purchases"], row["total"], row["average"], row["median"]) == (2, "2.00", "2.00", "2.00")
    assert Decimal(row["items"]) == 6


def _status(reply: Reply | None) -> int:
    assert reply
    return reply.status
