"""`cesta reconcile`: what lies in the buckets and was never worked through is announced again."""

# ruff: noqa: PLC0415 - every command imports what it needs itself: boto3 and the Neo4j driver take seconds

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import typer

from deploy.cli.console import (
    FromEnvOption,
    JsonOption,
    PortBaseOption,
    StateOption,
    console,
    plain_failures,
    print_json,
    say,
)

reconcile_app = typer.Typer(help="Announce again what events were lost for.", no_args_is_help=True)


@reconcile_app.callback()
def reconcile() -> None:
    """Announce again what events were lost for."""


@reconcile_app.command("tickets")
def reconcile_tickets(
    *,
    as_json: JsonOption = False,
    from_env: FromEnvOption = False,
    state_directory: StateOption = None,
    port_base: PortBaseOption = None,
) -> None:
    """Announce every ticket file that has no receipt; what is on its way already is merely delivered twice."""
    with plain_failures(from_env=from_env):
        _announce("tickets", state_directory, port_base, from_env=from_env, as_json=as_json)


@reconcile_app.command("stocks")
def reconcile_stocks(
    *,
    as_json: JsonOption = False,
    from_env: FromEnvOption = False,
    state_directory: StateOption = None,
    port_base: PortBaseOption = None,
) -> None:
    """Announce every price file that has no receipt; what is on its way already is merely delivered twice."""
    with plain_failures(from_env=from_env):
        _announce("stocks", state_directory, port_base, from_env=from_env, as_json=as_json)


def _announce(flow: str, state_directory: Path | None, port_base: int | None, *, from_env: bool, as_json: bool) -> None:
    from deploy.cli.deployment import Where, deployment_of
    from pipeline_assets.files.announce import announce_unknown

    with deployment_of(flow, Where(state_directory, port_base, from_env)) as there:
        stores, bucket = there.stores, there.require_bucket()
        with console.status("comparing the bucket with the ledger …"):
            found = announce_unknown(there.flow, stores.ledger, stores.s3, bucket, there.queue)
    if as_json:
        print_json(asdict(found))
        return
    say(f"{found.announced:,} of {found.stored:,} file versions had no receipt and were announced.")
    if found.passed_over:
        say(f"{found.passed_over:,} were put before the bucket kept versions: upload them again.", style="yellow")
