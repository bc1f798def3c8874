"""Lambda behind the curated queue: completion markers in SQS messages to prod sets."""

from __future__ import annotations

from lambdas._runtime.queue_handler import opened_once, queue_handler
from pipeline_assets.analytics.ingest import ANALYTICS_FLOW
from pipeline_assets.analytics.stores import AnalyticsSettings, open_stores

lambda_handler = queue_handler(ANALYTICS_FLOW, opened_once(AnalyticsSettings, open_stores))
