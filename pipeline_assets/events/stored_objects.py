"""The object versions that a bucket holds, each in the place that its event had, or would have had, in the order.

A listing knows no event: it tells when a version was last modified, to the second on S3, and lists the versions of a
key newest first. A version that is known already keeps the place it was known by. Any other gets its last-modified
time and, where that does not do, the nearest place that leaves the versions of its key in the order of the listing: it
never overtakes a newer version, known or not, nor falls behind an older one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from msgspec.structs import replace

from pipeline_assets.errors import TransientError
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.names import is_left_alone
from pipeline_assets.events.sources import ObjectVersion

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectVersionTypeDef

_NO_VERSION = "null"


def _in_silence(_: ObjectVersion) -> None:
    return


def stored_versions(
    s3: S3Client,
    bucket: str,
    known: Callable[[ObjectVersion], ObjectVersion | None],
    prefix: str = "",
    leave_alone: Callable[[ObjectVersion], None] = _in_silence,
) -> Iterator[ObjectVersion]:
    """Every version of every object below a prefix, delete markers left out: keys in order, oldest versions first.

    `known` gives a version as it was first announced (its receipt's source, say), or None. It is asked by the `id`
    alone, which for a versioned object depends on no time. Objects without a version id come as well, but an event
    names their versions otherwise than a listing can: `known` does not find them. What is no data by its name does not
    come; `leave_alone` is told of it.

    The listing is not one moment: what is put meanwhile may be in it or not. Raises `TransientError` when the bucket
    cannot be listed.
    """
    for key, versions in groupby(_listed(s3, bucket, prefix), key=attrgetter("key")):
        listed = list(versions)[::-1]
        if is_left_alone(key):
            for version in listed:
                leave_alone(version)
        else:
            yield from _placed([(version, known(version)) for version in listed])


def _listed(s3: S3Client, bucket: str, prefix: str) -> Iterator[ObjectVersion]:
    """The versions as S3 lists them: by key, the newest first; those of one key may come on several pages."""
    try:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
            for version in page.get("Versions", []):
                yield _as_listed(bucket, version)
    except (BotoCoreError, ClientError) as error:
        raise TransientError(f"the bucket {bucket} could not be listed: {error}") from error


def _as_listed(bucket: str, version: ObjectVersionTypeDef) -> ObjectVersion:
    version_id = version.get("VersionId") or _NO_VERSION
    modified = version["LastModified"]
    return ObjectVersion(
        bucket=bucket,
        key=version["Key"],
        version_id="" if version_id == _NO_VERSION else version_id,
        etag=version["ETag"].strip('"'),
        size=version["Size"],
        event_time=iso_utc(modified),
        # Far below any sequencer of S3, so that of one moment an event is the later; other for each time put.
        sequencer=f"{int(modified.timestamp() * 1000):X}",
    )


def _placed(versions: Iterable[tuple[ObjectVersion, ObjectVersion | None]]) -> list[ObjectVersion]:
    """The versions of one key, oldest first, as they are known or with a place between their neighbours."""
    rising: list[tuple[ObjectVersion, bool]] = []
    floor: ObjectVersion | None = None
    for listed, known in versions:
        version = known or (_after(listed, floor) if floor and listed.stamp <= floor.stamp else listed)
        rising.append((version, known is None))
        floor = version if floor is None or version.stamp > floor.stamp else floor
    placed: list[ObjectVersion] = []
    # Where events contradict the listing, a version that no event is known of gives way to the newer ones.
    ceiling: ObjectVersion | None = None
    for version, free in reversed(rising):
        settled = _before(version, ceiling) if free and ceiling and version.stamp >= ceiling.stamp else version
        placed.append(settled)
        ceiling = settled if ceiling is None or settled.stamp < ceiling.stamp else ceiling
    return placed[::-1]


def _after(version: ObjectVersion, floor: ObjectVersion) -> ObjectVersion:
    return replace(version, event_time=floor.event_time, sequencer=f"{_number(floor) + 1:X}")


def _before(version: ObjectVersion, ceiling: ObjectVersion) -> ObjectVersion:
    if number := _number(ceiling):
        return replace(version, event_time=ceiling.event_time, sequencer=f"{number - 1:X}")
    earlier = datetime.fromisoformat(ceiling.event_time) - timedelta(milliseconds=1)
    return replace(version, event_time=iso_utc(earlier))


def _number(version: ObjectVersion) -> int:
    return int(version.sequencer or "0", 16)
