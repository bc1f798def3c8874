"""Letting the functions of the local cloud come to rest before it is stopped, and waking them after its start.

A batch that a function has in its hands when the local cloud stops stays invisible in its queue for the whole
visibility timeout, six times the function's timeout, before it is delivered again. On AWS nobody stops the cloud.
"""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deploy.local.access import Access
from deploy.local.instance import HOST, Instance, write_private
from deploy.local.outputs import read_outputs

if TYPE_CHECKING:
    from pathlib import Path

_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class _Consumer:
    """An event source mapping of a queue; a message invisible for longer than `backoff_seconds` is being worked on."""

    mapping: str
    queue: str
    backoff_seconds: float


def rest(instance: Instance, within: float) -> bool:
    """Stop the delivery of events, then wait until the functions are through with what they have; False after `within`.

    Delivery begins again with `wake`, also after a restart.
    """
    access = Access(read_outputs(instance))
    consumers = list(_consumers(access))
    write_private(_resting(instance), json.dumps([consumer.mapping for consumer in consumers]))
    for consumer in consumers:
        access.client("lambda").update_event_source_mapping(UUID=consumer.mapping, Enabled=False)
    deadline = time.monotonic() + within
    while any(_busy(instance, consumer) for consumer in consumers):
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_SECONDS)
    return True


def wake(instance: Instance) -> None:
    """Begin again with the delivery of events that `rest` stopped.

    To be called whenever the cloud has started: after a crash it is back at its last orderly end, at rest.
    """
    file = _resting(instance)
    if not file.exists():
        return
    client = Access(read_outputs(instance)).client("lambda")
    there = {mapping["UUID"] for mapping in client.list_event_source_mappings()["EventSourceMappings"]}
    for mapping in there.intersection(json.loads(file.read_text(encoding="utf-8"))):
        client.update_event_source_mapping(UUID=mapping, Enabled=True)


def _consumers(access: Access) -> list[_Consumer]:
    client = access.client("lambda")
    found = []
    for mapping in client.list_event_source_mappings()["EventSourceMappings"]:
        service, name = mapping["EventSourceArn"].split(":")[2], mapping["EventSourceArn"].split(":")[-1]
        if service != "sqs" or mapping["State"] != "Enabled":
            continue
        queue = access.sqs.get_queue_url(QueueName=name)["QueueUrl"]
        attributes = access.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])["Attributes"]
        timeout = client.get_function_configuration(FunctionName=mapping["FunctionArn"])["Timeout"]
        found.append(_Consumer(mapping["UUID"], queue, int(attributes["VisibilityTimeout"]) - timeout))
    return found


def _busy(instance: Instance, consumer: _Consumer) -> bool:
    """Whether a message of the queue is in a function's hands, rather than put off after a failure.

    SQS itself cannot tell; the local cloud shows when each message becomes visible again.
    """
    connection = http.client.HTTPConnection(HOST, instance.port("cloud"), timeout=5)
    try:
        connection.request("GET", "/_ministack/sqs/messages")
        accounts: dict[str, Any] = json.loads(connection.getresponse().read())["messages"]
    finally:
        connection.close()
    messages = [
        message
        for regions in accounts.values()
        for queues in regions.values()
        for message in queues.get(consumer.queue, [])
    ]
    now = time.time()
    return any(message["VisibleAt"] - now > consumer.backoff_seconds for message in messages)


def _resting(instance: Instance) -> Path:
    return instance.state / "cloud" / "resting-mappings.json"
