"""S3 notifications inside SQS messages: what is read, what is passed over, what is refused."""

import json
from typing import Any

import pytest

from deploy.cli.redrive import _announced
from pipeline_assets.events.dead_letters import DeadLetter
from pipeline_assets.events.s3_events import notification, object_versions
from pipeline_assets.events.sources import ObjectVersion


def record(**changes: Any) -> dict[str, Any]:
    item = {"key": "2026/t.csv", "size": 12, "eTag": "abc", "versionId": "v1", "sequencer": "0A1"}
    item |= changes.pop("object", {})
    return {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "eventTime": "2026-11-20T09:30:00.000Z",
        "s3": {"bucket": {"name": "cesta-tickets"}, "object": item},
    } | changes


def versions(*records: Any) -> list[ObjectVersion]:
    found, faults = object_versions(json.dumps({"Records": records}), flow="tickets")
    assert not faults
    return found


def test_every_record_of_a_message_is_read() -> None:
    found = versions(record(), record(object={"key": "other.csv"}))
    assert [version.key for version in found] == ["2026/t.csv", "other.csv"]
    assert found[0] == ObjectVersion("cesta-tickets", "2026/t.csv", "v1", "abc", 12, "2026-11-20T09:30:00.000Z", "0A1")


@pytest.mark.parametrize(
    ("encoded", "key"),
    [
        pytest.param("a+b.csv", "a b.csv", id="space"),
        pytest.param("a%2Bb.csv", "a+b.csv", id="plus"),
        pytest.param("100%25.csv", "100%.csv", id="percent"),
        pytest.param("caf%C3%A9/%F0%9F%9B%92.csv", "café/🛒.csv", id="accents and symbols"),
        pytest.param("x" * 900, "x" * 900, id="900 bytes"),
    ],
)
def test_keys_are_decoded(encoded: str, key: str) -> None:
    assert versions(record(object={"key": encoded}))[0].key == key


def test_the_test_message_of_s3_announces_nothing() -> None:
    assert object_versions('{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}', flow="tickets") == ([], [])


def sns(message: Any, **changes: Any) -> dict[str, Any]:
    """An envelope of SNS around a message."""
    text = message if isinstance(message, str) else json.dumps(message)
    return {
        "Type": "Notification",
        "MessageId": "m",
        "TopicArn": "arn:aws:sns:eu-west-1:1:t",
        "Message": text,
    } | changes


def event_bridge(kind: str = "Object Created", **item: Any) -> dict[str, Any]:
    """An event as EventBridge passes it on."""
    there = {"key": "2026/t.csv", "size": 12, "etag": "abc", "version-id": "v1", "sequencer": "0A1"} | item
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": kind,
        "source": "aws.s3",
        "account": "111122223333",
        "time": "2026-11-20T09:30:00Z",
        "region": "eu-west-1",
        "resources": ["arn:aws:s3:::cesta-tickets"],
        "detail": {
            "version": "0",
            "bucket": {"name": "cesta-tickets"},
            "object": {name: value for name, value in there.items() if value is not None},
            "request-id": "C3D13FE58DE4C810",
            "reason": "PutObject",
        },
    }


PLAIN = {"Records": [record()]}
ANNOUNCED = ObjectVersion("cesta-tickets", "2026/t.csv", "v1", "abc", 12, "2026-11-20T09:30:00.000Z", "0A1")


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(PLAIN, id="S3 itself, or SNS with raw delivery"),
        pytest.param(sns(PLAIN), id="SNS"),
        pytest.param({"Type": "Notification", "Message": json.dumps(PLAIN)}, id="SNS, little more than the message"),
        pytest.param(sns(sns(PLAIN)), id="SNS through SNS"),
        pytest.param(event_bridge(), id="EventBridge"),
        pytest.param(sns(event_bridge()), id="EventBridge through SNS"),
        pytest.param(
            event_bridge() | {"detail-type": "Object Created", "replay-name": "r"}, id="replayed by EventBridge"
        ),
    ],
)
def test_an_object_is_announced_whatever_its_notification_came_through(document: dict[str, Any]) -> None:
    assert object_versions(json.dumps(document), flow="tickets") == ([ANNOUNCED], [])


@pytest.mark.parametrize("wrap", [lambda it: it, sns], ids=["plain", "in SNS"])
@pytest.mark.parametrize("key", ["a+b.csv", "a%2Bb.csv", "100%.csv", "a b.csv", "café/días.csv", "a&b=c?.csv"])
def test_event_bridge_writes_a_key_as_it_is(key: str, wrap: Any) -> None:
    (found,), faults = object_versions(json.dumps(wrap(event_bridge(key=key))), flow="tickets")
    assert (found.key, faults) == (key, [])


