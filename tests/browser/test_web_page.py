"""The web page of tenants in a browser: from a change of a table to what is seen, by mouse, by keyboard, on a phone."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import expect

from deploy.local.issuer import mint_token
from tests.worlds.api import api_of
from tests.worlds.compras import product as line
from tests.worlds.compras import purchase
from tests.worlds.search import product

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.worlds.stack import RunningStack

TENANT = "Mercado Ñandú 7"
EVIL = "<img src=x onerror=alert(1)><em>leche</em>&lt;b&gt;"
YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
PRODUCTS = [
    product("L1", TENANT, nombre="Leche entera", precio="1.20"),
    product("L2", TENANT, nombre="Leche evaporada", precio="2.50"),
    product("L3", TENANT, nombre=f"Queso {EVIL}", precio="8.00"),
    product("C1", TENANT, nombre="Chocolate bitter", precio="3.40") | {"categoria": {"S": "dulces"}},
    *(product(f"P{each:02}", TENANT, nombre=f"Pan número {each}", precio="0.50") for each in range(25)),
]
PURCHASES = [
    purchase("c1", TENANT, f"{YESTERDAY} 10:00:00", line("L1", "1.20", "2", "Leche entera")),
    purchase("c2", TENANT, f"{YESTERDAY} 18:00:00", line("C1", "3.40", "1", EVIL), line("P01", "0.50", "4", "Pan")),
]
#: Of all texts in sight, the least contrast to what is behind them, as WCAG computes it.
LEAST_CONTRAST = """
() => {
  const channels = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((each) => each / 255)
    .map((each) => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
    .reduce((sum, each, place) => sum + each * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const color = channels(getComputedStyle(each).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
  };
  const texts = [...document.querySelectorAll("main *, header *")].filter((each) => each.checkVisibility()
    && !each.closest(".unseen") && [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  return Math.min(...texts.map((each) => {
    const [a, b] = [light(channels(getComputedStyle(each).color)), light(behind(each))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  }));
}
"""


@dataclass
class Visit:
    """A window on the page, and what its browser was asked for and told."""

    page: Page
    address: str
    token: str
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def searches(self) -> list[dict[str, list[str]]]:
        """Parameters of each search that was asked for."""
        return [parse_qs(urlsplit(url).query) for url in self.asked if "/search/" in url]

    def enter(self) -> None:
        self.page.goto(f"{self.address}#token={self.token}")
        expect(self.page.locator("#hits > li")).to_have_count(20)

    def search(self, text: str) -> None:
        self.page.get_by_role("combobox").first.fill(text)
        self.page.keyboard.press("Enter")


@pytest.fixture
def shop(stack: RunningStack) -> RunningStack:
    """Products and purchases of a tenant, found through the API; the first test puts them into their tables."""
    api, token = api_of(stack), mint_token(stack.instance, TENANT, 60)

    def is_whole() -> bool:
        found = api.ask("GET", f"/search/{quote(TENANT)}", token).document()
        return bool(found.get("total") == len(PRODUCTS) + len(PURCHASES))

    if is_whole():
        return stack
    for table, items in (("products", PRODUCTS), ("compras", PURCHASES)):
        for item in items:
            stack.access.dynamodb.put_item(TableName=stack.outputs["tables"][table], Item=item)
    until = time.monotonic() + 120
    while not is_whole():
        assert time.monotonic() < until, "the changes are not found"
        time.sleep(0.5)
    return stack


@pytest.fixture
def visit(window: Page, shop: RunningStack) -> Iterator[Visit]:
    """A fresh window, in which no error is told and nothing is asked for elsewhere."""
    assert window.context.browser
    context = window.context.browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(30_000)
    visit = Visit(page, shop.instance.page_url, mint_token(shop.instance, TENANT, 60))
    page.on("request", lambda request: visit.asked.append(request.url))
    page.on("console", lambda message: visit.said.append(message.text))
    page.on("pageerror", lambda error: visit.said.append(str(error)))
    page.on("dialog", lambda dialog: visit.said.append(dialog.message))
    try:
        yield visit
    finally:
        context.close()
    origin = shop.instance.page_url.partition("/page/")[0]
    assert [each for each in visit.asked if not each.startswith(f"{origin}/")] == []
    assert not any("token=" in each.partition("#")[0] for each in visit.asked), "a token is no part of an address"
    assert visit.said == []


def test_a_person_types_a_token_searches_narrows_down_and_signs_out(visit: Visit) -> None:
    page = visit.page
    page.goto(visit.address)
    page.get_by_label("Token").fill("no token")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert").filter(has_text="This is not a token")).to_be_visible()
    page.get_by_label("Token").fill(visit.token)
    page.get_by_role("button", name="Open").click()
    expect(page.locator("#tenant")).to_have_text(TENANT)
    expect(page.locator("#hits > li")).to_have_count(20)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("#hits > li")).to_have_count(len(PRODUCTS) + len(PURCHASES))
    expect(page.locator("#hits > li").nth(20).locator("h3")).to_be_focused()
    page.get_by_text("Products", exact=True).click()
    page.get_by_label("dulces").check()
    expect(page.locator("#hits > li")).to_have_count(1)
    expect(page.locator("#hits > li h3")).to_have_text("Chocolate bitter")
    expect(page.locator("#hits > li .amount")).to_have_text("$3.40")
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_label("Lowest price").fill("2")
    page.get_by_label("Highest price").fill("3")
    page.get_by_label("Highest price").press("Enter")
    expect(page.locator("#hits h3")).to_have_text(["Leche evaporada"])
    assert "price_min=2" in page.url
    page.go_back()
    page.go_back()
    expect(page.get_by_label("dulces")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Token")).to_be_focused()
    assert page.evaluate("sessionStorage.length + localStorage.length + document.cookie.length") == 0
    assert page.locator("#hits > li").count() == 0


def test_it_is_searched_as_one_types_and_used_by_keyboard_alone(visit: Visit) -> None:
    visit.enter()
    page, box = visit.page, visit.page.get_by_role("combobox").first
    assert "token" not in page.url
    expect(box).to_be_focused()
    page.keyboard.type("lech", delay=30)
    options = page.get_by_role("option")
    expect(options.first).to_contain_text("Leche")
    expect(box).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#hits h3").first).to_contain_text("Leche")
    page.keyboard.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    expect(box).to_have_attribute("aria-activedescendant", "suggestion-0")
    chosen = options.first.inner_text()
    page.keyboard.press("Enter")
    expect(box).to_have_value(chosen)
    expect(box).to_have_attribute("aria-expanded", "false")
    expect(page.locator("#hits mark").first).to_be_visible()
    expect(page.locator("#said")).to_contain_text(f"for {chosen}")
    page.keyboard.press("Escape")
    expect(box).to_have_value("")
    expect(page.locator("#hits > li")).to_have_count(20)
    rings = "[document.activeElement, document.activeElement.nextElementSibling]"
    for _ in range(5):
        page.keyboard.press("Tab")
        drawn = page.evaluate(f"{rings}.map((each) => each && getComputedStyle(each).outlineStyle)")
        assert "solid" in drawn, "the focus is seen"
    page.locator("#tenant").click()
    page.keyboard.press("/")
    expect(box).to_be_focused()


def test_what_is_typed_is_no_question_until_it_is_settled_and_goes_on_by_pages(visit: Visit) -> None:
    visit.enter()
    page, before = visit.page, len(visit.searches)
    page.keyboard.type("pan nú", delay=30)
    expect(page.locator("#hits h3").first).to_contain_text("Pan")
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("#hits > li")).to_have_count(25)
    page.get_by_role("combobox").first.fill("xqzxqz")
    expect(page.locator("#nothing")).to_contain_text("Nothing found for “xqzxqz”")
    asked = visit.searches[before:]
    assert {each["mode"][0] for each in asked} == {"autocomplete", "fuzzy"}
    assert all(each["mode"] == ["autocomplete"] or each.get("typing") == ["true"] for each in asked)
    page.get_by_role("combobox").first.press("Enter")
    expect(page.locator("#hits")).not_to_have_attribute("aria-busy", "true")
    (settled,) = visit.searches[before + len(asked) :]
    assert (settled["mode"], settled["q"], "typing" in settled) == (["fuzzy"], ["xqzxqz"], False)


def test_a_mistyped_word_is_forgiven_and_what_data_say_stays_text(visit: Visit) -> None:
    visit.enter()
    page = visit.page
    visit.search("lehce")
    expect(page.locator("#hits h3").first).to_contain_text("Leche")
    visit.search("queso")
    expect(page.locator("#hits h3").first).to_have_text(f"Queso {EVIL}")
    expect(page.locator("#hits mark").first).to_have_text("Queso")
    assert page.locator("#hits img, #hits b, #hits em").count() == 0
    visit.search("xqzxqz")
    expect(page.locator("#nothing")).to_contain_text("Nothing found for “xqzxqz”")


def test_what_was_sold_is_plotted_read_out_and_taken_away_as_csv(visit: Visit, tmp_path: Path) -> None:
    visit.enter()
    page = visit.page
    page.get_by_role("link", name="Analytics").click()
    page.get_by_role("link", name="Skip to content").press("Enter")
    expect(page.locator("#main")).to_be_focused()
    assert page.evaluate("location.hash") == "#/analytics"
    figures = page.locator("#figures dd")
    expect(figures).to_have_text(["$7.80", "2", "$3.90", "1", "7"])
    plot = page.get_by_role("slider", name="Sales by day")
    expect(page.locator("#days-plot path.column")).to_have_count(1)
    plot.press("End")
    plot.press("ArrowLeft")
    expect(plot).to_have_attribute("aria-valuetext", re.compile(r"\$7\.80, 2 purchases, 1 customer$"))
    expect(page.locator(".tip")).to_contain_text("$7.80")
    page.get_by_text("Purchases", exact=True).last.click()
    expect(page.get_by_role("slider", name="Purchases by day")).to_be_visible()
    expect(page.locator("#top-plot .bar-name")).to_have_text([EVIL, "Leche entera", "Pan"])
    told = f"{(datetime.now(UTC) - timedelta(days=1)):%A} 18:00: 1 purchase"
    expect(page.locator("#when-plot td[title]", has_text=told)).to_have_count(1)
    page.locator("#dimension").select_option("product")
    expect(page.locator("#report-plot .bar-told")).to_have_text(["$3.40", "$2.40", "$2.00"])
    with page.expect_download() as taken:
        page.get_by_role("button", name="Download CSV").click()
    taken.value.save_as(tmp_path / "report.csv")
    assert (tmp_path / "report.csv").read_text().splitlines()[1].startswith("C1,")
    page.get_by_text("1 year", exact=True).click()
    expect(page.get_by_role("slider", name="Purchases by week")).to_be_visible()
    expect(figures.first).to_have_text("$7.80")
    page.go_back()
    expect(page.get_by_role("radio", name="30 days")).to_be_checked()
    assert page.locator("main img, main b").count() == 0


def test_nothing_of_a_tenant_is_left_for_the_next_one(visit: Visit, shop: RunningStack) -> None:
    visit.enter()
    page, box = visit.page, visit.page.get_by_role("combobox").first
    box.press_sequentially("lech")
    expect(page.get_by_role("option").first).to_contain_text("Leche")
    page.get_by_role("link", name="Analytics").click()
    expect(page.locator("#figures dd").first).to_have_text("$7.80")
    other = mint_token(shop.instance, "nobody_yet", 60)
    page.route("**/analytics/**", lambda route: route.abort())
    page.evaluate("(token) => { location.hash = `token=${token}`; }", other)
    expect(page.locator("#tenant")).to_have_text("nobody_yet")
    page.evaluate("location.hash = '#/analytics'")
    expect(page.locator("#analytics-notice")).to_contain_text("The API does not answer")
    assert page.locator("#figures dd, #top-plot li, #days-plot path").count() == 0
    assert page.locator("#suggestions li").count() == 0
    assert page.get_by_text("Leche").count() == 0
    visit.said.clear()


def test_a_token_that_the_api_does_not_take_ends_the_visit(visit: Visit) -> None:
    head, payload, _ = visit.token.split(".")
    visit.page.goto(f"{visit.address}#token={head}.{payload}.AAAA")
    expect(visit.page.get_by_role("alert").filter(has_text="does not take this token")).to_be_visible()
    expect(visit.page.get_by_label("Token")).to_be_focused()
    assert visit.said.pop().startswith("Failed to load resource: the server responded with a status of 401")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_stands_out_of_a_phone_and_text_is_readable(visit: Visit, scheme: str) -> None:
    page = visit.page
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": 390, "height": 844})
    visit.enter()
    page.locator("#filters summary").click()
    expect(page.get_by_label("dulces")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.evaluate(LEAST_CONTRAST) >= 4.5
