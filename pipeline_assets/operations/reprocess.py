"""Reprocessing of a partition: its objects by today's code."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from pipeline_assets.events.accounts import PartitionAccount
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.sources import ObjectVersion


def _silent(_: str) -> None:
    return


@dataclass(frozen=True, slots=True)
class PartitionReload:
    """Outcome of the reprocessing of a partition.

    Parameters
    ----------
    receipts
        Receipts of its objects.
    counts
        Rows of these that are of the partition.
    state
        Account of the partition afterwards.
    size
        Bytes of the objects.
    seconds
        How long it took.
    """

    receipts: tuple[Receipt, ...]
    counts: Counts
    state: PartitionAccount
    size: int
    seconds: float


def reload_partition(
    asset: str,
    partition: str,
    ledger: Ledger,
    redo: Callable[[ObjectVersion], Receipt],
    *,
    progress: Callable[[str], None] = _silent,
) -> PartitionReload:
    """Reprocess every object of a partition, in the order of their stamps, and add the partition up anew.

    Parameters
    ----------
    asset, partition
        Key of the asset, with slashes, and the partition.
    ledger
        Where its objects are known.
    redo
        Brings one object version in again.
    progress
        Called with a line for each object.

    Returns
    -------
    PartitionReload
        What came of it.
    """
    started = time.monotonic()
    receipts: list[Receipt] = []
    sources = ledger.sources(asset, partition)
    versions = [source for source in sources if isinstance(source, ObjectVersion)]
    for number, version in enumerate(versions, 1):
        receipt = redo(version)
        receipts.append(receipt)
        progress(
            f"{asset} {partition}: {number} of {len(versions)} objects, {receipt.counts.received} rows: {version.key}"
        )
    ledger.mend(asset, partition)
    return PartitionReload(
        receipts=tuple(receipts),
        counts=sum((_of_partition(receipt, asset, partition) for receipt in receipts), Counts()),
        state=ledger.account(asset, partition),
        size=sum(receipt.size for receipt in receipts),
        seconds=time.monotonic() - started,
    )


def _of_partition(receipt: Receipt, asset: str, partition: str) -> Counts:
    parts = (part.counts for part in receipt.partitions if (part.asset, part.partition) == (asset, partition))
    return sum(parts, Counts())
