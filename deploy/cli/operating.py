"""The commands of whoever operates the ticket flow: `cesta quarantine`, `cesta redrive`, `cesta trace`.

Each works on a local instance or, with ``--from-env``, on the deployment that the environment names.
"""

# ruff: noqa: PLC0415 - every command imports what it needs itself: boto3 and the Neo4j driver take seconds

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.console import FromEnvOption, JsonOption, PortBaseOption, StateOption, plain_failures

#: Commands that may reach a cloud beyond this machine, with the proxy and the AWS profile that the person has.
ANYWHERE = frozenset({"export", "quarantine", "query", "rebuild", "reconcile", "redrive", "trace"})

quarantine_app = typer.Typer(help="See what was rejected, and work it through again.", no_args_is_help=True)


class Flow(StrEnum):
    """The flows of files that an operator's command may name."""

    TICKETS = "tickets"
    STOCKS = "stocks"
    ECOMMERCE = "ecommerce"
    INBOX = "inbox"


NamesArgument = Annotated[
    list[str] | None, typer.Argument(help="Receipt ids, or their beginning; keys; s3:// addresses; message ids.")
]
RuleOption = Annotated[str | None, typer.Option("--rule", help="Only what broke this rule.")]
FlowOption = Annotated[Flow, typer.Option("--flow", help="The flow of the files.")]
LimitOption = Annotated[int, typer.Option("--limit", min=0, help="The most that is shown; 0 shows all.")]


def add_to(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.add_typer(quarantine_app, name="quarantine")
    app.command()(redrive)
    app.command()(trace)


@quarantine_app.command("list")
def list_quarantine(
    *,
    settled: Annotated[bool, typer.Option("--all", help="Also what newer versions and later runs settled.")] = False,
    rule: RuleOption = None,
    key: Annotated[str, typer.Option("--key", help="Only files whose key begins like this.")] = "",
    limit: LimitOption = 50,
    flow: FlowOption = Flow.TICKETS,
    as_json: JsonOption = False,
    from_env: FromEnvOption = False,
    state_directory: StateOption = None,
    port_base: PortBaseOption = None,
) -> None:
    """Show the files with rejected rows, the refused files and the foreign messages, newest first."""
    from deploy.cli import quarantine
    from deploy.cli.deployment import Where, deployment_of

    with plain_failures(from_env=from_env), deployment_of(flow, Where(state_directory, port_base, from_env)) as there:
        quarantine.print_list(there, settled=settled, rule=rule, key=key, limit=limit, as_json=as_json)


@quarantine_app.command("show")
def show_quarantine(
    name: Annotated[str, typer.Argument(help="A receipt id or its beginning, a key, an s3:// address, a message id.")],
    *,
    rule: RuleOption = None,
    limit: LimitOption = 50,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write the rejected rows to this file.")] = None,
    flow: FlowOption = Flow.TICKETS,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON per row.")] = False,
    from_env: FromEnvOption = False,
    state_directory: StateOption = None,
    port_base: PortBaseOption = None,
) -> None:
    """Show the rejected rows of a file, each with its rule and reason; or one foreign message."""
    from deploy.cli import quarantine
    from deploy.cli.deployment import Where, deployment_of

    with plain_failures(from_env=from_env), deployment_of(flow, Where(state_directory, port_base, from_env)) as there:
        if csv_file:
            quarantine.write_rejected_rows(there, name, rule=rule, path=csv_file)
        else:
            quarantine.print_documents(there, name, rule=rule, limit=limit, as_json=as_json)


@quarantine_app.command("replay")
def replay_quarantine(
    names: NamesArgument = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Everything that is open.")] = False,
    rule: Annotated[str | None, typer.Option("--rule", help="Every open file with rows that broke this rule.")] = None,
    mended: Annotated[
        Path | None,
        typer.Option("--file", help="A mended file: goes whole under the key in place of the old.", exists=True),
    ] = None,
    fewer_rows: Annotated[
        bool, typer.Option("--fewer-rows", help="Take a mended file that has fewer rows than the old.")
    ] = False,
    flow: FlowOption = Flow.TICKETS,
    as_json: JsonOption = False,
    from_env: FromEnvOption = False,
    state_directory: StateOption = None,
    port_base: PortBaseOption = None,
) -> None:
    """Work rejected files through again with today's rules, or put a mended file in the place of one."""
    from deploy.cli import replaying
    from deploy.cli.deployment import Where, deployment_of

    if sum((bool(names), everything, rule is not None)) != 1:
        raise typer.BadParameter("give NAMES, or --all, or --rule NAME")
    if mended and len(names or ()) != 1:
        raise typer.BadParameter("--file goes with one NAME")
    with plain_failures(from_env=from_env), deployment_of(flow, Where(state_directory, port_base, from_env)) as there:
        if mended and names:
            sound = replaying.replace_file(there, names[0], mended, fewer_rows=fewer_rows, as_json=as_json)
        else:
            sound = replaying.replay(there, names or [], rule=rule, as_json=as_json)
    if not sound:
        raise typer.Exit(1)


def redrive(
    flow: Annotated[Flow, typer.Argument(help="The flow whose dead letters go back into its queue.")] = Flow.TICKETS,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show them.")] = False,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
    from_env: FromEnvOption = False,
    state_directory: StateOption = None,
    port_base: PortBaseOption = None,
) -> None:
    """Put the events that were given up back into their queue."""
    from deploy.cli import redrive as redriving
    from deploy.cli.deployment import Where, deployment_of

    with plain_failures(from_env=from_env), deployment_of(flow, Where(state_directory, port_base, from_env)) as there:
        redriving.redrive(there.dead_letters(), flow, dry_run=dry_run, limit=limit, as_json=as_json)


def trace(
    name: Annotated[
        str, typer.Argument(help="A key, an s3:// address, a receipt id or its beginning, or a ticket's id.")
    ],
    *,
    as_json: JsonOption = False,
    from_env: FromEnvOption = False,
    state_directory: StateOption = None,
    port_base: PortBaseOption = None,
) -> None:
    """Tell where a file or a ticket is: bucket, queue, ledger, graph, Dagster, quarantine."""
    if not name.strip():
        raise typer.BadParameter("give a NAME")
    from deploy.cli import trace as tracing
    from deploy.cli.deployment import Where, deployment

    with plain_failures(from_env=from_env), deployment(Where(state_directory, port_base, from_env)) as there:
        tracing.print_trace(there, name, as_json=as_json)
