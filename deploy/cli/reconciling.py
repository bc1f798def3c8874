"""`cesta reconcile`: what lies in the buckets and was never worked through is announced again."""

# ruff: noqa: PLC0415 - every command imports what it needs itself: boto3 and the Neo4j driver take seconds

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

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
from deploy.cli.operating import Flow


def reconcile(
    flow: Annotated[Flow, typer.Argument(help="The flow of the files.")],
    *,
    as_json: JsonOption = False,
    from_env: FromEnvOption = False,
    state_directory: StateOption = None,
    port_base: PortBaseOption = None,
) -> None:
    """Announce every file of a flow that has no receipt; what is on its way already is merely delivered twice."""
    from deploy.cli.deployment import Where, deployment_of
    from pipeline_assets.flows import flow_row
    from pipeline_assets.operations.reconcile import announce_unknown

    with (
        plain_failures(from_env=from_env),
        deployment_of(flow, Where(state_directory, port_base, from_env)) as there,
    ):
        stores, bucket = there.stores, there.require_bucket()
        with console.status("comparing the bucket with the ledger …"):
            found = announce_unknown(flow_row(flow), stores.ledger, stores.storage.bucket(bucket), there.queue)
    if as_json:
        print_json(asdict(found))
        return
    say(f"{found.announced:,} of {found.stored:,} file versions had no receipt and were announced.")
    if found.left_alone:
        say(f"{found.left_alone:,} are no data by their names (folders, hidden files) and are left alone.")
    if found.passed_over:
        say(f"{found.passed_over:,} were put before the bucket kept versions: upload them again.", style="yellow")
