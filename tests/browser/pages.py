"""Dagster's pages as a person reads and uses them: by their words, and by the addresses of assets."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Literal
from urllib.parse import quote

from playwright.sync_api import Locator, Page, expect

#: Dagster looks for news itself, every ten seconds or less.
NEWS = 120_000
#: A run starts within half a minute, and half a minute passes until its end is noticed.
BACKFILL = 400_000
#: Marks come a moment after what they are put to.
_LOOK = 5_000

Tab = Literal["overview", "partitions", "events", "checks", "lineage"]


class DagsterPages:
    """The pages of one instance, in one window."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self._address = address

    def open(self, path: str) -> None:
        """Go to an address of the instance."""
        self.page.goto(f"{self._address}{path}", wait_until="domcontentloaded")

    # Assets

    def open_asset(self, asset: str, tab: Tab = "overview", **more: str) -> None:
        """Open a tab of an asset, such as `curated/orders`."""
        self.open(f"/assets/{asset}?view={tab}" + "".join(f"&{name}={quote(value)}" for name, value in more.items()))

    def open_partition(self, asset: str, partition: str) -> None:
        """Open a partition of an asset, and wait until it is shown."""
        self.open_asset(asset, "partitions", partition=partition)
        expect(self.page.get_by_text("Latest materialization")).to_be_visible(timeout=NEWS)
        expect(self.page.get_by_text("Loading", exact=False)).to_have_count(0, timeout=NEWS)

    @property
    def unsynced(self) -> Locator:
        """The mark of a partition that is made of older data, or by older code, than there is."""
        return self.page.get_by_text(re.compile(r"^Unsynced"))

    def reload_until(self, reload: Callable[[], None], mark: Locator, *, shown: bool) -> None:
        """Open a page again and again that does not look for news itself, until a mark is there or is gone."""
        until = time.monotonic() + BACKFILL / 1000
        while True:
            reload()
            with suppress(AssertionError):
                expect(mark).to_have_count(int(shown), timeout=_LOOK)
                return
            assert time.monotonic() < until, f"{mark} is {'not ' if shown else ''}there"

    def value(self, name: str) -> Locator:
        """The value of an entry of the metadata that a page shows."""
        row = self.page.get_by_role("row").filter(has=self.page.get_by_text(name, exact=True))
        return row.first.get_by_role("cell").nth(1)

    def choose_days(self, days: str) -> None:
        """Narrow the open list of partitions down to days, such as `[2026-11-01...2026-11-20]`."""
        box = self.page.get_by_placeholder(re.compile("^ex: "))
        box.fill(days)
        box.press("Enter")

    # Lineage

    def open_graph(self, selection: str) -> None:
        """Open the graph of the assets that a selection names, as it is typed into the box above it."""
        self.open("/asset-groups")
        self.page.locator(".CodeMirror").first.click()
        self.page.keyboard.type(selection)
        self.page.keyboard.press("Enter")

    def checks_of(self, asset: str) -> Locator:
        """What the graph says of an asset's checks."""
        return self.page.locator(f'a[href="/assets/{asset}?view=checks"]')

    def expect_red(self, asset: str) -> None:
        """Wait until the graph shows the red cross at the checks of an asset."""
        expect(self.checks_of(asset).get_by_role("img", name="close")).to_be_visible(timeout=NEWS)

    def expect_no_red(self, asset: str) -> None:
        """Wait until the graph shows results of the checks of an asset, and no red cross among them."""
        expect(self.checks_of(asset)).to_contain_text("Passed", timeout=NEWS)
        expect(self.checks_of(asset).get_by_role("img", name="close")).to_have_count(0, timeout=NEWS)

    # Checks

    def open_check(self, name: str) -> None:
        """Choose a check in the list of the open tab."""
        self.page.get_by_title(name, exact=True).first.click()
        expect(self.page.get_by_text("Latest execution")).to_be_visible(timeout=NEWS)

    def evaluation(self) -> Locator:
        """The result of the open check, of the materialization that is the latest."""
        return self.page.get_by_text("Evaluation result", exact=True).locator("xpath=following-sibling::*[1]")

    def unfold(self, entry: str) -> Locator:
        """Open the table or picture behind an entry of metadata."""
        self.value(entry).get_by_text("[Show Markdown]").click()
        dialog = self.page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        return dialog

    @contextmanager
    def unfolded(self, entry: str) -> Iterator[Locator]:
        """The table behind an entry of the metadata of a check."""
        dialog = self.unfold(entry)
        yield dialog
        dialog.get_by_role("button", name="Close").click()

    # Materializing

    def materialize(self, days: str) -> None:
        """Launch a backfill of days, such as `[2026-11-01...2026-11-20]`, of what the open page is about."""
        self.page.get_by_role("button", name=re.compile("Materialize")).first.click()
        dialog = self.page.get_by_role("dialog")
        box = dialog.get_by_placeholder(re.compile("^(ex: |No matching partitions)"))
        box.fill(days)
        box.press("Enter")
        dialog.get_by_role("button", name=re.compile("Launch (1 run|backfill)")).click()

    def follow_launched(self) -> None:
        """Go to the backfill that was just launched, by the message that says so."""
        self.page.get_by_role("link", name="View", exact=True).click()
        self.page.wait_for_url(re.compile("/runs/b/"))
        expect(self.page.get_by_text("% completed").first).to_be_visible(timeout=NEWS)

    # Backfills

    def backfill_status(self) -> Locator:
        """The word for how the open backfill stands."""
        return self.page.get_by_text("Status", exact=True).locator("xpath=following-sibling::*[1]")

    def until_begun(self, asset: str) -> None:
        """Wait until the open backfill has begun with the partitions of an asset."""
        until = time.monotonic() + BACKFILL / 1000
        while not any(self.days_of_backfill(asset)[1:]):
            assert time.monotonic() < until, f"no partition of {asset} was begun"
            self.page.wait_for_timeout(500)

    def days_of_backfill(self, asset: str) -> list[int]:
        """How many partitions of an asset the open backfill targets, has begun, has done and has failed at."""
        return [
            int(text) for text in self._asset_of_backfill(asset).locator("xpath=following-sibling::*").all_inner_texts()
        ]

    def share_done(self, asset: str) -> int:
        """How many percent of an asset's partitions the open backfill is through with."""
        text = self._asset_of_backfill(asset).get_by_text("% completed").inner_text()
        return int(text.removesuffix("% completed"))

    def _asset_of_backfill(self, asset: str) -> Locator:
        # The cell with the asset's name and its bar, in a table that is made of boxes.
        name = self.page.locator(f'a[href="/assets/{asset}"]')
        return name.locator("xpath=ancestor::*[contains(., '% completed')][2]")
