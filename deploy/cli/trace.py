"""`cesta trace`: one page with everything that is known of a file or of a ticket, and where it is."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from deploy.cli.commands import FlowOption, JsonOption, Where
from deploy.cli.console import console, number_of, print_json, say
from deploy.cli.deployment import Deployment, deployment_of
from deploy.cli.quarantine import DIGITS, search_bar
from pipeline_assets.errors import UserError
from pipeline_assets.events.flow import HandsOver, StoresT
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.flows import flow_row
from pipeline_assets.operations.replay import MendError
from pipeline_assets.operations.trace import ObjectTrace, Place, VersionTrace, trace_object
from pipeline_assets.tickets.stores import TicketStores
from pipeline_assets.tickets.trace import FileTrace, PurchaseTrace, TicketTrace, trace_file, trace_ticket

#: A receipt id, or the beginning of one: tickets may have such ids too.
_RECEIPT_ID = re.compile("[0-9a-f]{8,32}")
_WHOLE_ID = 32
#: The one flow of which things inside a file can be traced, too: its tickets.
_TICKETS = "tickets"
#: So much of a version id tells the few versions of a file apart.
_VERSION_DIGITS = 8


def trace(
    where: Where,
    name: Annotated[
        str, typer.Argument(help="A key, an s3:// address, a receipt id or its beginning, or a ticket's id.")
    ],
    *,
    flow: FlowOption = _TICKETS,
    as_json: JsonOption = False,
) -> None:
    """Tell where a file or a ticket is: bucket, queue, ledger, graph, Dagster, quarantine."""
    if not name.strip():
        raise typer.BadParameter("give a NAME")
    with deployment_of(flow, where) as deployment:
        if flow == _TICKETS:
            print_trace(deployment, name, as_json=as_json)
        elif flow_row(flow).stream:
            print_batch(deployment, name, as_json=as_json)
        else:
            print_object(deployment, name, as_json=as_json)


def print_object(deployment: Deployment[Any], name: str, *, as_json: bool) -> None:
    """Trace an object of any flow by a receipt id, its address or its key, and print it."""
    _, place = _place_named(deployment, name)
    flow, stores = deployment.flow, deployment.stores
    requests = flow.requests(place[1], stores) if isinstance(flow, HandsOver) else {}
    found = trace_object(flow.name, place, stores, deployment.dead_letters(), requests=requests)
    if as_json:
        print_json(found.as_dict())
    else:
        _print_file(found)


def print_batch(deployment: Deployment[Any], name: str, *, as_json: bool) -> None:
    """Trace a batch of a stream, which has no file, by the id of its receipt, and print it."""
    ledger, flow = deployment.stores.ledger, deployment.flow.name
    receipt = _receipt_named(deployment, name) if _RECEIPT_ID.fullmatch(name) else None
    if receipt is None or receipt.flow != flow:
        expected = "all 32 digits of its id, or the beginning of one in the quarantine"
        raise UserError(f"no receipt of {flow} is named {name}", expected=expected)
    counts, in_dagster = receipt.counts.as_dict(), not ledger.is_pending(receipt)
    if as_json:
        known = {"receipt": receipt.id, "source": receipt.source.uri, "recorded_at": receipt.recorded_at}
        print_json({**known, "run": receipt.run, **counts, "in_dagster": in_dagster})
        return
    say(receipt.source.uri)
    told = ", ".join(f"{number:,} {outcome}" for outcome, number in counts.items() if number)
    shown = "Dagster shows it" if in_dagster else "Dagster does not show it yet"
    sentence = f"Receipt {receipt.id} of {receipt.recorded_at[:19]}, run {receipt.run}: {told}; {shown}."
    say(sentence, style="bold")


def print_trace(deployment: Deployment[TicketStores], name: str, *, as_json: bool) -> None:
    """Trace a receipt id, a file by its address or key, else a ticket by its id, and print it."""
    file = _file_named(deployment, name)
    if file is None:
        with search_bar("quarantine searched") as report:
            ticket = trace_ticket(name, deployment.stores, deployment.dead_letters(), progress=report)
        if as_json:
            print_json(ticket.as_dict())
        else:
            _print_ticket(ticket)
            if not ticket.purchases and not ticket.rejected and _RECEIPT_ID.fullmatch(name):
                say("A receipt that has nothing in the quarantine is found by all 32 digits of its id.")
    elif as_json:
        print_json(file.as_dict())
    else:
        _print_file(file)


def _file_named(deployment: Deployment[TicketStores], name: str) -> FileTrace | None:
    """The file that a name means, or None where it means no file that anybody knows."""
    receipt, place = _place_named(deployment, name)
    file = trace_file(*place, deployment.stores, deployment.dead_letters())
    known = receipt or file.versions or file.deleted or name.startswith("s3://") or name.endswith((".csv", ".csv.gz"))
    return file if known else None


def _place_named(deployment: Deployment[StoresT], name: str) -> tuple[Receipt | None, tuple[str, str]]:
    """Bucket and key that a receipt id, an address or a key means, and the receipt where it was its id."""
    receipt = _receipt_named(deployment, name) if _RECEIPT_ID.fullmatch(name) else None
    return receipt, (receipt.version.bucket, receipt.version.key) if receipt else deployment.object(name)


def _receipt_named(deployment: Deployment[StoresT], digits: str) -> Receipt | None:
    """The receipt with this id; by the beginning of its id only where something of it is in the quarantine."""
    if len(digits) == _WHOLE_ID:
        return deployment.stores.ledger.receipt(digits)
    ids = [each for each in deployment.stores.quarantine.contents().receipts if each.startswith(digits)]
    if len(ids) > 1:
        raise MendError(f"{len(ids)} receipt ids begin with {digits}: give more digits.")
    return deployment.stores.ledger.receipt(ids[0]) if ids else None


def _print_file(trace: ObjectTrace) -> None:
    target = [f"in the {trace.target}"] if trace.target else []
    table = Table("version", "in the bucket", "receipt", *target, "in Dagster", "rejected")
    for column in table.columns:
        column.overflow = "fold"
    for number in (0, 1, 2):
        table.columns[number].no_wrap = True
    for version in trace.versions:
        table.add_row(*(escape(cell) for cell in _cells(version, trace.target)))
    if trace.versions:
        console.print(table)
    _print_waiting(trace)
    say(trace.verdict, style="bold")


def _cells(trace: VersionTrace, target: str) -> tuple[str, ...]:
    known = trace.known
    stored, receipt, load = known.stored, known.receipt, known.load
    progress = _progress(load) if load else "no"
    recorded = "no"
    if receipt:
        rows = [f"{number:,} {outcome}" for outcome, number in receipt.counts.as_dict().items() if number]
        refused = ["refused whole"] if receipt.refused else []
        runs = f"run {receipt.run}, delivered {trace.deliveries}x"
        recorded = "\n".join([receipt.id[:DIGITS], receipt.recorded_at[:19], *rows, *refused, runs])
    in_bucket = f"{stored.stored_at[:19]}\n{number_of(stored.size, 'byte')}" if stored else "gone"
    letters = [number_of(trace.dead_letters, "dead letter")] if trace.dead_letters else []
    return (
        (known.version_id or known.id)[:_VERSION_DIGITS],
        "\n".join([in_bucket, *letters]),
        recorded,
        *([progress] if target else []),
        {None: "", True: "yes", False: "not yet"}[trace.in_dagster],
        "\n".join(f"{number:,} {rule}" for rule, number in trace.rules.items()),
    )


def _progress(load: Place) -> str:
    if not load.done:
        return f"rows before {load.next_row}"
    return "all rows" if load.stands else "no: taken back, or another version stands"


def _print_ticket(trace: TicketTrace) -> None:
    for purchase in trace.purchases:
        _print_purchase(purchase)
    if trace.rejected:
        table = Table("rejected in", "row", "rule", "reason")
        for column in table.columns:
            column.overflow = "fold"
        for row in trace.rejected:
            table.add_row(*(escape(cell) for cell in _rejected(row)))
        console.print(table)
    _print_waiting(trace)
    say(trace.verdict, style="bold")


def _print_purchase(purchase: PurchaseTrace) -> None:
    key, content = purchase.key, purchase.content
    if content is None:
        return
    files = {claim.owner.rpartition("/")[0]: claim for claim in purchase.claims}
    table = Table(
        "product", "quantity", "category", "from", title=f"ticket {escape(key.ticket_id)}", title_justify="left"
    )
    table.columns[1].justify = "right"
    for product, (stamp, line) in sorted(content.lines.items()):
        table.add_row(escape(product), f"{line.quantity}", escape(line.category), escape(files[stamp].file))
    console.print(table)
    say(f"sold      {content.timestamp}")
    say(f"basket    {key.basket_id}")
    say(f"store     {key.store}")
    for claim in purchase.claims:
        if claim.superseded:
            say(f"superseded: {', '.join(claim.superseded)} of {claim.file}", style="yellow")


def _rejected(row: dict[str, Any]) -> tuple[str, ...]:
    return f"s3://{row['bucket']}/{row['key']}", str(row.get("row", "")), row["rule"], row["reason"]


def _print_waiting(trace: ObjectTrace | TicketTrace) -> None:
    waiting = trace.waiting
    if waiting.queued or waiting.dead:
        events, letters = number_of(waiting.queued, "event"), number_of(waiting.dead, "dead letter")
        say(f"In the queue: {events}; dead-lettered: {letters}.", style="yellow")
    if not waiting.complete:
        say("Not all dead letters were looked at.", style="yellow")
