"""Lambda behind the ticket queue: S3 notifications in SQS messages to the purchase graph."""

from __future__ import annotations

import neo4j  # noqa: F401 - otherwise at the first event, when a function no longer has the core it starts with

from lambdas._runtime.queue_handler import opened_once, queue_handler
from pipeline_assets.tickets.ingest import TICKET_FLOW
from pipeline_assets.tickets.stores import TicketSettings, open_stores

lambda_handler = queue_handler(TICKET_FLOW, opened_once(TicketSettings, open_stores))