@pytest.mark.parametrize("version", [None, "null", ""])
def test_event_bridge_may_know_no_version(version: str | None) -> None:
    item: dict[str, Any] = {"version-id": version}
    (found,), _ = object_versions(json.dumps(event_bridge(**item)), flow="tickets")
    assert found.version_id == ""


def test_a_version_is_the_same_whichever_way_it_was_announced() -> None:
    ((one,), _), ((other,), _) = (object_versions(json.dumps(each), flow="t") for each in (PLAIN, event_bridge()))
    assert one.id == other.id


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(sns({"Service": "Amazon S3", "Event": "s3:TestEvent"}), id="test message in SNS"),
        pytest.param(sns({"Records": [record(eventName="ObjectRemoved:Delete")]}), id="removal in SNS"),
        pytest.param(sns({"Records": []}), id="nothing in SNS"),
        *(
            pytest.param(event_bridge(f"Object {kind}"), id=f"Object {kind}")
            for kind in (
                "Deleted",
                "Restore Initiated",
                "Restore Completed",
                "Restore Expired",
                "Storage Class Changed",
                "Access Tier Changed",
                "ACL Updated",
                "Tags Added",
                "Tags Deleted",
            )
        ),
        pytest.param(sns(event_bridge("Object Deleted")), id="Object Deleted in SNS"),
    ],
)
def test_what_creates_nothing_announces_nothing(document: dict[str, Any]) -> None:
    assert object_versions(json.dumps(document), flow="tickets") == ([], [])


def nested(times: int) -> dict[str, Any]:
    document: dict[str, Any] = PLAIN
    for _ in range(times):
        document = sns(document)
    return document


@pytest.mark.parametrize(
    ("document", "why"),
    [
        pytest.param(sns("hello"), "what the SNS envelope holds is not JSON", id="SNS of text"),
        pytest.param(sns([1]), "what the SNS envelope holds is a JSON list", id="SNS of a list"),
        pytest.param(sns({"a": 1}), "what the SNS envelope holds has no list 'Records'", id="SNS of something else"),
        pytest.param(sns(PLAIN, Message=None), "with a text 'Message'", id="SNS without a message"),
        pytest.param(
            sns("x", Type="SubscriptionConfirmation"), "open its SubscribeURL", id="SNS that asks to be let in"
        ),
        pytest.param(sns("x", Type="UnsubscribeConfirmation"), "'UnsubscribeConfirmation'", id="SNS that takes leave"),
        pytest.param(nested(7), "more than 5 envelopes", id="envelopes without end"),
        pytest.param(event_bridge("AWS API Call via CloudTrail"), "'AWS API Call via CloudTrail'", id="CloudTrail"),
        pytest.param(event_bridge() | {"source": "aws.ec2"}, "of 'aws.ec2'", id="another source"),
        pytest.param(event_bridge() | {"source": None}, "of None", id="no source"),
        pytest.param(event_bridge() | {"detail": {}}, "cannot be read as an S3 event", id="no detail"),
        pytest.param(event_bridge() | {"time": "noon"}, "cannot be read as an S3 event", id="no time"),
        pytest.param(event_bridge(sequencer="later"), "cannot be read as an S3 event", id="no sequencer"),
        pytest.param(event_bridge(key=None), "cannot be read as an S3 event", id="no key"),
        pytest.param(event_bridge("x" * 9_000), "xxx", id="a type without end"),
    ],
)
def test_an_envelope_around_something_else_is_refused_with_a_reason(document: dict[str, Any], why: str) -> None:
    found, (fault,) = object_versions(json.dumps(document), flow="tickets")
    assert not found
    assert why in str(fault)
    assert fault.rule == "foreign_message"
    assert len(str(fault)) < 500


@pytest.mark.parametrize("document", [sns(PLAIN), event_bridge(), sns(event_bridge())])
def test_a_dead_letter_is_shown_by_what_is_in_its_envelope(document: dict[str, Any]) -> None:
    letter = DeadLetter("m", json.dumps(document), "h", 40, "2026-11-20T09:30:00.000Z")
    assert _announced(letter, "tickets") == ["s3://cesta-tickets/2026/t.csv v1"]


