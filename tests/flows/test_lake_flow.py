"""The lake through its deployed functions: raw objects to curated days, foreign files to raw objects."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import dagster as dg
import polars as pl
import pytest

from deploy.cli.commands import Where
from deploy.cli.deployment import deployment_of
from deploy.cli.state import print_status
from deploy.local.outputs import environment_contract
from pipeline_assets.curation.assets import CurationStoresResource
from pipeline_assets.curation.sensors import loads_watch
from pipeline_assets.datasets.ecommerce import CUSTOMERS, PAYMENTS, QUERY_LOG
from pipeline_assets.events.dead_letters import DeadLetters
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.s3_events import notification
from pipeline_assets.flows import flow_row, queued_flows
from pipeline_assets.lake.layout import LoadName, RawObject, curated_key, load_id_of, quarantine_prefix
from pipeline_assets.lake.manifest import LoadedObject, Manifest
from pipeline_assets.lineage.resources import MetricsResource
from pipeline_assets.operations.access import Access
from pipeline_assets.operations.reconcile import announce_lost
from pipeline_assets.operations.status import flow_status, messages_in
from pipeline_assets.privacy.leaks import Canaries, scan_bucket, scan_bytes, scan_text
from pipeline_assets.storage.documents import from_json, to_json
from pipeline_assets.storage.s3 import S3Bucket
from tests.worlds.lake import Lake, foreign, load_name
from tests.worlds.stack import RunningStack
from tests.worlds.waiting import until

#: Nothing of the lake comes near the graph.
pytestmark = pytest.mark.any_engine
#: Never issued to anybody: a test number of a card network, and one of the ranges that are no social security number.
CARD, CODE, SSN, NAME = "4929123412341232", "737", "987-65-4320", "Hortensia"
CANARIES = Canaries((CARD, SSN))


@pytest.fixture
def lake(cloud: RunningStack) -> Lake:
    return Lake(cloud)


@pytest.fixture
def instance_environment(cloud: RunningStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a process that works with the instance."""
    for variable, value in environment_contract(cloud.instance, cloud.outputs).items():
        monkeypatch.setenv(variable, value)


def orders(first: int, number: int, **values: Any) -> list[dict[str, Any]]:
    return [{"order_id": first + place, **values} for place in range(number)]


