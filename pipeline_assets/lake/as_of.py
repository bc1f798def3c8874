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
from pipeline_assets.datasets.spec import Column, Dataset, stored_columns
from pipeline_assets.datasets.types import TYPES
from pipeline_assets.errors import TerminalError, TransientError
from pipeline_assets.lake.day_columns import kinds_of_days, no_rows, unfit_day
from pipeline_assets.lake.layout import curated_days, curated_key
from pipeline_assets.lake.tables import ADDED_COLUMNS
from pipeline_assets.storage.bucket import Bucket, GoneError, StoredObject

if TYPE_CHECKING:
    from narwhals.typing import FrameT

    Frame = nw.LazyFrame[duckdb.DuckDBPyRelation]

#: Requests at once; of small objects most of the time is the way there and back.
_AT_ONCE: Final = 8
_GONE, _PLACE, _ROWS = "_gone_by", "_place_of_key", "_rows_of_key"


class RewrittenError(TransientError):
    """Raised when a day was rewritten since it was listed: read the lake anew."""


def doubtful_keys(rows: FrameT, dataset: Dataset) -> FrameT:
    """Find the keys of which it has to be told what stands: those of several rows, or with a tombstone.

    Parameters
    ----------
    rows
        Rows of curated days, with the columns that curation adds; one row of a key from each day.
    dataset
        The spec, which has the key.

    Returns
    -------
    FrameT
        The key's columns. The one row of any other key stands; most keys are such.
    """
    told = rows.group_by(*dataset.key).agg(
        nw.len().alias(_ROWS), (nw.col("_deleted") | ~nw.col("_deleted_by").is_null()).any().alias(_GONE)
    )
    return told.filter((nw.col(_ROWS) > 1) | nw.col(_GONE)).select(*dataset.key)


def standing_rows(rows: FrameT, doubtful: FrameT, dataset: Dataset) -> FrameT:
    """Keep the row of each key that stands, of the rows of some curated days.

    A row is buried when a later load than its own found its key gone, whatever the times say, since a tombstone's time
    is of another clock. Of the others the latest stands, by the order columns, the load, the object and the row; the
    order is total, so that every engine keeps the same.

    Parameters
    ----------
    rows
        Rows of curated days, with the columns that curation adds; one row of a key from each day.
    doubtful
        What `doubtful_keys` finds of them; only the rows of these are put in order.
    dataset
        The spec, which has the key and the order.

    Returns
    -------
    FrameT
        The columns of `rows`, one row of each key that is not gone.
    """
    key = [*dataset.key]
    latest = latest_rows(rows.join(doubtful, on=key, how="semi"), dataset)
    return nw.concat([rows.join(doubtful, on=key, how="anti"), latest])


def latest_rows(rows: FrameT, dataset: Dataset) -> FrameT:
    """Keep the row of each key that stands, and put the rows of all keys in order to find it.

    Parameters
    ----------
    rows, dataset
        As of `standing_rows`.

    Returns
    -------
    FrameT
        What `standing_rows` gives where every key is doubtful: one exchange of rows between machines, where telling the
        doubtful keys first takes three.
    """
    key, order = [*dataset.key], [*dataset.order, "_load_id", "_source", "_row"]
    known = rows.with_columns(nw.col("_deleted_by").max().over(*key).alias(_GONE))
    alive = known.filter(~nw.col("_deleted"), nw.col(_GONE).is_null() | (nw.col("_load_id") >= nw.col(_GONE)))
    placed = alive.with_columns(
        nw.col("_row").cum_count().over(*key, order_by=order).alias(_PLACE), nw.len().over(*key).alias(_ROWS)
    )
    return placed.filter(nw.col(_PLACE) == nw.col(_ROWS)).drop(_GONE, _PLACE, _ROWS)


class Lake:
    """The curated tables, which are read as of one day after the other; a day's file is fetched once.

    Parameters
    ----------
    bucket
        Where the curated days are.
    catalog
        The specs of the tables.
    folder
        Where the files are kept meanwhile.
    """

    def __init__(self, bucket: Bucket, catalog: Catalog, folder: Path) -> None:
        self.bucket = bucket
        self.catalog = catalog
        self.folder = folder
        self._kinds: dict[str, int] = {}

    @contextmanager
    def as_of(self, day: date) -> Iterator[LakeAsOf]:
        """Open the tables as of the end of a day, with a connection of their own.

        Parameters
        ----------
        day
            The last load day that is read.

        Yields
        ------
        LakeAsOf
            The tables; their frames can be read until the block ends.
        """
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET temp_directory = $folder", {"folder": str(self.folder)})
            yield LakeAsOf(day, self, connection)

    def listed(self, name: str, day: date) -> tuple[StoredObject, ...]:
        """List the curated days of a table up to a day, in their order, as they stand now; raises `TransientError`."""
        last = curated_key(name, day.isoformat())
        return tuple(takewhile(lambda each: each.key <= last, self.bucket.objects(curated_days(name))))

    def path(self, stored: StoredObject) -> Path:
        """Where the file of a curated day is kept; one that was rewritten is another file."""
        return self.folder / f"{stored.key.replace('/', '_')}.{stored.etag}"

    def fetch(self, days: Sequence[StoredObject]) -> None:
        """Fetch the files of curated days that are not here yet.

        Parameters
        ----------
        days
            The days as they were listed.

        Raises
        ------
        RewrittenError
            A day was rewritten since it was listed.
        TransientError
            The bucket does not answer.
        """
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(self._download, (each for each in days if not self.path(each).exists())))

    def kinds(self, connection: duckdb.DuckDBPyConnection, paths: Sequence[str]) -> list[str]:
        """Choose one file for each set of columns that the files have; raises `duckdb.Error` for one without any."""
        self._kinds |= kinds_of_days(connection, [path for path in paths if path not in self._kinds])
        return sorted({self._kinds[path]: path for path in reversed(paths)}.values())

    def _download(self, stored: StoredObject) -> None:
        path = self.path(stored)
        partial = path.with_suffix(".partial")
        try:
            self.bucket.download(stored, partial)
        except GoneError as error:
            place = f"s3://{self.bucket.name}/{stored.key}"
            raise RewrittenError(f"{place} was rewritten while it was read", object_uri=place) from error
        partial.rename(path)


