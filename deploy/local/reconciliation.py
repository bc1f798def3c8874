"""Mending what a kill of the local cloud took: objects whose event or receipt it forgot are announced again."""

from __future__ import annotations

from deploy.local.access import Access
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.queue import EventQueue
from pipeline_assets.flows import FlowRow
from pipeline_assets.operations.reconcile import Announced, announce_unknown


def announce_lost(access: Access, flow: FlowRow) -> Announced:
    """Announce every object of a flow that the ledger of an instance does not know.

    Manifests of loads have no receipt and are announced each time: so a completion marker that is missing is put.
    """
    ledger = Ledger(access.dynamodb, access.table("ledger"))
    queue = EventQueue(access.sqs, access.queue(flow.queue))
    return announce_unknown(flow, ledger, access.s3, access.bucket(flow.bucket), queue)
