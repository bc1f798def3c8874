"""`cesta reconcile`: what lies in the buckets and was never worked through is announced again."""

from __future__ import annotations

from dataclasses import asdict

from deploy.cli.commands import FlowArgument, JsonOption, Where
from deploy.cli.console import console, print_json, say
from deploy.cli.deployment import deployment_of
from pipeline_assets.flows import flow_row
from pipeline_assets.operations.reconcile import announce_unknown


def reconcile(where: Where, flow: FlowArgument, *, as_json: JsonOption = False) -> None:
    """Announce every file of a flow that has no receipt; what is on its way already is merely delivered twice."""
    with deployment_of(flow, where) as deployment:
        stores, bucket = deployment.stores, deployment.require_bucket()
        with console.status("comparing the bucket with the ledger …"):
            found = announce_unknown(flow_row(flow), stores.ledger, stores.storage.bucket(bucket), deployment.queue)
    if as_json:
        print_json(asdict(found))
        return
    say(f"{found.announced:,} of {found.stored:,} file versions had no receipt and were announced.")
    if found.left_alone:
        say(f"{found.left_alone:,} are no data by their names (folders, hidden files) and are left alone.")
    if found.passed_over:
        say(f"{found.passed_over:,} were put before the bucket kept versions: upload them again.", style="yellow")
