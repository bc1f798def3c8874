"""Lambda behind the stock queue: S3 notifications in SQS messages to items of the price table."""

from __future__ import annotations

from lambdas._runtime.queue_handler import opened_once, queue_handler
from pipeline_assets.stocks.ingest import STOCK_FLOW
from pipeline_assets.stocks.stores import StockSettings, open_stores

lambda_handler = queue_handler(STOCK_FLOW, opened_once(StockSettings, open_stores))
