"""Draws the pictures of README and guides: starts the demo, goes the ways of the guides in a browser, cleans up.

The instance is the pictures' own, in a directory that is deleted afterwards with the bad file that one of them shows.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.commands import command
from deploy.cli.demonstration import demonstration
from deploy.cli.running import run_in_foreground
from deploy.local.instance import Instance
from deploy.local.outputs import read_outputs
from deploy.local.stack import LocalStack
from pipeline_assets.operations.access import Access
from tests.browser.chromium import chromium, open_window
from tests.browser.pages import DagsterPages

HERE = Path(__file__).parent
DAYS = 14
#: A file as a shop may send it: one row sells nothing, one has its time in a form of its own.
BAD_FILE = """\
ticket_id,product,basket_id,timestamp,category,quantity,store
T-1001,Milk,B-1,{day} 09:12:00,Dairy,1,S7
T-1002,Bread,B-2,{day} 09:30:00,Bakery,0,S7
T-1003,Eggs,B-3,20.11. 09:41,Dairy,6,S7
"""
#: The graph is laid out, and a table unfolded, a moment after the last word of them is there.
_SETTLED = 3_000


def day(ago: int) -> str:
    """A day of the demo, by how long ago it is."""
    return (datetime.now(UTC) - timedelta(days=ago)).date().isoformat()


def of_lineage(pages: DagsterPages) -> None:
    """Where orders come from and what is made of them."""
    pages.open_asset("curated/orders", "lineage", lineageScope="neighbors")
    pages.expect_checks("curated/orders", "done")


def of_tickets(pages: DagsterPages) -> None:
    """Where purchases come from and what is made of them."""
    pages.open_asset("tickets", "lineage", lineageScope="neighbors")
    pages.expect_checks("tickets", "done")


def of_partition(pages: DagsterPages) -> None:
    """One day of purchases."""
    pages.open_partition("tickets", day(3))


def of_backfill(pages: DagsterPages) -> None:
    """Ten days of two tables, in the middle of the work."""
    pages.open_graph('key:"curated/orders" or key:"curated/payments"')
    pages.expect_checks("curated/payments", "done")
    pages.materialize(f"[{day(11)}...{day(2)}]")
    pages.follow_launched()
    pages.until_begun("curated/orders")


def of_check(pages: DagsterPages) -> None:
    """A check that failed, with the command that shows the rows."""
    pages.open_graph('group:"tickets"')
    pages.expect_checks("tickets", "close")
    pages.checks_of("tickets").click()
    pages.open_check("few_rejected")


#: What is drawn, in this order: the name of the picture, and the way to it.
PICTURES: dict[str, Callable[[DagsterPages], None]] = {
    "asset-graph": of_tickets,
    "lake": of_lineage,
    "dagster-partition": of_partition,
    "dagster-backfill": of_backfill,
    "dagster-check": of_check,
}


def take(stack: LocalStack) -> None:
    """Draw every picture anew."""
    demonstration(days=DAYS, original_dates=False, leave=True)(stack)
    access = Access(read_outputs(stack.instance))
    with open_window() as page:
        pages = DagsterPages(page, stack.instance.dagster_url)
        for name, go in PICTURES.items():
            if go is of_check:
                bad, key = BAD_FILE.format(day=day(1)), f"store-7/{day(1)}.csv"
                access.s3.put_object(Bucket=access.bucket("tickets"), Key=key, Body=bad.encode())
            go(pages)
            page.wait_for_timeout(_SETTLED)
            page.screenshot(path=HERE / f"{name}.png")
            sys.stdout.write(f"{HERE / name}.png\n")


def draw(
    port_base: Annotated[int | None, typer.Option("--port-base", help="First of the five ports of the demo.")] = None,
) -> None:
    """Start the demo, draw every picture from it, and delete it."""
    chromium()
    with tempfile.TemporaryDirectory(prefix="cesta-pictures-") as state:
        run_in_foreground(Instance.at(Path(state), port_base), take)


if __name__ == "__main__":
    typer.run(command(draw))
