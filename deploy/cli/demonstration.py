"""`cesta demo`: real purchases, some minutes of a market and a shop's database come in, and what came of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Annotated, cast

import typer
from rich.table import Table

from deploy.cli.commands import DaysOption
from deploy.cli.compras import SEARCH_FLOW, let_be, let_change, put_and_follow
from deploy.cli.console import AnswerFormat, console, say
from deploy.cli.export import described, export_with_progress, make_shop, receipts_of, shop_days, stores_of
from deploy.cli.loading import OriginalDatesOption, confirm_replacements, put_with_progress, sample_files
from deploy.cli.prices import period, price_table
from deploy.cli.products import FLOW as PRODUCTS
from deploy.cli.products import put_and_index
from deploy.cli.progress import bars, follow_with_progress
from deploy.cli.queries import answer_table
from deploy.cli.reports import print_report
from deploy.cli.running import run_in_foreground, stay
from deploy.cli.sql import print_query
from deploy.cli.state import flow_table
from deploy.cli.stocks import write_minutes
from deploy.local.dagster_web import lineage_events
from deploy.local.instance import Instance
from deploy.local.instance_days import add_days
from deploy.local.outputs import read_outputs
from deploy.local.stack import LocalStack
from deploy.samples.compras import TENANTS
from deploy.samples.purchases import sample_days
from pipeline_assets.analytics.publish import SetManifest, read_manifest
from pipeline_assets.analytics.sets import SETS
from pipeline_assets.compras.report import make_report
from pipeline_assets.compras.report_request import ReportRequest
from pipeline_assets.compras.stores import FLOW as COMPRAS
from pipeline_assets.graph.store import PurchaseGraph
from pipeline_assets.operations.access import Access
from pipeline_assets.operations.following import PATIENCE_SECONDS
from pipeline_assets.operations.status import FlowStatus, flow_status
from pipeline_assets.operations.versions import version_id_of
from pipeline_assets.queries.cypher import ask, query
from pipeline_assets.stocks.table import StockTable
from pipeline_assets.tickets.files import FLOW, ticket_files

#: Named queries that the demo runs on the graph, and the columns that fit on a terminal.
_SHOWN = {
    "bought-together": ("product_a", "product_b", "baskets", "lift"),
    "category-affinity": ("category_a", "category_b", "baskets", "lift"),
    "baskets-by-hour": ("weekday", "hour", "baskets", "share"),
}
_ROWS_SHOWN = 5
_LOOK_SECONDS = 0.5
STOCKS = "stocks"
LAKE = "ecommerce"
#: Those that it runs on the lake.
_QUERIES = {"daily_sales": (), "top_products": ("limit=5",)}
_MINUTES = 5
_DAYS_REPORTED = 7
_TICKER = "CSTA"


def demo(
    instance: Instance,
    *,
    days: DaysOption = 90,
    original_dates: OriginalDatesOption = False,
    leave: Annotated[bool, typer.Option("--exit", help="Leave after the picture instead of staying up.")] = False,
) -> None:
    """Start everything, load real purchases through S3, and show what came of them."""
    sample = sample_days(days, original_dates=original_dates)
    instance.prepare()
    add_days(instance, sample.first, sample.last, sample.closed)
    run_in_foreground(instance, demonstration(days=days, original_dates=original_dates, leave=leave))


def demonstration(*, days: int, original_dates: bool, leave: bool) -> Callable[[LocalStack], None]:
    """Work of the demo, for `run_in_foreground`; `leave` ends it after the picture instead of staying up."""

    def show(stack: LocalStack) -> None:
        begun = time.monotonic()
        access = Access(read_outputs(stack.instance))
        # What was put is worked in while the next is put: nobody waits before all is there.
        following = {
            FLOW: _load(stack, access, days, original_dates=original_dates),
            STOCKS: _load_market(stack, access),
            LAKE: _load_lake(stack, access, days),
        }
        shown = {flow: follow() for flow, follow in following.items()}
        shown[COMPRAS] = _load_compras(stack, access, days, original_dates=original_dates)
        shown[SEARCH_FLOW] = flow_status(access, SEARCH_FLOW)
        shown[PRODUCTS] = _load_products(stack, access, days, original_dates=original_dates)
        seconds = time.monotonic() - begun
        console.print(flow_table({name: flow.as_dict() for name, flow in shown.items()}))
        say(f"{sum(flow.received for flow in shown.values()):,} rows were through after {seconds:.0f} s.")
        _print_graph(access)
        events = lineage_events(stack.instance)
        say(f"Dagster holds {events.materializations:,} materializations and {events.checks:,} check results.")
        _print_answers(access)
        _print_prices(access)
        _print_lake(stack)
        _print_sets(stack, access, sample_days(days, original_dates=original_dates).last)
        _print_compras(access, days, original_dates=original_dates)
        _print_search(access)
        if not leave:
            let_change(stack.instance)
            say("Purchases and products come, change and go from now on, until `cesta compras pause`.", style="dim")
            stay(stack)

    return show


#: Waits until what was put is worked in and shown in Dagster, and tells what became of it.
_Follow = Callable[[], FlowStatus]


def _load(stack: LocalStack, access: Access, days: int, *, original_dates: bool) -> _Follow:
    with sample_files(stack.instance, days, original_dates=original_dates) as directory:
        files = ticket_files(directory, directory)
        standing = confirm_replacements(access, files, replace=True)
        with bars() as progress:
            receipts = put_with_progress(access, files, standing, progress)
    return partial(_follow, stack, access, receipts, FLOW, "graph")


def _load_market(stack: LocalStack, access: Access) -> _Follow:
    with bars() as progress:
        written = write_minutes(access, _MINUTES, progress)
    receipts = [version_id_of(access.bucket(STOCKS), *put) for each in written for put in each.versions]
    return partial(_follow, stack, access, receipts, STOCKS, "price table")


def _load_lake(stack: LocalStack, access: Access, days: int) -> _Follow:
    make_shop(stack.instance, days)
    manifests = export_with_progress(stores_of(stack.instance), shop_days(days))
    say(f"{described(manifests)}.")
    return partial(_follow, stack, access, receipts_of(access, manifests), LAKE, "lake")


def _follow(stack: LocalStack, access: Access, receipts: Sequence[str], flow: str, target: str) -> FlowStatus:
    with bars() as progress:
        follow_with_progress(access, receipts, progress, check=stack.check, flow=flow, target=target)
    return flow_status(access, flow)


def _load_compras(stack: LocalStack, access: Access, days: int, *, original_dates: bool) -> FlowStatus:
    let_be(stack.instance)
    with bars() as progress:
        return put_and_follow(access, days, progress, original_dates=original_dates, check=stack.check)


def _load_products(stack: LocalStack, access: Access, days: int, *, original_dates: bool) -> FlowStatus:
    with bars() as progress:
        return put_and_index(access, days, progress, original_dates=original_dates, check=stack.check)


def _print_search(access: Access) -> None:
    asked = f"{access.document['web']['api']}/search/{TENANTS[0]}/products?q=galletas"
    token = f"cesta token --tenant {TENANTS[0]}"
    say(f'`curl -H "Authorization: Bearer $({token} 2> /dev/null)" "{asked}"` searches its products.')
    say(f"`{token}` also prints a link to the page that searches: {access.document['web']['page']}")


def _print_compras(access: Access, days: int, *, original_dates: bool) -> None:
    sample = sample_days(days, original_dates=original_dates)
    last_days = max(sample.first, sample.last - timedelta(days=_DAYS_REPORTED - 1))
    request = ReportRequest(TENANTS[0], last_days, sample.last, _ROWS_SHOWN)
    print_report(make_report(request, access.open_bucket(COMPRAS), datetime.now(UTC)))
    written = f"--tenant {TENANTS[0]} --format html --out report.html"
    say(f"`cesta report compras {written}` writes a page of the last 30 days.", style="dim")


def _print_lake(stack: LocalStack) -> None:
    for name, parameters in _QUERIES.items():
        print_query(stack.instance, name, parameters, AnswerFormat.TABLE)
    say("`cesta query sql` lists all named queries of the lake and their parameters.", style="dim")


def _print_sets(stack: LocalStack, access: Access, as_of: date) -> None:
    """Wait for the prod sets of the newest load, which are made by themselves, and tell where to look at them."""
    made: dict[str, SetManifest] = {}
    with bars() as progress:
        bar = progress.add_task("prod sets", total=len(SETS))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(made) < len(SETS) and time.monotonic() < deadline:
            stack.check()
            for each in SETS:
                if manifest := read_manifest(access.open_bucket(each.name), as_of):
                    made[each.name] = manifest
            progress.update(bar, completed=len(made))
            time.sleep(_LOOK_SECONDS)
    table = Table("set", "rows", "on what it had not seen", title=f"Prod sets as of {as_of}", title_justify="left")
    table.columns[1].justify = "right"
    for each in SETS:
        if manifest := made.get(each.name):
            rows = sum(published.rows for published in manifest.tables.values())
            table.add_row(each.title, f"{rows:,}", _scores(manifest))
        else:
            table.add_row(each.title, "", "not made yet")
    console.print(table)
    say(f"{stack.instance.dagster_url}/asset-groups/prod shows a picture of each; `cesta query sql` asks them.")


def _scores(manifest: SetManifest) -> str:
    scores = [score for published in manifest.tables.values() for score in published.scores]
    return "\n".join(f"{each.name} {each.value:.3g}, baseline {each.baseline:.3g}" for each in scores[:2])


def _print_prices(access: Access) -> None:
    first, last = period(None, None, datetime.now(UTC))
    held = list(StockTable(access.dynamodb, access.table(STOCKS)).prices(_TICKER, first, last))
    table = price_table(held[-_ROWS_SHOWN:])
    table.title, table.title_justify = f"The last prices of {_TICKER}", "left"
    console.print(table)
    say(f"`cesta query stocks {_TICKER}` shows the last hour, `cesta stocks resume` lets the market run.", style="dim")


def _print_answers(access: Access) -> None:
    with access.graph() as driver:
        for name, columns in _SHOWN.items():
            most = sorted(ask(driver, name), key=_baskets, reverse=True)[:_ROWS_SHOWN]
            console.print(answer_table(query(name).title, columns, most))
    say("`cesta query graph` lists all named queries of the graph and their parameters.", style="dim")


def _print_graph(access: Access) -> None:
    table = Table("in the graph", "count", title="The purchase graph", title_justify="left")
    table.columns[1].justify = "right"
    with access.graph() as driver:
        for name, count in PurchaseGraph(driver).sizes().items():
            table.add_row(name, f"{count:,}", end_section=name == "Store")
    console.print(table)


def _baskets(row: Mapping[str, object]) -> int:
    return cast("int", row["baskets"])
