"""Whether the SQL tables of a set are what the set says: its columns, its places, its days, and their rows."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import duckdb
from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets.analytics.publish import SetManifest, manifest_day, read_manifest, table_key, version_of
from pipeline_assets.analytics.tables import MANIFESTS, prod_table
from pipeline_assets.datasets.types import TYPES
from pipeline_assets.errors import TransientError
from pipeline_assets.storage.parquet_tail import parquet_tail

if TYPE_CHECKING:
    from pipeline_assets.analytics.crawlers import CrawledStores
    from pipeline_assets.analytics.prod_set import ProdSet
    from pipeline_assets.datasets.spec import Dataset

_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class CrawledTable:
    """A SQL table as it was found.

    Parameters
    ----------
    name
        Name of the table.
    days
        The days that it knows, ISO.
    rows
        Rows that were counted, by day; None where the day has no object.
    differences
        How it differs from what the set says, a sentence each.
    """

    name: str
    days: frozenset[str]
    rows: Mapping[str, int | None]
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CrawledSet:
    """The SQL tables of a set as they were found.

    Parameters
    ----------
    tables
        The tables.
    days
        The days that the set has, ISO, in their order.
    version
        A hash that changes with what was published.
    """

    tables: tuple[CrawledTable, ...]
    days: tuple[str, ...]
    version: str

    @property
    def differences(self) -> list[str]:
        """How the tables differ from what the set says, a sentence each."""
        return [each for table in self.tables for each in table.differences]


def look_through(prod_set: ProdSet, stores: CrawledStores, counted: Collection[str] | None = None) -> CrawledSet:
    """Look at the SQL tables of a set and compare them with what the set says.

    Parameters
    ----------
    prod_set
        The set.
    stores
        Its tables and its bucket.
    counted
        Days, ISO, whose rows are counted; those of all days unless given.

    Returns
    -------
    CrawledSet
        What was found.

    Raises
    ------
    TransientError
        A store does not answer.
    """
    bucket = stores.targets[prod_set.name]
    listed = {day.isoformat(): each.etag for each in bucket.objects(MANIFESTS) if (day := manifest_day(each.key))}
    with duckdb.connect() as connection:
        look = _Look(prod_set, stores, tuple(sorted(listed)), connection)
        days = [day for day in look.days if counted is None or day in counted]
        tables = tuple(look.at(table, days) for table in prod_set.tables)
    return CrawledSet(tables, look.days, version_of(prod_set.name, listed))


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at the tables of a set, which reads each manifest once."""

    prod_set: ProdSet
    stores: CrawledStores
    days: tuple[str, ...]
    connection: duckdb.DuckDBPyConnection
    manifests: dict[str, SetManifest | None] = field(default_factory=dict)

    def at(self, table: Dataset, counted: Sequence[str]) -> CrawledTable:
        """A table, and the rows of some of its days."""
        if (found := self._table(table.name)) is None:
            return CrawledTable(table.name, frozenset(), {}, (f"there is no table {table.name}",))
        places = self._registered(table.name)
        rows = {day: self._rows(table.name, day) for day in counted if self._said(table.name, day) is not None}
        differences = (
            *self._of_columns(table, found),
            *self._of_places(table, found, places),
            *self._of_days(table.name, places.keys()),
            *self._of_rows(table.name, rows),
        )
        return CrawledTable(table.name, frozenset(places), rows, differences)

    def _of_columns(self, table: Dataset, found: Mapping[str, Any]) -> Iterator[str]:
        columns = found.get("StorageDescriptor", {}).get("Columns", ())
        there = [(each["Name"], each.get("Type", "")) for each in columns]
        expected = [(column.name, TYPES[column.type].glue) for column in table.columns]
        lacking = [f"{name} {kind}" for name, kind in expected if (name, kind) not in there]
        unknown = [f"{name} {kind}" for name, kind in there if (name, kind) not in expected]
        if lacking:
            yield f"{table.name} lacks {_named(lacking)}"
        if unknown:
            yield f"{table.name} has {_named(unknown)}, which its spec does not know"
        if there != expected and not lacking and not unknown:
            yield f"{table.name} has its columns in another order than its spec"

    def _of_places(self, table: Dataset, found: Mapping[str, Any], places: Mapping[str, str]) -> Iterator[str]:
        lake_table, bucket = prod_table(self.prod_set.tables, table), self.stores.targets[self.prod_set.name].name
        keys = tuple(each["Name"] for each in found.get("PartitionKeys", ()))
        if keys != lake_table.partitions:
            yield f"{table.name} has the partition keys {', '.join(keys) or 'none'}, not {lake_table.partitions[0]}"
        at, expected = _place(found), _place({"StorageDescriptor": lake_table.storage(bucket)})
        if at != expected:
            yield f"{table.name} lies at {at or 'no place'}, not at {expected}"
        expected_of = {day: _place({"StorageDescriptor": lake_table.storage(bucket, day)}) for day in places}
        if astray := [day for day, place in places.items() if place != expected_of[day]]:
            yield f"{table.name} looks for {_days(astray)} in another place"

    def _of_days(self, table: str, registered: Collection[str]) -> Iterator[str]:
        # A day that was made before the set had the table is no day of the table.
        lacking = [day for day in self.days if day not in registered and self._said(table, day) is not None]
        if lacking:
            yield f"{table} does not know {_days(lacking)}"
        if unknown := sorted(set(registered) - set(self.days)):
            yield f"{table} knows {_days(unknown)}, which the set does not have"

    def _of_rows(self, table: str, rows: Mapping[str, int | None]) -> Iterator[str]:
        for day, found in rows.items():
            said = self._said(table, day)
            if found is None:
                yield f"{table} has no object that can be read as of {day}"
            elif found != said:
                yield f"{table} has {found:,} rows as of {day}, the set says {said:,}"

    def _said(self, table: str, day: str) -> int | None:
        """The rows that the set says that a table has; None for a day without the table."""
        if day not in self.manifests:
            self.manifests[day] = read_manifest(self.stores.targets[self.prod_set.name], date.fromisoformat(day))
        manifest = self.manifests[day]
        return manifest.tables[table].rows if manifest and table in manifest.tables else None

    def _rows(self, table: str, day: str) -> int | None:
        """The rows of a table as of a day, by the footer of its object; None where no object has one."""
        tail = parquet_tail(self.stores.targets[self.prod_set.name], table_key(table, date.fromisoformat(day)))
        if tail is None:
            return None
        with tempfile.NamedTemporaryFile(prefix="cesta-", suffix=".parquet") as file:
            file.write(tail.content)
            file.flush()
            try:
                found = self.connection.execute("SELECT num_rows FROM parquet_file_metadata(?)", [file.name]).fetchall()
            except duckdb.Error:
                return None
        return int(found[0][0])

    def _table(self, table: str) -> Mapping[str, Any] | None:
        with _asking(table):
            try:
                return self.stores.glue.get_table(DatabaseName=self.stores.database, Name=table)["Table"]
            except self.stores.glue.exceptions.EntityNotFoundException:
                return None

    def _registered(self, table: str) -> dict[str, str]:
        """The days of a table, and where each lies."""
        pages = self.stores.glue.get_paginator("get_partitions").paginate(
            DatabaseName=self.stores.database, TableName=table, ExcludeColumnSchema=True
        )
        with _asking(table):
            found = [each for page in pages for each in page["Partitions"]]
        return {each["Values"][0]: _place(each) for each in found}


@contextmanager
def _asking(table: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise TransientError(f"Glue does not tell of the table {table}: {error}") from error


def _place(described: Mapping[str, Any]) -> str:
    """Where a table or a partition lies, which Glue may tell with or without the last slash."""
    return str(described.get("StorageDescriptor", {}).get("Location", "")).rstrip("/")


def _named(things: Sequence[str]) -> str:
    more = f" and {len(things) - _NAMED} more" if len(things) > _NAMED else ""
    return f"{', '.join(things[:_NAMED])}{more}"


def _days(days: Sequence[str]) -> str:
    return f"the {'day' if len(days) == 1 else 'days'} {_named(days)}"
