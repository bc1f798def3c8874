"""`cesta reconcile`: what lies in the buckets and was never worked through is announced again."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from deploy.cli.commands import FlowArgument, JsonOption, Where
from deploy.cli.console import console, print_json, say
from deploy.cli.deployment import deployment_of
from pipeline_assets.flows import flow_row
from pipeline_assets.operations.reconcile import announce_unknown


def reconcile(where: Where, flow: FlowArgument, *, as_json: JsonOption = False) -> None:
    """Announce every file of a flow that has no receipt; of a stream, find in its table the changes that were lost."""
    row = flow_row(flow)
    with deployment_of(flow, where) as deployment:
        if row.recover:
            with console.status("comparing the table with its documents …"):
                recovered = row.load(row.recover)(deployment.stores)
            _print_recovered(recovered, as_json=as_json)
            return
        stores, bucket = deployment.stores, deployment.require_bucket()
        with console.status("comparing the bucket with the ledger …"):
            found = announce_unknown(row, stores.ledger, stores.storage.bucket(bucket), deployment.queue)
    if as_json:
        print_json(asdict(found))
        return
    say(f"{found.announced:,} of {found.stored:,} file versions had no receipt and were announced.")
    if found.left_alone:
        say(f"{found.left_alone:,} are no data by their names (folders, hidden files) and are left alone.")
    if found.passed_over:
        say(f"{found.passed_over:,} were put before the bucket kept versions: upload them again.", style="yellow")


def _print_recovered(found: Any, *, as_json: bool) -> None:  # noqa: ANN401 - what the flow's own recovery gives
    if as_json:
        print_json(asdict(found))
        return
    say(found.sentence)
    if found.rejected:
        say(f"{found.rejected:,} items of the table break a rule and are left alone.", style="yellow")
