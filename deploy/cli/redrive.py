"""`cesta redrive`: shows the dead-lettered events, and puts them back into their queue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import boto3
import typer
from rich.markup import escape
from rich.table import Table

from deploy.cli.commands import JsonOption, LimitOption, Where
from deploy.cli.console import complain, complaints, console, print_json, say
from deploy.cli.deployment import Deployment, deployment_of
from deploy.cli.progress import bars
from pipeline_assets.events.dead_letters import DeadLetter, DeadLetters
from pipeline_assets.events.s3_events import object_versions
from pipeline_assets.events.stream_flow import StreamFlow
from pipeline_assets.events.stream_letters import lost_range
from pipeline_assets.flows import flow_row
from pipeline_assets.operations.lost import redeliver


def redrive(
    where: Where,
    flow: Annotated[str, typer.Argument(help="The flow whose dead letters are worked off.")] = "tickets",
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show them.")] = False,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> bool:
    """Put the dead-lettered events of a flow back into their queue; bring in what a stream could not deliver."""
    with deployment_of(flow, where) as deployment:
        letters = deployment.dead_letters()
        foreign: list[str] = []
        moving = _brought_in(deployment, letters, foreign) if flow_row(flow).stream else letters.redrive()
        _redrive(letters, moving, flow, dry_run=dry_run, limit=limit, as_json=as_json)
    for each in foreign:
        complain(f"the message {each} tells of no place in a stream and was passed by; delete it from the queue")
    return not foreign


def _brought_in(deployment: Deployment[Any], letters: DeadLetters, foreign: list[str]) -> Iterator[DeadLetter]:
    """What a stream could not deliver has no queue to go back to: it is brought in here, and what is none is named."""
    streams, row = boto3.client("dynamodbstreams"), flow_row(deployment.flow.name)
    flow: StreamFlow[Any] = row.load(row.flow)

    def work(letter: DeadLetter) -> bool:
        try:
            lost = lost_range(letter.body)
        except ValueError:
            foreign.append(letter.id)
            return False
        redeliver(lost, flow, deployment.stores, streams, row.load(row.recover))
        return True

    return letters.work_off(work)


def _redrive(
    letters: DeadLetters, moving: Iterator[DeadLetter], flow: str, *, dry_run: bool, limit: int, as_json: bool
) -> None:
    """Show at most `limit` dead letters of a flow, then move all of them unless it is a dry run."""
    count = letters.count()
    shown = letters.look(limit=limit or count) if count else []
    if not as_json:
        _print_letters(shown, flow, count)
    moved = 0 if dry_run or not count else _move(moving, count)
    left = letters.count()
    if as_json:
        print_json({"letters": [_document(each, flow) for each in shown], "moved": moved, "left": left})
    elif dry_run:
        say(f"0 moved, {left:,} left.")
    else:
        done = "brought in" if flow_row(flow).stream else "moved back into the queue"
        say(f"{moved:,} {done}, {left:,} left.")


def _move(moving: Iterator[DeadLetter], expected: int) -> int:
    moved = 0
    with bars(complaints) as progress:
        task = progress.add_task("events moved", total=expected)
        for moved, _ in enumerate(moving, 1):
            progress.update(task, completed=moved, total=max(moved, expected))
    return moved


def _print_letters(shown: Sequence[DeadLetter], flow: str, count: int) -> None:
    if not shown:
        return
    table = Table("message", "announces", "received", "age")
    table.columns[1].overflow = "fold"
    table.columns[2].justify = table.columns[3].justify = "right"
    for letter in shown:
        announced = "\n".join([*_announced(letter, flow), *filter(None, [letter.why])]) or "nothing that can be read"
        table.add_row(letter.id, escape(announced), f"{letter.receives} times", _age(letter.sent_at))
    console.print(table)
    if count > len(shown):
        say(f"{count - len(shown):,} more are not shown.")


def _document(letter: DeadLetter, flow: str) -> dict[str, Any]:
    return {
        "message_id": letter.id,
        "announces": _announced(letter, flow),
        "receives": letter.receives,
        "sent_at": letter.sent_at,
        "why": letter.why,
    }


def _announced(letter: DeadLetter, flow: str) -> list[str]:
    if flow_row(flow).stream:
        with suppress(ValueError):
            return [lost_range(letter.body).sentence]
        return []
    versions, faults = object_versions(letter.body, flow=flow)
    return [f"{version.uri} {version.version_id}".strip() for version in versions] + [str(fault) for fault in faults]


def _age(sent_at: str) -> str:
    age = max(datetime.now(UTC) - datetime.fromisoformat(sent_at), timedelta())
    return str(timedelta(seconds=int(age.total_seconds())))
