"""Lambda behind the ticket queue: S3 notifications in SQS messages to the purchase graph."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cache

import boto3

from lambdas.file_events import file_handler
from pipeline_assets.events.queue import EventQueue
from pipeline_assets.settings import TicketSettings
from pipeline_assets.tickets.ingest import TICKET_FLOW
from pipeline_assets.tickets.stores import TicketStores, open_stores

#: Holds what is open: a frozen process has no end at which to close it.
_open = ExitStack()


@cache
def _opened() -> tuple[TicketStores, EventQueue]:
    """The stores and the queue, opened at the first event and kept while the process lives."""
    settings = TicketSettings.from_environment()
    return _open.enter_context(open_stores(settings)), EventQueue(boto3.client("sqs"), settings.tickets_queue_url)


lambda_handler = file_handler(TICKET_FLOW, _opened)
