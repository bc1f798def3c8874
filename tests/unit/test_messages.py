"""What becomes of a message: objects left alone, work gone on with so often and no more."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from lambdas._runtime import queue_handler
from pipeline_assets.errors import TimeBudgetReachedError, TransientError
from pipeline_assets.events.messages import (
    MOST_CONTINUATIONS,
    Continued,
    DeadLettered,
    LeftAlone,
    Message,
    work_message,
)
from pipeline_assets.events.queue import EventQueue
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.s3_events import notification
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.storage.answers import DENIED_AT_RECEIVE, refusal

QUEUE = "https://sqs.eu-west-1.amazonaws.com/1/tickets"


@dataclass
class Flow:
    """A flow that does what it is told with each object."""

    does: Callable[[ObjectVersion], Receipt | None] = lambda _: None
    name: str = "tickets"
    rule_names: tuple[str, ...] = ()
    seen: list[str] = field(default_factory=list)

    def ingest(
        self,
        version: ObjectVersion,
        stores: Any,
        *,
        redo: bool = False,
        report: bool = True,
        seconds_left: Any = None,
    ) -> Receipt | None:
        del stores, redo, report, seconds_left
        self.seen.append(version.key)
        return self.does(version)


@pytest.fixture
def sqs() -> Iterator[Stubber]:
    client = boto3.client("sqs", "eu-west-1", aws_access_key_id="a", aws_secret_access_key="s")
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


def body(*keys: str) -> str:
    versions = [ObjectVersion("b", key, "v1", "e", 1, "2026-11-20T09:30:00.000Z", "0A") for key in keys]
    return json.dumps({"Records": [json.loads(notification(version))["Records"][0] for version in versions]})


def queue_of(sqs: Stubber) -> EventQueue:
    client: Any = sqs.client
    return EventQueue(client, QUEUE)


def work(sqs: Stubber, flow: Flow, text: str, continuation: int = 0, receives: int = 1) -> list[Any]:
    message = Message("m", text, "handle", receives, continuation)
    stores: Any = SimpleNamespace(quarantine=None)
    return list(work_message(message, flow, stores, queue_of(sqs), lambda: 60.0))


def moved(version: ObjectVersion) -> Receipt | None:
    raise TimeBudgetReachedError("the time is up", object_uri=version.uri, moved=True)


def test_what_is_no_data_is_left_alone_and_told_and_the_rest_is_worked_in(sqs: Stubber) -> None:
    flow = Flow()
    assert work(sqs, flow, body("2026/", "a.csv", "_SUCCESS")) == [
        LeftAlone("s3://b/2026/"),
        None,
        LeftAlone("s3://b/_SUCCESS"),
    ]
    assert flow.seen == ["a.csv"]


@pytest.mark.parametrize(
    ("receives", "dead_lettered"), [(1, False), (DENIED_AT_RECEIVE - 1, False), (DENIED_AT_RECEIVE, True)]
)
def test_a_flow_is_told_by_the_receives_whether_a_denial_counts(
    sqs: Stubber, receives: int, *, dead_lettered: bool
) -> None:
    denied = ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject")
    found: list[bool] = []
    assert work(sqs, Flow(lambda _: found.append(refusal(denied) is not None)), body("a.csv"), receives=receives) == [
        None
    ]
    assert found == [dead_lettered]
    assert refusal(denied) is None, "what comes after is another event"


@pytest.mark.parametrize("continuation", [0, 1, MOST_CONTINUATIONS - 1])
def test_a_continuation_says_which_it_is(sqs: Stubber, continuation: int) -> None:
    text, number = body("a.csv"), {"DataType": "Number", "StringValue": str(continuation + 1)}
    expected = {"QueueUrl": QUEUE, "MessageBody": text, "MessageAttributes": {"continuation": number}}
    sqs.add_response("send_message", {"MessageId": "n"}, expected)
    assert work(sqs, Flow(moved), text, continuation) == [Continued(continuation + 1)]


POLICY = {"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:1:tickets-dlq", "maxReceiveCount": 40}
NOT_THROUGH = f"s3://b/a.csv is not through after {MOST_CONTINUATIONS} continuations"


def tell_policy(sqs: Stubber, attributes: dict[str, str]) -> None:
    asked = {"QueueUrl": QUEUE, "AttributeNames": ["RedrivePolicy"]}
    sqs.add_response("get_queue_attributes", {"Attributes": attributes}, asked)


@pytest.mark.parametrize("continuation", [MOST_CONTINUATIONS, MOST_CONTINUATIONS + 1, 10**9])
def test_what_does_not_end_is_a_dead_letter_at_once_that_begins_anew_when_redriven(
    sqs: Stubber, continuation: int
) -> None:
    text = body("a.csv")
    tell_policy(sqs, {"RedrivePolicy": json.dumps(POLICY)})
    reason = {"dead_letter_reason": {"DataType": "String", "StringValue": NOT_THROUGH}}
    sqs.add_response("send_message", {}, {"QueueUrl": f"{QUEUE}-dlq", "MessageBody": text, "MessageAttributes": reason})
    assert work(sqs, Flow(moved), text, continuation) == [DeadLettered(NOT_THROUGH)]


def test_dead_letters_that_cannot_be_reached_let_the_message_come_again(sqs: Stubber) -> None:
    tell_policy(sqs, {"RedrivePolicy": json.dumps(POLICY)})
    sqs.add_client_error("send_message", "AccessDenied", http_status_code=403)
    sqs.add_response("change_message_visibility", {}, {"QueueUrl": QUEUE, "ReceiptHandle": ANY, "VisibilityTimeout": 5})
    with pytest.raises(TransientError, match=f"{NOT_THROUGH}; the dead letters did not take it"):
        work(sqs, Flow(moved), body("a.csv"), MOST_CONTINUATIONS)


@pytest.mark.parametrize("attributes", [{}, {"RedrivePolicy": "{}"}, {"RedrivePolicy": ""}])
def test_a_queue_without_dead_letters_lets_the_message_come_again(sqs: Stubber, attributes: dict[str, str]) -> None:
    tell_policy(sqs, attributes)
    sqs.add_response("change_message_visibility", {}, {"QueueUrl": QUEUE, "ReceiptHandle": ANY, "VisibilityTimeout": 5})
    with pytest.raises(TransientError, match=NOT_THROUGH):
        work(sqs, Flow(moved), body("a.csv"), MOST_CONTINUATIONS)


def test_a_message_is_not_dead_lettered_while_another_of_its_objects_has_to_come_again(sqs: Stubber) -> None:
    def does(version: ObjectVersion) -> Receipt | None:
        if version.key == "a.csv":
            return moved(version)
        raise TransientError("the graph is down")

    sqs.add_response("change_message_visibility", {}, {"QueueUrl": QUEUE, "ReceiptHandle": ANY, "VisibilityTimeout": 5})
    with pytest.raises(TransientError, match="the graph is down"):
        work(sqs, Flow(does), body("a.csv", "b.csv"), MOST_CONTINUATIONS)


def test_a_delivery_at_the_bound_that_gets_to_the_end_is_done(sqs: Stubber) -> None:
    assert work(sqs, Flow(), body("a.csv"), MOST_CONTINUATIONS) == [None]


@pytest.mark.parametrize(
    ("attributes", "number"),
    [
        pytest.param(None, 1, id="none"),
        pytest.param({}, 1, id="empty"),
        pytest.param({"continuation": {"dataType": "Number", "stringValue": "7"}}, 8, id="seven"),
        pytest.param({"continuation": {"dataType": "Number", "stringValue": "-7"}}, 1, id="less than none"),
        pytest.param({"continuation": {"dataType": "Number", "stringValue": "1.5"}}, 1, id="no whole number"),
        pytest.param({"continuation": {"dataType": "String", "stringValue": "two"}}, 1, id="text"),
        pytest.param({"continuation": {"dataType": "Binary", "binaryValue": "AA=="}}, 1, id="bytes"),
        pytest.param({"other": {"dataType": "Number", "stringValue": "7"}}, 1, id="another attribute"),
    ],
)
def test_the_function_counts_continuations_in_the_message_and_in_a_metric(
    sqs: Stubber, attributes: dict[str, Any] | None, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    monkeypatch.setattr(queue_handler.metrics, "add_metric", lambda name, **_: counted.append(name))
    sqs.add_response("change_message_visibility_batch", {"Successful": [], "Failed": []})
    sent = {"continuation": {"DataType": "Number", "StringValue": str(number)}}
    sqs.add_response("send_message", {}, {"QueueUrl": QUEUE, "MessageBody": ANY, "MessageAttributes": sent})
    record = {
        "messageId": "m",
        "receiptHandle": "h",
        "body": body("2026/", "a.csv"),
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
    }
    if attributes is not None:
        record["messageAttributes"] = attributes
    opened: Any = lambda: (SimpleNamespace(quarantine=None), queue_of(sqs))  # noqa: E731
    assert queue_handler.queue_handler(Flow(moved), opened)({"Records": [record]}, Context()) == {
        "batchItemFailures": []
    }
    assert counted == ["ObjectsIgnored", "Continuations"]


class Context(LambdaContext):
    def __init__(self) -> None:
        self._function_name = self._aws_request_id = self._invoked_function_arn = "f"
        self._memory_limit_in_mb = 128

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 60_000
