"""`cesta stocks` and `cesta load stocks`: the market's schedule paused and resumed, and its last minutes by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.console import say
from deploy.cli.deployment import access_to
from deploy.cli.progress import bars
from deploy.local.instance import Instance
from pipeline_assets.operations.access import Access
from pipeline_assets.stocks.feed import SEED, WrittenMinute, write_minute

if TYPE_CHECKING:
    from rich.progress import Progress


def pause(instance: Instance) -> None:
    """Stop the market's schedule; it is paused when an instance is new."""
    # A minute that is being written is written to its end.
    access = access_to(instance)
    access.client("events").disable_rule(Name=_rule(access))
    say("The market's schedule is paused: no more files come by themselves.")


def resume(instance: Instance) -> None:
    """Let the market write fifty files a minute."""
    access = access_to(instance)
    access.client("events").enable_rule(Name=_rule(access))
    say("The market's schedule runs: 50 files a minute, 72,000 a day, until `cesta stocks pause`.")


def load_stocks(
    instance: Instance,
    *,
    minutes: Annotated[int, typer.Option("--minutes", min=1, max=1440, help="Whole minutes, up to now.")] = 5,
    seed: Annotated[int, typer.Option("--seed", help="Which synthetic market.")] = SEED,
) -> None:
    """Write the last minutes of the synthetic market into the stock bucket, as its schedule would."""
    access = access_to(instance)
    with bars() as progress:
        written = write_minutes(access, minutes, progress, seed=seed)
    put, there = sum(each.put for each in written), sum(each.there for each in written)
    rows = sum(each.rows for each in written)
    say(f"{put:,} files with {rows:,} prices put into the bucket {access.bucket('stocks')}.")
    if there:
        say(f"{there:,} files were there already and stay as they are.", style="yellow")


def write_minutes(access: Access, minutes: int, progress: Progress, *, seed: int = SEED) -> list[WrittenMinute]:
    """Write the files of the last whole minutes, at least one and oldest first, with a bar; returns what each put."""
    newest = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=1)
    bar = progress.add_task("minutes of the market", total=minutes)
    written: list[WrittenMinute] = []
    for ago in range(minutes - 1, -1, -1):
        written.append(write_minute(access.open_bucket("stocks"), newest - timedelta(minutes=ago), seed=seed))
        progress.advance(bar)
    return written


def _rule(access: Access) -> str:
    """The name of the schedule's rule."""
    return str(access.document["rules"]["generator"])
