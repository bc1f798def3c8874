"""Lambda behind the raw queue: S3 notifications in SQS messages to curated days of the lake.

By hand, ``python lambdas/raw_to_curated/lambda_function.py [EVENT_FILE]`` works an event of its queue in, by default
one that announces nothing, with the environment of the process.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lambdas._runtime.by_hand import main
from lambdas._runtime.queue_handler import opened_once, queue_handler
from pipeline_assets.curation.ingest import CURATION_FLOW
from pipeline_assets.curation.stores import CurationSettings, open_stores

lambda_handler = queue_handler(CURATION_FLOW, opened_once(CurationSettings, open_stores))

if __name__ == "__main__":
    raise SystemExit(main(lambda_handler, "raw-to-curated", sys.argv[1:]))
