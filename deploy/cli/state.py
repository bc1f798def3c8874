"""`cesta status`: the counts of every flow, and how the processes of an instance are."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from deploy.cli.commands import JsonOption
from deploy.cli.console import console, print_json
from deploy.cli.deployment import access_to
from deploy.local.board import Picture
from deploy.local.instance import Instance
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.flows import FLOWS, fed_flows
from pipeline_assets.operations.status import FlowStatus, flow_status
from pipeline_assets.operations.waiting import waiting_of


def status(instance: Instance, *, as_json: JsonOption = False) -> None:
    """Show what became of everything received, per flow, and how the processes are."""
    if as_json:
        print_json(flows_document(instance))
    else:
        print_status(instance)


def flows_document(instance: Instance) -> dict[str, dict[str, int]]:
    """The counts of every flow by its name, as `cesta status --json` prints them."""
    access = access_to(instance)
    return {row.name: flow_status(access, row.name).as_dict() for row in fed_flows()}


def print_status(instance: Instance) -> None:
    """Print a table of the flows and a line per process."""
    document = flows_document(instance)
    console.print(flow_table(document))
    picture = Picture.read(instance)
    for part in picture.parts if picture else ():
        if part.pid is not None:
            again = f", restarts: {part.restarts}" if part.restarts else ""
            console.print(f"{part.title:<22} {part.condition} (process {part.pid}{again})")
    _print_waiting(instance)
    from pipeline_assets.curation.completion import loads_on_their_way  # noqa: PLC0415 - Polars takes half a second

    for load in loads_on_their_way(access_to(instance)):
        console.print(f"load {load.name.load_id} of {load.name.day} is not complete: {load.lacks}", markup=False)
    for note in picture.notes[-3:] if picture else ():
        console.print(note, style="yellow", markup=False)


def _print_waiting(instance: Instance) -> None:
    """Print a line for each flow of which receipts wait for Dagster."""
    access = access_to(instance)
    ledger = Ledger(access.dynamodb, access.table("ledger"))
    for row in FLOWS:
        waiting = waiting_of(ledger, row.name)
        if waiting.receipts:
            console.print(f"{row.name}: {waiting.sentence}, for Dagster to show", markup=False)


def flow_table(document: Mapping[str, Mapping[str, int]]) -> Table:
    """The counts of the flows as a table, one column per flow."""
    table = Table("", *(f"[bold]{flow}" for flow in document))
    for name in FlowStatus.__dataclass_fields__:
        if all(name in counts for counts in document.values()):
            table.add_row(name.replace("_", " "), *(f"{counts[name]:,}" for counts in document.values()))
    for column in table.columns[1:]:
        column.justify = "right"
    return table
