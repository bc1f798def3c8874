"""`cesta stocks` and `cesta load stocks`: the market's schedule paused and resumed, and its last minutes by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from deploy.cli.console import say
from deploy.cli.loading import access_to, bars
from deploy.local.access import Access
from deploy.local.instance import Instance
from pipeline_assets.stocks.feed import SEED, write_minute


def pause(instance: Instance) -> None:
    """Stop the schedule; a minute that is being written is written to its end."""
    access = access_to(instance)
    access.client("events").disable_rule(Name=_rule(access))
    say("The market's schedule is paused: no more files come by themselves.")


def resume(instance: Instance) -> None:
    """Let the schedule run."""
    access = access_to(instance)
    access.client("events").enable_rule(Name=_rule(access))
    say("The market's schedule runs: 50 files a minute, 72,000 a day, until `cesta stocks pause`.")


def load_stocks(instance: Instance, minutes: int, *, seed: int = SEED) -> None:
    """Write the files of the last whole minutes, oldest first; minutes that are there are left alone."""
    access = access_to(instance)
    bucket = access.bucket("stocks")
    newest = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=1)
    put = there = rows = 0
    with bars() as progress:
        bar = progress.add_task("minutes of the market", total=minutes)
        for ago in range(minutes - 1, -1, -1):
            written = write_minute(access.s3, bucket, newest - timedelta(minutes=ago), seed=seed)
            put, there, rows = put + written.put, there + written.there, rows + written.rows
            progress.advance(bar)
    say(f"{put:,} files with {rows:,} prices put into the bucket {bucket}.")
    if there:
        say(f"{there:,} files were there already and stay as they are.", style="yellow")


def _rule(access: Access) -> str:
    """The name of the schedule's rule."""
    return str(access.document["rules"]["generator"])
