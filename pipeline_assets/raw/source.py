"""Source database: MySQL, MariaDB or a SQLite file, by its URL.

Tables are expected to be named like their datasets, with columns of the same names and an `updated_at` in UTC that
every insert and update sets. Deviations are warned of or refused: `tables` for columns, `clocks` for times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import polars as pl

from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.raw.clocks import ChangeTimes
from pipeline_assets.raw.engines import Engine
from pipeline_assets.raw.errors import SourceError
from pipeline_assets.raw.mysql import MySql
from pipeline_assets.raw.sqlite import Sqlite
from pipeline_assets.raw.statements import SORT_KEY, Statements, Window
from pipeline_assets.raw.tables import UPDATED_AT, SourceTable, resolve_table
from pipeline_assets.raw.values import cast_lossless, utc_times

__all__ = ["Page", "SourceDatabase", "SourceError", "Window"]


class Page(NamedTuple):
    """Page of a table in the order of its key.

    Attributes
    ----------
    frame
        Columns of the dataset that the table has, without security codes, in the types of the lake where the
        values fit, then those that the spec does not know.
    last
        Sort key of the last row; empty for an empty page.
    more
        Rows follow.
    """

    frame: pl.DataFrame
    last: tuple[int, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class _Inspected:
    table: SourceTable
    statements: Statements


class SourceDatabase:
    """Reader of one database by its URL, ``mysql://user:password@host:port/name`` or ``sqlite:///path``.

    Every method raises `TransientError` when the database does not answer, and `SourceError` where no retry helps;
    neither quotes its password or a value of a row.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine_of(url)

    def now(self) -> datetime:
        """Read the clock of the database, in UTC."""
        text = self._engine.read(f"SELECT {self._engine.now} AS moment", "the time").item()
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    def seconds_ahead(self) -> int:
        """Read the offset of the database's own zone from UTC in seconds; 0 where it knows none."""
        return int(self._engine.read(f"SELECT {self._engine.zone_offset} AS ahead", "its zone").item() or 0)

    def table(self, dataset: Dataset) -> SourceTable:
        """Read the columns of a table and check its contract; raises `SourceError` where that forbids it."""
        return resolve_table(dataset, self._engine.columns(dataset.name))

    def rows(self, dataset: Dataset, window: Window, after: Sequence[int] = (), *, limit: int) -> Page:
        """Read a page of a table in the order of its key.

        Rows with equal keys, as only a table without that primary key has, stay on one page.

        Parameters
        ----------
        dataset
            Its table.
        window
            Which rows.
        after
            Sort key after which the page begins; empty for the first.
        limit
            Most rows of the page, from 1.

        Returns
        -------
        Page
            In the types of the lake, without security codes; a column whose values do not all fit its type without loss
            stays as it was read.

        Raises
        ------
        SourceError
            More than `limit` rows have one key, a column cannot be read, or the contract forbids the table.
        """
        read = self._inspect(dataset)
        found, moments_of = self._page(read, window, after, limit)
        sort_keys = found.select(pl.col(f"^{SORT_KEY}.*$"))
        more = found.height > limit
        if more:
            rival = pl.all_horizontal(pl.col(name) == sort_keys[name][-1] for name in sort_keys.columns)
            kept = limit - sort_keys.head(limit).filter(rival).height
            if not kept:
                raise SourceError(
                    f"{dataset.name} has more than {limit} rows whose key is the same, or no whole number: expected a "
                    f"key of {', '.join(dataset.key)} for each row"
                )
            found, sort_keys = found.head(kept), sort_keys.head(kept)
        last = sort_keys.row(-1) if sort_keys.height else ()
        frame = found.drop(sort_keys.columns)
        made = (
            utc_times(frame[column.name]) if column.name in moments_of else cast_lossless(frame[column.name], column)
            for column, _ in read.table.known
        )
        return Page(frame.with_columns(made), last, more)

    def versions(self, dataset: Dataset, since: datetime | None = None) -> pl.DataFrame:
        """Snapshot of keys and `updated_at`, of all rows or of those last changed from `since` on, by one statement.

        Returns
        -------
        polars.DataFrame
            The columns of the key (Int64), and `updated_at` (String) as the source has it.
        """
        statement = self._inspect(dataset).statements.versions(since)
        found = self._engine.read(statement, f"the keys of {dataset.name}")
        return found.cast({**dict.fromkeys(dataset.key, pl.Int64), UPDATED_AT: pl.String})

    def times(self, dataset: Dataset, now: datetime) -> ChangeTimes:
        """Read the figures of a table's `updated_at`, at a time by the clock of the database."""
        read = self._inspect(dataset)
        past, newest, untimed = self._engine.read(read.statements.times(now), f"the times of {dataset.name}").row(0)
        return ChangeTimes.of(past, newest, int(untimed), local=read.table.source_column(UPDATED_AT).base == "datetime")

    def _inspect(self, dataset: Dataset) -> _Inspected:
        table = self.table(dataset)
        return _Inspected(table, Statements(self._engine, table))

    def _page(
        self, read: _Inspected, window: Window, after: Sequence[int], limit: int
    ) -> tuple[pl.DataFrame, frozenset[str]]:
        """Read one row more than a page has; the set names its columns of microseconds since 1970."""
        name, quick = read.table.dataset.name, frozenset(read.statements.moments)
        try:
            found = self._engine.read(read.statements.page(window, after, limit + 1, quick=True), name)
            if any(found[each].null_count() for each in quick):
                # A day that no calendar has, such as 0000-00-00, can only be read as text.
                found, quick = self._engine.read(read.statements.page(window, after, limit + 1), name), frozenset()
        except SourceError as error:
            raise self._name_columns(read, window, after, limit, error) from None
        return found, quick

    def _name_columns(
        self, read: _Inspected, window: Window, after: Sequence[int], limit: int, error: SourceError
    ) -> SourceError:
        """Name the columns that cannot be read in the error of their page."""
        wrong = []
        for column in read.table.columns:
            try:
                self._engine.read(read.statements.page(window, after, limit, only=column), column.name)
            except SourceError:
                wrong.append(f"{column.name} ({column.type})")
        named = f"; it is of {', '.join(wrong)}: mend it in the source, or take the column out of it" if wrong else ""
        return SourceError(f"{error}{named}")


def _engine_of(url: str) -> Engine:
    """Engine for the scheme of a URL; raises `SourceError` for any other."""
    parts = urlsplit(url)
    if parts.scheme == "mysql":
        return MySql(url)
    if parts.scheme == "sqlite":
        return Sqlite(unquote(parts.path))
    raise SourceError(f"a source database is mysql or sqlite, not {parts.scheme or 'nothing'}")
