"""The lake as of a day on Spark: the same rule as on one machine (`lake.as_of`), over splits of the curated days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb
import narwhals as nw
import polars as pl

from pipeline_assets.datasets.catalog import Catalog
from pipeline_assets.datasets.frame_types import frame_type
from pipeline_assets.datasets.spec import Column, stored_columns
from pipeline_assets.errors import TerminalError
from pipeline_assets.lake.as_of import latest_rows
from pipeline_assets.lake.day_columns import column_fault
from pipeline_assets.lake.layout import curated_days, curated_key
from pipeline_assets.lake.tables import ADDED_COLUMNS
from pipeline_assets.spark.splits import Split, read_splits, splits_of
from pipeline_assets.storage.bucket import Bucket, StoredObject

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

#: Rows of a split that are in the memory at once.
_BATCH_ROWS: Final = 50_000


class SparkLake:
    """The curated tables as of the end of one day, on Spark.

    Parameters
    ----------
    session
        The session of Spark.
    day
        The last load day that is read.
    bucket
        Where the curated days are.
    catalog
        The specs of the tables.
    """

    def __init__(self, session: SparkSession, day: date, bucket: Bucket, catalog: Catalog) -> None:
        self.day = day
        self._session = session
        self._bucket = bucket
        self._catalog = catalog
        self._listed: dict[str, tuple[StoredObject, ...]] = {}

    def days(self, name: str) -> tuple[StoredObject, ...]:
        """List the curated days of a table; as `LakeAsOf.days` does, the same whenever it is asked for."""
        if name not in self._listed:
            last = curated_key(name, self.day.isoformat())
            days = takewhile(lambda each: each.key <= last, self._bucket.objects(curated_days(name)))
            self._listed[name] = tuple(days)
        return self._listed[name]

    def table(self, name: str) -> nw.LazyFrame[Any]:
        """Read a table lazily.

        Parameters
        ----------
        name
            Name of the dataset.

        Returns
        -------
        nw.LazyFrame
            The columns that `LakeAsOf.table` has, times in the zone of the session, which is UTC; one row of each key
            that stands. A task raises what that method raises of a day that cannot be read, and `GoneError` for one
            that was rewritten since it was listed.

        Raises
        ------
        KeyError
            There is no such dataset.
        TransientError
            The bucket does not answer.
        """
        dataset = self._catalog[name]
        columns = (*stored_columns(dataset), *ADDED_COLUMNS)
        schema = pl.Schema({column.name: frame_type(column.type) for column in columns})
        splits = splits_of(self._bucket, self.days(name))
        rows = read_splits(self._session, splits, _Reader(name, columns), schema)
        standing = latest_rows(nw.from_native(rows), dataset).to_native()
        # Spark would join these rows where they lie, by their key, and then leave a skewed join as it is: it cuts large
        # partitions only of rows that were exchanged for the join itself. No partitions are joined by this.
        apart = standing.coalesce(int(self._session.conf.get("spark.sql.shuffle.partitions")))
        found: nw.LazyFrame[Any] = nw.from_native(apart)
        return found


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads a split of a curated day of a table, in a task."""

    table: str
    columns: tuple[Column, ...]

    def __call__(self, split: Split, path: Path) -> Iterator[pl.DataFrame]:
        there = self._columns_there(split, path)
        rows = pl.scan_parquet(path, hive_partitioning=False)
        if not split.whole:
            rows = rows.slice(split.first, split.rows)
        known = rows.select(
            pl.col(column.name).cast(frame_type(column.type))
            if column.name in there
            # A day that was written before a column was added has none of it.
            else pl.lit(None, frame_type(column.type)).alias(column.name)
            for column in self.columns
        )
        yield from known.collect_batches(chunk_size=_BATCH_ROWS, maintain_order=False)

    def _columns_there(self, split: Split, path: Path) -> list[str]:
        """The columns of the file, which fit those of the dataset."""
        place = f"s3://{split.bucket}/{split.key}"
        again = f"materialize curated/{self.table} of that day again"
        with duckdb.connect() as connection:
            try:
                found: Any = connection.read_parquet(str(path), hive_partitioning=False)
            except duckdb.Error as error:
                said = str(error).partition("\n")[0].replace(str(path), split.key)
                raise TerminalError(f"{place} is no curated day ({said}); {again}") from error
            if fault := column_fault(found, self.columns):
                raise TerminalError(f"{place} {fault}; {again}")
            there: list[str] = found.columns
        return there
