"""What becomes of one message of a queue that announces objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipeline_assets.errors import TimeBudgetReachedError, TransientError
from pipeline_assets.events.flow import Flow, StoresT
from pipeline_assets.events.names import is_left_alone
from pipeline_assets.events.queue import EventQueue
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.s3_events import object_versions
from pipeline_assets.storage.answers import received

#: The most continuations of one event: about three hours of work, some four times what the largest file has taken.
#: What is not through then goes to the dead letters at once; a redrive goes on where it stopped, and counts anew.
MOST_CONTINUATIONS = 300


@dataclass(frozen=True, slots=True)
class Message:
    """An SQS message: `receive_count` is 1 at its first delivery, `continuation` 0 unless it goes on with another."""

    id: str
    body: str
    receipt_handle: str
    receive_count: int
    continuation: int = 0


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """An object that is no data by its name."""

    uri: str


@dataclass(frozen=True, slots=True)
class Continued:
    """A message whose work goes on in a new one, its n-th continuation."""

    number: int


@dataclass(frozen=True, slots=True)
class DeadLettered:
    """A message that was sent to the dead letters at once, and why."""

    why: str


def work_message(
    message: Message,
    flow: Flow[StoresT],
    stores: StoresT,
    queue: EventQueue,
    seconds_left: Callable[[], float],
) -> Iterator[Receipt | LeftAlone | Continued | DeadLettered | None]:
    """Process one SQS message: ingest every object version that it announces.

    What is no S3 notification is quarantined. When the time is used up after some progress, a continuation is queued;
    after `MOST_CONTINUATIONS` of them the message is dead-lettered.

    Parameters
    ----------
    message
        The message.
    flow
        The flow that ingests the objects.
    stores
        The stores of the flow.
    queue
        The queue that the message came from.
    seconds_left
        Tells how much time the process has, in seconds.

    Yields
    ------
    Receipt | LeftAlone | Continued | DeadLettered | None
        Outcome of each object, then that of the message where it continues or is dead-lettered; None for an object
        that is no data of the flow.

    Raises
    ------
    Exception
        The first error of an object, `TransientError` above all, once all objects were tried and the message's
        back-off was asked for: the message is delivered again.
    """
    versions, faults = object_versions(message.body, flow=flow.name)
    failures: list[Exception] = []
    if faults:
        try:
            stores.quarantine.messages.keep(message.id, message.body, faults[0].rule, "; ".join(map(str, faults)))
        except TransientError as error:
            failures.append(error)
    unfinished: TimeBudgetReachedError | None = None
    for version in versions:
        if is_left_alone(version.key):
            yield LeftAlone(version.uri)
            continue
        try:
            with received(message.receive_count):
                receipt = flow.ingest(version, stores, seconds_left=seconds_left)
            yield receipt
        except TimeBudgetReachedError as error:
            if error.moved:
                unfinished = error
            else:
                failures.append(error)
        except Exception as error:  # noqa: BLE001 - the other objects of the message are not to suffer from it
            failures.append(error)
    if failures:
        queue.back_off(message.receipt_handle, message.receive_count)
        raise failures[0]
    if unfinished:
        yield _gone_on_with(message, unfinished, queue)


def _gone_on_with(message: Message, unfinished: TimeBudgetReachedError, queue: EventQueue) -> Continued | DeadLettered:
    if message.continuation < MOST_CONTINUATIONS:
        queue.go_on_with(message.body, message.continuation + 1)
        return Continued(message.continuation + 1)
    why = f"{unfinished.object_uri} is not through after {MOST_CONTINUATIONS} continuations"
    try:
        queue.dead_letter(message.body, why)
    except TransientError:
        queue.back_off(message.receipt_handle, message.receive_count)
        raise
    return DeadLettered(why)
