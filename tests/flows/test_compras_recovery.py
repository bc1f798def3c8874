"""Changes of purchases that never became documents: read again from the stream, or found in the table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest
from botocore.stub import Stubber
from msgspec import structs

from pipeline_assets.compras.current import current_purchases, latest_documents
from pipeline_assets.compras.ingest import COMPRAS_FLOW
from pipeline_assets.compras.recover import Recovered, recover
from pipeline_assets.errors import TransientError
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.stream_letters import GoneRangeError, LostRange, lost_range, records_of
from pipeline_assets.events.tenants import tenant_id
from pipeline_assets.operations.access import Access
from pipeline_assets.operations.lost import redeliver
from tests.worlds.compras import Purchases, product, purchase
from tests.worlds.template_reading import RESOURCES

if TYPE_CHECKING:
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient

EVER = date(2000, 1, 1), date(2100, 1, 1)


@pytest.fixture
def purchases(bare_cloud: Access) -> Iterator[Purchases]:
    """A world whose table is there, with its stream, and which nobody reads."""
    world = Purchases.new(bare_cloud)
    world.table = f"dev-t_MS3_compras-{uuid4().hex[:8]}"
    declared: Any = RESOURCES["ComprasTable"]["Properties"]
    shape = {name: declared[name] for name in ("AttributeDefinitions", "KeySchema", "BillingMode")}
    streamed: Any = {"StreamEnabled": True, **declared["StreamSpecification"]}
    bare_cloud.dynamodb.create_table(TableName=world.table, **shape, StreamSpecification=streamed)
    yield world
    bare_cloud.dynamodb.delete_table(TableName=world.table)


def put(world: Purchases, item: dict[str, Any]) -> None:
    world.access.dynamodb.put_item(TableName=world.table, Item=item)


def remove(world: Purchases, item: dict[str, Any]) -> None:
    key = {name: item[name] for name in ("tenant_id", "compra_id")}
    world.access.dynamodb.delete_item(TableName=world.table, Key=key)


def streamed(world: Purchases) -> tuple[str, str, list[dict[str, Any]]]:
    """The stream, its shard and its records, as the local cloud tells them."""
    streams = world.access.client("dynamodbstreams")
    (stream,) = streams.list_streams(TableName=world.table)["Streams"]
    described = streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]
    shard = described["Shards"][0]["ShardId"]
    asked = {"StreamArn": stream["StreamArn"], "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
    found = streams.get_records(ShardIterator=streams.get_shard_iterator(**asked)["ShardIterator"])
    return stream["StreamArn"], shard, found["Records"]


def state(world: Purchases, tenant: str = "t1") -> dict[str, list[str]]:
    """Quantities of the purchases that documents say there are, by `fecha`."""
    found = current_purchases(world.documents, tenant_id(tenant), *EVER)
    return {each.fecha: [str(line.cantidad) for line in each.lines] for each in found}


def test_what_is_otherwise_in_the_table_becomes_documents_once(purchases: Purchases) -> None:
    one = purchase("c1", "t1", "2026-11-20 09:00:00", product(quantity="1"))
    two = purchase("c2", "t1", "2026-11-20 10:00:00", product(quantity="2"))
    other = purchase("../c3", "t/2", "2026-11-19 10:00:00", product(price="0.1", quantity="3"))
    for item in (one, two, other):
        put(purchases, item)
    assert recover(purchases.stores()) == Recovered(purchases=3, changes=3)
    assert state(purchases) == {"2026-11-20 09:00:00": ["1"], "2026-11-20 10:00:00": ["2"]}
    assert len(state(purchases, "t/2")) == 1
    keys = purchases.document_keys()
    assert recover(purchases.stores()) == Recovered(purchases=3)
    assert purchases.document_keys() == keys
    put(purchases, one | {"productos": {"L": [product(quantity="7")]}})
    remove(purchases, two)
    put(purchases, purchase("c4") | {"fecha": {"S": "soon"}})
    assert recover(purchases.stores()) == Recovered(purchases=3, changes=2, rejected=1)
    assert state(purchases) == {"2026-11-20 09:00:00": ["7"]}
    assert recover(purchases.stores()) == Recovered(purchases=3, rejected=1)
    events = sorted(key.rpartition("/")[2].partition("_")[0] for key in purchases.document_keys())
    assert events == ["insert", "insert", "insert", "modify", "remove"]


def test_one_day_is_recovered_and_the_others_are_left(purchases: Purchases) -> None:
    for day in ("2026-11-19", "2026-11-20"):
        put(purchases, purchase(f"c-{day}", fecha=f"{day} 10:00:00"))
    assert recover(purchases.stores(), "2026-11-19") == Recovered(purchases=1, changes=1)
    assert list(state(purchases)) == ["2026-11-19 10:00:00"]


@pytest.mark.parametrize("content", ["{}", "[]", "no JSON", '{"productos": [1]}', "null"])
def test_what_is_no_document_under_the_name_of_one_is_passed_by(purchases: Purchases, content: str) -> None:
    put(purchases, purchase("c1", "t1", "2026-11-20 09:00:00"))
    for compra in ("c1", "gone"):
        key = f"compras/t1/2026/11/20/insert_{compra}_20261120_090000.json"
        purchases.documents.put(key, content.encode())
    assert recover(purchases.stores()) == Recovered(purchases=1, changes=1)
    assert recover(purchases.stores()) == Recovered(purchases=1)


def test_a_removal_is_of_the_item_as_its_document_told_it(purchases: Purchases) -> None:
    item = purchase("c1", "t1", "2026-11-20 09:00:00", product(price="1234567890123456789.5"))
    item["user_id"] = {"NULL": True}
    put(purchases, item)
    recover(purchases.stores())
    before = json.loads(purchases.documents.read(purchases.document_keys()[0]) or b"")
    remove(purchases, item)
    recover(purchases.stores())
    (name,) = latest_documents(purchases.documents, tenant_id("t1"), *EVER).values()
    after = json.loads(purchases.documents.read(name.key) or b"")
    assert (name.removal, after["metadata"]["event_name"]) == (True, "REMOVE")
    assert {key: after[key] for key in list(after)[:-1]} == {key: before[key] for key in list(before)[:-1]}


def test_a_range_is_read_again_from_the_stream_and_what_has_a_receipt_is_left(purchases: Purchases) -> None:
    item = purchase()
    put(purchases, item)
    put(purchases, item | {"user_id": {"S": "u2"}})
    remove(purchases, item)
    arn, shard, records = streamed(purchases)
    numbers = [each["dynamodb"]["SequenceNumber"] for each in records]
    lost = LostRange(arn, shard, numbers[0], numbers[1], 2)
    streams = purchases.access.client("dynamodbstreams")
    for _ in range(2):
        redeliver(lost, COMPRAS_FLOW, purchases.stores(), streams, recover)
    events = [key.rpartition("/")[2].partition("_")[0] for key in purchases.document_keys()]
    assert events == ["insert", "modify"]
    (receipt,) = purchases.ledger.receipts("compras")
    assert receipt.counts.accepted == 2
    purchases.documents.fault = "SlowDown"
    with pytest.raises(TransientError, match="was not brought in"):
        redeliver(LostRange(arn, shard, numbers[2], numbers[2], 1), COMPRAS_FLOW, purchases.stores(), streams, recover)


def test_what_the_stream_no_longer_has_is_found_in_the_table(purchases: Purchases) -> None:
    put(purchases, purchase())
    arn, shard, records = streamed(purchases)
    gone = arn.rpartition("/")[0] + "/2020-01-01T00:00:00.000"
    number = records[0]["dynamodb"]["SequenceNumber"]
    streams = purchases.access.client("dynamodbstreams")
    redeliver(LostRange(gone, shard, number, number, 1), COMPRAS_FLOW, purchases.stores(), streams, recover)
    assert len(purchases.document_keys()) == 1


def answers(
    *pages: list[str], ends: str = "", items: Mapping[str, dict[str, Any]] = MappingProxyType({})
) -> DynamoDBStreamsClient:
    """A client whose stream answers with pages of records, then with an error or the end of the shard."""
    # Not through the local cloud: its streams answer with all they have at once.
    client = boto3.client(
        "dynamodbstreams", region_name="us-east-1", aws_access_key_id="nobody", aws_secret_access_key="nobody"
    )
    stubber = Stubber(client)
    stubber.add_response("get_shard_iterator", {"ShardIterator": "iterator-0"})
    for place, numbers in enumerate(pages, 1):
        records = [
            {
                "eventID": number,
                "eventName": "INSERT",
                "awsRegion": "us-east-1",
                "dynamodb": {
                    "ApproximateCreationDateTime": datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
                    "SequenceNumber": number.zfill(21),
                    "NewImage": items.get(number, purchase(f"c{number}")),
                },
            }
            for number in numbers
        ]
        more = {} if place == len(pages) and not ends else {"NextShardIterator": f"iterator-{place}"}
        stubber.add_response("get_records", {"Records": records, **more})
    if ends:
        stubber.add_client_error("get_records", ends)
    stubber.activate()
    return client


LOST = LostRange(
    "arn:aws:dynamodb:us-east-1:111122223333:table/t/stream/1",
    "shardId-00000000000000000001",
    "100".zfill(21),
    "102".zfill(21),
    2,
)


def read(streams: DynamoDBStreamsClient) -> list[str]:
    return [record["eventID"] for record in records_of(LOST, streams)]


def test_answers_without_records_do_not_end_a_range() -> None:
    assert read(answers([], ["100"], [], ["102", "103"])) == ["100", "102"]
    with pytest.raises(TransientError, match=r"did not come to 0*102$"):
        read(answers(["100"], *[[]] * 101))


def test_a_shard_that_ends_before_the_range_does_has_lost_some_of_it() -> None:
    with pytest.raises(GoneRangeError, match=r"the shard ends before 0*102:"):
        read(answers(["100"]))


def test_what_the_stream_still_has_is_brought_in_before_the_table_is_asked(purchases: Purchases) -> None:
    put(purchases, purchase("c100"))
    streams = answers(["100"], ends="TrimmedDataAccessException")
    mine = LOST.stream_arn.replace("table/t/", f"table/{purchases.table}/")
    redeliver(structs.replace(LOST, stream_arn=mine), COMPRAS_FLOW, purchases.stores(), streams, recover)
    (key,) = purchases.document_keys()
    assert key.endswith("/insert_c100_20261120_093000.json")


def test_a_number_that_no_table_holds_is_poison_of_its_record_and_the_rest_is_brought_in(purchases: Purchases) -> None:
    """DynamoDB and its clients take 38 digits; a stream that tells more is read all the same."""
    long = "1" * 45
    poison = purchase("c101", "t1", "2026-11-20 10:00:00", product(price=long)) | {"note": {"NS": [long, "1"]}}
    streams = answers(["100", "101", "102"], items={"101": poison})
    mine = LOST.stream_arn.replace("table/t/", f"table/{purchases.table}/")
    redeliver(structs.replace(LOST, stream_arn=mine, batch_size=3), COMPRAS_FLOW, purchases.stores(), streams, recover)
    assert [key.rpartition("/")[2].split("_")[1] for key in purchases.document_keys()] == ["c100", "c102"]
    (receipt,) = purchases.ledger.receipts("compras")
    assert receipt.counts == Counts(received=3, accepted=2, quarantined=1)
    (kept,) = purchases.stores().quarantine.documents(receipt)
    assert (kept["sequence_number"], kept["new"]["compra_id"]) == ("101", {"S": "c101"})
    assert "found a number that DynamoDB cannot hold" in kept["reason"]
    assert COMPRAS_FLOW.replay(receipt, purchases.stores()).counts == receipt.counts


def test_what_lambda_sends_is_read_and_nothing_else() -> None:
    batch = {
        "shardId": "shardId-1",
        "startSequenceNumber": "100",
        "endSequenceNumber": "200",
        "approximateArrivalOfFirstRecord": "2026-11-20T09:00:00Z",
        "batchSize": 7,
        "streamArn": "arn:aws:dynamodb:eu-central-1:111122223333:table/dev-t_MS3_compras/stream/2026-11-01",
    }
    lost = lost_range(json.dumps({"version": "1.0", "DDBStreamBatchInfo": batch}))
    assert lost.sentence == "7 changes of dev-t_MS3_compras from 100 on"
    with pytest.raises(ValueError, match="DDBStreamBatchInfo"):
        lost_range("{}")
