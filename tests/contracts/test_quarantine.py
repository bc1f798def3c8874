"""What every quarantine promises, whether it keeps rows as JSON lines or as Parquet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
import pytest

from pipeline_assets.curation.judge import QUARANTINED
from pipeline_assets.curation.quarantine import LakeQuarantine
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.errors import TransientError
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.quarantine import JsonLinesQuarantine, Quarantine
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.rejection import RejectedChange, Rejection
from pipeline_assets.events.sources import ObjectVersion, StreamBatch
from pipeline_assets.lake.layout import RawObject
from pipeline_assets.lineage.rejections import BrokenRule, rejected_table, rejections_of
from pipeline_assets.privacy.cards import without_numbers
from pipeline_assets.raw.stores import inbox_quarantine
from tests.worlds.memory_storage import MemoryBucket

FLOW = "shop"
KEY = RawObject("orders", "2026-11-20", "20261120T091500123456Z", "0001").key
VERSION = ObjectVersion("raw", KEY, "v1", "e", 10, "2026-11-20T09:30:00.000Z", "0A1")
PLACE = {"bucket": "raw", "key": KEY, "version_id": "v1", "event_time": VERSION.event_time}
CARD = "4111111111111111"


@dataclass(frozen=True)
class Kind:
    """A quarantine, and how a flow puts rows of a run there: (number, reason) each."""

    name: str
    of: Callable[[MemoryBucket], Any]
    keep: Callable[[Any, int, list[tuple[int, str]]], None]


def keep_lines(quarantine: JsonLinesQuarantine, run: int, rows: list[tuple[int, str]]) -> None:
    rejected = [Rejection(number, "total_positive", "total", reason, ("7", "-1")) for number, reason in rows]
    quarantine.keep_rows(VERSION, run, ("order_id", "total"), rejected)
    quarantine.drop_earlier_runs(VERSION, run)


def keep_parquet(quarantine: LakeQuarantine, run: int, rows: list[tuple[int, str]]) -> None:
    said = {"source": VERSION.uri, "version_id": "v1", "rule": "total_positive", "column": "total"}
    fields = '{"order_id": "7", "total": "-1"}'
    frame = [{**said, "row": number, "reason": reason, "fields": fields} for number, reason in rows]
    quarantine.keep(VERSION, run, pl.DataFrame(frame, schema=QUARANTINED))


LINES = Kind("JSON lines", lambda bucket: JsonLinesQuarantine(bucket, FLOW), keep_lines)
PARQUET = Kind("Parquet", lambda bucket: LakeQuarantine(bucket, ECOMMERCE), keep_parquet)


@pytest.fixture
def bucket() -> MemoryBucket:
    return MemoryBucket("quarantine")


@pytest.fixture(params=[LINES, PARQUET], ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture
def quarantine(kind: Kind, bucket: MemoryBucket) -> Quarantine:
    found: Quarantine = kind.of(bucket)
    return found


def receipt(run: int) -> Receipt:
    """The receipt of a run."""
    return Receipt(FLOW, VERSION, run, Counts(), (), 10, 0.1, "1", "2026-11-20T09:30:05.000Z")


def test_rejected_rows_are_told_with_place_rule_reason_and_fields(kind: Kind, quarantine: Quarantine) -> None:
    kind.keep(quarantine, 1, [(3, "row 3: too little"), (12, "row 12: too little")])
    first, second = quarantine.documents(receipt(1))
    assert first == {
        **PLACE,
        "row": 3,
        "column": "total",
        "rule": "total_positive",
        "reason": "row 3: too little",
        "fields": {"order_id": "7", "total": "-1"},
    }
    assert (second["row"], second["reason"]) == (12, "row 12: too little")
    assert quarantine.contents().receipts.keys() == {VERSION.id}


def test_the_address_is_that_of_what_a_run_left_and_of_nothing_else(
    kind: Kind, quarantine: Quarantine, bucket: MemoryBucket
) -> None:
    kind.keep(quarantine, 2, [(3, "row 3: too little"), (12, "row 12: too little")])
    place = quarantine.address(receipt(2)).removeprefix(f"s3://{bucket.name}/")
    assert [kept.key.startswith(place) for kept in bucket.objects("")] == [True]


def test_rejections_are_gathered_by_rule_with_the_first_reason_and_a_command(
    kind: Kind, quarantine: Quarantine
) -> None:
    kind.keep(
        quarantine, 1, [(3, "row 3, column total: found '-1', expected a | b"), (12, "row 12: found 'x', expected a")]
    )
    found = rejections_of(receipt(1), quarantine)
    assert found.rules == (BrokenRule("total_positive", 2, "row 3, column total: expected a | b"),)
    assert (found.whole, found.reason) == (True, "row 3, column total: expected a | b")
    (line,) = [line for line in rejected_table([found]).splitlines() if VERSION.uri in line]
    assert "| total_positive | 2 | row 3, column total: expected a \\| b |" in line
    assert f"`cesta quarantine show {VERSION.id[:12]} --flow {FLOW}`" in line
    assert quarantine.address(receipt(1)) in line


def test_of_a_source_with_nothing_in_the_quarantine_its_receipt_tells(quarantine: Quarantine) -> None:
    refused = replace(receipt(1), refused="a.csv: it cannot be read", counts=Counts(5, quarantined=5))
    found = rejections_of(refused, quarantine)
    assert (found.rules, found.reason) == ((), "a.csv: it cannot be read")
    assert "|  | 5 | a.csv: it cannot be read |" in rejected_table([found])


def test_of_thousands_of_rows_the_first_are_read(bucket: MemoryBucket) -> None:
    quarantine = JsonLinesQuarantine(bucket, FLOW)
    keep_lines(quarantine, 1, [(number, "too little") for number in range(1, 3_000)])
    found = rejections_of(receipt(1), quarantine)
    assert not found.whole
    assert "| total_positive | 2000 or more |" in rejected_table([found])


def test_what_is_put_twice_is_there_once(kind: Kind, quarantine: Quarantine) -> None:
    for _ in range(2):
        kind.keep(quarantine, 1, [(3, "too little")])
    assert [document["row"] for document in quarantine.documents(receipt(1))] == [3]


def test_a_later_run_takes_the_place_of_the_one_before(kind: Kind, quarantine: Quarantine) -> None:
    kind.keep(quarantine, 1, [(3, "too little"), (4, "too little")])
    kind.keep(quarantine, 2, [(4, "too little")])
    assert [document["row"] for document in quarantine.documents(receipt(2))] == [4]
    kind.keep(quarantine, 3, [])
    assert list(quarantine.documents(receipt(3))) == []
    assert quarantine.contents().receipts == {}


def test_a_foreign_message_is_kept_counted_read_and_dropped(kind: Kind, quarantine: Quarantine) -> None:
    kind.keep(quarantine, 1, [(3, "too little")])
    quarantine.messages.keep("m-1", "not for us", "foreign_message", "it has no list 'Records'")
    quarantine.messages.keep("m-10", "nor this", "foreign_message", "it has no list 'Records'")
    assert quarantine.messages.count() == 2
    assert quarantine.messages.read("m-1") == {
        "message_id": "m-1",
        "rule": "foreign_message",
        "reason": "it has no list 'Records'",
        "body": "not for us",
    }
    contents = quarantine.contents()
    assert contents.messages.keys() == {"m-1", "m-10"}
    assert contents.receipts.keys() == {VERSION.id}
    quarantine.messages.drop("m-1")
    assert (quarantine.messages.read("m-1"), quarantine.messages.count()) == (None, 1)
    assert [document["row"] for document in quarantine.documents(receipt(1))] == [3]


def test_what_was_added_last_is_told_by_its_moment(kind: Kind, quarantine: Quarantine) -> None:
    quarantine.messages.keep("m-1", "", "foreign_message", "")
    kind.keep(quarantine, 1, [(3, "too little")])
    contents = quarantine.contents()
    assert contents.messages["m-1"] < contents.receipts[VERSION.id]


def test_a_bucket_that_does_not_answer_is_told(kind: Kind, quarantine: Quarantine, bucket: MemoryBucket) -> None:
    bucket.fault = "SlowDown"
    for ask in (
        lambda: kind.keep(quarantine, 1, [(3, "too little")]),
        lambda: list(quarantine.documents(receipt(1))),
        quarantine.contents,
        lambda: quarantine.messages.keep("m-1", "", "foreign_message", ""),
        lambda: quarantine.messages.read("m-1"),
        lambda: quarantine.messages.drop("m-1"),
        quarantine.messages.count,
    ):
        with pytest.raises(TransientError, match=r"s3://quarantine/.*SlowDown"):
            ask()


def test_flows_of_one_bucket_do_not_see_each_other(bucket: MemoryBucket) -> None:
    mine, other = JsonLinesQuarantine(bucket, FLOW), JsonLinesQuarantine(bucket, "shops")
    keep_lines(other, 1, [(3, "too little")])
    other.messages.keep("m-1", "", "foreign_message", "")
    assert (mine.contents().receipts, mine.contents().messages, mine.messages.count()) == ({}, {}, 0)
    assert list(mine.documents(receipt(1))) == []


def test_a_refused_file_is_told_after_the_rows_of_its_run(bucket: MemoryBucket) -> None:
    quarantine = JsonLinesQuarantine(bucket, FLOW)
    quarantine.keep_file(VERSION, 1, "complete", "it ends in the middle", "order_id,tot")
    quarantine.keep_rows(VERSION, 1, ("order_id",), [Rejection(1, "key", "order_id", "no number", ("x", "y"))])
    row, file = quarantine.documents(receipt(1))
    assert row["fields"] == ["x", "y"]
    assert file == {**PLACE, "rule": "complete", "reason": "it ends in the middle", "shown": "order_id,tot"}


def test_bytes_that_were_no_text_come_back_from_what_is_utf_8(bucket: MemoryBucket) -> None:
    quarantine = JsonLinesQuarantine(bucket, FLOW)
    quarantine.keep_file(VERSION, 1, "encoding", "José \udcff", "")
    (document,) = quarantine.documents(receipt(1))
    assert document["reason"] == "José \udcff"
    (kept,) = (bucket.read(found.key) or b"" for found in bucket.objects())
    assert "José \\udcff" in kept.decode("utf-8")


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(inbox_quarantine, id="inbox"),
        pytest.param(lambda bucket: LakeQuarantine(bucket, ECOMMERCE), id="lake"),
    ],
)
def test_where_a_message_may_hold_anything_its_numbers_are_masked(
    of: Callable[[MemoryBucket], Quarantine], bucket: MemoryBucket
) -> None:
    quarantine = of(bucket)
    quarantine.messages.keep("m-1", f"card {CARD}", "foreign_message", f"not JSON: {CARD}")
    kept = quarantine.messages.read("m-1")
    assert kept is not None
    assert (kept["body"], kept["reason"]) == (without_numbers(f"card {CARD}"), without_numbers(f"not JSON: {CARD}"))
    assert CARD.encode() not in b"".join(bucket.read(found.key) or b"" for found in bucket.objects())


def test_a_batch_that_died_and_came_again_in_halves_tells_of_the_records_of_its_half(bucket: MemoryBucket) -> None:
    """What the whole left at the beginning of the first half is told by the second, which has it of its own."""
    quarantine, keys = JsonLinesQuarantine(bucket, FLOW), {"id": "8"}
    rejected = RejectedChange("8", "REMOVE", keys, keys, None, "total_positive", "-1 is below 0")
    for numbers in (range(1, 11), range(6, 11)):
        quarantine.keep_changes(batch_of(numbers), 1, [rejected])
    halves = [replace(receipt(1), source=batch_of(numbers)) for numbers in (range(1, 6), range(6, 11))]
    assert [[row["sequence_number"] for row in quarantine.documents(half)] for half in halves] == [[], ["8"]]


def batch_of(numbers: Sequence[int]) -> StreamBatch:
    at = "2026-11-20T09:30:00.000Z"
    return StreamBatch.of(FLOW, "arn:aws:dynamodb:x:1:table/t/stream/1", list(map(str, numbers)), [at])


def test_a_run_reads_its_own_documents_alone(bucket: MemoryBucket) -> None:
    quarantine = JsonLinesQuarantine(bucket, FLOW)
    for run in (1, 2):
        quarantine.keep_file(VERSION, run, "complete", f"run {run}", "")
    assert [document["reason"] for document in quarantine.documents(receipt(2))] == ["run 2"]
    quarantine.drop_earlier_runs(VERSION, 2)
    assert list(quarantine.documents(receipt(1))) == []
    assert [document["reason"] for document in quarantine.documents(receipt(2))] == ["run 2"]
