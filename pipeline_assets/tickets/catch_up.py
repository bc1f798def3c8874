"""Bringing into the graph what it lacks by the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from pipeline_assets.errors import TransientError
from pipeline_assets.events.flow import Attempt
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.storage.retries import retries
from pipeline_assets.tickets.ingest import TICKET_FLOW
from pipeline_assets.tickets.stores import TicketStores

#: Another worker may be on an object, or keep the turn: half a minute of rests, in seconds, between all attempts.
_ATTEMPTS, _FIRST_REST, _LONGEST_REST = 7, 1.0, 32.0


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Outcome of a catch-up.

    Parameters
    ----------
    known
        Objects of the ledger that were not refused.
    restored
        Those that were not in the graph, and are now.
    missing
        Those that are neither in the graph nor in S3 any more, and that no newer version has replaced: what they held
        is lost to the graph.
    seconds
        How long it took.
    """

    known: int
    restored: tuple[Receipt, ...]
    missing: tuple[Receipt, ...]
    seconds: float


def catch_up(stores: TicketStores, *, progress: Callable[[str], None] = lambda _: None) -> CatchUp:
    """Bring every object that the ledger knows and the graph lacks into the graph; an empty graph is filled anew.

    Where the graph is ahead of the ledger, since a process died between the two, the ledger is written; also for a
    version that was refused when its receipt was written and was begun again since.

    Returns
    -------
    CatchUp
        What was brought in.
    """
    started = time.monotonic()
    stores.graph.ensure_schema()
    every = stores.ledger.receipts(TICKET_FLOW.name)
    brought: list[Receipt] = []
    for number, receipt in enumerate(every, 1):
        ingestion = stores.graph.ingestion(receipt.version)
        if ingestion and ingestion.revision > receipt.revision:
            TICKET_FLOW.revise(receipt.id, stores)
        lacking = not receipt.refused if ingestion is None else not ingestion.done or ingestion.run > receipt.run
        if lacking:
            brought.append(restore_patiently(receipt.version, stores))
            progress(f"{number} of {len(every)} objects: {brought[-1].refused or f'restored {receipt.version.key}'}")
    restored = tuple(receipt for receipt in brought if receipt.partitions)
    receipts = [receipt for receipt in every if not receipt.refused]
    newest = {receipt.source.uri: receipt.id for receipt in receipts}
    gone = (receipt for receipt in brought if not receipt.partitions)
    missing = tuple(receipt for receipt in gone if newest[receipt.source.uri] == receipt.id)
    return CatchUp(len(receipts), restored, missing, time.monotonic() - started)


def restore_patiently(version: ObjectVersion, stores: TicketStores) -> Receipt:
    """Bring a version in again, waiting where a store does not answer or another worker is on it.

    One that the graph has never seen is a new run, so that the ledger says what today's rules made of it.

    Returns
    -------
    Receipt
        Its receipt; without partitions where the version is gone.

    Raises
    ------
    TransientError
        It takes too long.
    """
    patiently = retries(TransientError, attempts=_ATTEMPTS, first=_FIRST_REST, longest=_LONGEST_REST)
    return patiently(_restored, version, stores)


def _restored(version: ObjectVersion, stores: TicketStores) -> Receipt:
    attempt = Attempt(redo=stores.graph.ingestion(version) is None, report=False)
    return TICKET_FLOW.restore(version, stores, attempt)
