"""`cesta query sql`: runs a named query on the lake."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from deploy.cli.commands import ParamOption, Where
from deploy.cli.console import AnswerFormat, complaints, console, number_of, print_json
from deploy.cli.deployment import enter
from deploy.cli.queries import named_values, print_queries, print_rows
from deploy.local.instance import Instance
from pipeline_assets.queries.answer import Answer
from pipeline_assets.queries.function import answer_document
from pipeline_assets.queries.open_engine import QuerySettings, SqlEngine, open_engine
from pipeline_assets.queries.sql import queries, query


def ask_lake(
    where: Where,
    name: Annotated[str | None, typer.Argument(help="The named query; without it all are listed.")] = None,
    *,
    param: ParamOption = None,
    form: Annotated[AnswerFormat, typer.Option("--format", help="How to print the answer.")] = AnswerFormat.TABLE,
) -> None:
    """Run a named query on the lake, in SQL: Athena in a cloud, DuckDB on this machine."""
    if name is None:
        print_queries(queries(), as_json=form is AnswerFormat.JSON)
    else:
        print_query(None if where.from_env else where.instance(), name, param or [], form)


def print_query(instance: Instance | None, name: str, given: Sequence[str], form: AnswerFormat) -> None:
    """Run a named query on the lake of an instance, or with None on the one that the environment names."""
    asked = query(name)
    answer = _engine(instance).run(asked, asked.read(named_values(given)))
    if form is AnswerFormat.JSON:
        print_json(answer_document(asked, answer))
    elif form is AnswerFormat.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(answer.columns)
        writer.writerows(answer.rows)
        complaints.print(_said(answer), style="dim", soft_wrap=True)
    else:
        print_rows(asked.title, answer.columns, [dict(zip(answer.columns, row, strict=True)) for row in answer.rows])
        console.print(_said(answer), style="dim", soft_wrap=True)


def _engine(instance: Instance | None) -> SqlEngine:
    if instance:
        enter(instance)
    return open_engine(QuerySettings.from_environment())


def _said(answer: Answer) -> str:
    """What an answer took, in a line; the price is Athena's, whichever engine it was."""
    rows = number_of(len(answer.rows), "row")
    scanned = f"{answer.scanned_bytes:,} bytes scanned"
    return f"{rows}, {scanned}, {answer.seconds:.2f} s; by Athena's price list {answer.cost_usd:.6f} USD."
