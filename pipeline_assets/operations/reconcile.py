"""Reconciliation of a bucket with the ledger: what lies in the one and is not in the other is announced again.

An event may be lost: a queue keeps it for some days only, and the local cloud forgets its last moment when it is
killed. The object itself is still there, so whatever has no receipt is announced as S3 would have done it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.queue import EventQueue
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.events.stored_objects import stored_versions
from pipeline_assets.flow_rows import FlowRow
from pipeline_assets.operations.access import Access
from pipeline_assets.storage.bucket import Bucket


@dataclass(slots=True)
class Announced:
    """Outcome of a reconciliation, in object versions.

    Parameters
    ----------
    stored
        In the bucket.
    announced
        Of these, without a receipt.
    passed_over
        Of these, put before the bucket kept versions: an event names them in a way that no listing knows.
    left_alone
        No data by their names, and not among them.
    """

    stored: int = 0
    announced: int = 0
    passed_over: int = 0
    left_alone: int = 0


def announce_unknown(flow: FlowRow, ledger: Ledger, bucket: Bucket, queue: EventQueue) -> Announced:
    """Announce every file version without a receipt; one that is on its way already is merely delivered twice.

    Reads all receipts of the flow and lists the whole bucket.

    Parameters
    ----------
    flow
        Row of the flow.
    ledger
        Its receipts.
    bucket
        Bucket of its objects.
    queue
        Where they are announced.

    Returns
    -------
    Announced
        How many there were, and how many were announced.

    Raises
    ------
    TransientError
        A store does not answer or the queue does not take a message; what was announced until then stays so.
    """
    receipts = {receipt.id: receipt.version for receipt in ledger.receipts(flow.name)}
    found = Announced()

    def leave_alone(_: ObjectVersion) -> None:
        found.left_alone += 1

    def unknown() -> Iterator[ObjectVersion]:
        known = lambda version: receipts.get(version.id)  # noqa: E731 - a name for one line
        for version in stored_versions(bucket, known, flow.prefix, leave_alone):
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

    Returns
    -------
    Announced
        How many object versions are stored, and how many of them were announced.
    """
    ledger = Ledger(access.dynamodb, access.table("ledger"))
    queue = EventQueue(access.sqs, access.queue(flow.queue))
    return announce_unknown(flow, ledger, access.open_bucket(flow.bucket), queue)
