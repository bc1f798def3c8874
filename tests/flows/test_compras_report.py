"""Purchases from their table to a report: the sample, the function, the command and the feed, on a whole instance."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from deploy.cli.compras import pause, put_and_follow, resume
from deploy.cli.progress import bars
from tests.worlds.commands import Command
from tests.worlds.compras import product, purchase
from tests.worlds.compras_documents import History, expected_report
from tests.worlds.stack import RunningStack
from tests.worlds.waiting import until

#: No purchase of these comes near the graph.
pytestmark = pytest.mark.any_engine
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)
PERIOD = {"desde": "2026-11-01", "hasta": "2026-11-30"}
#: When a report was made, in JSON and on a page.
_MADE = re.compile(r'"made_at":"[^"]+"|made [-0-9]{10} [:0-9]{5} UTC')


def invoke(cloud: RunningStack, payload: object) -> dict[str, Any]:
    answer = cloud.access.client("lambda").invoke(
        FunctionName=cloud.outputs["functions"]["generar-reporte-compras"], Payload=json.dumps(payload).encode()
    )
    told: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, told
    return told


@pytest.fixture(scope="module")
def history(cloud: RunningStack) -> History:
    """Purchases of a tenant of this module, as documents in the instance's bucket."""
    history = History(cloud.access.open_bucket("compras"))
    for number, price in enumerate(("0.1", "2.55", "1234567890123.45", "3")):
        day = f"2026-11-{2 + number:02} 1{number}:30:00"
        history.put(purchase(f"c{number}", "tienda", day, product("P1", price, "3"), product(f"P{number}", "1", "2")))
    history.put(purchase("c0", "tienda", "2026-11-09 08:00:00", product("P1", "0.2", "3")), seconds=0)
    history.put(purchase("c0", "tienda", "2026-11-09 08:00:00", product("P1", "0.3", "3")), seconds=0)
    history.remove("tienda", "c3")
    return history


class TestTheFunction:
    def test_it_reports_what_the_purchases_are_now(self, cloud: RunningStack, history: History) -> None:
        answer = invoke(cloud, {"tenant_id": "tienda", **PERIOD, "top": 2})
        assert (answer["statusCode"], answer["headers"]["content-type"]) == (200, "application/json")
        report = json.loads(answer["body"], parse_float=str)
        expected = expected_report(history, "tienda", FIRST, LAST, 2)
        totals = report["totals"]
        assert (totals["purchases"], totals["sales"], totals["average"]) == (
            expected["totals"][0], str(expected["totals"][2]), str(expected["average"]),
        )  # fmt: skip
        assert [each["codigo"] for each in report["top_products"]] == [code for code, _ in expected["products"]]
        assert {day["day"]: day["sales"] for day in report["days"] if day["purchases"]} == {
            str(day): str(sales) for day, (purchases, _, sales) in expected["days"] if purchases
        }

    def test_an_api_gateway_gets_a_page_and_csv(self, cloud: RunningStack, history: History) -> None:
        asked = {"tenant_id": "tienda", **PERIOD}
        gateway = {"version": "2.0", "rawPath": "/reportes/compras", "requestContext": {}}
        page = invoke(cloud, {**gateway, "queryStringParameters": {**asked, "formato": "html"}})
        assert page["headers"]["content-type"] == "text/html; charset=utf-8"
        assert page["body"].startswith("<!DOCTYPE html>")
        assert page["body"].count("<svg") == 3
        rows = invoke(cloud, {**gateway, "queryStringParameters": {**asked, "formato": "csv"}})["body"]
        total = next(csv.DictReader(io.StringIO(rows)))
        assert total["sales"] == str(expected_report(history, "tienda", FIRST, LAST, 9)["totals"][2])

    @pytest.mark.parametrize("payload", [None, [], "x", {}, {"tenant_id": "t", "desde": "never"}, {"tenant_id": 7}])
    def test_what_cannot_be_reported_is_an_answer_and_no_traceback(self, cloud: RunningStack, payload: object) -> None:
        answer = invoke(cloud, payload)
        assert answer["statusCode"] == 400
        assert json.loads(answer["body"])["error"]["type"] == "bad_request"

    def test_a_tenant_without_purchases_has_a_report_of_zeros(self, cloud: RunningStack) -> None:
        report = json.loads(invoke(cloud, {"tenant_id": "nobody"})["body"])
        assert (report["totals"]["purchases"], report["top_products"], report["moneda"]) == (0, [], None)


class TestTheCommand:
    def test_it_writes_what_the_function_answers(self, cloud: RunningStack, history: History, tmp_path: Path) -> None:
        cesta = Command(cloud.instance.state, cloud.instance.port_base)
        asked = ("report", "compras", "--tenant", "tienda", "--desde", "2026-11-01", "--hasta", "2026-11-30")
        shown = cesta(*asked)
        total = expected_report(history, "tienda", FIRST, LAST, 9)["totals"][2]
        assert shown.returncode == 0, shown.stderr
        assert f"{total:,f} USD" in shown.stdout
        for form in ("json", "csv", "html"):
            written = cesta(*asked, "--format", form, "--out", str(tmp_path / form))
            assert written.returncode == 0, written.stderr
            answered = invoke(cloud, {"tenant_id": "tienda", **PERIOD, "formato": form})["body"]
            found = (tmp_path / form).read_text()
            assert _MADE.sub("", found) == _MADE.sub("", answered) != ""

    def test_what_cannot_be_reported_is_one_sentence(self, cloud: RunningStack) -> None:
        cesta = Command(cloud.instance.state, cloud.instance.port_base)
        refused = cesta("report", "compras", "--tenant", "t", "--desde", "2026-11-02", "--hasta", "2026-11-01")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr == "cesta: desde: 2026-11-02 comes after hasta 2026-11-01; expected a day up to hasta\n"


class TestTheFeed:
    def test_the_sample_becomes_documents_and_changes_go_on_until_they_are_paused(self, cloud: RunningStack) -> None:
        bucket = cloud.access.open_bucket("compras")

        def documents(event: str = "") -> int:
            return sum(f"/{event}" in found.key and "/tienda_" in found.key for found in bucket.objects("compras/"))

        def put(each: int) -> int:
            with bars() as progress:
                return put_and_follow(cloud.access, 2, progress, each=each, check=cloud.local.check).accepted

        accepted = put(20)
        assert documents("insert_C-") == documents() == 60, "each is a document by the time that it is said"
        assert put(20) == accepted, "what is there makes no change"
        assert not cloud.instance.compras_feed_file.exists(), "a laptop must not fill"
        resume(cloud.instance)
        try:
            until(lambda: documents() >= 61, 60)
        finally:
            pause(cloud.instance)
        assert not cloud.instance.compras_feed_file.exists()
        assert cloud.board.part("compras-feed").restarts == 0
