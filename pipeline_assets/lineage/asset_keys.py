"""The keys of the lake's assets, by which its rooms know of each other."""

import dagster as dg

from pipeline_assets.datasets.spec import Dataset


def raw_key(dataset: Dataset) -> dg.AssetKey:
    """The asset of a table as it was exported."""
    return dg.AssetKey(["raw", dataset.name])


def curated_key(dataset: Dataset) -> dg.AssetKey:
    """The asset of a curated table."""
    return dg.AssetKey(["curated", dataset.name])
