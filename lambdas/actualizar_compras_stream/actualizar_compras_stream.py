"""Lambda behind the stream of the table of purchases: one JSON document in S3 for each change.

By hand, ``python lambdas/actualizar_compras_stream/actualizar_compras_stream.py [EVENT_FILE]`` prints the documents of
an event, by default of the source document's example, and puts nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lambdas._runtime.stream_handler import stream_handler
from pipeline_assets.compras.ingest import COMPRAS_FLOW
from pipeline_assets.compras.preview import main
from pipeline_assets.compras.stores import ComprasSettings, open_stores

lambda_handler = stream_handler(COMPRAS_FLOW, ComprasSettings, open_stores)

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
