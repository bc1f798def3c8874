"""Draws the pictures of README and guides: starts the demo, goes the ways of the guides in a browser, cleans up.

The instance is the pictures' own, in a directory that is deleted afterwards with the bad file that one of them shows.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from deploy.cli.commands import command
from deploy.cli.demonstration import demonstration
from deploy.cli.running import run_in_foreground
from deploy.local.instance import Instance
from deploy.local.instance_days import add_days
from deploy.local.issuer import mint_token
from deploy.local.outputs import read_outputs
from deploy.local.stack import LocalStack
from deploy.samples.compras import TENANTS
from deploy.samples.purchases import sample_days
from pipeline_assets.lineage.days import SETTINGS
from pipeline_assets.operations.access import Access
from tests.browser.chromium import chromium, open_window
from tests.browser.pages import DagsterPages

if TYPE_CHECKING:
    from playwright.sync_api import FloatRect

HERE = Path(__file__).parent
DAYS: Final = 90
#: A file as a shop may send it: one row sells nothing, one has its time in a form of its own.
BAD_FILE: Final = """\
ticket_id,product,basket_id,timestamp,category,quantity,store
T-1001,Milk,B-1,{day} 09:12:00,Dairy,1,S7
T-1002,Bread,B-2,{day} 09:30:00,Bakery,0,S7
T-1003,Eggs,B-3,20.11. 09:41,Dairy,6,S7
"""
#: Groups of few assets: of the others the picture of all flows shows the name alone.
_OPEN: Final = ("inbox", "tickets", "graph", "stocks")
#: A graph is laid out, and the state of its assets asked for, after the last request of the page itself.
_SETTLED_MS: Final = 20_000
_NO_NAVIGATION: Final = """
localStorage.setItem("dagster-nav-collapsed", "true");
localStorage.setItem("large-screen-nav-open", "false");
"""


def day(ago: int) -> str:
    """A day of the demo, by how long ago it is."""
    return (datetime.now(UTC) - timedelta(days=ago)).date().isoformat()


def to_graph(pages: DagsterPages, _: Access) -> None:
    """Go to all flows."""
    pages.open(f"/asset-groups?expanded={','.join(f'global@global:{group}' for group in _OPEN)}")


def to_lake(pages: DagsterPages, _: Access) -> None:
    """Go to where orders come from and what is made of them."""
    pages.open_asset("curated/orders", "lineage", lineageScope="neighbors", lineageDepth="3")


def to_partition(pages: DagsterPages, _: Access) -> None:
    """Go to one day of purchases."""
    pages.open_partition("tickets", day(3))


def to_set(pages: DagsterPages, _: Access) -> None:
    """Go to a prod set as of the newest day, and unfold its picture."""
    pages.open_partition("prod/market-intelligence-hub", day(1))
    pages.unfold("picture")


def to_backfill(pages: DagsterPages, _: Access) -> None:
    """Go to ten days of two tables that are being made again."""
    pages.open_graph('key:"curated/orders" or key:"curated/payments"')
    pages.checks_of("curated/payments").wait_for()
    pages.materialize(f"[{day(11)}...{day(2)}]")
    pages.follow_launched()
    pages.until_begun("curated/orders")


def to_check(pages: DagsterPages, access: Access) -> None:
    """Put a bad file, and go from red to what the check says of it."""
    bad, key = BAD_FILE.format(day=day(1)), f"store-7/{day(1)}.csv"
    access.s3.put_object(Bucket=access.bucket("tickets"), Key=key, Body=bad.encode())
    pages.open_graph('group:"tickets"')
    pages.expect_red("tickets")
    pages.open_asset("tickets", "checks")
    pages.open_check("few_rejected")


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: the way to its page, the size of the window, and the part of it that is kept, all unless given."""

    name: str
    go: Callable[[DagsterPages, Access], None]
    window: tuple[int, int] = (1200, 760)
    part: FloatRect | None = None
    scale: float = 1.0


#: In this order: what one does to the instance is seen by those after it.
PICTURES: Final = (
    Picture("asset-graph", to_graph, (1700, 1150), {"x": 386, "y": 270, "width": 1280, "height": 640}, 1.5),
    Picture("lake", to_lake, (1500, 900), {"x": 72, "y": 300, "width": 1380, "height": 490}, 1.5),
    Picture("dagster-partition", to_partition, (1700, 1000)),
    Picture("prod-set", to_set, (1200, 760), {"x": 292, "y": 112, "width": 616, "height": 340}, 1.5),
    Picture("dagster-backfill", to_backfill, (1200, 420)),
    Picture("dagster-check", to_check),
)


def pictures_of_page(instance: Instance) -> tuple[Picture, ...]:
    """What a tenant of the demo sees on the web page: what it finds as it types, and what it sold in three months."""
    entered = f"{instance.page_url}#token={mint_token(instance, TENANTS[1], 60)}"

    def to_search(pages: DagsterPages, _: Access) -> None:
        pages.page.goto(entered)
        pages.page.get_by_text("Products", exact=True).click()
        pages.page.get_by_role("combobox").first.press_sequentially("choco", delay=100)
        pages.page.locator("#suggestions li").first.wait_for()
        pages.page.keyboard.press("ArrowDown")

    def to_analytics(pages: DagsterPages, _: Access) -> None:
        pages.page.goto(entered)
        pages.page.locator("#hits > li").first.wait_for()
        pages.page.goto(f"{instance.page_url}#/analytics?from={day(89)}&to={day(0)}")
        pages.page.locator("#report-plot .bars").wait_for()

    return (
        Picture("search", to_search, (1200, 900), scale=1.5),
        Picture("tenant-analytics", to_analytics, (1200, 1330), scale=1.5),
    )


def take(stack: LocalStack) -> None:
    """Load the demo and draw every picture anew."""
    demonstration(days=DAYS, original_dates=False, leave=True)(stack)
    access = Access(read_outputs(stack.instance))
    for picture in (*pictures_of_page(stack.instance), *PICTURES):
        with open_window(*picture.window, scale=picture.scale) as page:
            page.add_init_script(_NO_NAVIGATION)
            picture.go(DagsterPages(page, stack.instance.dagster_url), access)
            page.wait_for_timeout(_SETTLED_MS)
            page.screenshot(path=HERE / f"{picture.name}.png", clip=picture.part)
        sys.stdout.write(f"{HERE / picture.name}.png\n")


def draw(
    port_base: Annotated[int | None, typer.Option("--port-base", help="First of the seven ports of the demo.")] = None,
) -> None:
    """Start the demo, draw every picture from it, and delete it."""
    chromium()
    for name in SETTINGS:  # the package of the tests has days of any year; the demo's are its own
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory(prefix="cesta-pictures-") as state:
        instance, sample = Instance.at(Path(state), port_base), sample_days(DAYS, original_dates=False)
        instance.prepare()
        add_days(instance, sample.first, sample.last, sample.closed)
        run_in_foreground(instance, take)


if __name__ == "__main__":
    typer.run(command(draw))
