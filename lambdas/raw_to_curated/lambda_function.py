"""Lambda behind the raw queue: S3 notifications in SQS messages to curated days of the lake."""

from __future__ import annotations

from lambdas._runtime.queue_handler import opened_once, queue_handler
from pipeline_assets.curation.ingest import CURATION_FLOW
from pipeline_assets.curation.stores import CurationSettings, open_stores

lambda_handler = queue_handler(CURATION_FLOW, opened_once(CurationSettings, open_stores))
