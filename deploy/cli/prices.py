"""`cesta query stocks`: the prices of a ticker between two times, by the table's keys and never by a scan."""

from __future__ import annotations

import csv
import difflib
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Annotated

import typer
from rich.table import Table

from deploy.cli.commands import JsonOption
from deploy.cli.console import console, print_json, say
from deploy.cli.deployment import access_to
from deploy.local.instance import Instance
from pipeline_assets.errors import UserError
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.stocks.feed import COLUMNS
from pipeline_assets.stocks.rows import Price
from pipeline_assets.stocks.table import StockTable
from pipeline_assets.stocks.tickers import Tickers

_NAMED = 8
#: An hour after the first that there is.
_FIRST = datetime(1, 1, 1, 1, tzinfo=UTC)


class PeriodError(UserError):
    """Raised for times that cannot be read; the message says what was given and what is taken."""


def print_prices(
    instance: Instance,
    ticker: Annotated[str, typer.Argument(help="The share, such as CSTA.")],
    begin: Annotated[
        str | None, typer.Option("--from", help="First time or day, in UTC (an hour before --to).")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Last time or day, in UTC (now).")] = None,
    *,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, which could be loaded again.")] = False,
) -> None:
    """Show the prices of a ticker between two times."""
    first, last = period(begin, end, datetime.now(UTC))
    access = access_to(instance)
    prices = list(StockTable(access.dynamodb, access.table("stocks")).prices(ticker.upper(), first, last))
    if as_json:
        print_json([_document(price) for price in prices])
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_cells(price) for price in prices)
    else:
        if prices:
            console.print(price_table(prices))
        tickers = Tickers(access.dynamodb, access.table("ledger"))
        say(_told(tickers, ticker.upper(), prices, first, last), style="dim")


def period(begin: str | None, end: str | None, now: datetime) -> tuple[str, str]:
    """First and last time of a query, as the table writes them: the last hour up to `now` where neither end is given.

    Times have UTC where they name no zone; a day begins at its midnight and, as `end`, is meant whole. Raises
    `PeriodError` for a text that is no time, and for a first that comes after the last.
    """
    last = _moment(end, "--to", whole_day=True) if end else now
    first = _moment(begin, "--from", whole_day=False) if begin else max(last, _FIRST) - timedelta(hours=1)
    if first > last:
        raise PeriodError(f"--from {iso_utc(first)} comes after --to {iso_utc(last)}")
    return iso_utc(first), iso_utc(last)


def _moment(text: str, option: str, *, whole_day: bool) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip().upper())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except ValueError:
        raise PeriodError(f"{option} {text!r} is no time: give 2026-11-20 or 2026-11-20T14:30:00Z") from None
    except OverflowError:
        raise PeriodError(f"{option} {text!r} is no time of a price: its year in UTC is not from 1 to 9999") from None
    if whole_day and len(text.strip()) <= len("2026-11-20"):
        return datetime.combine(moment.date(), time.max, UTC)
    return moment


def price_table(prices: Sequence[Price]) -> Table:
    """Prices as a table."""
    table = Table(*COLUMNS[1:])
    for column in table.columns[1:]:
        column.justify = "right"
    for price in prices:
        table.add_row(*map(str, _cells(price)[1:]))
    return table


def _told(tickers: Tickers, ticker: str, prices: Sequence[Price], first: str, last: str) -> str:
    if prices or tickers.known(ticker):
        return f"{len(prices):,} bars of {ticker} from {first} to {last}."
    known = tickers.all()
    if not known:
        return "No price file has come in yet: `cesta load stocks` writes some minutes of the market."
    near = difflib.get_close_matches(ticker, known, n=_NAMED) or known[:_NAMED]
    return f"No file ever had the ticker {ticker}; there are {len(known):,}, such as {', '.join(near)}."


def _cells(price: Price) -> tuple[object, ...]:
    volume = "" if price.volume is None else price.volume
    return (price.ticker, price.timestamp, *(f"{number:f}" for number in price[2:6]), volume)


def _document(price: Price) -> dict[str, object]:
    """A price for a program; its numbers are text, as exact as the table has them."""
    return {**dict(zip(COLUMNS, _cells(price), strict=True)), "volume": price.volume}
