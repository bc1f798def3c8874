"""The page of a report on purchases in a browser: it is drawn, asks for nothing, and runs nothing of its data."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline_assets.compras.report import make_report
from pipeline_assets.compras.report_page import as_html
from pipeline_assets.compras.report_request import ReportRequest
from tests.worlds.compras import product, purchase
from tests.worlds.compras_documents import History

if TYPE_CHECKING:
    from playwright.sync_api import Page

EVIL = "<img src=x onerror=alert(1)><script>alert(1)</script>"


def test_the_page_is_drawn_from_nothing_but_itself(window: Page, tmp_path: Path) -> None:
    history = History()
    history.put(purchase("c1", EVIL, "2026-11-02 10:00:00", product("P1", "10", "2", EVIL), product("P2", "5", "1")))
    history.put(purchase("c2", EVIL, "2026-11-03 11:00:00", product("P1", "10", "1", EVIL)))
    request = ReportRequest(EVIL, date(2026, 11, 1), date(2026, 11, 30))
    page_file = tmp_path / "report.html"
    page_file.write_text(as_html(make_report(request, history.bucket, datetime(2026, 11, 30, tzinfo=UTC))))
    assert window.context.browser
    page = window.context.browser.new_page()
    try:
        asked, said = list[str](), list[str]()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.goto(page_file.as_uri())
        assert page.locator("h1").inner_text() == f"Purchases of {EVIL}"
        assert page.locator("table tbody tr td").first.inner_text().endswith("P1")
        bars = [bar.bounding_box() for bar in page.locator("svg").first.locator("rect").all()]
        heights = [bar["height"] for bar in bars if bar and bar["height"] > 0]
        assert len(bars) == 30
        assert heights == pytest.approx([2.5 * heights[1], heights[1]], rel=0.01)
        whole, part = (bar.bounding_box() for bar in page.locator(".share i").all())
        assert whole
        assert part
        assert part["width"] == pytest.approx(whole["width"] / 6, rel=0.05)
        page.set_viewport_size({"width": 420, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") == 420, "nothing stands out of a small screen"
    finally:
        page.context.close()
    assert asked == [page_file.as_uri()]
    assert said == []
