"""Tickets from the bucket to the graph, the ledger and the quarantine, through the deployed function."""

from __future__ import annotations

import gzip
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import pytest

from pipeline_assets.errors import TimeBudgetReachedError
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.queue import EventQueue
from pipeline_assets.events.s3_events import object_versions
from pipeline_assets.flows import flow_row
from pipeline_assets.operations.reconcile import announce_lost
from pipeline_assets.operations.replay import replay_message
from pipeline_assets.operations.status import flow_status
from pipeline_assets.operations.versions import version_id_of
from pipeline_assets.tickets.catch_up import catch_up
from pipeline_assets.tickets.ingest import BATCH_ROWS, TICKET_FLOW
from tests.worlds.graph_picture import picture
from tests.worlds.ticket_cloud import HEADER, TicketCloud, row

if TYPE_CHECKING:
    from tests.worlds.stack import RunningStack

#: What shows, on the embedded graph as well, that the flow goes through.
SMOKE = pytest.mark.every_engine


@pytest.fixture
def tickets(cloud: RunningStack) -> TicketCloud:
    cloud.graph.execute_query("MATCH (n) DETACH DELETE n")
    return TicketCloud(cloud)


@SMOKE
def test_an_uploaded_file_is_the_graph_and_the_receipt_says_so(tickets: TicketCloud) -> None:
    content = HEADER + row("T1") + row("T1", "Milk", 2, category="") + row("T2", "Bread", 1.5, store="S2")
    receipt = tickets.receipt("tickets.csv", tickets.put("tickets.csv", content))
    assert receipt.counts == Counts(received=3, accepted=3)
    assert receipt.size == len(content)
    assert [(part.asset, part.partition) for part in receipt.partitions] == [
        ("tickets/landed", receipt.source.arrival_day),
        ("tickets", "2026-11-14"),
        ("purchase_graph", ""),
    ]
    assert picture(tickets.cloud.graph) == {
        "Ticket": [("T1",), ("T2",)],
        "Basket": [("B-T1",), ("B-T2",)],
        "Product": [("Bread",), ("Milk",)],
        "Category": [("Bakery",)],
        "Store": [("S1",), ("S2",)],
        "PART_OF": [("T1", "B-T1", None), ("T2", "B-T2", None)],
        "SOLD_AT": [("T1", "S1", None), ("T2", "S2", None)],
        "CONTAINS": [("T1", "Bread", 1), ("T1", "Milk", 2), ("T2", "Bread", 1.5)],
        "IN_CATEGORY": [("Bread", "Bakery", None)],
    }


@SMOKE
def test_the_same_event_again_changes_nothing_but_the_deliveries(tickets: TicketCloud) -> None:
    version = tickets.put("twice.csv", HEADER + row("T1") + row("T1"))
    receipt = tickets.receipt("twice.csv", version)
    assert receipt.counts == Counts(received=2, accepted=1, duplicate=1)
    before, totals = picture(tickets.cloud.graph), tickets.ledger.totals("tickets")
    source = receipt.version
    record = tickets.notification("twice.csv", version, moment=source.event_time, sequencer=source.sequencer)
    tickets.send(json.dumps({"Records": [record, record]}))
    tickets.wait(lambda: tickets.ledger.deliveries(receipt.id) == 3)
    assert picture(tickets.cloud.graph) == before
    assert tickets.ledger.totals("tickets") == totals


