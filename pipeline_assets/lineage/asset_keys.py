"""The keys of assets by which rooms know of each other."""

from typing import Final

import dagster as dg

from pipeline_assets.datasets.spec import Dataset

PURCHASE_GRAPH_KEY: Final = dg.AssetKey(["purchase_graph"])


def shop_key(dataset: Dataset) -> dg.AssetKey:
    """The asset of a table of the source database."""
    return dg.AssetKey(["shop", dataset.name])


def raw_key(dataset: Dataset) -> dg.AssetKey:
    """The asset of a table as it was exported."""
    return dg.AssetKey(["raw", dataset.name])


def curated_key(dataset: Dataset) -> dg.AssetKey:
    """The asset of a curated table."""
    return dg.AssetKey(["curated", dataset.name])


def table_key(table: str) -> dg.AssetKey:
    """The asset of a table of the lake's SQL database."""
    return dg.AssetKey(["athena", table])


def prod_key(name: str) -> dg.AssetKey:
    """The asset of a prod set."""
    return dg.AssetKey(["prod", name])


def quarantine_key(flow: str) -> dg.AssetKey:
    """The asset of what was rejected of a flow."""
    return dg.AssetKey(["quarantine", flow])


def bucket_key(flow: str) -> dg.AssetKey:
    """The asset of the bucket into which others put the objects of a flow."""
    return dg.AssetKey([flow, "bucket"])
