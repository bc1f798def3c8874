"""`cesta compras` and `cesta load compras`: sample purchases in their table, and the feed of their changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

from deploy.cli.commands import DaysOption
from deploy.cli.console import number_of, say
from deploy.cli.deployment import access_to
from deploy.cli.loading import OriginalDatesOption
from deploy.cli.progress import bars
from deploy.local.instance import Instance
from deploy.samples.compras import EACH, TENANTS, sample_compras, unlike_held, write_items
from deploy.samples.compras_changes import ROUND_SECONDS
from deploy.samples.product_changes import EVERY
from pipeline_assets.compras.stores import FLOW
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.operations.access import Access
from pipeline_assets.operations.following import PATIENCE_SECONDS, NotThroughError
from pipeline_assets.operations.status import FlowStatus, flow_status

if TYPE_CHECKING:
    from rich.progress import Progress

#: The other flow that the stream of purchases feeds.
SEARCH_FLOW: Final = "compras-search"
_LOOK_SECONDS = 0.5


def pause(instance: Instance) -> None:
    """Let purchases and products be; they do not change by themselves when an instance is new."""
    access_to(instance)
    let_be(instance)
    say("The feed is paused: no purchase and no product changes by itself any more.")


def resume(instance: Instance) -> None:
    """Let purchases and products come, change and go."""
    access_to(instance)
    let_change(instance)
    say(
        f"The feed runs: a change of a purchase every {ROUND_SECONDS} seconds and of a product every "
        f"{ROUND_SECONDS * EVERY}, until `cesta compras pause`."
    )


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
    return write_items(access.dynamodb, access.table(FLOW), changed, written=lambda more: progress.advance(bar, more))


def put_and_follow(
    access: Access,
    days: int,
    progress: Progress,
    *,
    each: int = EACH,
    original_dates: bool = False,
    check: Callable[[], None],
) -> FlowStatus:
    """Write the sample purchases and wait until each change is a document and in the index; each look calls `check`.

    Nobody else may change purchases meanwhile: changes are counted, not told apart.
    """
    with (
        followed(access, SEARCH_FLOW, "purchases in the index", progress, check) as indexed,
        followed(access, FLOW, "changes as documents", progress, check) as put,
    ):
        number = put_sample(access, days, progress, each=each, original_dates=original_dates)
        put(number)
        indexed(number)
    return flow_status(access, FLOW)


@contextmanager
def followed(
    access: Access, flow: str, title: str, progress: Progress, check: Callable[[], None]
) -> Iterator[Callable[[int], None]]:
    """Wait at the end of the block until so many changes as it tells are through the flow of a stream.

    Each look calls `check`, which may raise. Nobody else may change the table meanwhile: changes are counted, not told
    apart. Raises `NotThroughError` when nothing comes through any more.
    """
    ledger = Ledger(access.dynamodb, access.table("ledger"))
    before, number = ledger.totals(flow).counts.received, 0

    def put(more: int) -> None:
        nonlocal number
        number += more

    yield put
    bar = progress.add_task(title, total=number)
    done, moved = 0, time.monotonic()
    while done < number:
        check()
        time.sleep(_LOOK_SECONDS)
        now = ledger.totals(flow).counts.received - before
        if now > done:
            done, moved = now, time.monotonic()
            progress.update(bar, completed=done)
        elif time.monotonic() - moved > PATIENCE_SECONDS:
            raise NotThroughError(f"{number - done:,} changes do not come through {flow}: `cesta doctor` says why.")


def let_change(instance: Instance) -> None:
    """Let the feed of an instance run, now or from its next start on."""
    instance.compras_feed_file.touch()


def let_be(instance: Instance) -> None:
    """Let the feed of an instance wait."""
    instance.compras_feed_file.unlink(missing_ok=True)
