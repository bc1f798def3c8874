"""Parquet objects in S3: what lies below a prefix, the end of an object, and putting one only where nobody else did."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets.errors import TransientError
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.storage.answers import error_code, put_conflict, refusal

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef

_CHUNK_BYTES = 4 << 20
_TAIL_BYTES = 64 << 10
#: Behind the footer: its length in four bytes, and four bytes of magic.
_TRAILER = 8
_NO_VERSION = "null"
#: What an If-Match on an object that is gone says.
_ABSENT = {"NoSuchKey", "404"}


class GoneError(Exception):
    """Raised when a version of an object is no longer in its bucket; the message says so after "it"."""


class WithheldError(GoneError):
    """Raised when S3 will never give a version of an object out as things are; the message says why after "it"."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An object as it stands: its etag, with the quotation marks that S3 puts, and its last bytes with the footer."""

    etag: str
    tail: bytes


@dataclass(frozen=True, slots=True)
class ParquetObjects:
    """The objects of one bucket; every method raises `TransientError` when it does not answer."""

    s3: S3Client
    bucket: str

    def current(self, prefix: str) -> list[ObjectVersion]:
        """The current version of every object below a prefix, in the order of their keys.

        Times are those of a listing. The ids are those of the events where the bucket keeps versions.
        """
        with self._reached(prefix):
            pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix)
            latest = [each for page in pages for each in page.get("Versions", []) if each["IsLatest"]]
        return [
            ObjectVersion(
                self.bucket,
                each["Key"],
                "" if each["VersionId"] == _NO_VERSION else each["VersionId"],
                each["ETag"].strip('"'),
                each["Size"],
                iso_utc(each["LastModified"]),
                "",
            )
            for each in latest
        ]

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        """The keys below a prefix that are greater than `after`, in order."""
        with self._reached(prefix):
            pages = self.s3.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix, StartAfter=after):
                yield from (item["Key"] for item in page.get("Contents", []))

    def standing(self, key: str) -> Standing | None:
        """The end of an object, or None while there is none."""
        tail = self._tail(key, _TAIL_BYTES)
        if tail is None:
            return None
        footer = int.from_bytes(tail.tail[-_TRAILER : -_TRAILER + 4], "little") + _TRAILER
        return tail if footer <= len(tail.tail) or len(tail.tail) < _TAIL_BYTES else self._tail(key, footer)

    def download(self, version: ObjectVersion, path: Path) -> None:
        """Write an object's bytes to `path`; raises `GoneError` when this version of it can never be had."""
        request: GetObjectRequestTypeDef = {"Bucket": self.bucket, "Key": version.key}
        if version.version_id:
            request["VersionId"] = version.version_id
        elif version.etag:
            request["IfMatch"] = version.etag
        with self._reached(version.key, gone=True):
            body = self.s3.get_object(**request)["Body"]
            with path.open("wb") as file:
                for chunk in body.iter_chunks(_CHUNK_BYTES):
                    file.write(chunk)

    def put_if(self, key: str, body: bytes | Path, etag: str | None) -> bool:
        """Put an object in place of the one with `etag`, or of none.

        False when something else is there by now, or somebody is putting it at this moment: look again.
        """
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        try:
            if isinstance(body, bytes):
                self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **condition)  # type: ignore[arg-type]
                return True
            with body.open("rb") as file:
                self.s3.put_object(Bucket=self.bucket, Key=key, Body=file, **condition)  # type: ignore[arg-type]
        except ClientError as error:
            if put_conflict(error) or error_code(error) in _ABSENT:
                return False
            raise self._failure(key, error) from error
        except BotoCoreError as error:
            raise self._failure(key, error) from error
        return True

    def text(self, key: str) -> str | None:
        """A small object as text, or None while there is none; raises ValueError where it is no UTF-8."""
        with self._reached(key):
            try:
                return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode()
            except self.s3.exceptions.NoSuchKey:
                return None

    def _tail(self, key: str, size: int) -> Standing | None:
        with self._reached(key):
            try:
                found = self.s3.get_object(Bucket=self.bucket, Key=key, Range=f"bytes=-{size}")
            except self.s3.exceptions.NoSuchKey:
                return None
            return Standing(found["ETag"], found["Body"].read())

    @contextmanager
    def _reached(self, key: str, *, gone: bool = False) -> Iterator[None]:
        try:
            yield
        except (ClientError, BotoCoreError, OSError) as error:
            if gone and (found := refusal(error)):
                raise (GoneError if found.gone else WithheldError)(found.reason) from error
            raise self._failure(key, error) from error

    def _failure(self, key: str, error: Exception) -> TransientError:
        uri = f"s3://{self.bucket}/{key}"
        return TransientError(f"{uri} did not answer: {error}", object_uri=uri)
