"""First rows of a curated day, in the columns that say nothing of a person: what people are shown of it."""

from __future__ import annotations

import io
from typing import Any

import polars as pl

from pipeline_assets.curation.stores import CurationStores
from pipeline_assets.datasets.spec import Dataset, impersonal_columns
from pipeline_assets.lake.layout import curated_key


def first_rows(dataset: Dataset, day: str, stores: CurationStores, number: int) -> list[dict[str, Any]]:
    """Read the first rows of a day.

    Parameters
    ----------
    dataset
        What is curated.
    day
        The load day, ISO.
    stores
        Stores of curation.
    number
        Most rows.

    Returns
    -------
    list of dict
        Values by column, without deleted rows; empty where there is none.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    body = stores.curated.read(curated_key(dataset.name, day))
    if body is None:
        return []
    rows = pl.scan_parquet(io.BytesIO(body)).filter(~pl.col("_deleted"))
    # A day from before a column was added has none of it.
    written = rows.collect_schema()
    rows = rows.select(column.name for column in impersonal_columns(dataset) if column.name in written)
    return rows.head(number).collect().to_dicts()
