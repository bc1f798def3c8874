"""`cesta acknowledge`: what is open of a flow, and a person's word that some of it is known and may stay."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from deploy.cli.commands import FlowOption, JsonOption, Where
from deploy.cli.console import console, number_of, print_json, say
from deploy.cli.deployment import Deployment, deployment_of
from deploy.cli.quarantine import DIGITS
from pipeline_assets.errors import UserError
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.problems import Problem
from pipeline_assets.operations.acknowledge import acknowledge_all, as_document, problems_named, withdraw_all


def acknowledge(
    where: Where,
    name: Annotated[str, typer.Argument(help="A receipt id or its beginning, a key, an s3:// address.")] = "",
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why it may stay; shown in Dagster.")] = "",
    by: Annotated[str, typer.Option("--by", help="Who says so; your login unless given.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take back what was said: it is open again.")] = False,
    flow: FlowOption = "tickets",
    as_json: JsonOption = False,
) -> None:
    """Say of a refused file, rejected rows or an unknown target that it is known and may stay; or list what is open.

    It covers what is wrong with this version now: a new version, or more rejected rows, is a new problem.
    """
    with deployment_of(flow, where) as deployment:
        ledger = deployment.stores.ledger
        found = problems_named(ledger, flow, name, *(deployment.object(name) if name else ("", "")))
        if name and not found:
            raise UserError(f"nothing of {name} is open: `cesta acknowledge --flow {flow}` lists what is.")
        if undo and name:
            withdraw_all(ledger, found)
        elif reason:
            if not name:
                raise UserError("say which problem is acknowledged: `cesta acknowledge NAME --reason …`.")
            acknowledge_all(ledger, found, reason, by or getpass.getuser(), iso_utc(datetime.now(UTC)))
        elif name:
            raise UserError("say why it may stay: --reason, or --undo to take back what was said.")
        now = problems_named(ledger, flow, name, *(deployment.object(name) if name else ("", "")))
    if as_json:
        print_json({"problems": [as_document(each) for each in now]})
        return
    _print(deployment, now)
    if name:
        say("Dagster shows it within a minute.")


def _print(deployment: Deployment[Any], problems: Sequence[Problem]) -> None:
    if not problems:
        say("Nothing is open.", style="green")
        return
    table = Table("file", "rejected", "what is wrong", "acknowledged", "receipt")
    table.columns[0].overflow = table.columns[2].overflow = table.columns[3].overflow = "fold"
    table.columns[1].no_wrap = table.columns[4].no_wrap = True
    for problem in problems:
        receipt = problem.receipt
        wrong = [receipt.refused] if receipt.refused else []
        wrong += [f"names {', '.join(problem.unknown)}, which Dagster does not have"] if problem.unknown else []
        table.add_row(
            escape(deployment.name_of(receipt.source)),
            f"{receipt.counts.quarantined:,} of {receipt.counts.received:,}",
            escape("; ".join(wrong)),
            escape(problem.acknowledged.sentence if problem.acknowledged else ""),
            receipt.id[:DIGITS],
        )
    console.print(table)
    said = sum(each.acknowledged is not None for each in problems)
    say(f"{number_of(len(problems), 'problem')} open, {said} of them acknowledged.")
