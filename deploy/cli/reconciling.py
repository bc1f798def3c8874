"""`cesta reconcile`: what lies in the buckets and was never worked through is announced again."""

# ruff: noqa: PLC0415 - every command imports what it needs itself: boto3 and the Neo4j driver take seconds

from __future__ import annotations

from dataclasses import asdict

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
    from deploy.cli.deployment import Where, deployment
    from pipeline_assets.settings import MissingSettingError
    from pipeline_assets.tickets.announce import announce_unknown

    with plain_failures(), deployment(Where(state_directory, port_base, from_env)) as there:
        if not there.tickets_bucket:
            raise MissingSettingError("TICKETS_BUCKET", "the name of the ticket bucket")
        with console.status("comparing the bucket with the ledger …"):
            found = announce_unknown(there.stores.ledger, there.stores.s3, there.tickets_bucket, there.queue)
        if as_json:
            print_json(asdict(found))
            return
        say(f"{found.announced:,} of {found.stored:,} file versions had no receipt and were announced.")
        if found.passed_over:
            say(f"{found.passed_over:,} were put before the bucket kept versions: upload them again.", style="yellow")
