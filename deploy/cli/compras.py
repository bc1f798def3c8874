"""`cesta compras` and `cesta load compras`: sample purchases in their table, and the feed of their changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.commands import DaysOption
from deploy.cli.console import say
from deploy.cli.deployment import access_to
from deploy.cli.loading import OriginalDatesOption
from deploy.cli.progress import bars
from deploy.local.instance import Instance
from deploy.samples.compras import EACH, TENANTS, sample_compras, write_compras
from deploy.samples.compras_changes import ROUND_SECONDS
from pipeline_assets.operations.access import Access

if TYPE_CHECKING:
    from rich.progress import Progress


def pause(instance: Instance) -> None:
    """Let the purchases be; they do not change by themselves when an instance is new."""
    access_to(instance)
    instance.compras_feed_file.unlink(missing_ok=True)
    say("The feed of purchases is paused: none changes by itself any more.")


def resume(instance: Instance) -> None:
    """Let purchases come, change and go."""
    access_to(instance)
    let_change(instance)
    say(f"The feed of purchases runs: a change every {ROUND_SECONDS} seconds, until `cesta compras pause`.")


def load_compras(
    instance: Instance,
    *,
    days: DaysOption = 14,
    each: Annotated[int, typer.Option("--each", min=1, max=20_000, help="Purchases of each tenant.")] = EACH,
    original_dates: OriginalDatesOption = False,
) -> None:
    """Write sample purchases of three tenants into their table, as a shop's back end would."""
    access = access_to(instance)
    with bars() as progress:
        number = put_sample(access, days, progress, each=each, original_dates=original_dates)
    say(f"{number:,} purchases of {', '.join(TENANTS)} put into the table {access.table('compras')}.")


def put_sample(access: Access, days: int, progress: Progress, *, each: int = EACH, original_dates: bool = False) -> int:
    """Write the sample purchases into their table, with a bar; returns how many."""
    items = sample_compras(days, each, weeks_moved=not original_dates)
    bar = progress.add_task("purchases", total=len(items))
    return write_compras(
        access.dynamodb, access.table("compras"), items, written=lambda more: progress.advance(bar, more)
    )


def let_change(instance: Instance) -> None:
    """Let the feed of an instance run, now or from its next start on."""
    instance.compras_feed_file.touch()
