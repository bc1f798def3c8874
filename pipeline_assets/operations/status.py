"""Status of a flow: what was received and what became of it, the backlog, and the dead letters."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from pipeline_assets.events.foreign_messages import ForeignMessages
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.flows import flow_row
from pipeline_assets.operations.access import Access

_IN_QUEUE = {
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
}


@dataclass(frozen=True, slots=True)
class FlowStatus:
    """Rows by outcome, object versions, and events by state, of one flow.

    received = accepted + quarantined + duplicate + superseded, in rows; `objects` counts object versions, `refused`
    those among them that were quarantined whole; `pending` counts events in the queue, waiting or in flight, and
    receipts that Dagster has not shown yet; `dead_lettered` counts dead letters, `foreign_messages` what
    came through the queue and announced no object.
    """

    received: int
    accepted: int
    quarantined: int
    duplicate: int
    superseded: int
    pending: int
    dead_lettered: int
    objects: int
    refused: int
    queued: int
    foreign_messages: int = 0

    def as_dict(self) -> dict[str, int]:
        """The counts by name, as `cesta status --json` prints them."""
        return {name: count for name, count in asdict(self).items() if name != "queued"}


def flow_status(access: Access, flow: str) -> FlowStatus:
    """Count one flow in its ledger and its queues."""
    ledger, row = Ledger(access.dynamodb, access.table("ledger")), flow_row(flow)
    totals = ledger.totals(flow)
    queued = messages_in(access, row.queue) if row.queue else 0
    return FlowStatus(
        received=totals.counts.received,
        accepted=totals.counts.accepted,
        quarantined=totals.counts.quarantined,
        duplicate=totals.counts.duplicate,
        superseded=totals.counts.superseded,
        pending=queued + ledger.pending_count(flow),
        dead_lettered=messages_in(access, row.dead_letters),
        objects=totals.objects,
        refused=totals.refused,
        queued=queued,
        foreign_messages=ForeignMessages(access.open_bucket("quarantine"), flow).count(),
    )


def messages_in(access: Access, queue: str) -> int:
    """Messages of a queue: visible, in flight and delayed."""
    answer = access.sqs.get_queue_attributes(QueueUrl=access.queue(queue), AttributeNames=["All"])
    return sum(int(count) for name, count in answer["Attributes"].items() if name in _IN_QUEUE)
