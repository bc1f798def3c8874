"""Records of a DynamoDB stream as Lambda delivers them: who changed what when, images in DynamoDB's own form.

Images keep the types of their attributes (``{"S": ...}``, ``{"N": ...}``), so that whoever judges a record can say
which type was found. What is no record at all, because nothing tells it from any other, is a *fault* of the event.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Struct

from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.sources import StreamBatch, padded_sequence_number

#: An item in DynamoDB's form: attributes by name, each a value under the letter of its type.
Image: TypeAlias = Mapping[str, Any]

#: Stream and epoch of records that somebody made by hand, without the numbers of a stream.
BY_HAND = "by-hand"
#: Records of one batch lie at most so far apart; coverage is kept by the hour.
_SPAN_SECONDS = 86_400.0
#: Characters of a time that tell its day.
_DAY = len("2026-11-20")
_SequenceNumber = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,40}$")]


class _Change(Struct, frozen=True, rename="pascal"):
    sequence_number: _SequenceNumber | None = None
    approximate_creation_date_time: Annotated[float, msgspec.Meta(ge=0, le=253_402_300_799)] | None = None
    keys: dict[str, Any] | None = None
    new_image: dict[str, Any] | None = None
    old_image: dict[str, Any] | None = None


class _Record(Struct, frozen=True, rename="camel"):
    dynamodb: _Change
    event_id: str = msgspec.field(name="eventID")
    event_name: str
    event_source: str = ""
    aws_region: str = ""
    event_source_arn: str = msgspec.field(name="eventSourceARN", default="")


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """Change of one item of a table.

    Parameters
    ----------
    event_id, event_name, event_source, region
        As the event has them.
    stream
        ARN of the stream; `BY_HAND` for a record without one.
    sequence_number
        Its place in the stream, padded so that it compares as text; of a record without one, a number made of its id.
    at
        When the change was made, to the second, ISO-8601 UTC with milliseconds; empty where nobody says.
    keys
        Key attributes; empty where the event has none.
    old, new
        The item before and after; None where there is none.
    """

    event_id: str
    event_name: str
    event_source: str
    region: str
    stream: str
    sequence_number: str
    at: str
    keys: Image
    old: Image | None
    new: Image | None


@dataclass(frozen=True, slots=True)
class EventFault:
    """What is no record: where in the event it is, what is wrong, and what was there, as text.

    `id` is the same for the same content, so that what comes again is kept once.
    """

    place: str
    reason: str
    content: str

    @property
    def id(self) -> str:
        """32 hexadecimal digits of a hash of the content."""
        return hashlib.sha256(self.content.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def stream_records(event: object) -> tuple[list[StreamRecord], list[EventFault]]:
    """Read the records of an event.

    Parameters
    ----------
    event
        What Lambda or a person gave the function: ``{"Records": [...]}``.

    Returns
    -------
    tuple of (list of StreamRecord, list of EventFault)
        The records in their order, and whatever is none.
    """
    if not isinstance(event, Mapping) or not isinstance(event.get("Records"), list):
        return [], [EventFault("event", "found no list of Records, expected the event of a stream", _text(event))]
    records: list[StreamRecord] = []
    faults: list[EventFault] = []
    for number, raw in enumerate(event["Records"], 1):
        try:
            records.append(_record(raw))
        except msgspec.ValidationError as error:
            faults.append(EventFault(f"record {number}", f"{error}, expected a record of a stream", _text(raw)))
        except UnicodeEncodeError:
            reason = "found half a character, expected texts that UTF-8 can hold"
            faults.append(EventFault(f"record {number}", reason, _text(raw)))
    return records, faults


def batches(
    consumer: str, records: Iterable[StreamRecord], now: datetime
) -> Iterator[tuple[StreamBatch, list[StreamRecord]]]:
    """Cut records into batches, each of one stream: what a receipt accounts for.

    Parameters
    ----------
    consumer
        The flow that works them in.
    records
        In the order in which they were delivered.
    now
        When a record arrived that does not say when it was made.

    Yields
    ------
    tuple of (StreamBatch, list of StreamRecord)
        Consecutive records of one stream, less than a day apart. One that was made by hand is a batch of its own.
    """
    held: list[StreamRecord] = []
    for record in records:
        if held and not _belongs(held[0], record):
            yield batch_of(consumer, held, now), held
            held = []
        held.append(record)
    if held:
        yield batch_of(consumer, held, now), held


def batch_of(consumer: str, records: Sequence[StreamRecord], now: datetime) -> StreamBatch:
    """Make the batch of records of one stream.

    Parameters
    ----------
    consumer
        The flow that works them in.
    records
        At least one.
    now
        When a record arrived that does not say when it was made.

    Returns
    -------
    StreamBatch
        From the least number to the greatest.
    """
    epoch = BY_HAND if records[0].stream == BY_HAND else ""
    numbers, times = [each.sequence_number for each in records], [each.at or iso_utc(now) for each in records]
    return StreamBatch.of(consumer, records[0].stream, numbers, times, epoch=epoch)


def _belongs(first: StreamRecord, other: StreamRecord) -> bool:
    if BY_HAND in (first.stream, other.stream) or first.stream != other.stream:
        return False
    if first.at[:_DAY] == other.at[:_DAY]:
        return True
    apart = datetime.fromisoformat(other.at) - datetime.fromisoformat(first.at)
    return abs(apart.total_seconds()) < _SPAN_SECONDS


def _record(raw: object) -> StreamRecord:
    read = msgspec.convert(raw, _Record)
    # These become part of names and documents; what is in an image is judged with it.
    f"{read.event_id}{read.event_name}{read.aws_region}{read.event_source_arn}".encode()
    change = read.dynamodb
    whole = bool(change.sequence_number and change.approximate_creation_date_time is not None and read.event_source_arn)
    made = change.approximate_creation_date_time
    return StreamRecord(
        event_id=read.event_id,
        event_name=read.event_name,
        event_source=read.event_source,
        region=read.aws_region,
        stream=read.event_source_arn if whole else BY_HAND,
        sequence_number=padded_sequence_number(
            change.sequence_number if whole and change.sequence_number else _number(read)
        ),
        at=_second(int(made)) if made is not None else "",
        keys=change.keys or {},
        old=change.old_image,
        new=change.new_image,
    )


@lru_cache(maxsize=1024)
def _second(made: int) -> str:
    return iso_utc(datetime.fromtimestamp(made, UTC))


def _number(read: _Record) -> str:
    """A number of 38 digits that is the same for the same record."""
    digest = hashlib.sha256(_written(read)).digest()
    return str(int.from_bytes(digest, "big"))[:38]


def _text(found: object) -> str:
    return _written(found).decode()


def _written(found: object) -> bytes:
    """JSON of anything; halves of characters, which JSON lets through and UTF-8 does not, are escaped."""
    try:
        return msgspec.json.encode(found, order="sorted", enc_hook=repr)
    except UnicodeEncodeError:
        plain = msgspec.to_builtins(found, enc_hook=repr)
        return json.dumps(plain, sort_keys=True).encode()
