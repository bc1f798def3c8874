"""One version of one object in S3, as an event announced it."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from typing import Any

#: Sequencers are hexadecimal and compare only after padding on the left with zeros; 32 has room for any seen.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
_SEQUENCER_DIGITS = 32


@dataclass(frozen=True)
class ObjectVersion:
    """An object version and its place in the order of all versions.

    `event_time` is S3's own ISO-8601 UTC text with milliseconds (``2026-11-20T09:30:00.000Z``), `sequencer` S3's
    hexadecimal text, `version_id` empty for an unversioned bucket, `size` in bytes. All are taken from the event, also
    on replay, so that no clock of the machine that works has a say in the order.
    """

    bucket: str
    key: str
    version_id: str
    etag: str
    size: int
    event_time: str
    sequencer: str

    @cached_property
    def uri(self) -> str:
        """The object without its version, ``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self.key}"

    @cached_property
    def id(self) -> str:
        """A deterministic identifier, 32 hexadecimal digits: the same for every delivery of the version's event."""
        version = self.version_id or f"{self.etag}@{self.sequencer}"
        return hashlib.sha256(f"{self.uri}\n{version}".encode()).hexdigest()[:32]

    @cached_property
    def stamp(self) -> str:
        """The version's place in the total order, compared as text: (event time, padded sequencer, key)."""
        sequencer = self.sequencer.upper().rjust(_SEQUENCER_DIGITS, "0")
        return f"{self.event_time}/{sequencer}/{hashlib.sha256(self.uri.encode()).hexdigest()[:12]}"

    def at(self, stamp: str) -> ObjectVersion:
        """The same version in the place that one of its own stamps names."""
        if stamp == self.stamp:
            return self
        event_time, sequencer, _ = stamp.split("/")
        return replace(self, event_time=event_time, sequencer=sequencer)

    @property
    def arrival_day(self) -> str:
        """The UTC day of the event, ``YYYY-MM-DD``."""
        return self.event_time[:10]

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> ObjectVersion:
        """The inverse of `as_dict`."""
        return cls(**{field.name: document[field.name] for field in fields(cls)})
