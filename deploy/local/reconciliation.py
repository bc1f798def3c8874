"""Mending what a kill of the local cloud took: files whose event or receipt it forgot are announced again."""

from __future__ import annotations

from typing import Any

from deploy.local.access import Access
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.queue import EventQueue
from pipeline_assets.files.announce import Announced, announce_unknown
from pipeline_assets.files.ingest import FileFlow
from pipeline_assets.stocks.ingest import STOCK_FLOW
from pipeline_assets.tickets.ingest import TICKET_FLOW

FILE_FLOWS: tuple[FileFlow[Any, Any], ...] = (TICKET_FLOW, STOCK_FLOW)


def announce_lost(access: Access, flow: FileFlow[Any, Any]) -> Announced:
    """Announce every file of a flow that the ledger of an instance does not know."""
    ledger = Ledger(access.dynamodb, access.table("ledger"))
    queue = EventQueue(access.sqs, access.queue(flow.name))
    return announce_unknown(flow, ledger, access.s3, access.bucket(flow.name), queue)
