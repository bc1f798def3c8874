"""Lambda behind the curated queue: completion markers in SQS messages to prod sets.

By hand, ``python lambdas/curated_to_prod/lambda_function.py [EVENT_FILE]`` works an event of its queue in, by default
one that announces nothing, with the environment of the process.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lambdas._runtime.by_hand import main
from lambdas._runtime.queue_handler import opened_once, queue_handler
from pipeline_assets.analytics.ingest import ANALYTICS_FLOW
from pipeline_assets.analytics.stores import AnalyticsSettings, open_stores

lambda_handler = queue_handler(ANALYTICS_FLOW, opened_once(AnalyticsSettings, open_stores))

if __name__ == "__main__":
    raise SystemExit(main(lambda_handler, "curated-to-prod", sys.argv[1:]))
