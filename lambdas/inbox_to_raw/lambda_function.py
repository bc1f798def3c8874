"""Lambda behind the inbox: foreign Parquet files to raw objects, card and social security numbers replaced."""

from __future__ import annotations

from functools import cache

import boto3

from lambdas.file_events import file_handler
from pipeline_assets.events.queue import EventQueue
from pipeline_assets.raw.inbox import INBOX_FLOW
from pipeline_assets.raw.stores import InboxStores, open_inbox_stores
from pipeline_assets.settings import InboxSettings


@cache
def _opened() -> tuple[InboxStores, EventQueue]:
    """The stores and the queue, opened at the first event and kept while the process lives."""
    settings = InboxSettings.from_environment()
    return open_inbox_stores(settings), EventQueue(boto3.client("sqs"), settings.inbox_queue_url)


lambda_handler = file_handler(INBOX_FLOW, _opened)