def _is_empty(lake: Lake, queue: str) -> bool:
    return messages_in(lake.access, queue) == 0


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class TestRawToCurated:
    def test_a_load_becomes_days_receipts_partitions_and_a_marker(self, lake: Lake) -> None:
        day, name = "2026-03-02", load_name("2026-03-02")
        objects = [
            lake.put_rows(RawObject("orders", day, name.load_id, "0001"), orders(1, 3)),
            lake.put_rows(RawObject("order_lines", day, name.load_id, "0001"), orders(1, 2)),
        ]
        assert lake.body(lake.curated, name.key) is None
        lake.finish(name, objects)
        told = lake.marker(name)
        assert (told["load_id"], told["day"], set(told["datasets"])) == (name.load_id, day, {"orders", "order_lines"})
        receipts = [lake.receipt(lake.id_of(each)) for each in objects]
        assert [receipt.counts for receipt in receipts] == [Counts(3, 3), Counts(2, 2)]
        assert {part.asset for part in receipts[0].partitions} == {"raw/orders", "curated/orders"}
        frame = lake.day("orders", day)
        assert frame["order_id"].to_list() == [1, 2, 3]
        assert frame["_load_id"].unique().to_list() == [name.load_id]
        glue, database = lake.access.client("glue"), lake.access.document["databases"]["lake"]
        partition = glue.get_partition(DatabaseName=database, TableName="orders", PartitionValues=[day])["Partition"]
        assert partition["StorageDescriptor"]["Location"] == f"s3://{lake.curated}/orders/date={day}/"

    def test_a_bad_row_is_kept_aside_with_its_rule_and_no_name_of_a_person(self, lake: Lake) -> None:
        day, name = "2026-03-03", load_name("2026-03-03")
        rows: list[dict[str, Any]] = [{"customer_id": 1}, {"customer_id": -5, "first_name": NAME}]
        stored = lake.put_rows(RawObject("customers", day, name.load_id, "0001"), rows)
        receipt = lake.receipt(lake.id_of(stored))
        assert receipt.counts == Counts(received=2, accepted=1, quarantined=1)
        key = f"{quarantine_prefix('ecommerce', 'customers', day)}{receipt.id}.parquet"
        body = lake.body(lake.quarantine, key)
        assert body is not None
        (row,) = pl.read_parquet(io.BytesIO(body)).iter_rows(named=True)
        assert (row["row"], row["rule"]) == (2, "customer_id_positive")
        assert NAME not in str(row)

    def test_what_spark_leaves_behind_is_left_alone(self, lake: Lake) -> None:
        """Beside data, in the raw bucket and in the inbox: no receipt, nothing refused; what is data comes through."""
        day, name = "2026-03-03", load_name("2026-03-03")
        markers = [
            "_SUCCESS",
            f"orders/load={day}/",
            f"orders/load={day}/.x.parquet.crc",
            "_temporary/0/part-0.parquet",
        ]
        flows = {"ecommerce": "raw", "inbox": "inbox"}
        before = {flow: lake.ledger.totals(flow).objects for flow in flows}
        for place in flows.values():
            for key in (*markers, "customers/run1/", "customers/_committed_1"):
                lake.s3.put_object(Bucket=lake.access.bucket(place), Key=key, Body=b"")
        stored = lake.put_rows(RawObject("stores", day, name.load_id, "0001"), [{"store_id": 8}])
        assert lake.receipt(lake.id_of(stored)).counts == Counts(1, 1)
        for flow, place in flows.items():
            until(partial(_is_empty, lake, place))
            assert lake.ledger.totals(flow).objects == before[flow] + (flow == "ecommerce")
            assert not [each for each in lake.ledger.receipts(flow) if "_temporary" in each.version.key]

    def test_many_objects_at_once_on_one_day_lose_nothing(self, lake: Lake) -> None:
        """Twelve objects of one day, put side by side: each invocation rewrites the day that the others rewrite too."""
        day, name = "2026-03-04", load_name("2026-03-04")
        before = lake.ledger.totals("ecommerce")

        def put(part: int) -> LoadedObject:
            return lake.put_rows(RawObject("orders", day, name.load_id, f"{part:04d}"), orders(part * 100, 50))

        with ThreadPoolExecutor(12) as pool:
            objects = list(pool.map(put, range(1, 13)))
        lake.finish(name, objects)
        lake.marker(name)
        assert lake.day("orders", day).height == 600
        after = lake.ledger.totals("ecommerce")
        assert after.counts - before.counts == Counts(received=600, accepted=600)
        assert after.objects - before.objects == 12

    def test_an_event_that_comes_again_changes_nothing(self, lake: Lake) -> None:
        day, name = "2026-03-05", load_name("2026-03-05")
        stored = lake.put_rows(RawObject("stores", day, name.load_id, "0001"), [{"store_id": 7}])
        receipt = lake.receipt(lake.id_of(stored))
        key, sqs = curated_key("stores", day), lake.access.sqs
        before = lake.s3.head_object(Bucket=lake.curated, Key=key)
        for _ in range(3):
            sqs.send_message(QueueUrl=lake.access.queue("raw"), MessageBody=notification(receipt.version))
        until(lambda: messages_in(lake.access, "raw") == 0)
        after = lake.s3.head_object(Bucket=lake.curated, Key=key)
        assert (after["VersionId"], after["ETag"]) == (before["VersionId"], before["ETag"])
        again = lake.ledger.receipt(receipt.id)
        assert again is not None
        assert (again.run, again.counts) == (1, Counts(1, 1))

    def test_the_latest_change_wins_whatever_came_first_and_what_is_deleted_goes(self, lake: Lake) -> None:
        day, first, second = "2026-03-06", load_name("2026-03-06"), load_name("2026-03-06")
        old = orders(1, 3, updated_at=at("2026-03-06T01:00"))
        new = orders(2, 1, updated_at=at("2026-03-06T02:00"), status="shipped")
        gone = [{"order_id": 3, "deleted_at": at("2026-03-06T03:00")}]
        last = [
            lake.put_deleted(RawObject("orders", day, second.load_id, "deleted"), gone),
            lake.id_of(lake.put_rows(RawObject("orders", day, second.load_id, "0001"), new)),
            lake.id_of(lake.put_rows(RawObject("orders", day, first.load_id, "0001"), old)),
        ]
        for each in last:
            lake.receipt(each)
        rows = lake.day("orders", day).select("order_id", "status", "_deleted").rows()
        assert rows == [(1, "paid", False), (2, "shipped", False), (3, None, True)]

    @pytest.mark.parametrize(
        ("key", "body"),
        [
            pytest.param("orders/load=2026-03-07/20260307T000000000000Z-0001.parquet", b"PAR1 no PAR1", id="garbage"),
            pytest.param("orders/load=2026-03-07/20260307T000000000000Z-0002.parquet", b"", id="empty"),
            pytest.param("orders/notes.txt", b"hello", id="stray"),
            pytest.param("unknown/load=2026-03-07/20260307T000000000000Z-0001.parquet", b"PAR1", id="unknown dataset"),
        ],
    )
    def test_what_cannot_be_read_has_a_clear_end(self, lake: Lake, key: str, body: bytes) -> None:
        receipt = lake.receipt(lake.put(key, body))
        assert receipt.refused
        assert receipt.counts.conserved

    def test_a_message_that_is_no_notification_is_kept_and_done_with(self, lake: Lake) -> None:
        message = lake.access.sqs.send_message(QueueUrl=lake.access.queue("raw"), MessageBody=f"hello {uuid4()} {CARD}")
        until(lambda: lake.keys(lake.quarantine, f"ecommerce/messages/{message['MessageId']}"))

    def test_dead_letters_go_back_and_are_worked_off(self, lake: Lake) -> None:
        """What was dead-lettered is announced again, and by then its object is curated like any other."""
        day, name = "2026-03-08", load_name("2026-03-08")
        stored = lake.put_rows(RawObject("stores", day, name.load_id, "0001"), [{"store_id": 8}])
        receipt = lake.receipt(lake.id_of(stored))
        letters = lake.access.queue("raw-dlq")
        lake.access.sqs.send_message(QueueUrl=letters, MessageBody=notification(receipt.version))
        assert flow_status(lake.access, "ecommerce").dead_lettered == 1
        assert len(list(DeadLetters(lake.access.sqs, lake.access.queue("raw")).redrive())) == 1
        until(lambda: messages_in(lake.access, "raw") == messages_in(lake.access, "raw-dlq") == 0)


