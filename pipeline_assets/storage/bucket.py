"""The port to an object store: one bucket as whatever runs on it sees it, S3 or a stand-in that keeps its promises.

Objects are named by their keys, a version of one by its version id or, where its bucket keeps none, by its etag. What
is listed or told of an object comes as plain values; what an event said of one is for `pipeline_assets.events`.

Every method raises `TransientError` when the store does not answer now: throttled, down, or access denied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol


class GoneError(Exception):
    """Raised when a version of an object is no longer in its bucket; the message says so after "it"."""


class WithheldError(GoneError):
    """Raised when the store will never give a version out as things are; the message says why after "it"."""


class Version(Protocol):
    """What names one version of an object; without id and etag, the one that stands."""

    @property
    def key(self) -> str:
        """The key of the object."""

    @property
    def version_id(self) -> str:
        """The id of the version, empty where the bucket keeps no versions."""

    @property
    def etag(self) -> str:
        """The etag of the version, without quotation marks; it counts where there is no id."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as its bucket tells of it.

    `etag` has no quotation marks, `size` is in bytes, `modified` in UTC. `version_id` and `metadata`, which are the
    object's own, are known from `Bucket.head` alone.
    """

    key: str
    etag: str
    size: int
    modified: datetime
    version_id: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """A version of an object as its bucket lists it, `marker` saying that it is a deletion.

    `version_id` is empty for what was put while the bucket kept no versions; a deletion has no etag and no bytes;
    `modified` is in UTC, on S3 to the second.
    """

    key: str
    version_id: str
    etag: str
    size: int
    modified: datetime
    latest: bool
    marker: bool = False


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of an object, and the etag of the object that it is the end of."""

    etag: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Put:
    """An object that was put; `version_id` is empty where the bucket keeps no versions."""

    version_id: str
    etag: str


def pass_on() -> None:
    """Do nothing between two chunks."""


class Bucket(Protocol):
    """Objects of one bucket; every method raises `TransientError` when the store does not answer now."""

    @property
    def name(self) -> str:
        """The name of the bucket."""

    def objects(self, prefix: str = "", *, after: str = "") -> Iterator[StoredObject]:
        """List objects, in the order of their keys.

        Parameters
        ----------
        prefix
            Beginning of the keys.
        after
            Key that all of them are greater than.

        Returns
        -------
        iterator of StoredObject
            Without version ids and metadata, which no listing of objects tells.
        """

    def versions(self, prefix: str = "") -> Iterator[ListedVersion]:
        """List all versions, deletions included.

        Parameters
        ----------
        prefix
            Beginning of the keys.

        Returns
        -------
        iterator of ListedVersion
            Versions come in the order of their keys and of one key the newest first, and so do deletions; which of a
            version and a deletion of one key comes first is not said.
        """

    def versions_of(self, key: str) -> Iterator[ListedVersion]:
        """List the versions of one object, deletions included, as `versions` does."""

    def head(self, of: str | Version) -> StoredObject | None:
        """Tell of an object, or of a version, without its content; None when it is not there."""

    def read(self, key: str) -> bytes | None:
        """Read a small object whole; None when it is not there."""

    def lines(self, key: str) -> Iterator[bytes]:
        """Stream an object line by line, without line ends; no lines when it is not there."""

    def tail(self, key: str, size: int) -> Tail | None:
        """Read the end of an object.

        Parameters
        ----------
        key
            Key of the object.
        size
            How many bytes at most.

        Returns
        -------
        Tail or None
            All of an object that has no more; None when it is not there.
        """

    def read_range(self, version: Version, begin: int, end: int) -> bytes:
        """Read a part of a version.

        Parameters
        ----------
        version
            What to read.
        begin, end
            First byte, and the one after the last.

        Returns
        -------
        bytes
            The part.

        Raises
        ------
        GoneError
            It is not there any more, or, as a `WithheldError`, can never be had as things are.
        """

    def chunks(self, version: Version) -> Iterator[bytes]:
        """Stream a version.

        Parameters
        ----------
        version
            What to read.

        Returns
        -------
        iterator of bytes
            Chunks of a few MiB.

        Raises
        ------
        GoneError
            It is not there any more, or, as a `WithheldError`, can never be had as things are.
        """

    def download(self, version: Version, path: Path, between: Callable[[], None] = pass_on) -> None:
        """Write a version to a file, chunk by chunk.

        Parameters
        ----------
        version
            What to read.
        path
            The file; what it holds is replaced.
        between
            Called after each chunk; what it raises ends the download.

        Raises
        ------
        GoneError
            It is not there any more, or, as a `WithheldError`, can never be had as things are.
        """

    def put(
        self, key: str, body: bytes | Path, *, content_type: str = "", metadata: Mapping[str, str] | None = None
    ) -> Put:
        """Put an object, whatever is there.

        Parameters
        ----------
        key
            Key of the object.
        body
            Content, or the file that has it.
        content_type
            Media type that is kept with it.
        metadata
            The object's own words, kept with it.

        Returns
        -------
        Put
            What was put.
        """

    def put_if_absent(
        self, key: str, body: bytes | Path, *, content_type: str = "", metadata: Mapping[str, str] | None = None
    ) -> Put | None:
        """Put an object where there is none: the first to come wins.

        Where somebody else is putting one at this moment, it is tried again for some seconds.

        Parameters
        ----------
        key, body, content_type, metadata
            As of `put`.

        Returns
        -------
        Put or None
            None when there is an object.
        """

    def put_if_match(self, key: str, body: bytes | Path, etag: str | None) -> Put | None:
        """Put an object in place of the one that was seen.

        Parameters
        ----------
        key, body
            As of `put`.
        etag
            Etag of what was seen; None where there was no object.

        Returns
        -------
        Put or None
            None when something else is there by now, or somebody is putting it at this moment: look again.
        """

    def delete(self, key: str, version_id: str = "") -> None:
        """Delete an object, or one version of it for good; what is not there is passed over.

        Parameters
        ----------
        key
            Key of the object.
        version_id
            The version; without it the object goes, which in a bucket with versions hides it.
        """

    def delete_all(self, keys: Iterable[str]) -> None:
        """Delete objects in batches; those that are not there are passed over."""


class Storage(Protocol):
    """A store of many buckets."""

    def bucket(self, name: str) -> Bucket:
        """A bucket by its name, whether it is there or not."""