@SMOKE
def test_bad_rows_are_kept_with_rule_reason_and_place_and_the_rest_goes_through(tickets: TicketCloud) -> None:
    content = HEADER + row("T1") + row("T2", quantity=0) + row("T3", timestamp="soon") + row("T4", store="") + "T5,x\n"
    receipt = tickets.receipt("bad.csv", tickets.put("bad.csv", content))
    assert receipt.counts == Counts(received=5, accepted=1, quarantined=4)
    kept = tickets.quarantined(f"tickets/{receipt.id}/")
    assert [(k["row"], k["column"], k["rule"]) for k in kept] == [
        (2, "quantity", "quantity_positive"),
        (3, "timestamp", "timestamp_readable"),
        (4, "store", "key_present"),
        (5, "", "columns"),
    ]
    assert kept[0]["reason"] == "row 2, column quantity: found '0', expected a number above zero"
    assert kept[0]["fields"]["ticket_id"] == "T2"
    assert kept[0]["key"] == "bad.csv"
    by_place = {(part.asset, part.partition): part.counts for part in receipt.partitions}
    assert by_place["tickets", "2026-11-14"] == Counts(received=3, accepted=1, quarantined=2)
    assert tickets.lines("T1") == [("Bread", 1)]


def test_a_file_that_cannot_be_read_is_refused_with_one_sentence(tickets: TicketCloud) -> None:
    receipt = tickets.receipt("cut.csv", tickets.put("cut.csv", "ticket_id,product\nT1,Bread\n"))
    assert receipt.refused.startswith(
        "cut.csv: row 0 lacks the columns basket_id, timestamp, category, quantity, store"
    )
    assert receipt.counts == Counts(received=1, quarantined=1)
    assert [k["reason"] for k in tickets.quarantined(f"tickets/{receipt.id}/")] == [receipt.refused]


@SMOKE
def test_a_correction_replaces_what_the_file_said_before(tickets: TicketCloud) -> None:
    tickets.receipt("day.csv", tickets.put("day.csv", HEADER + row("T1", quantity=1) + row("T2")))
    tickets.receipt("day.csv", tickets.put("day.csv", HEADER + row("T1", quantity=7)))
    assert picture(tickets.cloud.graph)["CONTAINS"] == [("T1", "Bread", 7)]


@SMOKE
def test_an_older_version_whose_event_comes_late_is_superseded(tickets: TicketCloud) -> None:
    # In a bucket that announces nothing by itself, so that the events come in the order of this test.
    bucket = tickets.bucket = tickets.access.bucket("quarantine")
    older = tickets.put("late/day.csv", HEADER + row("T1", quantity=1) + row("T2"))
    newer = tickets.put("late/day.csv", HEADER + row("T1", quantity=7))
    for version, moment in ((newer, "2026-11-20T10:00:01.000Z"), (older, "2026-11-20T10:00:00.000Z")):
        record = tickets.notification("late/day.csv", version, moment=moment, sequencer="1")
        tickets.send(json.dumps({"Records": [record]}))
        receipt = tickets.receipt("late/day.csv", version)
    assert receipt.source.uri == f"s3://{bucket}/late/day.csv"
    assert receipt.counts == Counts(received=2, superseded=2)
    assert picture(tickets.cloud.graph)["CONTAINS"] == [("T1", "Bread", 7)]


def test_several_records_in_one_message_and_a_test_message(tickets: TicketCloud) -> None:
    tickets.send('{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}')
    first, second = (tickets.put(f"many-{n}.csv", HEADER + row(f"T{n}")) for n in (1, 2))
    tickets.receipt("many-1.csv", first)
    tickets.receipt("many-2.csv", second)
    records = [
        tickets.notification(f"many-{n}.csv", version, moment="2026-11-20T10:00:00.000Z", sequencer="1")
        for n, version in ((1, first), (2, second))
    ]
    tickets.send(json.dumps({"Records": records}))
    for number, version in ((1, first), (2, second)):
        receipt = tickets.receipt(f"many-{number}.csv", version)
        tickets.wait(lambda receipt=receipt: tickets.ledger.deliveries(receipt.id) == 2)


def test_a_foreign_message_is_quarantined_and_not_delivered_again(tickets: TicketCloud) -> None:
    tickets.send("not for us")
    (kept,) = tickets.wait(
        lambda: [each for each in tickets.quarantined("tickets/messages/") if each["body"] == "not for us"]
    )
    assert kept["rule"] == "foreign_message"
    assert "it is not JSON" in kept["reason"]


