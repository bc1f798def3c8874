"""S3 notifications as they come through SQS: one message may hold several records, or none at all.

S3 may put them there itself or by way of SNS and EventBridge, one through the other too. SNS wraps a message as text;
EventBridge has a form of its own, in which a key is written as it is and not for an address.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from pipeline_assets.errors import TerminalError
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.sources import ObjectVersion

_YEARS = range(2006, 9000)
_SEQUENCER = re.compile("[0-9A-Fa-f]{0,32}")
#: The most envelopes around a notification: SNS, EventBridge, and some to spare.
_ENVELOPES = 5
#: What S3 tells EventBridge, by the first words of the type, of which only creations are news here.
_CREATED, _TOLD_BY_S3 = "Object Created", "Object "

#: The object versions that a message announces, and what in it is no S3 notification.
Announced = tuple[list[ObjectVersion], list[TerminalError]]


def object_versions(body: str, *, flow: str) -> Announced:
    """Object versions that a message body announces as created.

    S3's own test message announces nothing, and removals are passed over: nothing new is to be read.

    Parameters
    ----------
    body
        Body of the message, with or without envelopes of SNS and EventBridge.
    flow
        Name of the flow, for the errors.

    Returns
    -------
    Announced
        The object versions, and an error of the rule ``foreign_message`` for whatever is no S3 notification.
    """
    try:
        return _announced(body, flow, _ENVELOPES)
    except TerminalError as error:
        return [], [error]


def _announced(body: str, flow: str, envelopes: int, place: str = "it") -> Announced:
    """What a body announces, or the one inside it; raises `TerminalError`."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _foreign(flow, f"{place} is not JSON ({type(error).__name__})") from error
    if not isinstance(document, dict):
        raise _foreign(flow, f"{place} is a JSON {type(document).__name__}, not an object")
    if document.get("Event") == "s3:TestEvent":
        return [], []
    if "Type" in document:
        if not envelopes:
            raise _foreign(flow, f"it has more than {_ENVELOPES} envelopes, one in the other")
        return _announced(_in_envelope(document, flow), flow, envelopes - 1, "what the SNS envelope holds")
    if "detail-type" in document:
        return _told_by_event_bridge(document, flow), []
    return _announced_by_s3(document.get("Records"), flow, place)


def _announced_by_s3(records: object, flow: str, place: str) -> Announced:
    if not isinstance(records, list):
        raise _foreign(flow, f"{place} has no list 'Records', and is no envelope of SNS or EventBridge")
    versions: list[ObjectVersion] = []
    faults: list[TerminalError] = []
    for record in records:
        try:
            if _announces_creation(record, flow):
                versions.append(_object_version(record, flow))
        except TerminalError as error:
            faults.append(error)
    return versions, faults


def _in_envelope(envelope: dict[str, Any], flow: str) -> str:
    """The message in an envelope of SNS."""
    kind, message = envelope["Type"], envelope.get("Message")
    if kind == "SubscriptionConfirmation":
        raise _foreign(
            flow, f"the SNS topic {_shown(envelope.get('TopicArn'))} waits to be let in: open its SubscribeURL once"
        )
    if kind != "Notification" or not isinstance(message, str):
        raise _foreign(
            flow, f"it is an SNS message of the type {_shown(kind)}, expected 'Notification' with a text 'Message'"
        )
    return message


def _told_by_event_bridge(event: dict[str, Any], flow: str) -> list[ObjectVersion]:
    source, kind = event.get("source"), event["detail-type"]
    # CloudTrail's report of a call has this source too, and says otherwise what was put.
    if source != "aws.s3" or not str(kind).startswith(_TOLD_BY_S3):
        raise _foreign(
            flow, f"it is an EventBridge event {_shown(kind)} of {_shown(source)}, expected '{_CREATED}' of 'aws.s3'"
        )
    return [_read(event, _from_event_bridge, flow)] if kind == _CREATED else []


