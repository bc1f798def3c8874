"""Announcing again what lies in a bucket and is not in the ledger.

An event may be lost: a queue keeps it for some days only, and the local cloud forgets its last moment when it is
killed. The object itself is still there, so whatever has no receipt is announced as S3 would have done it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.queue import EventQueue
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.events.stored_objects import stored_versions
from pipeline_assets.flows import FlowRow
from pipeline_assets.operations.access import Access

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(slots=True)
class Announced:
    """What a listing of the bucket came to.

    `stored` object versions were there, of which `announced` had no receipt; `passed_over` objects were put before the
    bucket kept versions, which an event names in a way that no listing knows. `left_alone` are no data by their names
    and not among them.
    """

    stored: int = 0
    announced: int = 0
    passed_over: int = 0
    left_alone: int = 0


def announce_unknown(flow: FlowRow, ledger: Ledger, s3: S3Client, bucket: str, queue: EventQueue) -> Announced:
    """Announce every file version without a receipt; one that is on its way already is merely delivered twice.

    Reads the whole ledger and lists the whole bucket. Raises `TransientError` when either does not answer or the queue
    does not take a message; what was announced until then stays so.
    """
    receipts = {receipt.id: receipt.version for receipt in ledger.receipts(flow.name)}
    found = Announced()

    def leave_alone(_: ObjectVersion) -> None:
        found.left_alone += 1

    def unknown() -> Iterator[ObjectVersion]:
        known = lambda version: receipts.get(version.id)  # noqa: E731 - a name for one line
        for version in stored_versions(s3, bucket, known, flow.prefix, leave_alone):
            found.stored += 1
            if not version.version_id:
                found.passed_over += 1
            elif version.id not in receipts:
                found.announced += 1
                yield version

    queue.announce(unknown())
    return found


def announce_lost(access: Access, flow: FlowRow) -> Announced:
    """Announce every object of a flow that the ledger of a deployed stack does not know.

    Manifests of loads have no receipt and are announced each time: so a completion marker that is missing is put.
    """
    ledger = Ledger(access.dynamodb, access.table("ledger"))
    queue = EventQueue(access.sqs, access.queue(flow.queue))
    return announce_unknown(flow, ledger, access.s3, access.bucket(flow.bucket), queue)
