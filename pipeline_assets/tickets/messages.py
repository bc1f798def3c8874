"""What becomes of one message of the ticket queue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline_assets.events.outcomes import TerminalError, TimeBudgetReachedError
from pipeline_assets.events.queue import EventQueue
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.s3_events import object_versions
from pipeline_assets.tickets.ingest import FLOW, ingest_object
from pipeline_assets.tickets.stores import TicketStores


@dataclass(frozen=True, slots=True)
class Message:
    """An SQS message: `receive_count` is 1 at its first delivery."""

    id: str
    body: str
    receipt_handle: str
    receive_count: int


def work_message(
    message: Message, stores: TicketStores, queue: EventQueue, seconds_left: Callable[[], float]
) -> list[Receipt]:
    """Ingest every object version a message announces; afterwards the message is done with, or an error says it is not.

    A message that is no S3 notification is quarantined. When the time is used up a continuation is queued. Any other
    error, `TransientError` first of all, is raised after asking for the message's back-off: it comes again.
    """
    try:
        return [
            ingest_object(version, stores, seconds_left=seconds_left)
            for version in object_versions(message.body, flow=FLOW)
        ]
    except TerminalError as error:
        stores.quarantine.keep_message(message.id, message.body, error.rule, str(error))
        return []
    except TimeBudgetReachedError:
        queue.go_on_with(message.body)
        return []
    except Exception:
        queue.back_off(message.receipt_handle, message.receive_count)
        raise
