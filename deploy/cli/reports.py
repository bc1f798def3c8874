"""`cesta report`: reports on what the stores hold, as a table, JSON, CSV or a page."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from deploy.cli.commands import Where
from deploy.cli.console import console, number_of, say
from deploy.cli.deployment import enter
from pipeline_assets.compras.report import Report, Totals, make_report
from pipeline_assets.compras.report_answer import FORMS
from pipeline_assets.compras.report_request import ReportRequest
from pipeline_assets.errors import UserError
from pipeline_assets.events.environment import required
from pipeline_assets.storage.s3 import open_storage

_BAR, _MOST_DAYS_SHOWN = 20, 31


class ReportFormat(StrEnum):
    """What a report is written as."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    HTML = "html"


def report_compras(
    where: Where,
    *,
    tenant: Annotated[str, typer.Option("--tenant", help="The tenant, such as tienda_norte.")],
    desde: Annotated[str | None, typer.Option("--desde", help="First day (30 days up to --hasta).")] = None,
    hasta: Annotated[str | None, typer.Option("--hasta", help="Last day, included (today in UTC).")] = None,
    top: Annotated[int | None, typer.Option("--top", help="Products to show, 1 to 100 (10).")] = None,
    moneda: Annotated[str | None, typer.Option("--moneda", help="Currency, where there are several.")] = None,
    form: Annotated[ReportFormat, typer.Option("--format", help="What it is written as.")] = ReportFormat.TABLE,
    out: Annotated[Path | None, typer.Option("--out", help="File to write it into.")] = None,
) -> None:
    """Report on the purchases of a tenant in a period, as they are now."""
    now = datetime.now(UTC)
    parameters = {"tenant_id": tenant, "desde": desde, "hasta": hasta, "top": top, "moneda": moneda}
    request = ReportRequest.of(parameters, now.date())
    if out and form is ReportFormat.TABLE:
        raise UserError("a table is for the screen", where="--out", expected="--format json, csv or html with it")
    if not where.from_env:
        enter(where.instance())
    bucket = open_storage().bucket(required(None, "COMPRAS_BUCKET", "the name of the bucket of purchase documents"))
    report = make_report(request, bucket, now)
    if form is ReportFormat.TABLE:
        print_report(report)
        return
    _, write = FORMS[form]
    text = write(report)
    if out is None:
        typer.echo(text, nl=not text.endswith("\n"))
        return
    out.write_text(text, encoding="utf-8")
    say(f"{number_of(report.totals.purchases, 'purchase')} of {request.tenant_id} reported in {out}.")


def print_report(report: Report) -> None:
    """Print a report as tables."""
    request, totals = report.request, report.totals
    say(f"Purchases of {request.tenant_id}, {request.desde} to {request.hasta}, as they are now", style="bold")
    if not totals.purchases:
        say("There is no purchase in this period.", style="yellow")
        return
    sums = Table("sales", "purchases", "average", "units", "buyers")
    sums.add_row(
        f"{totals.sales:,f} {report.moneda}",
        f"{totals.purchases:,}",
        f"{totals.average:,f}",
        f"{totals.units:,f}",
        f"{report.buyers:,}",
    )
    console.print(_to_the_right(sums, 0))
    _print_days(report)
    products = Table("product", "", "sales", "units", "purchases")
    for product in report.products:
        products.add_row(escape(product.codigo), escape(product.nombre or ""), *_cells(product.totals))
    console.print(_to_the_right(products, 2))
    say(f"{len(report.products):,} of {report.products_sold:,} products.", style="dim")


def _print_days(report: Report) -> None:
    days = Table("day", "sales", "units", "purchases", "")
    most = max(totals.sales for _, totals in report.days) or 1
    for day, totals in report.days[-_MOST_DAYS_SHOWN:]:
        days.add_row(f"{day:%a} {day}", *_cells(totals), "█" * round(totals.sales / most * _BAR))
    days = _to_the_right(days, 1)
    days.columns[-1].justify = "left"
    console.print(days)
    if len(report.days) > _MOST_DAYS_SHOWN:
        say(f"The last {_MOST_DAYS_SHOWN} of {len(report.days)} days; --format csv has all.", style="dim")


def _cells(totals: Totals) -> tuple[str, str, str]:
    return f"{totals.sales:,f}", f"{totals.units:,f}", f"{totals.purchases:,}"


def _to_the_right(table: Table, first: int) -> Table:
    for column in table.columns[first:]:
        column.justify = "right"
    return table
