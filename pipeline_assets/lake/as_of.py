"""The lake as of a day: of each key the row that stood at the day's end, by what had been loaded up to then.

Load days later than the day are not opened, whatever the times of their rows say: what arrived later was not known.
So a backfill over earlier days sees what each of them could see. A correction of a load day changes what is read as of
that day and of later ones, and nothing earlier.

The rule is written once for every engine that Narwhals knows; this module runs it on DuckDB, which fits into a function
beside scikit-learn and reads from the day's files the columns that are asked for.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb
import narwhals as nw

from pipeline_assets.datasets.catalog import Catalog
from pipeline_assets.datasets.spec import Column, Dataset
from pipeline_assets.datasets.types import TYPES
from pipeline_assets.errors import TerminalError, TransientError
from pipeline_assets.lake.day_columns import unfit_day
from pipeline_assets.lake.layout import curated_days, curated_key
from pipeline_assets.lake.tables import curated_table
from pipeline_assets.storage.bucket import Bucket, GoneError, StoredObject

if TYPE_CHECKING:
    from narwhals.typing import FrameT

#: Requests at once; of small objects most of the time is the way there and back.
_AT_ONCE: Final = 8
_GONE, _PLACE, _ROWS = "_gone_by", "_place_of_key", "_rows_of_key"


class RewrittenError(TransientError):
    """Raised when a day was rewritten since it was listed: read the lake anew."""


def standing_rows(rows: FrameT, dataset: Dataset) -> FrameT:
    """Keep the row of each key that stands, of the rows of some curated days.

    A row is buried when a later load than its own found its key gone, whatever the times say, since a tombstone's time
    is of another clock. Of the others the latest stands, by the order columns, the load, the object and the row; the
    order is total, so that every engine keeps the same.

    Parameters
    ----------
    rows
        Rows of curated days, with the columns that curation adds; one row of a key from each day.
    dataset
        The spec, which has the key and the order.

    Returns
    -------
    FrameT
        The columns of `rows`, one row of each key that is not gone.
    """
    key, order = dataset.key, [*dataset.order, "_load_id", "_source", "_row"]
    known = rows.with_columns(nw.col("_deleted_by").max().over(*key).alias(_GONE))
    alive = known.filter(~nw.col("_deleted"), nw.col(_GONE).is_null() | (nw.col("_load_id") >= nw.col(_GONE)))
    placed = alive.with_columns(
        nw.col("_row").cum_count().over(*key, order_by=order).alias(_PLACE), nw.len().over(*key).alias(_ROWS)
    )
    return placed.filter(nw.col(_PLACE) == nw.col(_ROWS)).drop(_GONE, _PLACE, _ROWS)


class LakeAsOf:
    """The curated tables as of the end of one day: each listed once, and fetched when it is first asked for.

    Parameters
    ----------
    day
        The last load day that is read.
    bucket
        Where the curated days are.
    catalog
        The specs of the tables.
    connection
        The connection to DuckDB that answers; frames can be read as long as it is open.
    directory
        Where the days are kept meanwhile.
    """

    def __init__(
        self, day: date, bucket: Bucket, catalog: Catalog, connection: duckdb.DuckDBPyConnection, directory: Path
    ) -> None:
        self.day = day
        self.connection = connection
        self._bucket, self._catalog, self._directory = bucket, catalog, directory
        self._listed: dict[str, tuple[StoredObject, ...]] = {}
        self._fetched: set[str] = set()

    def days(self, name: str) -> tuple[StoredObject, ...]:
        """List the curated days of a table, in their order; the same whenever it is asked for.

        Parameters
        ----------
        name
            Name of the dataset.

        Returns
        -------
        tuple of StoredObject
            Up to the day, none where nothing was loaded.

        Raises
        ------
        TransientError
            The bucket does not answer.
        """
        if name not in self._listed:
            last = curated_key(name, self.day.isoformat())
            listed = self._bucket.objects(curated_days(name))
            self._listed[name] = tuple(takewhile(lambda each: each.key <= last, listed))
        return self._listed[name]

    def table(self, name: str) -> nw.LazyFrame[duckdb.DuckDBPyRelation]:
        """Read a table lazily.

        Parameters
        ----------
        name
            Name of the dataset.

        Returns
        -------
        nw.LazyFrame
            The stored columns of the dataset and what curation adds, in the types of its table in SQL, times as UTC
            without a zone; one row of each key that stands, none where there is no day.

        Raises
        ------
        KeyError
            There is no such dataset.
        RewrittenError
            A day was rewritten since it was listed.
        TransientError
            The bucket does not answer.
        TerminalError
            What lies in the place of a day cannot be read, or has other columns.
        """
        dataset = self._catalog[name]
        if name not in self._fetched:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                list(pool.map(self._download, self.days(name)))
            self._fetched.add(name)
        rows: nw.LazyFrame[duckdb.DuckDBPyRelation] = nw.from_native(self._relation(dataset))
        return standing_rows(rows, dataset)

    def _relation(self, dataset: Dataset) -> duckdb.DuckDBPyRelation:
        columns = curated_table(dataset).columns
        paths = [str(self._path(each)) for each in self.days(dataset.name)]
        if not paths:
            empty = ", ".join(f'NULL::{_type_of(column)} AS "{column.name}"' for column in columns)
            return self.connection.sql(f"SELECT {empty} LIMIT 0")
        try:
            unfit = unfit_day(self.connection, paths, columns)
            found = self.connection.read_parquet(paths, union_by_name=True, hive_partitioning=False)
        except duckdb.Error as error:
            raise self._unreadable(dataset.name) from error
        if unfit:
            key = next(each.key for each in self.days(dataset.name) if str(self._path(each)) == unfit[0])
            again = f"materialize curated/{dataset.name} of that day again"
            raise TerminalError(f"s3://{self._bucket.name}/{key} {unfit[1]}; {again}")
        # A day that was written before a column was added has none of it.
        return found.project(", ".join(_as_stored(column, found.columns) for column in columns))

    def _unreadable(self, name: str) -> TerminalError:
        """Which day cannot be read, and why."""
        for each in self.days(name):
            try:
                self.connection.read_parquet(str(self._path(each)))
            except duckdb.Error as error:
                place = f"s3://{self._bucket.name}/{each.key}"
                said = str(error).partition("\n")[0].replace(str(self._path(each)), each.key)
                return TerminalError(
                    f"{place} is no curated day ({said}); materialize curated/{name} of that day again"
                )
        return TerminalError(f"the days of curated/{name} do not go together: materialize them again")

    def _path(self, stored: StoredObject) -> Path:
        return self._directory / stored.key.replace("/", "_")

    def _download(self, stored: StoredObject) -> None:
        try:
            self._bucket.download(stored, self._path(stored))
        except GoneError as error:
            place = f"s3://{self._bucket.name}/{stored.key}"
            raise RewrittenError(f"{place} was rewritten while it was read", object_uri=place) from error


@contextmanager
def lake_as_of(day: date, bucket: Bucket, catalog: Catalog) -> Iterator[LakeAsOf]:
    """Open the lake as of a day, with a connection and a folder of its own.

    Parameters
    ----------
    day
        The last load day that is read.
    bucket
        Where the curated days are.
    catalog
        The specs of the tables.

    Yields
    ------
    LakeAsOf
        The tables; their frames can be read until the block ends.
    """
    with tempfile.TemporaryDirectory(prefix="cesta-") as folder, duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET temp_directory = $folder", {"folder": folder})
        yield LakeAsOf(day, bucket, catalog, connection, Path(folder))


def _type_of(column: Column) -> str:
    return TYPES[column.type].glue


def _as_stored(column: Column, there: Sequence[str]) -> str:
    value = f'"{column.name}"' if column.name in there else "NULL"
    return f'{value}::{_type_of(column)} AS "{column.name}"'