class LakeAsOf:
    """The curated tables as of the end of one day: each listed once, and fetched when it is first asked for.

    Parameters
    ----------
    day
        The last load day that is read.
    lake
        The tables of all days.
    connection
        The connection to DuckDB that answers; frames can be read as long as it is open.
    """

    def __init__(self, day: date, lake: Lake, connection: duckdb.DuckDBPyConnection) -> None:
        self.day = day
        self.connection = connection
        self._lake = lake
        self._listed: dict[str, tuple[StoredObject, ...]] = {}
        #: By table its rows on all days, and the keys of which it has to be told what stands.
        self._read: dict[str, tuple[Frame, Frame]] = {}

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
            self._listed[name] = self._lake.listed(name, self.day)
        return self._listed[name]

    def stands(self) -> bool:
        """Whether every table that was listed would be listed the same now; raises `TransientError`."""
        return all(self._lake.listed(name, self.day) == days for name, days in self._listed.items())

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
        dataset = self._lake.catalog[name]
        if name not in self._read:
            self._lake.fetch(self.days(name))
            rows: Frame = nw.from_native(self._relation(dataset))
            doubtful_keys(rows, dataset).to_native().create(f"doubtful_{name}")
            self._read[name] = rows, nw.from_native(self.connection.table(f"doubtful_{name}"))
        return standing_rows(*self._read[name], dataset)

    def _relation(self, dataset: Dataset) -> duckdb.DuckDBPyRelation:
        columns = (*stored_columns(dataset), *ADDED_COLUMNS)
        paths = [str(self._lake.path(each)) for each in self.days(dataset.name)]
        if not paths:
            return no_rows(self.connection, columns)
        try:
            kinds = self._lake.kinds(self.connection, paths)
            unfit = unfit_day(self.connection, kinds, columns)
            # Columns of all files are read each time that something is asked, so only where they differ.
            found = self.connection.read_parquet(paths, union_by_name=len(kinds) > 1, hive_partitioning=False)
        except duckdb.Error as error:
            raise self._unreadable(dataset.name) from error
        if unfit:
            key = next(each.key for each in self.days(dataset.name) if str(self._lake.path(each)) == unfit[0])
            again = f"materialize curated/{dataset.name} of that day again"
            raise TerminalError(f"s3://{self._lake.bucket.name}/{key} {unfit[1]}; {again}")
        # A day that was written before a column was added has none of it.
        return found.project(", ".join(_as_stored(column, found.columns) for column in columns))

    def _unreadable(self, name: str) -> TerminalError:
        """Which day cannot be read, and why."""
        for each in self.days(name):
            try:
                self.connection.read_parquet(str(self._lake.path(each)))
            except duckdb.Error as error:
                place = f"s3://{self._lake.bucket.name}/{each.key}"
                said = str(error).partition("\n")[0].replace(str(self._lake.path(each)), each.key)
                return TerminalError(
                    f"{place} is no curated day ({said}); materialize curated/{name} of that day again"
                )
        return TerminalError(f"the days of curated/{name} do not go together: materialize them again")


@contextmanager
def open_lake(bucket: Bucket, catalog: Catalog) -> Iterator[Lake]:
    """Open the lake for many days, with a folder of its own.

    Parameters
    ----------
    bucket
        Where the curated days are.
    catalog
        The specs of the tables.

    Yields
    ------
    Lake
        The tables; until the block ends.
    """
    with tempfile.TemporaryDirectory(prefix="cesta-") as folder:
        yield Lake(bucket, catalog, Path(folder))


@contextmanager
def lake_as_of(day: date, bucket: Bucket, catalog: Catalog) -> Iterator[LakeAsOf]:
    """Open the lake as of one day.

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
    with open_lake(bucket, catalog) as lake, lake.as_of(day) as known:
        yield known


def _as_stored(column: Column, there: Sequence[str]) -> str:
    value = f'"{column.name}"' if column.name in there else "NULL"
    return f'{value}::{TYPES[column.type].glue} AS "{column.name}"'
