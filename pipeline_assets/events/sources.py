"""Sources of receipts: one version of one object in S3, or one batch of a table's stream.

Both are taken from the event alone, also on replay, so that no clock of the machine that works has a say in the order.
They are written down as JSON with their `kind`, by which `source_from_json` tells them apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

#: Sequencers are hexadecimal and compare only after padding on the left with zeros; 32 has room for any seen.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
_SEQUENCER_DIGITS = 32
#: The most decimal digits of a sequence number of a stream.
#: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html
_SEQUENCE_DIGITS = 40


class ObjectVersion(Struct, frozen=True, dict=True, tag_field="kind", tag="object_version"):
    """Version of an object, and its place in the order of all versions.

    Parameters
    ----------
    bucket, key
        Where the object is.
    version_id
        Empty for an unversioned bucket.
    etag, size
        As S3 tells them; the size is in bytes.
    event_time
        S3's own ISO-8601 UTC text with milliseconds (``2026-11-20T09:30:00.000Z``).
    sequencer
        S3's hexadecimal text.
    """

    bucket: str
    key: str
    version_id: str
    etag: str
    size: int
    event_time: str
    sequencer: str

    @property
    def kind(self) -> Literal["object_version"]:
        """What tells it from a batch of a stream."""
        return "object_version"

    @cached_property
    def uri(self) -> str:
        """The object without its version, ``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self.key}"

    @cached_property
    def id(self) -> str:
        """A deterministic identifier, 32 hexadecimal digits: the same for every delivery of the version's event."""
        return _id_of(self.uri, self.version_id or f"{self.etag}@{self.sequencer}")

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
        return msgspec.structs.replace(self, event_time=event_time, sequencer=sequencer)

    @property
    def place(self) -> dict[str, str | int]:
        """Where it lies, by name, for whoever reads about it."""
        return {"bucket": self.bucket, "key": self.key, "version_id": self.version_id}

    @property
    def arrival_day(self) -> str:
        """The UTC day of the event, ``YYYY-MM-DD``."""
        return self.event_time[:10]

    def as_dict(self) -> dict[str, Any]:
        """The fields and the kind by name, ready for JSON."""
        return _as_dict(self)

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> ObjectVersion:
        """The inverse of `as_dict`; raises ValueError for anything else."""
        return msgspec.convert({"kind": "object_version", **document}, cls)


class StreamBatch(Struct, frozen=True, dict=True, tag_field="kind", tag="stream_batch"):
    """Batch of consecutive records of one shard of a table's stream, as far as one receipt accounts for them.

    Parameters
    ----------
    consumer
        The flow that reads them: each consumer of a stream is given batches that are cut for it alone.
    stream, shard
        ARN of the stream, and id of the shard, empty where the event does not name it: DynamoDB's does not.
    epoch
        What tells the stream from the one that it replaced, and compares as text: its label, the time it was made.
    first, last
        Sequence numbers of the first and the last record, padded so that they compare as text.
    records
        How many there are.
    event_time, until
        Approximate times of the earliest and the latest record, ISO-8601 UTC with milliseconds.
    """

    consumer: str
    stream: str
    shard: str
    epoch: str
    first: str
    last: str
    records: int
    event_time: str
    until: str

    @classmethod
    def of(
        cls,
        consumer: str,
        stream: str,
        sequence_numbers: Sequence[str],
        times: Sequence[str],
        *,
        shard: str = "",
        epoch: str = "",
    ) -> StreamBatch:
        """Make the batch of some records of a shard.

        Parameters
        ----------
        consumer, stream, shard
            As the batch has them.
        sequence_numbers, times
            Those of the records, as the event has them; the times as ISO-8601 UTC with milliseconds.
        epoch
            The label of the stream unless given.

        Returns
        -------
        StreamBatch
            From the least number to the greatest.

        Raises
        ------
        ValueError
            There is no record.
        """
        numbers = sorted(map(padded_sequence_number, sequence_numbers))
        if not numbers:
            raise ValueError("a batch of a stream has at least one record")
        label = epoch or stream.rpartition("/stream/")[2]
        return cls(consumer, stream, shard, label, numbers[0], numbers[-1], len(numbers), min(times), max(times))

    @property
    def kind(self) -> Literal["stream_batch"]:
        """What tells it from an object version."""
        return "stream_batch"

    @property
    def table(self) -> str:
        """The name of the table, the whole of `stream` where that is no ARN of a stream."""
        return self.stream.partition("/stream/")[0].rpartition(":table/")[2]

    @cached_property
    def uri(self) -> str:
        """Where its records are: the stream, and the number of the first."""
        return f"dynamodb://{self.table}/{self.epoch}/{self.first.lstrip('0') or '0'}"

    @cached_property
    def id(self) -> str:
        """A deterministic identifier, 32 hexadecimal digits, of where the batch begins: for its consumer, its stream.

        A batch that is delivered again and cut otherwise begins where an earlier one began, or where it was left off.
        """
        return _id_of(self.consumer, self.stream, self.epoch, self.first)

    @cached_property
    def stamp(self) -> str:
        """The place of its first record in the order of its stream, compared as text: (epoch, sequence number)."""
        return f"{self.epoch}/{self.first}/{hashlib.sha256(self.stream.encode()).hexdigest()[:12]}"

    @property
    def place(self) -> dict[str, str | int]:
        """Where it lies, by name, for whoever reads about it."""
        between = {"first": self.first, "last": self.last}
        return {"stream": self.stream, "epoch": self.epoch, "shard": self.shard, **between, "records": self.records}

    @property
    def arrival_day(self) -> str:
        """The UTC day of the earliest record, ``YYYY-MM-DD``."""
        return self.event_time[:10]

    def as_dict(self) -> dict[str, Any]:
        """The fields and the kind by name, ready for JSON."""
        return _as_dict(self)

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> StreamBatch:
        """The inverse of `as_dict`; raises ValueError for anything else."""
        return msgspec.convert({"kind": "stream_batch", **document}, cls)


Source: TypeAlias = ObjectVersion | StreamBatch


def source_from_json(document: bytes | str) -> Source:
    """A source of any kind as it was written down; raises ValueError for anything else."""
    source: Source = msgspec.json.decode(document, type=ObjectVersion | StreamBatch)
    return source


def padded_sequence_number(number: str) -> str:
    """A sequence number of a stream in the width in which such numbers compare as text."""
    return number.rjust(_SEQUENCE_DIGITS, "0")


def _as_dict(source: Source) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(source)
    return document


def _id_of(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
