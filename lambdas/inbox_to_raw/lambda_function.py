"""Lambda behind the inbox: foreign Parquet files to raw objects, card and social security numbers replaced."""

from __future__ import annotations

from lambdas._runtime.queue_handler import opened_once, queue_handler
from pipeline_assets.raw.inbox import INBOX_FLOW
from pipeline_assets.raw.stores import InboxSettings, open_inbox_stores

lambda_handler = queue_handler(INBOX_FLOW, opened_once(InboxSettings, open_inbox_stores))
