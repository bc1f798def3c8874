"""`cesta load`: puts files into the buckets of an instance, and shows how they go through."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.cli.console import console, say
from deploy.local.access import Access
from deploy.local.board import holder, why_it_ended
from deploy.local.errors import LocalStackError
from deploy.local.flows import FlowStatus, flow_status
from deploy.local.instance import Instance
from deploy.local.outputs import read_outputs
from deploy.local.tickets_load import FLOW, SUFFIXES, TicketFile, follow, passed_over, put_tickets, ticket_files
from pipeline_assets.tickets.sample import SampleSummary, write_days

if TYPE_CHECKING:
    from rich.console import Console


def access_to(instance: Instance) -> Access:
    """Clients of a running instance; raises `LocalStackError` when it does not run."""
    document = read_outputs(instance)
    if holder(instance) is None:
        raise LocalStackError(
            f"no instance runs on {instance.state}: start it with `cesta up`.{why_it_ended(instance)}"
        )
    return Access(document)


def load_tickets(instance: Instance, path: Path, *, wait: bool) -> None:
    """Load a ticket file or a folder of them."""
    access = access_to(instance)
    before = flow_status(access, FLOW)
    files = ticket_files(path)
    with bars() as progress:
        put_with_progress(access, files, progress)
        if wait:
            follow_with_progress(access, before, len(files), progress)
    say(f"{counted(len(files))} in the bucket {access.bucket(FLOW)}.")
    if left := passed_over(path, files):
        say(f"{counted(left)} passed over: only {' and '.join(SUFFIXES)} are taken from a folder.", style="yellow")


def counted(files: int) -> str:
    """A number of files and the verb that goes with it."""
    return "1 file is" if files == 1 else f"{files:,} files are"


def load_sample(instance: Instance, days: int, *, original_dates: bool, wait: bool) -> None:
    """Load the last days of the sample purchases."""
    access_to(instance)
    with tempfile.TemporaryDirectory(prefix="cesta-sample-") as directory:
        with console.status(f"writing {days} days of purchases …"):
            summary = write_days(Path(directory), days, original_dates=original_dates)
        say(describe(summary))
        load_tickets(instance, Path(directory), wait=wait)


def describe(summary: SampleSummary) -> str:
    """What the sample files hold, in one sentence."""
    shift = f"moved by {summary.shift_weeks} weeks" if summary.shift_weeks else "original dates"
    closed = f", {len(summary.closed_days)} closed" if summary.closed_days else ""
    return (
        f"{summary.rows:,} purchases of {len(summary.days)} days, "
        f"{summary.first_day} to {summary.last_day} ({shift}{closed}), {summary.bytes / 1e6:.1f} MB."
    )


def bars(shown_on: Console = console) -> Progress:
    """Progress bars as every command shows them."""
    columns = (TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=shown_on)


def put_with_progress(access: Access, files: list[TicketFile], progress: Progress) -> None:
    """Upload files with a bar."""
    bar = progress.add_task("files put into S3", total=len(files))
    for _ in put_tickets(access, files):
        progress.advance(bar)


def follow_with_progress(
    access: Access,
    before: FlowStatus,
    files: int,
    progress: Progress,
    *,
    check: Callable[[], None] = lambda: None,
    flow: str = FLOW,
    target: str = "graph",
) -> FlowStatus:
    """Wait until all files of a flow are through, with a bar for their target and one for Dagster."""
    graph = progress.add_task(f"files in the {target}", total=files)
    dagster = progress.add_task("receipts in Dagster", total=files)

    def tell(now: FlowStatus) -> None:
        done = min(now.objects - before.objects, files)
        progress.update(graph, completed=done)
        progress.update(dagster, completed=max(0, done - (now.pending - now.queued)))

    return follow(access, before, files, tell=tell, check=check, flow=flow)
