"""Mending what a kill of the local cloud took: objects whose event or receipt it forgot are announced again."""

from __future__ import annotations

from deploy.local.access import Access
from deploy.local.flows import FLOWS
from pipeline_assets.curation.ingest import CURATION_FLOW
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.queue import EventQueue
from pipeline_assets.operations.reconcile import Announced, AnnouncedFlow, announce_unknown
from pipeline_assets.raw.inbox import INBOX_FLOW
from pipeline_assets.stocks.ingest import STOCK_FLOW
from pipeline_assets.tickets.ingest import TICKET_FLOW

OBJECT_FLOWS: tuple[AnnouncedFlow, ...] = (TICKET_FLOW, STOCK_FLOW, INBOX_FLOW, CURATION_FLOW)


def announce_lost(access: Access, flow: AnnouncedFlow) -> Announced:
    """Announce every object of a flow that the ledger of an instance does not know.

    Manifests of loads have no receipt and are announced each time: so a completion marker that is missing is put.
    """
    ledger = Ledger(access.dynamodb, access.table("ledger"))
    queue = EventQueue(access.sqs, access.queue(FLOWS[flow.name]))
    return announce_unknown(flow, ledger, access.open_bucket(FLOWS[flow.name]), queue)
