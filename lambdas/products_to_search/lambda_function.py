"""Lambda behind the stream of the table of products: each change into the index of its tenant."""

from __future__ import annotations

from lambdas._runtime.stream_handler import stream_handler
from pipeline_assets.search.ingest import PRODUCTS_SEARCH
from pipeline_assets.search.stores import ProductsSearchSettings, open_stores

lambda_handler = stream_handler(PRODUCTS_SEARCH, ProductsSearchSettings, open_stores)
