"""S3 behind the port: every request that the platform sends to it, and what becomes of an answer that is an error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets.errors import TerminalError, TransientError
from pipeline_assets.storage.answers import PutConflict, is_gone, put_conflict, refusal
from pipeline_assets.storage.bucket import (
    GoneError,
    ListedVersion,
    Put,
    StoredObject,
    Tail,
    Version,
    WithheldError,
    pass_on,
)
from pipeline_assets.storage.retries import retries

if TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_s3 import S3Client as S3Client  # noqa: PLC0414 - the type of a client, for others to name
    from mypy_boto3_s3.type_defs import DeleteMarkerEntryTypeDef, ObjectVersionTypeDef

_CHUNK_BYTES: Final = 4 << 20
_LARGEST_PUT: Final = 5 << 30
_DELETED_AT_ONCE: Final = 1_000
#: Seconds of the first rest and the longest one before what somebody else is putting at the same time is put again;
#: the client does not by itself.
_REST, _LONGEST_REST = 0.5, 2.0
_NO_VERSION: Final = "null"
#: What a request raises; reading may break off later, and what is read may not fit on the disk.
_NO_ANSWER: Final = (ClientError, BotoCoreError)
_NO_CONTENT: Final = (*_NO_ANSWER, OSError)


class _BusyError(TransientError):
    """Somebody else is putting an object under the key at this moment."""


def open_storage(
    config: Config | None = None, *, session: boto3.Session | None = None, endpoint_url: str | None = None
) -> S3Storage:
    """Open S3 with a client of its own.

    Parameters
    ----------
    config
        Time-outs and retries of the client.
    session
        Region and credentials; those of the environment where it is not given.
    endpoint_url
        Address of what speaks S3; as the environment or AWS has it where it is not given.

    Returns
    -------
    S3Storage
        Its buckets.
    """
    if session:
        return S3Storage(session.client("s3", config=config, endpoint_url=endpoint_url))
    return S3Storage(boto3.client("s3", config=config, endpoint_url=endpoint_url))


@dataclass(frozen=True, slots=True)
class S3Storage:
    """S3 through one client, which its buckets share."""

    client: S3Client

    def bucket(self, name: str) -> S3Bucket:
        """A bucket by its name, whether it is there or not."""
        return S3Bucket(self.client, name)


@dataclass(frozen=True, slots=True)
class S3Bucket:
    """A bucket of S3; `page` is how many entries a listing asks for at a time."""

    client: S3Client
    name: str
    page: int = 1_000

    def objects(self, prefix: str = "", *, after: str = "") -> Iterator[StoredObject]:
        """List the objects below a prefix whose keys are greater than `after`, in the order of their keys."""
        for page in self._pages("list_objects_v2", Prefix=prefix, StartAfter=after):
            for found in page.get("Contents", []):
                yield StoredObject(found["Key"], _bare(found["ETag"]), found["Size"], found["LastModified"])

    def versions(self, prefix: str = "") -> Iterator[ListedVersion]:
        """List all versions below a prefix, deletions included: of one key the newest first."""
        for page in self._pages("list_object_versions", Prefix=prefix):
            yield from _listed(page)

    def versions_of(self, key: str) -> Iterator[ListedVersion]:
        """List the versions of one object, deletions included, the newest first."""
        for page in self._pages("list_object_versions", Prefix=key):
            listed = list(_listed(page))
            yield from (version for version in listed if version.key == key)
            if listed and all(version.key > key for version in listed):
                return  # keys come in order, and others may begin like this one

    def head(self, of: str | Version) -> StoredObject | None:
        """Head of an object or a version, without its content; None when it does not exist."""
        request = self._naming(of)
        with self._asked("read", request["Key"]):
            try:
                found = self.client.head_object(**request)
            except ClientError as error:
                if is_gone(error):
                    return None
                raise
        return StoredObject(
            request["Key"],
            _bare(found["ETag"]),
            found["ContentLength"],
            found["LastModified"],
            _version_id(found),
            found["Metadata"],
        )

    def read(self, key: str) -> bytes | None:
        """Read a small object whole; None when it is not there."""
        with self._asked("read", key):
            found = self._found(key)
            return found["Body"].read() if found else None

    def lines(self, key: str) -> Iterator[bytes]:
        """Stream an object line by line, without line ends; no lines when it is not there."""
        with self._asked("read", key):
            if found := self._found(key):
                yield from found["Body"].iter_lines()

    def tail(self, key: str, size: int) -> Tail | None:
        """Read the last bytes of an object, all of one that has no more than `size`; None when it is not there."""
        with self._asked("read", key):
            found = self._found(key, Range=f"bytes=-{size}")
            return Tail(_bare(found["ETag"]), found["Body"].read()) if found else None

    def read_range(self, version: Version, begin: int, end: int) -> bytes:
        """Read a range of the bytes of a version.

        Parameters
        ----------
        version
            The version.
        begin, end
            First byte, from 0, and the one after the last, greater than `begin`.

        Returns
        -------
        bytes
            Fewer than asked for where the object ends before.

        Raises
        ------
        GoneError
            The version is gone for good.
        WithheldError
            It can never be had as things are.
        TransientError
            S3 does not answer.
        """
        with self._asked("read", version.key, final=True):
            found = self.client.get_object(**self._naming(version), Range=f"bytes={begin}-{end - 1}")
            content = found["Body"].read()
        # A server may leave the range aside and give all, as the local cloud does where a version is named.
        return content if found.get("ContentRange") else content[begin:end]

    def chunks(self, version: Version) -> Iterator[bytes]:
        """Stream a version in chunks of a few MiB; raises `GoneError` when it can never be had."""
        with self._asked("read", version.key, final=True):
            yield from self.client.get_object(**self._naming(version))["Body"].iter_chunks(_CHUNK_BYTES)

    def download(self, version: Version, path: Path, between: Callable[[], None] = pass_on) -> None:
        """Download a version to a file, chunk by chunk.

        Parameters
        ----------
        version
            The version.
        path
            The file, which is replaced.
        between
            Called after each chunk of a few MiB; what it raises ends the download.

        Raises
        ------
        GoneError
            The version is gone for good.
        WithheldError
            It can never be had as things are.
        TransientError
            S3 does not answer, or the file cannot be written.
        """
        with self._asked("read", version.key), path.open("wb") as file:
            for chunk in self.chunks(version):
                file.write(chunk)
                between()

    def put(
        self, key: str, body: bytes | Path, *, content_type: str = "", metadata: Mapping[str, str] | None = None
    ) -> Put:
        """Put an object, whatever is under its key.

        Parameters
        ----------
        key
            Key of the object.
        body
            Its bytes, or the file that holds them.
        content_type
            Its media type; S3's default where it is empty.
        metadata
            Its user metadata, by name.

        Returns
        -------
        Put
            Version id and entity tag of what was put.

        Raises
        ------
        TransientError
            S3 does not answer.
        """
        with self._asked("put", key):
            return self._put(key, body, **_described(content_type, metadata))

    def put_if_absent(
        self, key: str, body: bytes | Path, *, content_type: str = "", metadata: Mapping[str, str] | None = None
    ) -> Put | None:
        """Put an object where there is none.

        Parameters
        ----------
        key
            Key of the object.
        body
            Its bytes, or the file that holds them.
        content_type
            Its media type; S3's default where it is empty.
        metadata
            Its user metadata, by name.

        Returns
        -------
        Put | None
            Version id and entity tag of what was put; None where an object is under the key already.

        Raises
        ------
        TransientError
            S3 does not answer.
        """  # noqa: DOC501 - `_asked` translates the client's error
        for attempt in retries(_BusyError, first=_REST, longest=_LONGEST_REST):
            with attempt, self._asked("put", key):
                try:
                    return self._put(key, body, IfNoneMatch="*", **_described(content_type, metadata))
                except ClientError as error:
                    if put_conflict(error) is PutConflict.TAKEN:
                        return None
                    raise
        return None

    def put_if_match(self, key: str, body: bytes | Path, etag: str | None) -> Put | None:
        """Put an object in place of a known one: compare and swap.

        Parameters
        ----------
        key
            Key of the object.
        body
            Its bytes, or the file that holds them.
        etag
            Entity tag of the object to replace; None where there must be none.

        Returns
        -------
        Put | None
            Version id and entity tag of what was put; None where the key holds something else by now.

        Raises
        ------
        TransientError
            S3 does not answer.
        """  # noqa: DOC501 - `_asked` translates the client's error
        condition = {"IfMatch": _quoted(etag)} if etag else {"IfNoneMatch": "*"}
        with self._asked("put", key):
            try:
                return self._put(key, body, **condition)
            except ClientError as error:
                if put_conflict(error) or is_gone(error):
                    return None
                raise

    def delete(self, key: str, version_id: str = "") -> None:
        """Delete an object, which in a bucket with versions hides it, or one version of it for good."""
        request: Any = {"VersionId": version_id} if version_id else {}
        with self._asked("deleted", key):
            self.client.delete_object(Bucket=self.name, Key=key, **request)

    def delete_all(self, keys: Iterable[str]) -> None:
        """Delete objects in batches; those that are not there are passed over."""
        left = iter(keys)
        while batch := list(islice(left, _DELETED_AT_ONCE)):
            with self._asked("deleted", batch[0]):
                answer = self.client.delete_objects(
                    Bucket=self.name, Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True}
                )
            if refused := answer.get("Errors"):
                why = f"{refused[0].get('Code')} for {len(refused)} of {len(batch)} deletions"
                raise self._failure("deleted", batch[0], why)

    def _pages(self, listing: Any, **asked: str) -> Iterator[Any]:  # noqa: ANN401 - one of the client's literals
        with self._asked("listed", asked["Prefix"]):
            paginator: Any = self.client.get_paginator(listing)
            yield from paginator.paginate(Bucket=self.name, PaginationConfig={"PageSize": self.page}, **asked)

    def _found(self, key: str, **more: Any) -> Any:  # noqa: ANN401 - the client's answer, or None
        try:
            return self.client.get_object(Bucket=self.name, Key=key, **more)
        except ClientError as error:
            if is_gone(error):
                return None
            raise

    def _put(self, key: str, body: bytes | Path, **more: Any) -> Put:  # noqa: ANN401 - arguments of the client
        if isinstance(body, bytes):
            answer = self.client.put_object(Bucket=self.name, Key=key, Body=body, **more)
        else:
            if (size := body.stat().st_size) > _LARGEST_PUT:
                uri = f"s3://{self.name}/{key}"
                raise TerminalError(
                    f"{uri} would have {size / (1 << 30):.1f} GiB, and S3 takes 5 GiB in one put: make it of less",
                    object_uri=uri,
                )
            with body.open("rb") as file:
                answer = self.client.put_object(Bucket=self.name, Key=key, Body=file, **more)
        return Put(_version_id(answer), _bare(answer.get("ETag", "")))

    def _naming(self, of: str | Version) -> Any:  # noqa: ANN401 - one set of arguments for two requests
        request = {"Bucket": self.name, "Key": of if isinstance(of, str) else of.key}
        if isinstance(of, str):
            return request
        if of.version_id:
            return {**request, "VersionId": of.version_id}
        return {**request, "IfMatch": _quoted(of.etag)} if of.etag else request

    @contextmanager
    def _asked(self, doing: str, key: str, *, final: bool = False) -> Iterator[None]:
        """Translate what S3 or the way to it says; `final` says that an object may be given up here."""
        faults = _NO_CONTENT if doing == "read" else _NO_ANSWER
        try:
            yield
        except faults as error:
            if final and (found := refusal(error)):
                raise (GoneError if found.gone else WithheldError)(found.reason) from error
            kind = _BusyError if put_conflict(error) is PutConflict.BUSY else TransientError
            raise self._failure(doing, key, error, kind) from error

    def _failure(
        self, doing: str, key: str, why: object, kind: type[TransientError] = TransientError
    ) -> TransientError:
        uri = f"s3://{self.name}/{key}"
        return kind(f"{uri} could not be {doing}: {why}", object_uri=uri)


def _listed(page: Mapping[str, Any]) -> Iterator[ListedVersion]:
    yield from (_version(entry) for entry in page.get("Versions", []))
    yield from (_version(entry) for entry in page.get("DeleteMarkers", []))


def _version(entry: ObjectVersionTypeDef | DeleteMarkerEntryTypeDef) -> ListedVersion:
    return ListedVersion(
        entry["Key"],
        _version_id(entry),
        _bare(str(entry.get("ETag", ""))),
        int(str(entry.get("Size", 0))),
        entry["LastModified"],
        entry.get("IsLatest", False),
        "Size" not in entry,
    )


def _described(content_type: str, metadata: Mapping[str, str] | None) -> dict[str, Any]:
    described: dict[str, Any] = {"ContentType": content_type} if content_type else {}
    return {**described, "Metadata": dict(metadata)} if metadata else described


def _version_id(answer: Mapping[str, object]) -> str:
    version = str(answer.get("VersionId") or _NO_VERSION)
    return "" if version == _NO_VERSION else version


def _bare(etag: str) -> str:
    return etag.strip('"')


def _quoted(etag: str) -> str:
    return f'"{etag}"'
