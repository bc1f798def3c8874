"""What an operator asks of purchases on an instance with a rejected change: each command ends with a sentence."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from unittest.mock import patch
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from deploy.cli.main import app
from pipeline_assets.events.ledger import Ledger
from tests.worlds.compras import purchase, record
from tests.worlds.stack import RunningStack
from tests.worlds.waiting import until

pytestmark = pytest.mark.any_engine


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command takes on the environment of its instance, and clients of its own: for one test."""
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    with patch.dict(os.environ):
        yield


@pytest.fixture
def rejected(cloud: RunningStack) -> str:
    """Id of the receipt of a change whose `fecha` is none."""
    tenant = f"t-{uuid4().hex[:8]}"
    item = purchase("c1", tenant) | {"fecha": {"S": "soon"}}
    event = {"eventID": tenant, "eventName": "INSERT", "dynamodb": {"NewImage": item}}
    ledger = Ledger(cloud.access.dynamodb, cloud.access.table("ledger"))
    before = {each.id for each in ledger.receipts("compras")}
    done = ask(cloud, "invoke", "actualizarComprasStream", "--data", json.dumps({"Records": [event]}))
    assert done.exit_code == 0, done.output
    found = [each for each in ledger.receipts("compras") if each.id not in before and each.counts.quarantined]
    assert found
    return found[0].id


def ask(cloud: RunningStack, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--state", str(cloud.instance.state)])


def test_each_command_ends_with_a_sentence(cloud: RunningStack, rejected: str) -> None:
    flow = ("--flow", "compras")
    asked: list[tuple[tuple[str, ...], int, str]] = [
        (("status",), 0, "compras"),
        (("quarantine", "list", *flow), 0, "fecha"),
        (("quarantine", "show", rejected, *flow), 0, "fecha"),
        # Today's rules reject it again.
        (("quarantine", "replay", rejected, *flow), 0, "1 of 1 files replayed: 1 rejected row before, 1 now."),
        (("reconcile", "compras"), 0, "had no document and have one now."),
        (("reconcile", "compras-search"), 0, "were not as the table has them, and are now."),
        (("reconcile", "products-search"), 0, "were not as the table has them, and are now."),
        (("redrive", "compras", "--dry-run"), 0, "0 moved, 0 left."),
        (("trace", rejected, *flow), 0, "run 2: 1 received, 1 quarantined; "),
        (("trace", rejected, *flow, "--json"), 0, f'"receipt": "{rejected}"'),
        (("trace", "nobody-knows", *flow), 1, "no receipt of compras is named nobody-knows; expected"),
    ]
    for arguments, code, said in asked:
        done = ask(cloud, *arguments)
        assert done.exception is None or isinstance(done.exception, SystemExit), arguments
        assert (done.exit_code, said in " ".join(done.output.split())) == (code, True), done.output


def test_a_function_that_cannot_do_all_ends_the_command_with_1(cloud: RunningStack) -> None:
    """The first change becomes a document; the place of the second is taken."""
    tenant, bucket, table = f"t-{uuid4().hex[:8]}", cloud.access.open_bucket("compras"), cloud.access.table("compras")
    stream = f"arn:aws:dynamodb:us-east-1:000000000000:table/{table}/stream/2020-01-01T00:00:00.000"
    changes = [record(n, "INSERT", purchase(f"c{n}", tenant)) | {"eventSourceARN": stream} for n in (7, 8)]
    folder = f"compras/{tenant}/2026/11/20/"
    for name in ("insert_c8_20261120_093000.json", "insert_c8_20261120_093000_8.json"):
        bucket.put(folder + name, b"{}")
    try:
        done = ask(cloud, "invoke", "actualizarComprasStream", "--data", json.dumps({"Records": changes}))
        there = {found.key.removeprefix(folder)[:9] for found in bucket.objects(folder)}
    finally:
        bucket.delete_all([found.key for found in bucket.objects(folder)])
    # The local cloud knows no partial answers, so the function itself fails there.
    assert (done.exit_code, "another document lies at" in " ".join(done.output.split())) == (1, True), done.output
    assert there == {"insert_c7", "insert_c8"}


def test_what_was_lost_is_brought_in_and_a_message_that_tells_of_no_place_in_a_stream_is_passed_by(
    cloud: RunningStack,
) -> None:
    queue, tenant = cloud.access.queue("compras-dlq"), f"t-{uuid4().hex[:8]}"
    bucket, name = cloud.access.open_bucket("compras"), cloud.access.table("compras")
    cloud.access.dynamodb.put_item(TableName=name, Item=purchase("c1", tenant))
    until(lambda: any(bucket.objects(f"compras/{tenant}/")))
    # What no document tells, and the stream no longer has, is found in the table.
    bucket.delete_all([found.key for found in bucket.objects(f"compras/{tenant}/")])
    gone = f"arn:aws:dynamodb:us-east-1:000000000000:table/{name}/stream/2020-01-01T00:00:00.000"
    place = {
        "shardId": f"shardId-{1:020d}",
        "batchSize": 2,
        "startSequenceNumber": "1".zfill(21),
        "endSequenceNumber": "2".zfill(21),
    }
    letter = json.dumps({"DDBStreamBatchInfo": {"streamArn": gone, **place}})
    for body in ("hello", letter):
        cloud.access.sqs.send_message(QueueUrl=queue, MessageBody=body)
    try:
        shown = ask(cloud, "redrive", "compras", "--dry-run")
        assert (shown.exit_code, "nothing that can be read" in " ".join(shown.output.split())) == (0, True), (
            shown.output
        )
        done = ask(cloud, "redrive", "compras")
        assert (done.exit_code, isinstance(done.exception, SystemExit)) == (1, True), done.output
        said = " ".join(done.output.split())
        assert "1 brought in, 1 left." in said
        assert "tells of no place in a stream and was passed by; delete it from the queue" in said
        assert len(list(bucket.objects(f"compras/{tenant}/"))) == 1
        (kept,) = cloud.access.sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1)["Messages"]
        assert kept["Body"] == "hello"
    finally:
        cloud.access.sqs.purge_queue(QueueUrl=queue)
