"""Frames of a dataset made of rows that say only what a test is about, and the Parquet objects of them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.datasets.frame_types import frame_type
from pipeline_assets.datasets.spec import Column

DATASETS = ECOMMERCE


def made(
    columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], default: Callable[[Column], Any] = lambda _: None
) -> pl.DataFrame:
    """A frame with these columns; `default` gives what a row does not say."""
    return pl.DataFrame(
        [{column.name: row.get(column.name, default(column)) for column in columns} for row in rows],
        schema={column.name: frame_type(column.type) for column in columns},
    )


def parquet(frame: pl.DataFrame) -> bytes:
    """A frame as the bytes of an object."""
    written = io.BytesIO()
    frame.write_parquet(written, compression="zstd")
    return written.getvalue()
