"""A year of curated days to measure on: the sample shop's rows as curation writes them, several times if wanted.

One row in fifty comes again three load days later with another version, as corrections do. The files are made once for
each size and kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import polars as pl

from deploy.samples.shop_rows import shop_rows
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.datasets.spec import stored_columns
from pipeline_assets.lake.as_of import Lake
from pipeline_assets.lake.layout import curated_key
from pipeline_assets.storage.bucket import StoredObject, pass_on

if TYPE_CHECKING:
    from pipeline_assets.datasets.spec import Dataset
    from pipeline_assets.storage.bucket import Bucket

_DAYS: Final = 366
_AGAIN: Final = 50
_LATER: Final = timedelta(days=3)
#: Ids of another copy of the shop begin here; stores and products are the same.
_APART: Final = 10**12
_OWN: Final = ("order_id", "customer_id", "payment_id", "query_id")


def curated_year(folder: Path, times: int) -> Path:
    """The folder with the curated days of so many shops, made unless it is there."""
    year = folder / f"year-{times}"
    if not year.exists():
        partial = folder / f"partial-{times}"
        for name, rows in shop_rows(_DAYS).items():
            _write(ECOMMERCE[name], rows, times, partial)
        partial.rename(year)
    return year


def _write(dataset: Dataset, rows: pl.DataFrame, times: int, folder: Path) -> None:
    columns = [column.name for column in stored_columns(dataset)]
    own: list[str] = [name for name in _OWN if name in rows.columns]
    if "card_number" in rows.columns:
        rows = rows.with_columns(card_token=pl.col("card_number").hash(seed=1).cast(pl.String))
        own.append("card_token")
    copies = [rows.with_columns(_copied(rows, name, number) for name in own) for number in range(times if own else 1)]
    whole = pl.concat(copies)
    again = whole.gather_every(_AGAIN).with_columns(pl.col("updated_at") + _LATER)
    every = pl.concat([whole, again.filter(pl.col("updated_at") <= whole["updated_at"].max())])
    known = every.with_columns(pl.lit(None, pl.String).alias(name) for name in columns if name not in every.columns)
    load = pl.col("updated_at").dt.strftime("%Y%m%dT230000000000Z")
    curated = known.select(
        *columns,
        other_columns=pl.lit(None, pl.String),
        _deleted=pl.lit(False),
        _deleted_by=pl.lit(None, pl.String),
        _load_id=load,
        _source=pl.format("s3://raw/{}/load={}/0001.parquet", pl.lit(dataset.name), load),
        _row=pl.int_range(1, pl.len() + 1),
        day=pl.col("updated_at").dt.date(),
    )
    for (day,), part in curated.partition_by("day", as_dict=True, include_key=False).items():
        path = folder / curated_key(dataset.name, str(day))
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_parquet(path, compression="zstd")


def _copied(rows: pl.DataFrame, name: str, number: int) -> pl.Expr:
    """Ids of another copy of the shop."""
    return pl.format("{}-{}", name, pl.lit(number)) if rows[name].dtype == pl.String else pl.col(name) + number * _APART


class FolderBucket:
    """A folder as the bucket that the lake reads: what is listed there, and files that are linked to."""

    name = "curated"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def objects(self, prefix: str = "", *, after: str = "") -> Iterator[StoredObject]:
        """List files by their keys."""
        for path in sorted(self._folder.glob(f"{prefix}*/part.parquet")):
            key = path.relative_to(self._folder).as_posix()
            if key > after:
                yield StoredObject(key, "e", path.stat().st_size, datetime.now(UTC))

    def download(self, version: StoredObject, path: Path, between: Callable[[], None] = pass_on) -> None:
        """Link to a file, so that no time goes into copying it."""
        between()
        path.symlink_to(self._folder / version.key)


def lake_of(year: Path, folder: Path) -> Lake:
    """The lake over a folder of curated days; `folder` is for what it fetches."""
    return Lake(cast("Bucket", FolderBucket(year)), ECOMMERCE, folder)
