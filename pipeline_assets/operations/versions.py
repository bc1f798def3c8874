"""The versions of one object as its bucket lists them, deletions included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets.errors import TransientError
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.sources import ObjectVersion

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


def split_uri(name: str, bucket: str) -> tuple[str, str]:
    """Bucket and key of ``s3://bucket/key``, or of a key in `bucket`."""
    if name.startswith("s3://"):
        bucket, _, key = name.removeprefix("s3://").partition("/")
        return bucket, key
    return bucket, name


def version_id_of(bucket: str, key: str, version_id: str) -> str:
    """The id of the receipt that a version of an object has or will have."""
    return ObjectVersion(bucket, key, version_id, "", 0, "", "").id


def listed_versions(s3: S3Client, bucket: str, key: str) -> Iterator[StoredVersion]:
    """All versions of an object, newest first; raises `TransientError` when the bucket cannot be listed."""
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
        raise TransientError(message, object_uri=f"s3://{bucket}/{key}") from error


def _stored(entry: ObjectVersionTypeDef | DeleteMarkerEntryTypeDef) -> StoredVersion:
    version = entry["VersionId"]
    return StoredVersion(
        "" if version == "null" else version,
        iso_utc(entry["LastModified"]),
        int(str(entry.get("Size", 0))),
        entry["IsLatest"],
        "Size" not in entry,
    )
