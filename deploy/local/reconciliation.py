"""Mending what a kill of the local cloud took: files whose event or receipt it forgot are announced again."""

from __future__ import annotations

from deploy.local.access import Access
from deploy.local.tickets_load import FLOW
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.queue import EventQueue
from pipeline_assets.tickets.announce import Announced, announce_unknown


def announce_lost(access: Access) -> Announced:
    """Announce every ticket file of an instance that its ledger does not know."""
    ledger = Ledger(access.dynamodb, access.table("ledger"))
    return announce_unknown(ledger, access.s3, access.bucket(FLOW), EventQueue(access.sqs, access.queue(FLOW)))
