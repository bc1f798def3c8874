"""The process of an instance that lets purchases and products change while it runs; a deployment on AWS has none.

It waits until a person lets it run, which the file `Instance.compras_feed_file` says, and again once that is gone.
"""

# ruff: noqa: PLC0415 - while it waits it needs none of the clients

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.local.instance import PROJECT, Instance, LocalStackError
from deploy.local.processes import inherited_environment, keep_to_this_machine

if TYPE_CHECKING:
    from deploy.local.supervisor import Child
    from deploy.samples.compras_changes import ChangingPurchases
    from deploy.samples.product_changes import ChangingProducts

_LOOK_SECONDS: Final = 1.0


def feed_child(instance: Instance) -> Child:
    """The process that changes purchases."""
    from deploy.local.supervisor import Child

    return Child(
        name="compras-feed",
        title="feed of purchases",
        command=(sys.executable, "-m", "deploy.local.compras_feed", str(instance.state)),
        environment=inherited_environment(),
        directory=PROJECT,
        log=instance.logs / "compras-feed.log",
        tier=2,
        is_ready=lambda: True,
        start_seconds=30,
        stop_seconds=10,
    )


def run(instance: Instance) -> None:
    """Change purchases and products as long as it is let run; what fails is said, and the next round tries again."""
    tables: tuple[ChangingPurchases, ChangingProducts] | None = None
    done = 0
    while True:
        time.sleep(_LOOK_SECONDS)
        if not instance.compras_feed_file.exists():
            tables = None
            continue
        from botocore.exceptions import BotoCoreError, ClientError

        from deploy.samples.compras_changes import ROUND_SECONDS
        from deploy.samples.product_changes import EVERY

        number = int(time.time()) // ROUND_SECONDS
        if number == done:
            continue
        done = number
        try:
            tables = tables or _open(instance)
            said = tables[0].change(number) or "there is no purchase to change"
            if number % EVERY == 0:
                said += "; " + (tables[1].change(number) or "there is no product to change")
        except (BotoCoreError, ClientError, LocalStackError) as error:
            tables, said = None, f"not now: {error}"
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {said}", flush=True)  # noqa: T201 - its log


def _open(instance: Instance) -> tuple[ChangingPurchases, ChangingProducts]:
    from deploy.local.outputs import read_outputs
    from deploy.samples.compras_changes import ChangingPurchases
    from deploy.samples.product_changes import ChangingProducts
    from pipeline_assets.operations.access import Access

    access = Access(read_outputs(instance))
    purchases = ChangingPurchases(access.dynamodb, access.table("compras"))
    products = ChangingProducts(access.dynamodb, access.table("products"))
    purchases.look()
    products.look()
    return purchases, products


if __name__ == "__main__":
    keep_to_this_machine()
    run(Instance.at(Path(sys.argv[1])))
