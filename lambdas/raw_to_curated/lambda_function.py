"""Lambda behind the raw queue: S3 notifications in SQS messages to curated days of the lake."""

from __future__ import annotations

from functools import cache

import boto3

from lambdas.file_events import file_handler
from pipeline_assets.curation.ingest import CURATION_FLOW
from pipeline_assets.curation.stores import CurationStores, open_stores
from pipeline_assets.events.queue import EventQueue
from pipeline_assets.settings import CurationSettings


@cache
def _opened() -> tuple[CurationStores, EventQueue]:
    """The stores and the queue, opened at the first event and kept while the process lives."""
    settings = CurationSettings.from_environment()
    return open_stores(settings), EventQueue(boto3.client("sqs"), settings.raw_queue_url)


lambda_handler = file_handler(CURATION_FLOW, _opened)
