"""S3 notifications inside SQS messages: what is read, what is passed over, what is refused."""

import json
from typing import Any

import pytest

from pipeline_assets.events.object_version import ObjectVersion
from pipeline_assets.events.s3_events import notification, object_versions


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
    ],
)
def test_a_record_that_cannot_be_read_does_not_take_the_others_along(broken: dict[str, Any]) -> None:
    found, (fault,) = object_versions(json.dumps({"Records": [record(**broken), record()]}), flow="tickets")
    assert [version.key for version in found] == ["2026/t.csv"]
    assert "cannot be read as an S3 event" in str(fault)


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