def test_a_foreign_message_counts_in_the_status(tickets: TicketCloud) -> None:
    before = flow_status(tickets.access, "tickets").foreign_messages
    tickets.send(json.dumps({"Records": "none"}))
    tickets.wait(lambda: flow_status(tickets.access, "tickets").foreign_messages == before + 1)


def in_sns(document: dict[str, Any]) -> dict[str, Any]:
    return {"Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:1:t", "Message": json.dumps(document)}


def in_event_bridge(bucket: str, key: str, version: str) -> dict[str, Any]:
    item = {"key": key, "size": 1, "etag": "", "version-id": version, "sequencer": "0A"}
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "time": "2026-11-20T10:00:00Z",
        "detail": {"bucket": {"name": bucket}, "object": item, "reason": "PutObject"},
    }


@pytest.mark.parametrize("way", ["SNS", "EventBridge", "EventBridge through SNS"])
def test_a_notification_in_an_envelope_is_worked_through(tickets: TicketCloud, way: str) -> None:
    key = f"enveloped/{way} a+b%20.csv"
    version = tickets.put(key, HEADER + row("T1"))
    receipt = tickets.receipt(key, version)
    record = tickets.notification(quote_plus(key), version, moment="2026-11-20T10:00:00.000Z", sequencer="0A")
    bare = {"Records": [record]} if way == "SNS" else in_event_bridge(tickets.bucket, key, version)
    tickets.send(json.dumps(bare if way == "EventBridge" else in_sns(bare)))
    tickets.wait(lambda: tickets.ledger.deliveries(receipt.id) == 2)


def test_an_enveloped_message_that_was_kept_is_put_into_the_queue_again(tickets: TicketCloud) -> None:
    key = "kept before.csv"
    version = tickets.put(key, HEADER + row("T1"))
    receipt = tickets.receipt(key, version)
    body = json.dumps(in_sns(in_event_bridge(tickets.bucket, key, version)))
    with tickets.stores() as stores:
        stores.quarantine.messages.keep("kept-message", body, "foreign_message", "it has no list 'Records'")
        assert replay_message("kept-message", stores, EventQueue(tickets.access.sqs, tickets.access.queue("tickets")))
        assert stores.quarantine.messages.read("kept-message") is None
    tickets.wait(lambda: tickets.ledger.deliveries(receipt.id) == 2)


@pytest.mark.parametrize("way", ["S3", "SNS"])
def test_an_event_of_a_bucket_that_is_not_there_ends_refused_at_once(tickets: TicketCloud, way: str) -> None:
    key = f"{way}.csv"
    record = tickets.notification(key, "v1", moment="2026-11-20T10:00:00.000Z", sequencer="1")
    record["s3"]["bucket"]["name"] = "no-such-bucket-xyz"
    bare = {"Records": [record]}
    tickets.send(json.dumps(bare if way == "S3" else in_sns(bare)))
    receipt = tickets.receipt(key, "v1")
    assert receipt.refused.startswith(f"{key}: its bucket is not there; expected")
    assert tickets.ledger.deliveries(receipt.id) == 1


def test_markers_of_tools_leave_no_receipt_and_no_refusal(tickets: TicketCloud) -> None:
    before = tickets.ledger.totals("tickets").objects
    keys = ["2026/", "out/_SUCCESS", "out/_committed_1", "out/.part-0.csv.crc", "_temporary/0/part-0.csv", "._a.csv"]
    versions = [tickets.put(key, "") for key in keys]
    versions.append(tickets.put("out/_temporary/0/part-0.csv", HEADER + row("T9")))
    last = tickets.put("out/part-0.csv", HEADER + row("T1"))
    tickets.receipt("out/part-0.csv", last)
    tickets.wait(lambda: flow_status(tickets.access, "tickets").queued == 0)
    ids = [version_id_of(tickets.bucket, key, version) for key, version in zip(keys, versions, strict=False)]
    assert [tickets.ledger.receipt(each) for each in ids] == [None] * len(ids)
    assert tickets.ledger.totals("tickets").objects == before + 1
    # What other tests left in the bucket without a receipt is announced; these are not.
    assert announce_lost(tickets.access, flow_row("tickets")).left_alone >= len(versions)
    tickets.wait(lambda: flow_status(tickets.access, "tickets").queued == 0)
    assert [tickets.ledger.receipt(each) for each in ids] == [None] * len(ids)