class TestLoads:
    @pytest.mark.usefixtures("instance_environment")
    def test_one_that_does_not_end_is_told_until_it_does(
        self, lake: Lake, cloud: RunningStack, capsys: pytest.CaptureFixture[str]
    ) -> None:
        day, name = "2026-03-09", LoadName("2026-03-09", load_id_of(datetime.now(UTC) - timedelta(hours=3)))
        stored = lake.put_rows(RawObject("stores", day, name.load_id, "0001"), [{"store_id": 9}])
        lake.receipt(lake.id_of(stored))
        told = f"{name.load_id} of {day}: it has no manifest"
        assert told in self.watched()
        print_status(cloud.instance)
        assert f"load {name.load_id} of {day} is not complete" in " ".join(capsys.readouterr().out.split())
        lake.finish(name, [stored])
        lake.marker(name)
        assert told not in self.watched()
        figures = lake.access.client("cloudwatch").get_metric_statistics(
            Namespace="Cesta",
            MetricName="OverdueLoads",
            Dimensions=[
                {"Name": "Flow", "Value": "ecommerce"},
                {"Name": "Ledger", "Value": lake.access.table("ledger")},
            ],
            StartTime=datetime.now(UTC) - timedelta(minutes=10),
            EndTime=datetime.now(UTC) + timedelta(minutes=10),
            Period=60,
            Statistics=["Maximum", "Minimum"],
        )["Datapoints"]
        assert max(each["Maximum"] for each in figures) > min(each["Minimum"] for each in figures)

    def test_one_whose_events_were_lost_is_announced_again_and_ends(self, lake: Lake) -> None:
        day, name = "2026-03-10", load_name("2026-03-10")
        told = lake.s3.get_bucket_notification_configuration(Bucket=lake.raw)["QueueConfigurations"]
        lake.s3.put_bucket_notification_configuration(Bucket=lake.raw, NotificationConfiguration={})
        try:
            stored = lake.put_rows(RawObject("stores", day, name.load_id, "0001"), [{"store_id": 10}])
            lake.finish(name, [stored])
        finally:
            configuration: Any = {"QueueConfigurations": told}
            lake.s3.put_bucket_notification_configuration(Bucket=lake.raw, NotificationConfiguration=configuration)
        assert announce_lost(lake.access, flow_row("ecommerce")).announced >= 2
        assert lake.marker(name)["load_id"] == name.load_id
        assert lake.receipt(lake.id_of(stored)).counts == Counts(1, 1)

    @staticmethod
    def watched() -> str:
        with dg.DagsterInstance.ephemeral() as instance:
            said = loads_watch(
                dg.build_sensor_context(instance=instance),
                curation_stores=CurationStoresResource.of_environment(),
                metrics=MetricsResource.of_environment(),
            )
        assert isinstance(said, dg.SensorResult)
        assert said.skip_reason
        return str(said.skip_reason.skip_message)


