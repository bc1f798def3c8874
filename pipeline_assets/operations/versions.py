"""Versions of an object as its bucket lists them, deletions included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.sources import ObjectVersion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline_assets.storage.bucket import Bucket


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """Version of an object as its bucket lists it.

    Parameters
    ----------
    version_id
        Empty in a bucket without versions.
    stored_at
        ISO-8601, UTC.
    size
        Bytes.
    latest
        Whether it is the current one.
    marker
        Whether it is a deletion.
    """

    version_id: str
    stored_at: str
    size: int
    latest: bool
    marker: bool


def split_uri(name: str, bucket: str) -> tuple[str, str]:
    """Bucket and key of ``s3://bucket/key``, or of a key in `bucket`."""
    if name.startswith("s3://"):
        bucket, _, key = name.removeprefix("s3://").partition("/")
        return bucket, key
    return bucket, name


def version_id_of(bucket: str, key: str, version_id: str) -> str:
    """Id of the receipt that a version of an object has or will have.

    Parameters
    ----------
    bucket, key, version_id
        The object version.

    Returns
    -------
    str
        32 hexadecimal digits.
    """
    return ObjectVersion(bucket, key, version_id, "", 0, "", "").id


def listed_versions(bucket: Bucket, key: str) -> Iterator[StoredVersion]:
    """List all versions of an object.

    Parameters
    ----------
    bucket
        Bucket of the object.
    key
        Its key.

    Yields
    ------
    StoredVersion
        Newest first.

    Raises
    ------
    TransientError
        The bucket cannot be listed.
    """
    for listed in bucket.versions_of(key):
        yield StoredVersion(listed.version_id, iso_utc(listed.modified), listed.size, listed.latest, listed.marker)