def test_an_object_that_is_gone_before_it_is_read_ends_refused(tickets: TicketCloud) -> None:
    record = tickets.notification("gone.csv", "no-such-version", moment="2026-11-20T10:00:00.000Z", sequencer="1")
    tickets.send(json.dumps({"Records": [record]}))
    receipt = tickets.receipt("gone.csv", "no-such-version")
    assert receipt.refused.startswith("gone.csv: this version is no longer in the bucket")
    assert receipt.counts == Counts()


@pytest.mark.parametrize("key", ["with space.csv", "a+b%.csv", "café/días.csv", "long/" + "x" * 890 + ".csv"])
def test_keys_arrive_as_they_were_written(tickets: TicketCloud, key: str) -> None:
    receipt = tickets.receipt(key, tickets.put(key, HEADER + row("T1")))
    assert receipt.counts == Counts(received=1, accepted=1)


def test_a_gzip_file_is_read(tickets: TicketCloud) -> None:
    receipt = tickets.receipt(
        "zipped.csv.gz", tickets.put("zipped.csv.gz", gzip.compress((HEADER + row("T1")).encode()))
    )
    assert receipt.counts == Counts(received=1, accepted=1)


@pytest.mark.alone
def test_an_upload_is_in_the_graph_about_a_second_later(tickets: TicketCloud) -> None:
    tickets.receipt("warm.csv", tickets.put("warm.csv", HEADER + row("T0")))
    started = time.monotonic()
    tickets.put("quick.csv", HEADER + row("T1"))
    tickets.wait(lambda: tickets.lines("T1"))
    # Far above what it takes, on purpose: this says that nothing polls slowly, a benchmark says how fast it is.
    assert time.monotonic() - started < 5


def test_a_partition_is_made_of_the_newest_versions_of_its_files(tickets: TicketCloud) -> None:
    day = "2026-03-03"
    then = {"timestamp": f"{day} 09:00:00"}
    first = tickets.put("a/2026-03-03.csv", HEADER + row("P1", **then) + row("P2", **then))
    arrived = tickets.receipt("a/2026-03-03.csv", first).source.arrival_day
    landed = tickets.ledger.account("tickets/landed", arrived).counts
    assert tickets.ledger.account("tickets", day).counts == Counts(received=2, accepted=2)
    second = tickets.put("a/2026-03-03.csv", HEADER + row("P1", **then))
    tickets.receipt("a/2026-03-03.csv", second)
    assert tickets.ledger.account("tickets", day).counts == Counts(received=1, accepted=1)
    assert [source.place["version_id"] for source in tickets.ledger.sources("tickets", day)] == [second]
    # Everything that arrived is there still; the rows of the first version are superseded.
    replaced = Counts(received=1, accepted=1) + Counts(accepted=-2, superseded=2)
    assert tickets.ledger.account("tickets/landed", arrived).counts == landed + replaced
    third = tickets.put("a/2026-03-03.csv", HEADER + row("P1", timestamp="2026-03-04 09:00:00"))
    tickets.receipt("a/2026-03-03.csv", third)
    assert tickets.ledger.sources("tickets", day) == []
    refused = tickets.put("a/2026-03-03.csv", "no,header\n")
    tickets.receipt("a/2026-03-03.csv", refused)
    assert [source.place["version_id"] for source in tickets.ledger.sources("tickets", "2026-03-04")] == [third]