def test_removals_are_passed_over() -> None:
    assert versions(record(eventName="ObjectRemoved:Delete")) == []


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param("hello", "not JSON", id="text"),
        pytest.param("[1]", "a JSON list", id="list"),
        pytest.param('{"detail": {}}', "no list 'Records'", id="no records"),
        pytest.param('{"Records": [{"eventSource": "aws:sns"}]}', "no eventSource 'aws:s3'", id="other source"),
        pytest.param('{"Records": ["x"]}', "no eventSource 'aws:s3'", id="record that is text"),
    ],
)
def test_foreign_messages_are_refused_with_a_reason(body: str, why: str) -> None:
    found, (fault,) = object_versions(body, flow="tickets")
    assert not found
    assert why in str(fault)
    assert fault.rule == "foreign_message"


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"s3": {"bucket": {"name": "b"}}}, id="no object"),
        pytest.param({"eventTime": "0001-01-01T00:00:00+14:00"}, id="time before time"),
        pytest.param({"eventTime": "9999-12-31T00:00:00Z"}, id="time after all"),
        pytest.param({"object": {"key": "\ud800.csv"}}, id="half a character"),
        pytest.param({"object": {"size": float("inf")}}, id="endless"),
        pytest.param({"object": {"versionId": "\ud800"}}, id="version of half a character"),
        pytest.param({"object": {"versionId": {"id": "v1"}}}, id="version that is no text"),
        pytest.param({"object": {"versionId": None, "eTag": "\ud800"}}, id="etag of half a character"),
        pytest.param({"object": {"versionId": None, "eTag": "a\nb"}}, id="etag of two lines, which no header holds"),
        pytest.param({"object": {"eTag": 7}}, id="etag that is no text"),
    ],
)
def test_a_record_that_cannot_be_read_does_not_take_the_others_along(broken: dict[str, Any]) -> None:
    found, (fault,) = object_versions(json.dumps({"Records": [record(**broken), record()]}), flow="tickets")
    assert [version.key for version in found] == ["2026/t.csv"]
    assert "cannot be read as an S3 event" in str(fault)


@pytest.mark.parametrize("name", [None, "", 7, ["ObjectCreated:Put"]])
def test_a_record_that_does_not_say_what_happened_is_not_passed_over_in_silence(name: object) -> None:
    found, (fault,) = object_versions(json.dumps({"Records": [record(eventName=name), record()]}), flow="tickets")
    assert len(found) == 1
    assert "no eventName" in str(fault)


@pytest.mark.parametrize("name", ["etag", "version-id"])
def test_event_bridge_names_a_version_by_text_alone(name: str) -> None:
    found, (fault,) = object_versions(json.dumps(event_bridge(**{name: "\ud800"})), flow="tickets")
    assert not found
    assert "cannot be read as an S3 event" in str(fault)


@pytest.mark.parametrize(("said", "etag"), [(None, ""), ("", ""), ('""', ""), ('"abc"', "abc")])
def test_no_etag_is_none_whatever_way_it_is_said(said: str | None, etag: str) -> None:
    assert versions(record(object={"eTag": said}))[0].etag == etag


def test_nesting_without_end_is_no_message() -> None:
    assert object_versions("[" * 100_000, flow="tickets")[1][0].rule == "foreign_message"


def test_sequencers_compare_as_numbers_whatever_their_length() -> None:
    early, late = versions(record(object={"sequencer": "FF"}), record(object={"sequencer": "100"}))
    assert early.stamp < late.stamp


def test_event_time_comes_before_the_sequencer() -> None:
    early, late = versions(
        record(object={"sequencer": "FF"}, eventTime="2026-11-20T09:30:00.000Z"),
        record(object={"sequencer": "01"}, eventTime="2026-11-20T09:30:00.001Z"),
    )
    assert early.stamp < late.stamp


def test_the_id_is_that_of_the_version_not_of_the_delivery() -> None:
    first, again, other = versions(record(), record(), record(object={"versionId": "v2"}))
    assert first.id == again.id != other.id


def test_an_unversioned_object_is_told_apart_by_etag_and_sequencer() -> None:
    first, second = versions(
        record(object={"versionId": None, "sequencer": "01"}), record(object={"versionId": None, "sequencer": "02"})
    )
    assert first.version_id == ""
    assert first.id != second.id


@pytest.mark.parametrize("key", ["2026/t.csv", "a b+c%.csv", "café/días.csv", "a&b=c?.csv"])
def test_an_announcement_is_read_back_as_it_was_made(key: str) -> None:
    version = ObjectVersion("cesta-tickets", key, "v1", "abc", 12, "2026-11-20T09:30:00.000Z", "0A1")
    assert object_versions(notification(version), flow="tickets") == ([version], [])


def test_a_sequencer_that_is_no_number_makes_a_foreign_message() -> None:
    found, faults = object_versions(json.dumps({"Records": [record(object={"sequencer": "later"})]}), flow="tickets")
    assert (found, [fault.rule for fault in faults]) == ([], ["foreign_message"])