class TestInbox:
    def test_a_foreign_file_is_masked_on_its_way_and_leaves_no_number_behind(self, lake: Lake) -> None:
        today = datetime.now(UTC).date().isoformat()
        rows = [
            {"payment_id": 1, "card_number": CARD, "card_security_code": CODE, "updated_at": at(f"{today}T00:00")},
            {"payment_id": 2, "card_number": CARD, "card_security_code": CODE, "updated_at": at(f"{today}T00:00")},
        ]
        receipt = lake.receipt(lake.put("payments/partner-7.parquet", foreign(PAYMENTS, rows), lake.inbox))
        assert (receipt.flow, receipt.counts) == ("inbox", Counts(2, 2))
        until(lambda: not lake.keys(lake.inbox, "payments/"))
        until(lambda: self.paid(lake, today) == 2)
        frame = lake.day("payments", today)
        assert frame["card_last_four"].to_list() == [CARD[-4:]] * 2
        assert frame["card_issuer"].to_list() == ["visa"] * 2
        (token,) = frame["card_token"].unique()
        assert token.startswith("local-1:")
        manifests = [key for key in lake.keys(lake.raw, "_loads/") if key.endswith(".json")]
        loads = [from_json(lake.body(lake.raw, key) or b"", Manifest) for key in manifests]
        assert any(each.dataset == "payments" for load in loads for each in load.objects)

    def test_a_bad_row_of_it_is_kept_without_its_numbers(self, lake: Lake) -> None:
        today = datetime.now(UTC).date().isoformat()
        rows = [{"customer_id": -1, "ssn": SSN, "first_name": NAME, "updated_at": at(f"{today}T00:00")}]
        lake.receipt(lake.put("customers/partner-7.parquet", foreign(CUSTOMERS, rows), lake.inbox))
        (key,) = until(lambda: lake.keys(lake.quarantine, quarantine_prefix("ecommerce", "customers", today)))
        body = lake.body(lake.quarantine, key)
        assert body is not None
        told = str(pl.read_parquet(io.BytesIO(body)).to_dicts())
        assert "customer_id_positive" in told
        assert NAME not in told

    @pytest.mark.usefixtures("instance_environment")
    def test_what_cannot_be_read_is_refused_without_quoting_it_and_stays_for_a_replay(self, lake: Lake) -> None:
        receipt = lake.receipt(lake.put("payments/broken.parquet", f"PAR1 {CARD} PAR1".encode(), lake.inbox))
        assert receipt.refused
        assert CARD not in to_json(receipt).decode()
        with deployment_of("inbox", Where(from_env=True)) as there:
            assert receipt.id in there.stores.quarantine.contents().receipts
            (kept,) = there.stores.quarantine.documents(receipt)
            assert kept["rule"] == "readable"
            again = there.flow.ingest(receipt.version, there.stores, redo=True)
        assert again is not None
        assert (again.run, again.refused) == (2, receipt.refused)
        assert lake.keys(lake.inbox, "payments/broken.parquet")

    @staticmethod
    def paid(lake: Lake, day: str) -> int:
        """How many payments the day has."""
        there = lake.body(lake.curated, curated_key("payments", day)) is not None
        return lake.day("payments", day).height if there else 0


def test_no_number_is_anywhere_but_in_the_inbox(lake: Lake) -> None:
    """The last of this file, after files with numbers went through: every store that Cesta writes is looked into."""
    body = foreign(QUERY_LOG, [{"query_id": 1, "text": f"is {CARD} mine, I am {SSN}?"}])
    assert scan_bytes("file", body, CANARIES), "what was planted is found where it is"
    lake.receipt(lake.put("query_log/partner-7.parquet", body, lake.inbox))
    today = datetime.now(UTC).date().isoformat()
    until(lambda: lake.body(lake.curated, curated_key("query_log", today)))
    assert "[card ending 1232]" in lake.day("query_log", today)["text"].item()
    found = [
        finding
        for bucket in (lake.raw, lake.curated, lake.quarantine)
        for finding in scan_bucket(S3Bucket(lake.s3, bucket), CANARIES)
    ]
    found += scan_text("ledger", said_in_the_ledger(lake), CANARIES)
    found += scan_text("logs", said_in_logs(lake.access), CANARIES)
    found += scan_text("dead letters", said_in_dead_letters(lake.access), CANARIES)
    assert found == []


def said_in_the_ledger(lake: Lake) -> str:
    receipts = "\n".join(
        to_json(receipt).decode() for flow in queued_flows() for receipt in lake.ledger.receipts(flow.name)
    )
    pages = lake.access.dynamodb.get_paginator("scan").paginate(TableName=lake.access.table("ledger"))
    return receipts + json.dumps([page["Items"] for page in pages], default=str)


def said_in_logs(access: Access) -> str:
    logs, said = access.client("logs"), []
    for name in ("raw-to-curated", "inbox-to-raw"):
        group = f"/aws/lambda/{access.document['functions'][name]}"
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        said += [event["message"] for page in pages for event in page["events"]]
    assert said
    return "\n".join(said)


def said_in_dead_letters(access: Access) -> str:
    messages: list[str] = []
    for name in ("raw-dlq", "inbox-dlq"):
        answer = access.sqs.receive_message(QueueUrl=access.queue(name), MaxNumberOfMessages=10, VisibilityTimeout=0)
        messages += [str(message.get("Body")) for message in answer.get("Messages", [])]
    return "\n".join(messages)