def test_a_file_is_done_again_with_the_same_result(tickets: TicketCloud) -> None:
    content = HEADER + row("T1") + row("T2", quantity=0) + row("T1")
    receipt = tickets.receipt("again.csv", tickets.put("again.csv", content))
    before, totals = picture(tickets.cloud.graph), tickets.ledger.totals("tickets")
    with tickets.stores() as stores:
        again = TICKET_FLOW.ingest(receipt.version, stores, redo=True, report=False)
    assert (again.run, again.counts, again.partitions) == (2, receipt.counts, receipt.partitions)
    assert picture(tickets.cloud.graph) == before
    assert tickets.ledger.totals("tickets") == totals


def test_a_redo_of_a_file_that_is_gone_changes_nothing(tickets: TicketCloud) -> None:
    version = tickets.put("soon-gone.csv", HEADER + row("T1"))
    receipt = tickets.receipt("soon-gone.csv", version)
    before, totals = picture(tickets.cloud.graph), tickets.ledger.totals("tickets")
    tickets.access.s3.delete_object(Bucket=tickets.bucket, Key="soon-gone.csv", VersionId=version)
    with tickets.stores() as stores:
        again = TICKET_FLOW.ingest(receipt.version, stores, redo=True, report=False)
    assert "no longer in the bucket" in again.refused
    assert again.counts == Counts()
    assert picture(tickets.cloud.graph) == before
    assert tickets.ledger.totals("tickets") == totals
    assert tickets.ledger.receipt(receipt.id) == receipt


@SMOKE
def test_a_lost_graph_is_filled_again_from_ledger_and_bucket(tickets: TicketCloud) -> None:
    keys = ["lost/1.csv", "lost/2.csv"]
    for number, key in enumerate(keys):
        tickets.receipt(key, tickets.put(key, HEADER + row(f"L{number}")))
    gone = tickets.put("lost/3.csv", HEADER + row("L3"))
    tickets.receipt("lost/3.csv", gone)
    tickets.access.s3.delete_object(Bucket=tickets.bucket, Key="lost/3.csv", VersionId=gone)
    tickets.cloud.graph.execute_query("MATCH (n) DETACH DELETE n")
    with tickets.stores() as stores:
        caught_up = catch_up(stores)
        assert {receipt.version.key for receipt in caught_up.restored} >= set(keys)
        assert tickets.lines("L0") == tickets.lines("L1") == [("Bread", 1)]
        assert "lost/3.csv" in {receipt.version.key for receipt in caught_up.missing}
        assert catch_up(stores).restored == ()


def test_time_that_runs_out_is_gone_on_with_where_it_stopped(tickets: TicketCloud) -> None:
    content = HEADER + "".join(row(f"T{number}") for number in range(2 * BATCH_ROWS + 10))
    bucket = tickets.bucket = tickets.access.bucket("quarantine")
    record = tickets.notification(
        "big.csv", tickets.put("big.csv", content), moment="2026-11-20T10:00:00.000Z", sequencer="1"
    )
    (version,), _ = object_versions(json.dumps({"Records": [record]}), flow="tickets")
    with tickets.stores() as stores:

        def seconds_left() -> float:
            return 1.0 if stores.graph.ingestion(version) else 100.0

        with pytest.raises(TimeBudgetReachedError):
            TICKET_FLOW.ingest(version, stores, seconds_left=seconds_left)
        stopped = stores.graph.ingestion(version)
        assert stopped
        assert (stopped.next_row, stopped.done) == (BATCH_ROWS + 1, False)
        receipt = TICKET_FLOW.ingest(version, stores)
    assert receipt.version.bucket == bucket
    assert receipt.counts == Counts(received=2 * BATCH_ROWS + 10, accepted=2 * BATCH_ROWS + 10)
