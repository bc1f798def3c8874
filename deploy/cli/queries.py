"""`cesta query graph`: runs a named query on the purchase graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from deploy.cli.commands import JsonOption, ParamOption
from deploy.cli.console import console, number_of, print_json, say
from deploy.cli.deployment import access_to
from deploy.local.instance import Instance
from pipeline_assets.queries.cypher import ask, queries, query
from pipeline_assets.queries.described import described
from pipeline_assets.queries.errors import QueryError
from pipeline_assets.queries.named_query import NamedQuery

#: So many characters a line leave the name of a product readable.
_READABLE = 16
_ANY_WIDTH = 1_000
#: Exponent of an amount of money.
_MONEY = -2


def ask_graph(
    instance: Instance,
    name: Annotated[str | None, typer.Argument(help="The named query; without it all are listed.")] = None,
    *,
    param: ParamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a named query on the purchase graph."""
    if name is None:
        print_queries(as_json=as_json)
    else:
        print_answer(instance, name, param or [], as_json=as_json)


def print_queries(known: Iterable[NamedQuery] | None = None, *, as_json: bool) -> None:
    """List named queries, those of the graph where no others are given, with their parameters."""
    listed = queries() if known is None else known
    if as_json:
        print_json([described(one) for one in listed])
        return
    table = Table("name", "answers", "parameters")
    for one in listed:
        parameters = "\n".join(
            f"{p.name}{'' if p.required else f'={_cell(p.default)}'}  {p.meaning}" for p in one.parameters
        )
        table.add_row(one.name, escape(one.answer), escape(parameters))
    console.print(table)


def print_answer(instance: Instance, name: str, given: Sequence[str], *, as_json: bool) -> None:
    """Run a named query with parameters given as NAME=VALUE and print its answer."""
    asked = query(name)
    parameters = asked.read(named_values(given))
    with access_to(instance).graph() as driver:
        rows = ask(driver, name, **parameters)
    if as_json:
        print_json(rows)
    else:
        print_rows(asked.title, tuple(asked.columns), rows)
        say(f"{number_of(len(rows), 'row')}. {asked.answer}", style="dim")


def print_rows(title: str, columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
    """Print an answer as a table or, where the terminal is too narrow for one, as a block of lines per row."""
    table = answer_table(title, columns, rows)
    if console.measure(table, options=console.options.update(max_width=_ANY_WIDTH)).minimum <= console.width:
        console.print(table)
        return
    blocks = Table.grid("name", Column("value", overflow="fold"), padding=(0, 2, 0, 0))
    blocks.title, blocks.title_justify = title, "left"
    for row in rows:
        for name in columns:
            blocks.add_row(f"[dim]{name.replace('_', ' ')}[/]", escape(_cell(row.get(name))))
        blocks.add_row()
    console.print(blocks)


def answer_table(title: str, columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> Table:
    """Table of some columns of an answer, numbers to the right; nothing is cut off, long texts are folded."""
    table = Table(title=title, title_justify="left")
    for name in columns:
        header = name.replace("_", " ")
        if rows and isinstance(rows[0].get(name), int | float | Decimal):
            table.add_column(header, justify="right", no_wrap=True)
        else:
            widest = max((len(_cell(row.get(name))) for row in rows), default=0)
            table.add_column(header, overflow="fold", min_width=min(_READABLE, widest))
    for row in rows:
        table.add_row(*(escape(_cell(row.get(name))) for name in columns))
    return table


def named_values(given: Sequence[str]) -> dict[str, str]:
    """Values of ``--param NAME=VALUE`` by name; raises `QueryError` for another form.

    >>> named_values(["limit=5", "store=S=1"])
    {'limit': '5', 'store': 'S=1'}
    """
    for text in given:
        if "=" not in text:
            raise QueryError(f"--param {text} is not of the form NAME=VALUE.")
    return {name: value for name, _, value in (text.partition("=") for text in given)}


def _cell(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, Decimal) and int(value.as_tuple().exponent) < _MONEY:
        # Zeros behind the point, of which an exact number has as many as its type.
        return f"{value.normalize():,f}"
    return f"{value:,}" if isinstance(value, int | Decimal) and not isinstance(value, bool) else str(value)
