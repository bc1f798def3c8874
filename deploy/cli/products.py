"""`cesta load products`: sample products of three tenants in their table."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final

import typer

from deploy.cli.commands import DaysOption
from deploy.cli.compras import followed
from deploy.cli.console import number_of, say
from deploy.cli.deployment import access_to
from deploy.cli.loading import OriginalDatesOption
from deploy.cli.progress import bars
from deploy.local.instance import Instance
from deploy.samples.compras import TENANTS, sample_compras, unlike_held, write_items
from deploy.samples.products import EACH, sample_products
from pipeline_assets.operations.access import Access
from pipeline_assets.operations.status import FlowStatus, flow_status

if TYPE_CHECKING:
    from rich.progress import Progress

#: The table, by its name among the outputs, the names of its key attributes, and the flow that its stream feeds.
TABLE: Final = "products"
_KEY: Final = ("tenant_id", "codigo")
FLOW: Final = "products-search"


def load_products(
    instance: Instance,
    *,
    days: DaysOption = 14,
    each: Annotated[int, typer.Option("--each", min=1, max=20_000, help="Products of each tenant.")] = EACH,
    original_dates: OriginalDatesOption = False,
) -> None:
    """Write sample products of three tenants into their table: those of the purchases of so many days, and others."""
    access = access_to(instance)
    with bars() as progress:
        number = _put_sample(access, days, progress, each=each, original_dates=original_dates)
    say(f"{number_of(number, 'product')} of {', '.join(TENANTS)} put into the table {access.table(TABLE)}.")
    if number < each * len(TENANTS):
        say(f"{each * len(TENANTS) - number:,} were there already and stay as they are.", style="yellow")


def put_and_index(
    access: Access, days: int, progress: Progress, *, original_dates: bool, check: Callable[[], None]
) -> FlowStatus:
    """Write the sample products and wait until each change is in the index; each look calls `check`, which may raise.

    Nobody else may change products meanwhile: changes are counted, not told apart.
    """
    with followed(access, FLOW, "products in the index", progress, check) as put:
        put(_put_sample(access, days, progress, each=EACH, original_dates=original_dates))
    return flow_status(access, FLOW)


def _put_sample(access: Access, days: int, progress: Progress, *, each: int, original_dates: bool) -> int:
    """Write the sample products into their table, with a bar; returns how many were not there as they are."""
    items = sample_products(sample_compras(days, weeks_moved=not original_dates), each)
    changed = unlike_held(access.dynamodb, access.table(TABLE), items, _KEY)
    bar = progress.add_task("products", total=len(items), completed=len(items) - len(changed))
    return write_items(access.dynamodb, access.table(TABLE), changed, written=lambda more: progress.advance(bar, more))
