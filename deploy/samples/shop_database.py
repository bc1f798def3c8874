"""A source database with the tables of the specs: their DDL for SQLite and MySQL, and a SQLite file full of rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Literal

import polars as pl

from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.datasets.types import TYPES

Dialect = Literal["sqlite", "mysql"]
_TIME = "%Y-%m-%d %H:%M:%S%.6f"


def table_statements(dataset: Dataset, dialect: Dialect) -> list[str]:
    """What makes the table of a dataset, with an index for the rows that changed lately."""
    types = {column.type: getattr(TYPES[column.type], dialect) for column in dataset.columns}
    columns = [
        f"`{column.name}` {types[column.type]}{'' if column.nullable else ' NOT NULL'}" for column in dataset.columns
    ]
    key = ", ".join(f"`{name}`" for name in dataset.key)
    end = " WITHOUT ROWID" if dialect == "sqlite" else " CHARACTER SET utf8mb4"
    name = dataset.name
    return [
        f"CREATE TABLE IF NOT EXISTS `{name}` ({', '.join(columns)}, PRIMARY KEY ({key})){end}",
        f"CREATE INDEX `{name}_updated_at` ON `{name}` (`updated_at`)",
    ]


def as_stored(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows as both databases take them: times as text, amounts as numbers, truth as 0 and 1."""
    return frame.with_columns(
        pl.col(pl.Datetime).dt.strftime(_TIME), pl.col(pl.Decimal).cast(pl.Float64), pl.col(pl.Boolean).cast(pl.Int64)
    )


def make_sqlite(path: Path, rows: Mapping[str, pl.DataFrame]) -> None:
    """Make the database, or put the rows into the one that is there, replacing those of the same key."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")  # so that an export never waits for a writer
        for dataset in ECOMMERCE:
            table, index = table_statements(dataset, "sqlite")
            database.execute(table)
            database.execute(index.replace("INDEX", "INDEX IF NOT EXISTS", 1))
            if (frame := rows.get(dataset.name)) is not None:
                put_rows(database, dataset, frame)
        database.commit()


def put_rows(database: sqlite3.Connection, dataset: Dataset, frame: pl.DataFrame) -> None:
    """Put rows with all columns of the source into a table, replacing those of the same key."""
    places = ", ".join("?" for _ in dataset.columns)
    statement = f"INSERT OR REPLACE INTO `{dataset.name}` VALUES ({places})"  # noqa: S608 - names of a spec
    database.executemany(statement, as_stored(frame.select(dataset.column_names)).iter_rows())
