"""Putting ticket files into an instance and following them until they are through."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.exceptions import HTTPClientError

from deploy.local.access import Access
from deploy.local.errors import LocalStackError
from deploy.local.flows import FLOWS, FlowStatus, flow_status
from pipeline_assets.events.outcomes import TransientError

FLOW = "tickets"
#: Files of a folder that are taken to be tickets; a file that is named itself is loaded whatever its suffix.
SUFFIXES = (".csv", ".csv.gz")
#: Nothing moved for so long: something is wrong. The back-off after a failure is at most a minute, and what an
#: invocation had that crashed before it came to itself comes again after six, the queue's visibility timeout.
PATIENCE_SECONDS = 420.0
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class TicketFile:
    """A file and the key it gets in the ticket bucket."""

    path: Path
    key: str


def ticket_files(path: Path) -> list[TicketFile]:
    """The ticket files at a path: the file itself, or those in a folder by their relative path, in the order of names.

    Raises `LocalStackError` when there is none.
    """
    if path.is_file():
        return [TicketFile(path, path.name)]
    found = sorted(file for file in path.rglob("*") if file.is_file() and file.name.lower().endswith(SUFFIXES))
    if not found:
        raise LocalStackError(f"{path} holds no {' or '.join(SUFFIXES)} file: name a ticket CSV or a folder of them.")
    return [TicketFile(file, file.relative_to(path).as_posix()) for file in found]


def passed_over(path: Path, files: list[TicketFile]) -> int:
    """How many files of a folder are not among the ticket files found in it."""
    return sum(file.is_file() for file in path.rglob("*")) - len(files) if path.is_dir() else 0


def put_tickets(access: Access, files: list[TicketFile]) -> Iterator[TicketFile]:
    """Upload the files in order and yield each one that is in the bucket."""
    bucket = access.bucket(FLOW)
    for file in files:
        access.s3.upload_file(str(file.path), bucket, file.key)
        yield file


def follow(
    access: Access,
    before: FlowStatus,
    files: int,
    *,
    tell: Callable[[FlowStatus], None],
    check: Callable[[], None] = lambda: None,
    patience: float = PATIENCE_SECONDS,
    flow: str = FLOW,
) -> FlowStatus:
    """Wait until `files` objects more than `before` have a receipt, the queue is empty and Dagster has all receipts.

    `tell` is called with every look, `check` too and may raise. Raises `LocalStackError` when an event is given up, or
    when nothing moves for `patience` seconds; a local cloud that does not answer, since it is started again, is one
    in which nothing moves.
    """
    last, moved = before, time.monotonic()
    while True:
        check()
        try:
            now = flow_status(access, flow)
        except (NoConnectionError, HTTPClientError, TransientError):
            now = last
        tell(now)
        if now.dead_lettered > before.dead_lettered:
            given_up = now.dead_lettered - before.dead_lettered
            raise LocalStackError(
                f"{given_up} of {files} files were given up and lie in the queue {FLOWS[flow]}-dlq: "
                "the file logs/cloud.log of the state directory says why."
            )
        if now.objects >= before.objects + files and now.pending == 0:
            return now
        if now != last:
            last, moved = now, time.monotonic()
        elif time.monotonic() - moved > patience:
            raise LocalStackError(
                f"nothing moved for {patience:.0f} s: {now.objects - before.objects} of {files} files are in, "
                f"{now.queued} events in the queue and {now.pending - now.queued} receipts not in Dagster; "
                "`cesta doctor` says what is wrong."
            )
        time.sleep(_LOOK_SECONDS)
