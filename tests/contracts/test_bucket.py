"""What every bucket promises, S3's as well as the one in memory that tests of logic use in its place."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from pipeline_assets.errors import TransientError
from pipeline_assets.storage.bucket import Bucket, GoneError, WithheldError
from pipeline_assets.storage.s3 import S3Bucket
from tests.worlds.memory_storage import MemoryBucket

if TYPE_CHECKING:
    from pipeline_assets.operations.access import Access

#: Fewer than most listings below have, so that they come on several pages.
PAGE = 2


@dataclass(frozen=True)
class Named:
    """A version as an event names it."""

    key: str
    version_id: str = ""
    etag: str = ""


def in_memory(_: pytest.FixtureRequest, *, versioned: bool) -> Bucket:
    return MemoryBucket("memory", versioned=versioned)


def on_s3(request: pytest.FixtureRequest, *, versioned: bool) -> Bucket:
    access: Access = request.getfixturevalue("bare_cloud")
    name = f"contract-{uuid4().hex[:12]}"
    access.s3.create_bucket(Bucket=name)
    if versioned:
        access.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return S3Bucket(access.s3, name, PAGE)


KINDS: dict[str, Callable[..., Bucket]] = {"memory": in_memory, "s3": on_s3}


@pytest.fixture(params=list(KINDS))
def bucket(request: pytest.FixtureRequest) -> Bucket:
    """An empty bucket that keeps versions."""
    return KINDS[request.param](request, versioned=True)


@pytest.fixture(params=list(KINDS))
def plain(request: pytest.FixtureRequest) -> Bucket:
    """An empty bucket that keeps no versions."""
    return KINDS[request.param](request, versioned=False)


class TestListing:
    def test_objects_come_in_the_order_of_their_keys_with_what_is_told_of_them(self, bucket: Bucket) -> None:
        puts = {key: bucket.put(key, key.encode()) for key in ("a/3", "b", "a/1", "a/É", "a/2", "a/20")}
        found = list(bucket.objects("a/"))
        assert [each.key for each in found] == ["a/1", "a/2", "a/20", "a/3", "a/É"]
        assert [each.size for each in found] == [3, 3, 4, 3, 4]
        assert [each.etag for each in found] == [puts[each.key].etag for each in found]
        assert all('"' not in each.etag for each in found)
        assert {each.modified.utcoffset() for each in found} == {UTC.utcoffset(None)}

    def test_all_objects_are_listed_without_a_prefix(self, bucket: Bucket) -> None:
        for key in ("b", "a/1", "c/2/3"):
            bucket.put(key, b"x")
        assert [each.key for each in bucket.objects()] == ["a/1", "b", "c/2/3"]

    @pytest.mark.parametrize(
        ("after", "keys"),
        [
            pytest.param("a/1", ["a/2", "a/3"], id="a key that is there"),
            pytest.param("a/10", ["a/2", "a/3"], id="a key that is not there"),
            pytest.param("a/3", [], id="the last"),
            pytest.param("A", ["a/1", "a/2", "a/3"], id="before all"),
        ],
    )
    def test_objects_after_a_key(self, bucket: Bucket, after: str, keys: list[str]) -> None:
        for key in ("a/1", "a/2", "a/3"):
            bucket.put(key, b"x")
        assert [each.key for each in bucket.objects("a/", after=after)] == keys

    def test_a_deleted_object_is_not_among_the_objects(self, bucket: Bucket) -> None:
        for key in ("a", "b"):
            bucket.put(key, b"x")
        bucket.delete("a")
        assert [each.key for each in bucket.objects()] == ["b"]

    def test_versions_come_by_key_the_newest_first_deletions_among_them(self, bucket: Bucket) -> None:
        puts = [bucket.put("a", b"1"), bucket.put("b", b"2"), bucket.put("a", b"33"), bucket.put("a", b"444")]
        bucket.delete("b")
        listed = list(bucket.versions())
        versions = [each for each in listed if not each.marker]
        assert [(each.key, each.version_id) for each in versions] == [
            ("a", puts[3].version_id),
            ("a", puts[2].version_id),
            ("a", puts[0].version_id),
            ("b", puts[1].version_id),
        ]
        assert [each.size for each in versions] == [3, 2, 1, 1]
        assert [each.latest for each in versions] == [True, False, False, False]
        (deletion,) = (each for each in listed if each.marker)
        assert (deletion.key, deletion.etag, deletion.size, deletion.latest) == ("b", "", 0, True)
        assert deletion.version_id not in {"", puts[1].version_id}

    def test_versions_of_one_object_are_not_those_of_its_neighbours(self, bucket: Bucket) -> None:
        wanted = [bucket.put("a/b", b"1").version_id]
        for key in ("a/", "a/b.csv", "a/b/c", "a/bb", "a/c"):
            bucket.put(key, b"x")
        wanted.append(bucket.put("a/b", b"2").version_id)
        bucket.delete("a/b")
        found = list(bucket.versions_of("a/b"))
        assert {each.key for each in found} == {"a/b"}
        assert [each.version_id for each in found if not each.marker] == wanted[::-1]
        assert [each.latest for each in found if each.marker] == [True]

    def test_an_object_put_without_versions_has_no_id(self, plain: Bucket) -> None:
        assert plain.put("a", b"1").version_id == ""
        plain.put("a", b"2")
        (only,) = plain.versions()
        assert (only.version_id, only.latest, only.size) == ("", True, 1)
        assert plain.head("a") is not None

    def test_nothing_is_listed_of_an_empty_bucket(self, bucket: Bucket) -> None:
        assert [*bucket.objects("a"), *bucket.versions("a"), *bucket.versions_of("a")] == []


class TestReading:
    def test_an_object_is_read_whole_by_line_or_by_its_end(self, bucket: Bucket) -> None:
        put = bucket.put("a", b"first\nsecond\n")
        assert bucket.read("a") == b"first\nsecond\n"
        assert list(bucket.lines("a")) == [b"first", b"second"]
        tail = bucket.tail("a", 7)
        assert tail is not None
        assert (tail.content, tail.etag) == (b"second\n", put.etag)
        whole = bucket.tail("a", 1000)
        assert whole is not None
        assert whole.content == b"first\nsecond\n"

    def test_an_object_that_is_not_there_is_none(self, bucket: Bucket) -> None:
        bucket.put("a/b", b"x")
        for key in ("a", "a/c"):
            assert (bucket.read(key), bucket.tail(key, 8), bucket.head(key), list(bucket.lines(key))) == (
                None,
                None,
                None,
                [],
            )

    def test_a_deleted_object_is_none(self, bucket: Bucket) -> None:
        put = bucket.put("a", b"x")
        bucket.delete("a")
        assert (bucket.read("a"), bucket.head("a")) == (None, None)
        assert bucket.head(Named("a", put.version_id)) is not None

    def test_a_head_tells_the_version_and_the_objects_own_words(self, bucket: Bucket) -> None:
        put = bucket.put("a", b"12345", metadata={"rows": "5"}, content_type="text/csv")
        bucket.put("a", b"1", metadata={})
        head = bucket.head(Named("a", put.version_id))
        assert head is not None
        assert (head.key, head.etag, head.size, head.version_id) == ("a", put.etag, 5, put.version_id)
        assert dict(head.metadata) == {"rows": "5"}
        newest = bucket.head("a")
        assert newest is not None
        assert (newest.size, dict(newest.metadata)) == (1, {})

    def test_a_version_is_read_though_another_one_stands(self, bucket: Bucket, tmp_path: Path) -> None:
        old = Named("a", bucket.put("a", b"0123456789").version_id)
        bucket.put("a", b"newer")
        bucket.delete("a")
        assert b"".join(bucket.chunks(old)) == b"0123456789"
        assert bucket.read_range(old, 2, 5) == b"234"
        bucket.download(old, tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == b"0123456789"

    def test_what_a_listing_tells_names_the_version(self, bucket: Bucket) -> None:
        bucket.put("a", b"1")
        (listed,), (version,) = bucket.objects(), bucket.versions()
        bucket.put("a", b"2")
        assert b"".join(bucket.chunks(version)) == b"1"
        with pytest.raises(GoneError):
            bucket.read_range(listed, 0, 1)

    def test_an_object_without_versions_is_known_by_its_etag(self, plain: Bucket, tmp_path: Path) -> None:
        first = Named("a", "", plain.put("a", b"1").etag)
        assert b"".join(plain.chunks(first)) == b"1"
        second = plain.put("a", b"2")
        with pytest.raises(GoneError, match="no longer in the bucket"):
            plain.download(first, tmp_path / "file")
        assert plain.head(first) is None
        assert b"".join(plain.chunks(Named("a", "", second.etag))) == b"2"
        assert b"".join(plain.chunks(Named("a"))) == b"2"

    @pytest.mark.parametrize(
        "read",
        [
            pytest.param(lambda bucket, version, _: list(bucket.chunks(version)), id="chunks"),
            pytest.param(lambda bucket, version, _: bucket.read_range(version, 0, 1), id="range"),
            pytest.param(lambda bucket, version, path: bucket.download(version, path), id="download"),
        ],
    )
    def test_a_version_that_was_deleted_is_gone(
        self, bucket: Bucket, tmp_path: Path, read: Callable[[Bucket, Named, Path], object]
    ) -> None:
        version = Named("a", bucket.put("a", b"1").version_id)
        bucket.put("a", b"2")
        bucket.delete("a", version.version_id)
        with pytest.raises(GoneError, match="no longer in the bucket") as raised:
            read(bucket, version, tmp_path / "file")
        assert not isinstance(raised.value, WithheldError)
        assert bucket.read("a") == b"2"

    def test_a_download_pauses_between_chunks(self, bucket: Bucket, tmp_path: Path) -> None:
        content = bytes(5 << 20)
        version = Named("a", bucket.put("a", content).version_id)
        pauses: list[int] = []
        bucket.download(version, tmp_path / "file", between=lambda: pauses.append(1))
        assert (tmp_path / "file").read_bytes() == content
        assert len(pauses) == 2

    def test_a_download_is_given_up_between_chunks(self, bucket: Bucket, tmp_path: Path) -> None:
        version = Named("a", bucket.put("a", b"1").version_id)

        def no_more() -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            bucket.download(version, tmp_path / "file", between=no_more)

    def test_an_empty_object_is_empty(self, bucket: Bucket, tmp_path: Path) -> None:
        version = Named("a", bucket.put("a", b"").version_id)
        bucket.download(version, tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == b""
        assert bucket.read("a") == b""
        assert list(bucket.lines("a")) == []


class TestPutting:
    def test_a_file_is_put_as_its_bytes_are(self, bucket: Bucket, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"12345")
        of_file, of_bytes = bucket.put("a", tmp_path / "file"), bucket.put("b", b"12345")
        assert bucket.read("a") == b"12345"
        assert of_file.etag == of_bytes.etag

    def test_a_file_that_is_not_there_is_no_fault_of_the_store(self, bucket: Bucket, tmp_path: Path) -> None:
        for put in (bucket.put, bucket.put_if_absent):
            with pytest.raises(FileNotFoundError):
                put("a", tmp_path / "none")

    def test_what_is_put_if_absent_is_put_once(self, bucket: Bucket) -> None:
        put = bucket.put_if_absent("a", b"1", metadata={"said": "once"})
        assert put is not None
        assert bucket.put_if_absent("a", b"2") is None
        head = bucket.head("a")
        assert head is not None
        assert (bucket.read("a"), head.version_id, dict(head.metadata)) == (b"1", put.version_id, {"said": "once"})

    def test_what_was_deleted_is_absent(self, bucket: Bucket) -> None:
        bucket.put("a", b"1")
        bucket.delete("a")
        assert bucket.put_if_absent("a", b"2") is not None
        assert bucket.read("a") == b"2"

    def test_an_object_is_replaced_where_it_is_the_one_that_was_seen(self, bucket: Bucket, tmp_path: Path) -> None:
        first = bucket.put_if_match("a", b"1", None)
        assert first is not None
        assert bucket.put_if_match("a", b"x", None) is None
        (tmp_path / "file").write_bytes(b"2")
        second = bucket.put_if_match("a", tmp_path / "file", first.etag)
        assert second is not None
        assert bucket.put_if_match("a", b"x", first.etag) is None
        assert bucket.read("a") == b"2"
        tail = bucket.tail("a", 8)
        assert tail is not None
        assert bucket.put_if_match("a", b"3", tail.etag) is not None

    def test_of_many_that_put_at_once_one_is_the_first(self, bucket: Bucket) -> None:
        with ThreadPoolExecutor(8) as threads:
            puts = list(threads.map(lambda n: bucket.put_if_absent("a", str(n).encode()), range(16)))
        (first,) = (n for n, put in enumerate(puts) if put)
        assert bucket.read("a") == str(first).encode()
        etag = (bucket.head("a") or pytest.fail("it is there")).etag
        with ThreadPoolExecutor(8) as threads:
            puts = list(threads.map(lambda n: bucket.put_if_match("a", f"again {n}".encode(), etag), range(16)))
        (second,) = (n for n, put in enumerate(puts) if put)
        assert bucket.read("a") == f"again {second}".encode()

    def test_an_object_that_went_away_is_not_replaced(self, bucket: Bucket) -> None:
        put = bucket.put("a", b"1")
        bucket.delete("a")
        assert bucket.put_if_match("a", b"2", put.etag) is None
        assert bucket.put_if_match("b", b"2", put.etag) is None
        assert bucket.read("a") is None


class TestDeleting:
    def test_a_deletion_hides_the_versions_and_takes_none_away(self, bucket: Bucket) -> None:
        put = bucket.put("a", b"1")
        bucket.delete("a")
        assert [each.version_id for each in bucket.versions() if not each.marker] == [put.version_id]
        assert b"".join(bucket.chunks(Named("a", put.version_id))) == b"1"

    def test_a_version_is_deleted_for_good_and_the_one_before_it_stands(self, bucket: Bucket) -> None:
        bucket.put("a", b"1")
        newer = bucket.put("a", b"2")
        bucket.delete("a", newer.version_id)
        assert bucket.read("a") == b"1"
        assert [each.latest for each in bucket.versions()] == [True]

    def test_a_deletion_of_a_deletion_brings_the_object_back(self, bucket: Bucket) -> None:
        bucket.put("a", b"1")
        bucket.delete("a")
        (marker,) = (each for each in bucket.versions() if each.marker)
        bucket.delete("a", marker.version_id)
        assert bucket.read("a") == b"1"

    def test_many_are_deleted_and_those_that_are_not_there_passed_over(self, bucket: Bucket) -> None:
        for key in ("a", "b", "c"):
            bucket.put(key, b"x")
        bucket.delete_all(iter(["a", "none", "c"]))
        bucket.delete_all([])
        assert [each.key for each in bucket.objects()] == ["b"]

    def test_what_is_not_there_is_passed_over(self, plain: Bucket) -> None:
        plain.put("a", b"1")
        plain.delete("none")
        plain.delete("a")
        plain.delete_all(["a", "none"])
        assert (list(plain.objects()), list(plain.versions())) == ([], [])


def out_of_order(kind: str, request: pytest.FixtureRequest) -> Bucket:
    """A bucket that cannot be reached."""
    if kind == "memory":
        return MemoryBucket("memory", fault="NoSuchBucket")
    access: Access = request.getfixturevalue("bare_cloud")
    return S3Bucket(access.s3, "never-made")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("ask", "doing"),
    [
        pytest.param(lambda bucket: list(bucket.objects("k")), "listed", id="objects"),
        pytest.param(lambda bucket: list(bucket.versions("k")), "listed", id="versions"),
        pytest.param(lambda bucket: list(bucket.versions_of("k")), "listed", id="versions of one"),
        pytest.param(lambda bucket: bucket.read("k"), "read", id="read"),
        pytest.param(lambda bucket: list(bucket.lines("k")), "read", id="lines"),
        pytest.param(lambda bucket: bucket.tail("k", 8), "read", id="tail"),
        pytest.param(lambda bucket: bucket.put("k", b"x"), "put", id="put"),
        pytest.param(lambda bucket: bucket.put_if_absent("k", b"x"), "put", id="put if absent"),
        pytest.param(lambda bucket: bucket.put_if_match("k", b"x", None), "put", id="put if match"),
        pytest.param(lambda bucket: bucket.delete("k"), "deleted", id="delete"),
        pytest.param(lambda bucket: bucket.delete_all(["k"]), "deleted", id="delete many"),
    ],
)
def test_a_bucket_that_cannot_be_reached_is_told_with_the_place_and_what_was_done(
    request: pytest.FixtureRequest, kind: str, ask: Callable[[Bucket], object], doing: str
) -> None:
    bucket = out_of_order(kind, request)
    with pytest.raises(TransientError, match=f"^s3://{bucket.name}/k could not be {doing}: .*NoSuchBucket") as raised:
        ask(bucket)
    assert raised.value.object_uri == f"s3://{bucket.name}/k"