def notification(version: ObjectVersion) -> str:
    """The message body that announces an object version as created: `object_versions` reads it back as it is."""
    item = {
        "key": quote_plus(version.key, safe="/"),
        "size": version.size,
        "eTag": version.etag,
        "versionId": version.version_id,
        "sequencer": version.sequencer,
    }
    record = {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "eventTime": version.event_time,
        "s3": {"bucket": {"name": version.bucket}, "object": item},
    }
    return json.dumps({"Records": [record]})


def _announces_creation(record: object, flow: str) -> bool:
    if not isinstance(record, dict) or record.get("eventSource") != "aws:s3":
        raise _foreign(flow, "a record in it has no eventSource 'aws:s3'")
    name = record.get("eventName")
    if not isinstance(name, str) or not name:
        raise _foreign(flow, "a record in it has no eventName, which says whether an object was created")
    return name.removeprefix("s3:").startswith("ObjectCreated:")


def _object_version(record: dict[str, Any], flow: str) -> ObjectVersion:
    return _read(record, _from_s3, flow)


def _read(document: dict[str, Any], read: Callable[[dict[str, Any]], ObjectVersion], flow: str) -> ObjectVersion:
    try:
        return read(document)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise _foreign(flow, f"a record in it cannot be read as an S3 event ({type(error).__name__})") from error


def _from_s3(record: dict[str, Any]) -> ObjectVersion:
    entity = record["s3"]
    item = entity["object"]
    return ObjectVersion(
        bucket=_text(entity["bucket"]["name"]),
        key=_text(unquote_plus(item["key"])),
        version_id=_version(item.get("versionId")),
        etag=_etag(item.get("eTag")),
        size=int(item.get("size", 0)),
        event_time=_event_time(record["eventTime"]),
        sequencer=_sequencer(str(item.get("sequencer", ""))),
    )


def _from_event_bridge(event: dict[str, Any]) -> ObjectVersion:
    # The key as it is: the data class of aws-lambda-powertools would decode it, and read `a+b.csv` as `a b.csv`.
    item = event["detail"]["object"]
    return ObjectVersion(
        bucket=_text(event["detail"]["bucket"]["name"]),
        key=_text(item["key"]),
        version_id=_version(item.get("version-id")),
        etag=_etag(item.get("etag")),
        size=int(item.get("size", 0)),
        event_time=_event_time(event["time"]),
        sequencer=_sequencer(str(item.get("sequencer", ""))),
    )


def _version(value: object) -> str:
    return "" if value == "null" else _word(value, "version id")


def _etag(value: object) -> str:
    return _word(value, "etag").strip('"')


def _word(value: object, what: str) -> str:
    """A text of S3's that can be asked for again, empty where there is none; raises ValueError for anything else."""
    if value is None:
        return ""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        message = f"the {what} is no text that S3 writes"
        raise ValueError(message)
    return value


def _sequencer(text: str) -> str:
    """S3's hexadecimal text, which the order of versions counts on; raises ValueError for anything else."""
    if not _SEQUENCER.fullmatch(text):
        message = "the sequencer is no hexadecimal number of at most 32 digits"
        raise ValueError(message)
    return text


def _event_time(text: str) -> str:
    """S3's event time in one fixed width, so that stamps compare as text."""
    moment = datetime.fromisoformat(text)
    if moment.year not in _YEARS:
        message = f"the year {moment.year} is none of an event"
        raise ValueError(message)
    return iso_utc(moment)


def _shown(value: object) -> str:
    """What was found, as long as it may be in a sentence."""
    return repr(value)[:120]


def _text(value: str) -> str:
    """Text that can be written as UTF-8; raises ValueError for a lone surrogate, which JSON lets through."""
    value.encode()
    return value


def _foreign(flow: str, why: str) -> TerminalError:
    message = f"the message is not an S3 notification: {why}; expected a body with Records[].s3.object.key"
    return TerminalError(message, flow=flow, rule="foreign_message")
