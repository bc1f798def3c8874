"""Object versions as a bucket lists them get places in the order that no newer version is overtaken by."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.events.stored_objects import current_versions, stored_versions
from pipeline_assets.operations.versions import listed_versions
from pipeline_assets.privacy.leaks import scan_bucket
from pipeline_assets.storage.s3 import S3Bucket
from tests.worlds.memory_storage import MemoryBucket

_START = datetime(2026, 11, 20, 10, tzinfo=UTC)


class Bucket:
    """Answers `list_object_versions` page by page, as S3 does: keys in order, of each the newest version first."""

    def __init__(self, *, page: int = 1000) -> None:
        self._page = page
        self._versions: list[dict[str, Any]] = []

    def put(self, key: str, moment: datetime, version_id: str) -> None:
        modified = moment.replace(microsecond=0)
        put = {"Key": key, "VersionId": version_id, "LastModified": modified, "ETag": '"e"', "Size": 1}
        self._versions.insert(0, put)
        self._versions.sort(key=lambda version: version["Key"].encode())

    def get_paginator(self, _: str) -> Bucket:
        return self

    def paginate(self, **_: object) -> list[dict[str, Any]]:
        starts = range(0, len(self._versions), self._page)
        return [{"Versions": self._versions[at : at + self._page]} for at in starts] or [{}]


def listed(bucket: Bucket, known: dict[str, ObjectVersion] | None = None) -> list[ObjectVersion]:
    return list(stored_versions(S3Bucket(cast("Any", bucket), "b"), lambda version: (known or {}).get(version.id)))


def test_versions_of_one_second_stay_in_the_order_of_the_listing() -> None:
    bucket = Bucket(page=2)
    for number in range(5):
        bucket.put("a.csv", _START, f"v{number}")
    found = listed(bucket)
    assert [version.version_id for version in found] == ["v0", "v1", "v2", "v3", "v4"]
    assert [version.stamp for version in found] == sorted({version.stamp for version in found})


def test_a_known_version_keeps_its_place_and_a_newer_one_of_the_same_second_comes_after_it() -> None:
    bucket = Bucket()
    for number in range(2):
        bucket.put("a.csv", _START, f"v{number}")
    event = replace(listed(bucket)[0], event_time=iso_utc(_START + timedelta(milliseconds=900)), sequencer="55AE")
    older, newer = listed(bucket, {event.id: event})
    assert older == event
    assert newer.stamp > event.stamp


def test_an_unknown_version_never_overtakes_a_newer_known_one() -> None:
    bucket = Bucket()
    for number in range(3):
        bucket.put("a.csv", _START, f"v{number}")
    newest = replace(listed(bucket)[2], event_time=iso_utc(_START - timedelta(seconds=3)), sequencer="0")
    found = listed(bucket, {newest.id: newest})
    assert found[2] == newest
    assert [version.stamp for version in found] == sorted({version.stamp for version in found})


def test_an_object_without_a_version_id_is_another_each_time_it_is_put() -> None:
    first, second = Bucket(), Bucket()
    first.put("a.csv", _START, "null")
    second.put("a.csv", _START + timedelta(seconds=1), "null")
    assert listed(first)[0].version_id == ""
    assert listed(first)[0].id != listed(second)[0].id


def test_what_is_no_data_does_not_come_and_is_told() -> None:
    bucket = Bucket()
    told: list[ObjectVersion] = []
    for number, key in enumerate(["2026/", "_SUCCESS", "a.csv", "out/_temporary/0/a.csv", "z/.a.csv.crc"]):
        bucket.put(key, _START, f"v{number}")
    found = stored_versions(S3Bucket(cast("Any", bucket), "b"), lambda _: None, leave_alone=told.append)
    assert [version.key for version in found] == ["a.csv"]
    assert [version.key for version in told] == ["2026/", "_SUCCESS", "out/_temporary/0/a.csv", "z/.a.csv.crc"]


@given(st.integers(0, 10**6))
def test_whatever_is_known_the_order_of_every_key_is_that_of_the_listing(seed: int) -> None:
    dice = random.Random(seed)
    bucket, moment, events = Bucket(page=dice.randint(1, 4)), _START, {}
    for number in range(dice.randint(1, 12)):
        moment += timedelta(milliseconds=dice.choice([1, 30, 400, 1500]))
        key, version_id = dice.choice(["a.csv", "a.csv", "b.csv"]), f"v{number}"
        bucket.put(key, moment, version_id)
        event_time = iso_utc(moment + timedelta(milliseconds=dice.choice([0, 1])))
        event = ObjectVersion("b", key, version_id, "e", 1, event_time, f"{0x55AE0000 + number * 7:018X}")
        events[event.id] = event
    known = {event_id: event for event_id, event in events.items() if dice.random() < 0.5}
    found = listed(bucket, known)
    assert len(found) == len(events)
    assert all(known.get(version.id, version) == version for version in found)
    for key in ("a.csv", "b.csv"):
        stamps = [version.stamp for version in found if version.key == key]
        assert stamps == sorted(set(stamps))


def test_the_current_versions_are_those_that_stand() -> None:
    bucket = MemoryBucket("b")
    for key in ("a/1", "a/2", "a/3", "b/1"):
        bucket.put(key, b"old")
    newer = bucket.put("a/2", b"newer")
    bucket.delete("a/3")
    first, second = current_versions(bucket, "a/")
    assert (first.key, first.bucket, first.size, first.sequencer) == ("a/1", "b", 3, "")
    assert (second.key, second.version_id, second.etag, second.size) == ("a/2", newer.version_id, newer.etag, 5)


def test_the_versions_of_one_object_are_told_with_its_deletion() -> None:
    bucket = MemoryBucket("b")
    ids = [bucket.put("a.csv", body).version_id for body in (b"1", b"22")]
    bucket.put("a.csv.gz", b"x")
    bucket.delete("a.csv")
    marker, *versions = listed_versions(bucket, "a.csv")
    assert (marker.marker, marker.latest, marker.size) == (True, True, 0)
    assert [(each.version_id, each.size, each.latest) for each in versions] == [(ids[1], 2, False), (ids[0], 1, False)]
    assert marker.stored_at > versions[0].stored_at > versions[1].stored_at


def test_a_scan_looks_into_all_that_was_ever_put_and_its_metadata() -> None:
    bucket, card = MemoryBucket("b"), "4111111111111111"
    bucket.put("a", f"paid with {card}".encode())
    bucket.put("a", b"nothing")
    bucket.put("b", b"nothing", metadata={"by": f"card {card}"})
    bucket.delete("a")
    assert sorted(finding.place for finding in scan_bucket(bucket)) == ["s3://b/a", "s3://b/b"]
    assert [finding.place for finding in scan_bucket(bucket, prefix="b")] == ["s3://b/b"]
