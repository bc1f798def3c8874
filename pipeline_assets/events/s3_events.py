"""S3 notifications as they come through SQS: one message may hold several records, or none at all."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

from pipeline_assets.events.object_version import ObjectVersion
from pipeline_assets.events.outcomes import TerminalError


def object_versions(body: str, *, flow: str) -> tuple[ObjectVersion, ...]:
    """The object versions a message body announces as created; empty for S3's own test message.

    Removals are passed over: nothing new is to be read. Raises `TerminalError` (rule ``foreign_message``) when the body
    is not an S3 notification.
    """
    try:
        document = json.loads(body)
    except ValueError as error:
        raise _foreign(flow, f"it is not JSON ({error})") from error
    if not isinstance(document, dict):
        raise _foreign(flow, f"it is a JSON {type(document).__name__}, not an object")
    if document.get("Event") == "s3:TestEvent":
        return ()
    records = document.get("Records")
    if not isinstance(records, list):
        raise _foreign(flow, "it has no list 'Records'")
    return tuple(_object_version(record, flow) for record in records if _announces_creation(record, flow))


def _announces_creation(record: object, flow: str) -> bool:
    if not isinstance(record, dict) or record.get("eventSource") != "aws:s3":
        raise _foreign(flow, "a record in it has no eventSource 'aws:s3'")
    return str(record.get("eventName", "")).removeprefix("s3:").startswith("ObjectCreated:")


def _object_version(record: dict[str, Any], flow: str) -> ObjectVersion:
    try:
        entity = record["s3"]
        item = entity["object"]
        return ObjectVersion(
            bucket=entity["bucket"]["name"],
            key=unquote_plus(item["key"]),
            version_id=_version(item.get("versionId")),
            etag=str(item.get("eTag", "")).strip('"'),
            size=int(item.get("size", 0)),
            event_time=_event_time(record["eventTime"]),
            sequencer=str(item.get("sequencer", "")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _foreign(flow, f"a record in it cannot be read as an S3 event ({error!r})") from error


def _version(value: object) -> str:
    return "" if value in (None, "", "null") else str(value)


def _event_time(text: str) -> str:
    """S3's event time in one fixed width, so that stamps compare as text."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _foreign(flow: str, why: str) -> TerminalError:
    message = f"the message is not an S3 notification: {why}; expected a body with Records[].s3.object.key"
    return TerminalError(message, flow=flow, rule="foreign_message")
