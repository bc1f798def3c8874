"""Lambda behind the stock queue: S3 notifications in SQS messages to items of the price table."""

from __future__ import annotations

from functools import cache

import boto3

from lambdas.file_events import file_handler
from pipeline_assets.events.queue import EventQueue
from pipeline_assets.settings import StockSettings
from pipeline_assets.stocks.ingest import STOCK_FLOW
from pipeline_assets.stocks.stores import StockStores, open_stores


@cache
def _opened() -> tuple[StockStores, EventQueue]:
    """The stores and the queue, opened at the first event and kept while the process lives."""
    settings = StockSettings.from_environment()
    return open_stores(settings), EventQueue(boto3.client("sqs"), settings.stocks_queue_url)


lambda_handler = file_handler(STOCK_FLOW, _opened)
