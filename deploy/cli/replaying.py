"""`cesta quarantine replay`: rejected files worked through again, and mended files put in the place of the old."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from deploy.cli.commands import FlowOption, JsonOption, Where
from deploy.cli.console import complain, complaints, console, number_of, print_json, say
from deploy.cli.deployment import Deployment, deployment_of
from deploy.cli.progress import bars
from deploy.cli.quarantine import DIGITS, FOREIGN, named, none_matches, open_files, require_rule
from pipeline_assets.events.flow import Correctable, capability
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.operations.following import PATIENCE_SECONDS
from pipeline_assets.operations.rejected import RejectedFile
from pipeline_assets.operations.replay import (
    MendError,
    Replayed,
    put_mended,
    read_mended,
    receipt_within,
    refuse_fewer_rows,
    replay_files,
    replay_message,
)


def replay_quarantine(
    where: Where,
    names: Annotated[
        list[str] | None, typer.Argument(help="Receipt ids, or their beginning; keys; s3:// addresses; message ids.")
    ] = None,
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
    flow: FlowOption = "tickets",
    as_json: JsonOption = False,
) -> bool:
    """Work rejected files through again with today's rules, or put a mended file in the place of one."""
    if sum((bool(names), everything, rule is not None)) != 1:
        raise typer.BadParameter("give NAMES, or --all, or --rule NAME")
    if mended and len(names or ()) != 1:
        raise typer.BadParameter("--file goes with one NAME")
    with deployment_of(flow, where) as deployment:
        if mended and names:
            return replace_file(deployment, names[0], mended, fewer_rows=fewer_rows, as_json=as_json)
        return replay(deployment, names or [], rule=rule, as_json=as_json)


def replay(deployment: Deployment[Any], names: Sequence[str], *, rule: str | None, as_json: bool) -> bool:
    """Replay the files and messages named, or all that is open (of one rule); True when nothing failed."""
    require_rule(deployment, rule)
    messages: list[str] = []
    files: dict[str, RejectedFile] = {}
    waiting = 0
    if not names:
        found = open_files(deployment)
        waiting = len(found)
        files = {file.receipt.id: file for file in found if rule is None or rule in file.rules}
        messages = list(deployment.stores.quarantine.contents().messages) if rule in {None, FOREIGN} else []
    for name in names:
        if deployment.stores.quarantine.messages.read(name):
            messages.append(name)
        else:
            files |= {file.receipt.id: file for file in _still_open(named(deployment, name), name)}
    sent = [message for message in messages if replay_message(message, deployment.stores, deployment.queue)]
    done = _replay_with_bar(deployment, list(files.values()))
    if as_json:
        print_json({"files": [_document(each) for each in done], "messages": sent})
    else:
        if files:
            _print_replayed(deployment, done, len(files))
        elif not sent:
            say(none_matches(waiting))
        if sent:
            say(f"In the queue again: {number_of(len(sent), 'foreign message')}.")
    return len(done) == len(files) and all(each.after for each in done)


def replace_file(deployment: Deployment[Any], name: str, path: Path, *, fewer_rows: bool, as_json: bool) -> bool:
    """Put a corrected file under the key of a rejected one and wait for its receipt; False when it was refused.

    Raises `MendError` when the flow takes no corrected files, or this one cannot take the place of the old.
    """
    flow = capability(deployment.flow, Correctable)
    if flow is None:
        raise MendError(
            f"{deployment.flow.name} takes no mended files: mend the rows where they come from and export them again."
        )
    rejected = named(deployment, name)[-1]
    old, source = rejected.receipt, rejected.receipt.version
    if rejected.standing == "replaced":
        raise MendError(f"a newer version of {source.uri} was taken since: mend that one, if it has to be mended.")
    mended = read_mended(path, source.key, flow)
    if not fewer_rows:
        held = deployment.stores.ledger.newest(source.uri) or old
        refuse_fewer_rows(mended, max(old, held, key=lambda each: each.counts.received), path, flow)
    if mended.rows and mended.rejected == mended.rows:
        raise MendError(f"every row of {path} would be rejected again; the first: {mended.rejections[0].reason}.")
    for rejection in mended.rejections:
        complain(f"still rejected: {rejection.reason}")
    receipt_id = put_mended(path, source.bucket, source.key, deployment.stores)
    with complaints.status(f"waiting for the receipt of {source.uri} …"):
        new = receipt_within(receipt_id, deployment.stores, PATIENCE_SECONDS)
    if as_json:
        print_json(_document(Replayed(old, new)))
    else:
        _print_replayed(deployment, [Replayed(old, new)], 1)
    return not new.refused


def _still_open(files: Sequence[RejectedFile], name: str) -> list[RejectedFile]:
    """The versions that nothing has settled; raises `MendError` when all are."""
    waiting = [file for file in files if file.standing == "open"]
    if not waiting:
        raise MendError(f"{name} is {files[-1].standing} already: there is nothing to replay.")
    return waiting


def _replay_with_bar(deployment: Deployment[Any], files: Sequence[RejectedFile]) -> list[Replayed]:
    done: list[Replayed] = []
    with bars(complaints) as progress:
        bar = progress.add_task("files replayed", total=len(files))
        for each in replay_files(files, deployment.flow, deployment.stores):
            done.append(each)
            progress.advance(bar)
            if each.failure:
                complain(f"{each.before.source.uri}: {each.failure}")
    return done


def _print_replayed(deployment: Deployment[Any], done: Sequence[Replayed], asked: int) -> None:
    table = Table("file", "rejected before", "rejected now", "accepted now", "receipt")
    table.columns[0].overflow = "fold"
    for column in table.columns[1:4]:
        column.justify = "right"
    for each in done:
        now = _numbers(each.after) if each.after else ("failed", "")
        before = f"{each.before.counts.quarantined:,}"
        table.add_row(
            escape(deployment.name_of(each.before.source)), before, *now, (each.after or each.before).id[:DIGITS]
        )
    console.print(table)
    worked = [each for each in done if each.after]
    was = sum(each.before.counts.quarantined for each in worked)
    still = sum(each.after.counts.quarantined for each in worked if each.after)
    rows = number_of(was, "rejected row")
    say(f"{len(worked):,} of {asked:,} files replayed: {rows} before, {still:,} now.")
    if left := asked - len(done):
        complain(f"not tried, after three failures in a row: {number_of(left, 'file')}.")


def _numbers(after: Receipt) -> tuple[str, str]:
    refused = " [red]refused[/]" if after.refused else ""
    return f"{after.counts.quarantined:,}{refused}", f"{after.counts.accepted:,}"


def _document(each: Replayed) -> dict[str, object]:
    after = each.after
    return {
        **each.before.source.place,
        "receipt": (after or each.before).id,
        "before": each.before.counts.as_dict(),
        "after": after.counts.as_dict() if after else None,
        "refused": after.refused if after else "",
        "failure": each.failure,
    }
