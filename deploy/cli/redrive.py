"""`cesta redrive`: shows the events that were given up, and puts them back into their queue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.markup import escape
from rich.table import Table

from deploy.cli.console import complaints, console, print_json, say
from deploy.cli.loading import bars
from pipeline_assets.events.dead_letters import DeadLetter, DeadLetters
from pipeline_assets.events.s3_events import object_versions


def redrive(letters: DeadLetters, flow: str, *, dry_run: bool, limit: int, as_json: bool) -> None:
    """Show at most `limit` dead letters of a flow, then move all of them unless it is a dry run."""
    there = letters.count()
    shown = letters.look(limit=limit or there) if there else []
    if not as_json:
        _print_letters(shown, flow, there)
    moved = 0 if dry_run or not there else _move(letters, there)
    left = letters.count()
    if as_json:
        print_json({"letters": [_document(each, flow) for each in shown], "moved": moved, "left": left})
    elif dry_run:
        say(f"0 moved, {left:,} left.")
    else:
        say(f"{moved:,} moved back into the queue, {left:,} left.")


def _move(letters: DeadLetters, expected: int) -> int:
    moved = 0
    with bars(complaints) as progress:
        task = progress.add_task("events moved", total=expected)
        for moved, _ in enumerate(letters.redrive(), 1):
            progress.update(task, completed=moved, total=max(moved, expected))
    return moved


def _print_letters(shown: Sequence[DeadLetter], flow: str, there: int) -> None:
    if not shown:
        return
    table = Table("message", "announces", "received", "age")
    table.columns[1].overflow = "fold"
    table.columns[2].justify = table.columns[3].justify = "right"
    for letter in shown:
        told = "\n".join([*_announced(letter, flow), *filter(None, [letter.why])]) or "nothing that can be read"
        table.add_row(letter.id, escape(told), f"{letter.receives} times", _age(letter.sent_at))
    console.print(table)
    if there > len(shown):
        say(f"{there - len(shown):,} more are not shown.")


def _document(letter: DeadLetter, flow: str) -> dict[str, Any]:
    return {
        "message_id": letter.id,
        "announces": _announced(letter, flow),
        "receives": letter.receives,
        "sent_at": letter.sent_at,
        "why": letter.why,
    }


def _announced(letter: DeadLetter, flow: str) -> list[str]:
    versions, faults = object_versions(letter.body, flow=flow)
    return [f"{version.uri} {version.version_id}".strip() for version in versions] + [str(fault) for fault in faults]


def _age(sent_at: str) -> str:
    age = max(datetime.now(UTC) - datetime.fromisoformat(sent_at), timedelta())
    return str(timedelta(seconds=int(age.total_seconds())))
