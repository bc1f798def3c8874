"""The source database: MySQL, MariaDB or a SQLite file, which only the URL tells apart.

Tables are expected to be named like their datasets, with columns of the same names, and an `updated_at` in UTC that
every insert and update sets. What is otherwise is found and told: see `tables` for the columns, `clocks` for the times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import polars as pl

from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.raw.clocks import Times
from pipeline_assets.raw.engines import Engine
from pipeline_assets.raw.errors import SourceError
from pipeline_assets.raw.mysql import MySql
from pipeline_assets.raw.sqlite import Sqlite
from pipeline_assets.raw.statements import PLACE, Statements, Window
from pipeline_assets.raw.tables import UPDATED_AT, SourceTable, table_of
from pipeline_assets.raw.values import moments, typed

__all__ = ["Page", "SourceDatabase", "SourceError", "Window"]


class Page(NamedTuple):
    """Rows in the order of their keys; `last` is the place of the last of them, `more` whether others follow it."""

    frame: pl.DataFrame
    last: tuple[int, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class _Read:
    table: SourceTable
    statements: Statements


class SourceDatabase:
    """One database by its URL, ``mysql://user:password@host:port/name`` or ``sqlite:///path``.

    Every method raises `TransientError` when the database does not answer, and `SourceError` for what no retry mends;
    neither says its password or a value of a row.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine_of(url)

    def now(self) -> datetime:
        """The time by the clock of the database."""
        text = self._engine.read(f"SELECT {self._engine.now} AS moment", "the time").item()
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    def seconds_ahead(self) -> int:
        """How far the database's own zone is ahead of UTC; 0 where it has none, or none that it knows."""
        return int(self._engine.read(f"SELECT {self._engine.ahead} AS ahead", "its zone").item() or 0)

    def table(self, dataset: Dataset) -> SourceTable:
        """A table as it is by now; raises `SourceError` where its dataset's contract does not allow it."""
        return table_of(dataset, self._engine.columns(dataset.name))

    def rows(self, dataset: Dataset, window: Window, after: Sequence[int] = (), *, limit: int) -> Page:
        """The first rows of a table in the order of the key, in the types of the lake, without security codes.

        `after` is the place after which they begin, empty for the first. Rows of the same place, which only a table
        without such a primary key has, are on the same page; so it has at most `limit` rows. A column whose values do
        not all fit its type without loss stays as it was read.
        """
        read = self._looked_at(dataset)
        found, moments_of = self._page(read, window, after, limit)
        places = found.select(pl.col(f"^{PLACE}.*$"))
        more = found.height > limit
        if more:
            rival = pl.all_horizontal(pl.col(name) == places[name][-1] for name in places.columns)
            kept = limit - places.head(limit).filter(rival).height
            if not kept:
                raise SourceError(
                    f"{dataset.name} has more than {limit} rows whose key is the same, or no whole number: expected a "
                    f"key of {', '.join(dataset.key)} for each row"
                )
            found, places = found.head(kept), places.head(kept)
        last = places.row(-1) if places.height else ()
        frame = found.drop(places.columns)
        made = (
            moments(frame[column.name]) if column.name in moments_of else typed(frame[column.name], column)
            for column, _ in read.table.known
        )
        return Page(frame.with_columns(made), last, more)

    def versions(self, dataset: Dataset, since: datetime | None = None) -> pl.DataFrame:
        """Key and `updated_at`, as text, of every row or of those last changed from a time on, as of one moment.

        A key that is no whole number is left out: no such row is ever taken.
        """
        statement = self._looked_at(dataset).statements.versions(since)
        found = self._engine.read(statement, f"the keys of {dataset.name}")
        return found.cast({**dict.fromkeys(dataset.key, pl.Int64), UPDATED_AT: pl.String})

    def times(self, dataset: Dataset, now: datetime) -> Times:
        """What a table's times of change are like at a moment by the clock of the database."""
        read = self._looked_at(dataset)
        past, newest, untimed = self._engine.read(read.statements.times(now), f"the times of {dataset.name}").row(0)
        return Times.of(past, newest, int(untimed), local=read.table.place(UPDATED_AT).base == "datetime")

    def _looked_at(self, dataset: Dataset) -> _Read:
        table = self.table(dataset)
        return _Read(table, Statements(self._engine, table))

    def _page(
        self, read: _Read, window: Window, after: Sequence[int], limit: int
    ) -> tuple[pl.DataFrame, frozenset[str]]:
        """One row more than a page has, and which of its columns are microseconds since 1970."""
        name, quick = read.table.dataset.name, frozenset(read.statements.moments)
        try:
            found = self._engine.read(read.statements.page(window, after, limit + 1, quick=True), name)
            if any(found[each].null_count() for each in quick):
                # There is a day that no calendar has, such as 0000-00-00: what it is only a text says.
                found, quick = self._engine.read(read.statements.page(window, after, limit + 1), name), frozenset()
        except SourceError as error:
            raise self._with_column(read, window, after, limit, error) from None
        return found, quick

    def _with_column(
        self, read: _Read, window: Window, after: Sequence[int], limit: int, error: SourceError
    ) -> SourceError:
        """The same error, with the columns that cannot be read."""
        wrong = []
        for column in read.table.columns:
            try:
                self._engine.read(read.statements.page(window, after, limit, only=column), column.name)
            except SourceError:
                wrong.append(f"{column.name} ({column.type})")
        named = f"; it is of {', '.join(wrong)}: mend it in the source, or take the column out of it" if wrong else ""
        return SourceError(f"{error}{named}")


def _engine_of(url: str) -> Engine:
    """The engine of a database's URL; raises `SourceError` for another."""
    parts = urlsplit(url)
    if parts.scheme == "mysql":
        return MySql(url)
    if parts.scheme == "sqlite":
        return Sqlite(unquote(parts.path))
    raise SourceError(f"a source database is mysql or sqlite, not {parts.scheme or 'nothing'}")
