"""Which object versions a partition of an asset is made of, kept in the ledger's table.

Items, by partition key and sort key:

- ``partition#<asset>#<partition>`` / ``<receipt id>``: an object version and its counts in this partition;
- ``versions#<hash of the object's uri>`` / ``<stamp>``: the newest version of an object that has a receipt.

A newer version of an object takes the older one out of the partitions it was part of, other than those of arrival. The
partition items are put first, then the version is made known, then the others are looked at: of two versions that are
recorded at the same time at least one sees the other, and both would do the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.events.table import Item, Table, key


@dataclass(frozen=True, slots=True)
class PartitionAccount:
    """What a partition holds: the sum of its object versions' rows by outcome, and the ids of their receipts."""

    counts: Counts
    receipt_ids: tuple[str, ...]


class Partitions:
    """The partitions that receipts name."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def put(self, receipt: Receipt) -> None:
        """Make a receipt's object version part of the partitions it names, unless a newer version has replaced it."""
        source = {"S": json.dumps(receipt.source.as_dict(), ensure_ascii=False)}
        self._table.put_all(
            _key(part, receipt) | {"source": source, "counts": {"S": json.dumps(part.counts.as_dict())}}
            for part in receipt.partitions
            if part.partition
        )
        if _decides(receipt):
            self._replace(receipt)
        else:
            # It may have been the newest version by an earlier run.
            self._table.delete_all([key(_versions(receipt.source.uri), receipt.source.stamp)])

    def drop(self, receipt: Receipt, *, kept: Iterable[PartitionCounts]) -> None:
        """Take a receipt's object version out of the partitions that `kept` does not name."""
        places = {(part.asset, part.partition) for part in kept}
        gone = (part for part in receipt.partitions if (part.asset, part.partition) not in places)
        self._table.delete_all(_key(part, receipt) for part in gone)

    def objects(self, asset: str, partition: str) -> list[ObjectVersion]:
        """The object versions a partition is made of, in the order of their stamps."""
        items = self._table.query(_pk(asset, partition))
        return sorted((ObjectVersion.from_dict(json.loads(item["source"]["S"])) for item in items), key=_by_stamp)

    def account(self, asset: str, partition: str) -> PartitionAccount:
        """What a partition holds now."""
        items = list(self._table.query(_pk(asset, partition), only="sk, counts"))
        counts = sum((Counts(**json.loads(item["counts"]["S"])) for item in items), Counts())
        return PartitionAccount(counts, tuple(item["sk"]["S"] for item in items))

    def recount(self, asset: str, partition: str, counts: Mapping[str, Counts]) -> None:
        """Set what object versions count in a partition, by the ids of their receipts; nothing, where none is given.

        None is added to the partition by it. Of several workers the last one wins: whoever is not sure to know best has
        to look again afterwards.
        """
        pk = _pk(asset, partition)
        for item in self._table.query(pk, only="sk, counts"):
            now = json.dumps(counts.get(item["sk"]["S"], Counts()).as_dict())
            if item["counts"]["S"] != now:
                self._table.change(pk, item["sk"]["S"], "counts", {"S": now})

    def newest(self, uri: str) -> Receipt | None:
        """The receipt of the newest version of an object that was not refused, or None while there is none."""
        found = list(self._table.query(_versions(uri)))
        return Receipt.unpacked(found[-1]["body"]["B"]) if found else None

    def _replace(self, receipt: Receipt) -> None:
        versions = _versions(receipt.source.uri)
        self._table.put_all([key(versions, receipt.source.stamp) | {"body": {"B": receipt.packed()}}])
        *replaced, newest = (Receipt.unpacked(item["body"]["B"]) for item in self._table.query(versions))
        self._table.delete_all(
            _key(part, older)
            for older in replaced
            for part in older.partitions
            if not part.of_arrival and older.id != newest.id
        )
        self._table.delete_all(key(versions, older.source.stamp) for older in replaced)


def _decides(receipt: Receipt) -> bool:
    """Whether a version decides what its object holds: part of it was taken, or it has rows and was not refused."""
    taken = any(not part.of_arrival for part in receipt.partitions)
    return taken or bool(receipt.counts.received and not receipt.refused)


def _key(part: PartitionCounts, receipt: Receipt) -> Item:
    return key(_pk(part.asset, part.partition), receipt.id)


def _pk(asset: str, partition: str) -> str:
    return f"partition#{asset}#{partition}"


def _versions(uri: str) -> str:
    return f"versions#{hashlib.sha256(uri.encode()).hexdigest()[:32]}"


def _by_stamp(version: ObjectVersion) -> str:
    return version.stamp
