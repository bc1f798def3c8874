"""`cesta load tickets`: puts files into the buckets of an instance, and shows how they go through."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.commands import DaysOption
from deploy.cli.console import complain, console, number_of, say
from deploy.cli.deployment import access_to
from deploy.cli.progress import bars, follow_with_progress
from deploy.local.instance import Instance, LocalStackError
from deploy.local.instance_days import warn_of_earlier
from deploy.samples.purchases import SampleSummary, write_days
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.operations.access import Access
from pipeline_assets.tickets.files import (
    FLOW,
    SUFFIXES,
    Standing,
    TicketFile,
    passed_over,
    put_ticket_file,
    standing_at,
    ticket_files,
    tickets_leaving,
)

if TYPE_CHECKING:
    from rich.progress import Progress

#: The most replacements that are named.
_SHOWN = 10


OriginalDatesOption = Annotated[
    bool, typer.Option("--original-dates", help="Keep the sample's dates of 2017 instead of ending yesterday.")
]


def load(
    instance: Instance,
    path: Annotated[Path | None, typer.Argument(help="A ticket CSV, or a folder of them.", exists=True)] = None,
    *,
    sample: Annotated[bool, typer.Option("--sample", help="Load real grocery purchases, one file per day.")] = False,
    days: DaysOption = 14,
    original_dates: OriginalDatesOption = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Return when these files are in the graph and in Dagster.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the place of files in the bucket that have other content.")
    ] = False,
) -> None:
    """Put ticket files into the ticket bucket, under their paths from here."""
    if (path is None) is not sample:
        raise typer.BadParameter("give a FILE or a DIR, or --sample")
    if path is None:
        access_to(instance)
        with sample_files(instance, days, original_dates=original_dates) as directory:
            load_tickets(instance, directory, wait=wait, replace=replace, root=directory)
    else:
        load_tickets(instance, path, wait=wait, replace=replace)


def load_tickets(instance: Instance, path: Path, *, wait: bool, replace: bool, root: Path | None = None) -> None:
    """Put a ticket file or a folder of them into the ticket bucket, keyed by their paths from `root`, else from here.

    What would take the place of another file is told before anything is put. Raises `LocalStackError` when nobody said
    that it may, or when a file was refused.
    """
    access = access_to(instance)
    files = ticket_files(path, root)
    standing = confirm_replacements(access, files, replace=replace)
    with bars() as progress:
        receipts = put_with_progress(access, files, standing, progress)
        if wait:
            follow_with_progress(access, receipts, progress)
    unchanged = sum(held.same for held in standing.values())
    if put := len(files) - unchanged:
        say(f"{counted(put)} in the bucket {access.bucket(FLOW)}.")
    if unchanged:
        say(f"{counted(unchanged)} there already with the same content: nothing new to do.", style="yellow")
    if left := passed_over(path, files):
        only = f"only {' and '.join(SUFFIXES)} are taken from a folder, and nothing that begins with . or _"
        say(f"{counted(left)} passed over: {only}.", style="yellow")
    report_refusals(access, receipts if wait else [held.receipt_id for held in standing.values() if held.same])


def report_refusals(access: Access, receipts: Iterable[str]) -> None:
    """Print which of these objects were refused whole; raises `LocalStackError` when one was."""
    ledger = Ledger(access.dynamodb, access.table("ledger"))
    refused = [found.refused for receipt in receipts if (found := ledger.receipt(receipt)) and found.refused]
    for sentence in refused[:_SHOWN]:
        complain(f"refused: {sentence}")
    if refused:
        raise LocalStackError(
            f"{number_of(len(refused), 'file')} of these decided nothing: see `cesta quarantine list`."
        )


def confirm_replacements(access: Access, files: Sequence[TicketFile], *, replace: bool) -> dict[str, Standing]:
    """Name the files that would take the place of others, and ask a person at a terminal unless they may.

    Returns what is in the bucket now, by key; raises `LocalStackError` when it may not be replaced.
    """
    standing = {file.key: held for file in files if (held := standing_at(access, file))}
    others = {key: held for key, held in standing.items() if not held.same}
    if not others:
        return standing
    leaving = tickets_leaving(access, [file for file in files if file.key in others])
    for key, held in list(others.items())[:_SHOWN]:
        tickets = number_of(leaving.get(key, 0), "ticket")
        complain(f"replaces {key}, {held.sentence}; {tickets} that nobody else has would leave the graph.")
    if len(others) > _SHOWN:
        complain(f"and {len(others) - _SHOWN:,} more.")
    if replace or (sys.stdin.isatty() and typer.confirm(f"Replace {number_of(len(others), 'file')}?", err=True)):
        return standing
    raise LocalStackError(
        f"nothing was put: {number_of(len(others), 'file')} in the bucket with other content would be replaced. "
        "Say --replace, or give the file another path."
    )


def counted(files: int) -> str:
    """A number of files and the verb that goes with it."""
    return "1 file is" if files == 1 else f"{files:,} files are"


@contextmanager
def sample_files(instance: Instance, days: int, *, original_dates: bool) -> Iterator[Path]:
    """Write the last 1 to 366 calendar days of the sample purchases into a folder that goes with the block."""
    with tempfile.TemporaryDirectory(prefix="cesta-sample-") as directory:
        with console.status(f"writing {days} days of purchases …"):
            summary = write_days(Path(directory), days, original_dates=original_dates)
        say(describe(summary))
        if earlier := warn_of_earlier(instance, summary.first_day):
            say(earlier, style="yellow")
        yield Path(directory)


def describe(summary: SampleSummary) -> str:
    """What the sample files hold, in one sentence."""
    shift = f"moved by {summary.shift_weeks} weeks" if summary.shift_weeks else "original dates"
    closed = f", {len(summary.closed_days)} closed" if summary.closed_days else ""
    return (
        f"{summary.rows:,} purchases of {len(summary.days)} days, "
        f"{summary.first_day} to {summary.last_day} ({shift}{closed}), {summary.bytes / 1e6:.1f} MB."
    )


def put_with_progress(
    access: Access, files: Sequence[TicketFile], standing: Mapping[str, Standing], progress: Progress
) -> list[str]:
    """Upload files in the place of what stands under their keys; returns the ids of their receipts.

    A file that meanwhile has another state in the bucket than `standing` says is left alone.
    """
    bar = progress.add_task("files put into S3", total=len(files))
    receipts = []
    for file in files:
        receipts.append(put_ticket_file(access, file, standing.get(file.key)))
        progress.advance(bar)
    return receipts
