"""S3 notifications as they come through SQS: one message may hold several records, or none at all."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.object_version import ObjectVersion
from pipeline_assets.events.outcomes import TerminalError

_YEARS = range(2006, 9000)
_SEQUENCER = re.compile("[0-9A-Fa-f]{0,32}")


def object_versions(body: str, *, flow: str) -> tuple[list[ObjectVersion], list[TerminalError]]:
    """The object versions a message body announces as created, and what in it is no S3 notification.

    S3's own test message announces nothing, and removals are passed over: nothing new is to be read. The errors are of
    the rule ``foreign_message``.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        return [], [_foreign(flow, f"it is not JSON ({type(error).__name__})")]
    if not isinstance(document, dict):
        return [], [_foreign(flow, f"it is a JSON {type(document).__name__}, not an object")]
    if document.get("Event") == "s3:TestEvent":
        return [], []
    records = document.get("Records")
    if not isinstance(records, list):
        return [], [_foreign(flow, "it has no list 'Records'")]
    versions: list[ObjectVersion] = []
    faults: list[TerminalError] = []
    for record in records:
        try:
            if _announces_creation(record, flow):
                versions.append(_object_version(record, flow))
        except TerminalError as error:
            faults.append(error)
    return versions, faults


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
    return str(record.get("eventName", "")).removeprefix("s3:").startswith("ObjectCreated:")


def _object_version(record: dict[str, Any], flow: str) -> ObjectVersion:
    try:
        entity = record["s3"]
        item = entity["object"]
        return ObjectVersion(
            bucket=_text(entity["bucket"]["name"]),
            key=_text(unquote_plus(item["key"])),
            version_id=_version(item.get("versionId")),
            etag=str(item.get("eTag", "")).strip('"'),
            size=int(item.get("size", 0)),
            event_time=_event_time(record["eventTime"]),
            sequencer=_sequencer(str(item.get("sequencer", ""))),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise _foreign(flow, f"a record in it cannot be read as an S3 event ({type(error).__name__})") from error


def _version(value: object) -> str:
    return "" if value in (None, "", "null") else str(value)


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


def _text(value: str) -> str:
    """Text that can be written as UTF-8; raises ValueError where JSON smuggled in half a character."""
    value.encode()
    return value


def _foreign(flow: str, why: str) -> TerminalError:
    message = f"the message is not an S3 notification: {why}; expected a body with Records[].s3.object.key"
    return TerminalError(message, flow=flow, rule="foreign_message")
