"""`cesta compras` and `cesta load compras`: sample purchases in their table, and the feed of their changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.commands import DaysOption
from deploy.cli.console import number_of, say
from deploy.cli.deployment import access_to
from deploy.cli.loading import OriginalDatesOption
from deploy.cli.progress import bars
from deploy.local.instance import Instance
from deploy.samples.compras import EACH, TENANTS, sample_compras, unlike_held, write_compras
from deploy.samples.compras_changes import ROUND_SECONDS
from pipeline_assets.compras.stores import FLOW
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.operations.access import Access
from pipeline_assets.operations.following import PATIENCE_SECONDS, NotThroughError
from pipeline_assets.operations.status import FlowStatus, flow_status

if TYPE_CHECKING:
    from rich.progress import Progress

_LOOK_SECONDS = 0.5


def pause(instance: Instance) -> None:
    """Let the purchases be; they do not change by themselves when an instance is new."""
    access_to(instance)
    let_be(instance)
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
    say(f"{number_of(number, 'purchase')} of {', '.join(TENANTS)} put into the table {access.table(FLOW)}.")
    if number < each * len(TENANTS):
        say(f"{each * len(TENANTS) - number:,} were there already and stay as they are.", style="yellow")


def put_sample(access: Access, days: int, progress: Progress, *, each: int = EACH, original_dates: bool = False) -> int:
    """Write the sample purchases into their table, with a bar; returns how many were not there as they are."""
    items = sample_compras(days, each, weeks_moved=not original_dates)
    changed = unlike_held(access.dynamodb, access.table(FLOW), items)
    bar = progress.add_task("purchases", total=len(items), completed=len(items) - len(changed))
    return write_compras(access.dynamodb, access.table(FLOW), changed, written=lambda more: progress.advance(bar, more))


def put_and_follow(
    access: Access,
    days: int,
    progress: Progress,
    *,
    each: int = EACH,
    original_dates: bool = False,
    check: Callable[[], None],
) -> FlowStatus:
    """Write the sample purchases and wait until each change is a document; each look calls `check`, which may raise.

    Nobody else may change purchases meanwhile: changes are counted, not told apart.
    """
    ledger = Ledger(access.dynamodb, access.table("ledger"))
    before = ledger.totals(FLOW).counts.received
    number = put_sample(access, days, progress, each=each, original_dates=original_dates)
    bar = progress.add_task("changes as documents", total=number)
    done, moved = 0, time.monotonic()
    while done < number:
        check()
        time.sleep(_LOOK_SECONDS)
        now = ledger.totals(FLOW).counts.received - before
        if now > done:
            done, moved = now, time.monotonic()
            progress.update(bar, completed=done)
        elif time.monotonic() - moved > PATIENCE_SECONDS:
            raise NotThroughError(
                f"{number - done:,} changes of purchases do not come through: `cesta doctor` says why."
            )
    return flow_status(access, FLOW)


def let_change(instance: Instance) -> None:
    """Let the feed of an instance run, now or from its next start on."""
    instance.compras_feed_file.touch()


def let_be(instance: Instance) -> None:
    """Let the feed of an instance wait."""
    instance.compras_feed_file.unlink(missing_ok=True)
