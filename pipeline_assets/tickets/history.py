"""Every version of one ticket file that the bucket, the ledger or the graph knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.object_version import ObjectVersion
from pipeline_assets.events.outcomes import TransientError
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.graph.whereabouts import LoadPlace, loads_of_object
from pipeline_assets.tickets.stores import TicketStores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import DeleteMarkerEntryTypeDef, ObjectVersionTypeDef


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version of an object as its bucket lists it; `marker` says that it is a deletion. `size` is in bytes."""

    version_id: str
    stored_at: str
    size: int
    latest: bool
    marker: bool


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
        return self.stored.version_id if self.stored else self.receipt.source.version_id if self.receipt else ""


def split_uri(name: str, bucket: str) -> tuple[str, str]:
    """Bucket and key of ``s3://bucket/key``, or of a key in `bucket`."""
    if name.startswith("s3://"):
        bucket, _, key = name.removeprefix("s3://").partition("/")
        return bucket, key
    return bucket, name


def known_versions(stores: TicketStores, bucket: str, key: str) -> tuple[list[KnownVersion], bool]:
    """The versions of a file, oldest first, and whether the file is deleted in its bucket.

    One that is gone from the bucket and was lost to the graph is known only where it is the newest that was taken.
    """
    listed = list(_listed(stores.s3, bucket, key))
    stored = {version_id_of(bucket, key, each.version_id): each for each in listed if not each.marker}
    loads = {load.id: load for load in loads_of_object(stores.graph.driver, f"s3://{bucket}/{key}")}
    newest = stores.ledger.newest(f"s3://{bucket}/{key}")
    ids = {*stored, *loads, *([newest.id] if newest else [])}
    known = [KnownVersion(each, stored.get(each), stores.ledger.receipt(each), loads.get(each)) for each in ids]
    return sorted(known, key=lambda each: each.stamp), any(each.marker and each.latest for each in listed)


def version_id_of(bucket: str, key: str, version_id: str) -> str:
    """The id of the receipt that a version of an object has or will have."""
    return ObjectVersion(bucket, key, version_id, "", 0, "", "").id


def _listed(s3: S3Client, bucket: str, key: str) -> Iterator[StoredVersion]:
    try:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
            entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            for entry in entries:
                if entry["Key"] == key:
                    yield _stored(entry)
            if entries and all(entry["Key"] > key for entry in entries):
                return  # keys come in order, and others may begin like this one
    except (BotoCoreError, ClientError) as error:
        message = f"the versions of s3://{bucket}/{key} could not be listed: {error}"
        raise TransientError(message, flow="tickets", object_uri=f"s3://{bucket}/{key}") from error


def _stored(entry: ObjectVersionTypeDef | DeleteMarkerEntryTypeDef) -> StoredVersion:
    version = entry["VersionId"]
    return StoredVersion(
        "" if version == "null" else version,
        iso_utc(entry["LastModified"]),
        int(str(entry.get("Size", 0))),
        entry["IsLatest"],
        "Size" not in entry,
    )
