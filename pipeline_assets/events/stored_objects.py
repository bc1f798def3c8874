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

from msgspec.structs import replace

from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.names import is_left_alone
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.storage.bucket import Bucket, ListedVersion


def _in_silence(_: ObjectVersion) -> None:
    return


def stored_versions(
    bucket: Bucket,
    known: Callable[[ObjectVersion], ObjectVersion | None],
    prefix: str = "",
    leave_alone: Callable[[ObjectVersion], None] = _in_silence,
) -> Iterator[ObjectVersion]:
    """List every version of every object below a prefix, without deletions, each in its place in the order.

    The listing is not one moment: what is put meanwhile may be in it or not. Objects without a version id come as well,
    but an event names their versions otherwise than a listing can: `known` does not find them.

    Parameters
    ----------
    bucket
        The bucket.
    known
        Gives a version as it was first announced (its receipt's source, say), or None. It is asked by the `id` alone,
        which for a versioned object depends on no time.
    prefix
        Beginning of the keys.
    leave_alone
        Told of what is no data by its name, and so does not come.

    Yields
    ------
    ObjectVersion
        By key, of one key the oldest first.

    Raises
    ------
    TransientError
        The bucket cannot be listed.
    """
    for key, versions in groupby(_listed(bucket, prefix), key=attrgetter("key")):
        listed = list(versions)[::-1]
        if is_left_alone(key):
            for version in listed:
                leave_alone(version)
        else:
            yield from _placed([(version, known(version)) for version in listed])


def current_versions(bucket: Bucket, prefix: str) -> list[ObjectVersion]:
    """List the current version of every object below a prefix.

    Parameters
    ----------
    bucket
        The bucket.
    prefix
        Beginning of the keys.

    Returns
    -------
    list of ObjectVersion
        In the order of their keys. Times are those of the listing; ids are those of the events where the bucket keeps
        versions.

    Raises
    ------
    TransientError
        The bucket cannot be listed.
    """
    versions = bucket.versions(prefix)
    return [_as_listed(bucket.name, each, "") for each in versions if each.latest and not each.marker]


def _listed(bucket: Bucket, prefix: str) -> Iterator[ObjectVersion]:
    """The versions by key, the newest first."""
    for version in bucket.versions(prefix):
        if not version.marker:
            # Far below any sequencer of S3, so that of one moment an event is the later; other for each time put.
            yield _as_listed(bucket.name, version, f"{int(version.modified.timestamp() * 1000):X}")


def _as_listed(bucket: str, version: ListedVersion, sequencer: str) -> ObjectVersion:
    return ObjectVersion(
        bucket=bucket,
        key=version.key,
        version_id=version.version_id,
        etag=version.etag,
        size=version.size,
        event_time=iso_utc(version.modified),
        sequencer=sequencer,
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
