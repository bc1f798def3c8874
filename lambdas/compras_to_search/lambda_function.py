"""Lambda behind the stream of the table of purchases: each change into the index of its tenant."""

from __future__ import annotations

from lambdas._runtime.stream_handler import stream_handler
from pipeline_assets.search.ingest import COMPRAS_SEARCH
from pipeline_assets.search.stores import ComprasSearchSettings, open_stores

lambda_handler = stream_handler(COMPRAS_SEARCH, ComprasSearchSettings, open_stores)
