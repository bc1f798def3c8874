"""Buckets in memory, which keep every promise of the port: `tests/contracts/test_bucket.py` holds them to it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from threading import RLock

from pipeline_assets.errors import TransientError
from pipeline_assets.storage.bucket import GoneError, ListedVersion, Put, StoredObject, Tail, Version, pass_on

_GONE = "this version is no longer in the bucket"


@dataclass(frozen=True)
class _Kept:
    """A version with all that is kept of it."""

    listed: ListedVersion
    content: bytes = b""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass
class MemoryBucket:
    """A bucket that keeps versions unless it is told not to; each put is a second later than the one before.

    `fault` is what every request fails with while it is set, as when the store is down.
    """

    name: str
    versioned: bool = True
    fault: str = ""
    chunk_bytes: int = 4 << 20
    _versions: dict[str, list[_Kept]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=count)
    _clock: datetime = datetime(2026, 11, 20, 9, tzinfo=UTC)
    #: Conditional puts are atomic, as S3's are.
    _turn: RLock = field(default_factory=RLock, repr=False)

    def objects(self, prefix: str = "", *, after: str = "") -> Iterator[StoredObject]:
        self._answer("listed", prefix)
        for key in self._keys(prefix):
            if key.encode() > after.encode() and (kept := self._standing(key)):
                yield _told(kept)

    def versions(self, prefix: str = "") -> Iterator[ListedVersion]:
        self._answer("listed", prefix)
        for key in self._keys(prefix):
            yield from self._listed(key)

    def versions_of(self, key: str) -> Iterator[ListedVersion]:
        self._answer("listed", key)
        yield from self._listed(key)

    def head(self, of: str | Version) -> StoredObject | None:
        self._answer("read", of if isinstance(of, str) else of.key)
        kept = self._standing(of) if isinstance(of, str) else self._found(of)
        if kept is None:
            return None
        return replace(_told(kept), version_id=kept.listed.version_id, metadata=dict(kept.metadata))

    def read(self, key: str) -> bytes | None:
        self._answer("read", key)
        kept = self._standing(key)
        return kept.content if kept else None

    def lines(self, key: str) -> Iterator[bytes]:
        yield from (self.read(key) or b"").splitlines()

    def tail(self, key: str, size: int) -> Tail | None:
        self._answer("read", key)
        kept = self._standing(key)
        return Tail(kept.listed.etag, kept.content[-size:]) if kept else None

    def read_range(self, version: Version, begin: int, end: int) -> bytes:
        return self._content(version)[begin:end]

    def chunks(self, version: Version) -> Iterator[bytes]:
        content = self._content(version)
        yield from (content[at : at + self.chunk_bytes] for at in range(0, len(content), self.chunk_bytes))

    def download(self, version: Version, path: Path, between: Callable[[], None] = pass_on) -> None:
        with path.open("wb") as file:
            for chunk in self.chunks(version):
                file.write(chunk)
                between()

    def put(
        self, key: str, body: bytes | Path, *, content_type: str = "", metadata: Mapping[str, str] | None = None
    ) -> Put:
        assert content_type is not None
        content = body if isinstance(body, bytes) else body.read_bytes()
        self._answer("put", key)
        etag = hashlib.md5(content, usedforsecurity=False).hexdigest()
        return self._add(key, ListedVersion(key, "", etag, len(content), self._clock, latest=True), content, metadata)

    def put_if_absent(
        self, key: str, body: bytes | Path, *, content_type: str = "", metadata: Mapping[str, str] | None = None
    ) -> Put | None:
        with self._turn:
            return None if self._standing(key) else self.put(key, body, content_type=content_type, metadata=metadata)

    def put_if_match(self, key: str, body: bytes | Path, etag: str | None) -> Put | None:
        with self._turn:
            kept = self._standing(key)
            return self.put(key, body) if (kept.listed.etag if kept else None) == (etag or None) else None

    def delete(self, key: str, version_id: str = "") -> None:
        self._answer("deleted", key)
        if version_id:
            left = [kept for kept in self._versions.get(key, []) if kept.listed.version_id != version_id]
            self._versions[key] = left
        elif self.versioned:
            self._add(key, ListedVersion(key, "", "", 0, self._clock, latest=True, marker=True))
        else:
            self._versions.pop(key, None)

    def delete_all(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.delete(key)

    def _add(self, key: str, listed: ListedVersion, content: bytes = b"", said: Mapping[str, str] | None = None) -> Put:
        self._clock += timedelta(seconds=1)
        version_id = f"v{next(self._numbers):06}" if self.versioned else ""
        before = self._versions.get(key, []) if self.versioned else []
        kept = _Kept(replace(listed, version_id=version_id, modified=self._clock), content, dict(said or {}))
        self._versions[key] = [*before, kept]
        return Put(version_id, listed.etag)

    def _keys(self, prefix: str) -> list[str]:
        return sorted((key for key in self._versions if key.startswith(prefix)), key=str.encode)

    def _listed(self, key: str) -> Iterator[ListedVersion]:
        """Oldest first as they are kept; newest first, and the first alone the latest, as they are listed."""
        for number, kept in enumerate(reversed(self._versions.get(key, []))):
            yield replace(kept.listed, latest=number == 0)

    def _standing(self, key: str) -> _Kept | None:
        versions = self._versions.get(key)
        return versions[-1] if versions and not versions[-1].listed.marker else None

    def _found(self, version: Version) -> _Kept | None:
        if version.version_id:
            kept = self._versions.get(version.key, [])
            return next((each for each in kept if _is(each, version.version_id)), None)
        found = self._standing(version.key)
        return found if found and version.etag in {"", found.listed.etag} else None

    def _content(self, version: Version) -> bytes:
        self._answer("read", version.key)
        kept = self._found(version)
        if kept is None:
            raise GoneError(_GONE)
        return kept.content

    def _answer(self, doing: str, key: str) -> None:
        if self.fault:
            uri = f"s3://{self.name}/{key}"
            raise TransientError(f"{uri} could not be {doing}: {self.fault}", object_uri=uri)


@dataclass
class MemoryStorage:
    """Buckets by name, made where they are asked for."""

    buckets: dict[str, MemoryBucket] = field(default_factory=dict)

    def bucket(self, name: str) -> MemoryBucket:
        return self.buckets.setdefault(name, MemoryBucket(name))


def _told(kept: _Kept) -> StoredObject:
    return StoredObject(kept.listed.key, kept.listed.etag, kept.listed.size, kept.listed.modified)


def _is(kept: _Kept, version_id: str) -> bool:
    return kept.listed.version_id == version_id and not kept.listed.marker
