"""Status of a flow: what was received and what became of it, the backlog, and the dead letters."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from deploy.local.access import Access
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.quarantine import Quarantine
from pipeline_assets.flows import flow_row

if TYPE_CHECKING:
    from pipeline_assets.curation.completion import OpenLoad

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
    queued = messages_in(access, row.queue)
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
        foreign_messages=Quarantine(access.s3, access.bucket("quarantine"), flow).foreign_messages(),
    )


def loads_on_their_way(access: Access) -> list[OpenLoad]:
    """The loads of the lake that have no completion marker, and what each lacks."""
    from pipeline_assets.curation.completion import open_loads  # noqa: PLC0415 - Polars takes half a second
    from pipeline_assets.curation.quarantine import LakeQuarantine  # noqa: PLC0415
    from pipeline_assets.curation.stores import FLOW, CurationStores  # noqa: PLC0415
    from pipeline_assets.lake.parquet_objects import ParquetObjects  # noqa: PLC0415

    raw, curated = (ParquetObjects(access.s3, access.bucket(name)) for name in ("raw", "curated"))
    quarantine = LakeQuarantine(access.s3, access.bucket("quarantine"), FLOW)
    return list(open_loads(CurationStores(raw, curated, quarantine, Ledger(access.dynamodb, access.table("ledger")))))


def messages_in(access: Access, queue: str) -> int:
    """Messages of a queue: visible, in flight and delayed."""
    answer = access.sqs.get_queue_attributes(QueueUrl=access.queue(queue), AttributeNames=["All"])
    return sum(int(count) for name, count in answer["Attributes"].items() if name in _IN_QUEUE)
