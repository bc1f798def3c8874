"""History of a ticket file: every version that the bucket, the ledger or the graph knows."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline_assets.events.receipt import Receipt
from pipeline_assets.graph.lookups import LoadPlace, loads_of_object
from pipeline_assets.operations.versions import StoredVersion, listed_versions, version_id_of
from pipeline_assets.tickets.stores import TicketStores


@dataclass(frozen=True, slots=True)
class KnownVersion:
    """One version of a file: what the bucket (None: it is not there any more), the ledger and the graph know of it."""

    id: str
    stored: StoredVersion | None
    receipt: Receipt | None
    load: LoadPlace | None

    @property
    def stamp(self) -> str:
        """Its place in the order of versions; where nobody has worked on it yet, when it was stored."""
        if self.receipt:
            return self.receipt.source.stamp
        return self.load.stamp if self.load else self.stored.stored_at if self.stored else ""

    @property
    def version_id(self) -> str:
        """The bucket's own name for it; empty where only the graph still knows of it."""
        return self.stored.version_id if self.stored else self.receipt.version.version_id if self.receipt else ""


def known_versions(stores: TicketStores, bucket: str, key: str) -> tuple[list[KnownVersion], bool]:
    """Look up the versions of a file.

    Parameters
    ----------
    stores
        Stores of the ticket flow.
    bucket, key
        The file.

    Returns
    -------
    list of KnownVersion
        Oldest first. One that is gone from the bucket and was lost to the graph is known only where it is the newest
        that was taken.
    bool
        Whether the file is deleted in its bucket.
    """
    listed = list(listed_versions(stores.storage.bucket(bucket), key))
    stored = {version_id_of(bucket, key, each.version_id): each for each in listed if not each.marker}
    loads = {load.id: load for load in loads_of_object(stores.graph, f"s3://{bucket}/{key}")}
    newest = stores.ledger.newest(f"s3://{bucket}/{key}")
    ids = {*stored, *loads, *([newest.id] if newest else [])}
    known = [KnownVersion(each, stored.get(each), stores.ledger.receipt(each), loads.get(each)) for each in ids]
    return sorted(known, key=lambda each: each.stamp), any(each.marker and each.latest for each in listed)
