"""Doing ticket work again: a partition from its objects, or everything the graph has lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.partitions import PartitionAccount
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.tickets.ingest import FLOW, ingest_object, restore_object
from pipeline_assets.tickets.stores import TicketStores


def _silent(_: str) -> None:
    return


@dataclass(frozen=True, slots=True)
class PartitionReload:
    """What working a partition's objects through again did: `counts` of this redo, `state` of the partition after it.

    `size` is in bytes.
    """

    receipts: tuple[Receipt, ...]
    counts: Counts
    state: PartitionAccount
    size: int
    seconds: float


def reload_partition(
    asset: str, partition: str, stores: TicketStores, *, progress: Callable[[str], None] = _silent
) -> PartitionReload:
    """Work every object of a partition through again, in the order of their stamps; the graph stays the same."""
    started = time.monotonic()
    receipts: list[Receipt] = []
    versions = stores.ledger.objects(asset, partition)
    for number, version in enumerate(versions, 1):
        receipt = ingest_object(version, stores, redo=True, report=False)
        receipts.append(receipt)
        progress(
            f"{asset} {partition}: {number} of {len(versions)} objects, {receipt.counts.received} rows: {version.key}"
        )
    return PartitionReload(
        receipts=tuple(receipts),
        counts=sum((_of_partition(receipt, asset, partition) for receipt in receipts), Counts()),
        state=stores.ledger.account(asset, partition),
        size=sum(receipt.size for receipt in receipts),
        seconds=time.monotonic() - started,
    )


def _of_partition(receipt: Receipt, asset: str, partition: str) -> Counts:
    parts = (part.counts for part in receipt.partitions if (part.asset, part.partition) == (asset, partition))
    return sum(parts, Counts())


@dataclass(frozen=True, slots=True)
class CatchUp:
    """What a catch-up found: `known` objects of the ledger, of which `restored` were not in the graph.

    `missing` ones are neither in the graph nor in S3 any more, and no newer version has replaced them: what they held
    is lost to the graph.
    """

    known: int
    restored: tuple[Receipt, ...]
    missing: tuple[Receipt, ...]
    seconds: float


def catch_up(stores: TicketStores, *, progress: Callable[[str], None] = _silent) -> CatchUp:
    """Bring every object that the ledger knows and the graph lacks into the graph; an empty graph is filled anew."""
    started = time.monotonic()
    stores.graph.ensure_schema()
    receipts = [receipt for receipt in stores.ledger.receipts(FLOW) if not receipt.refused]
    brought: list[Receipt] = []
    for number, receipt in enumerate(receipts, 1):
        load = stores.graph.load(receipt.source)
        if load is None or not load.done:
            brought.append(restore_object(receipt.source, stores, report=False))
            progress(f"{number} of {len(receipts)} objects: {brought[-1].refused or f'restored {receipt.source.key}'}")
    restored = tuple(receipt for receipt in brought if not receipt.refused)
    newest = {receipt.source.uri: receipt.id for receipt in receipts}
    missing = tuple(receipt for receipt in brought if receipt.refused and newest[receipt.source.uri] == receipt.id)
    return CatchUp(len(receipts), restored, missing, time.monotonic() - started)
