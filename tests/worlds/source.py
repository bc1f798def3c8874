"""Source databases for the tests of the export: a SQLite file or a database of a real MariaDB each."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from deploy.samples import shop_database
from pipeline_assets.datasets.spec import Column, Dataset
from tests.engines import shop_mariadb
from tests.engines.mariadb_server import MariaDbServer
from tests.worlds.frames import DATASETS, made

if TYPE_CHECKING:
    import polars as pl

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
_VALUES: Mapping[str, Any] = {
    "text": "x",
    "integer": 1,
    "decimal": Decimal("1.25"),
    "datetime": NOON,
    "boolean": False,
}


class Database(Protocol):
    """A source database, from the side of the shop that writes into it."""

    url: str

    def put(self, dataset: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Put rows, which say only what a test is about, replacing those of the same key."""

    def run(self, *statements: str) -> None:
        """Run statements that both dialects share, one after the other in one session."""


class SqliteDatabase:
    """A SQLite file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.url = f"sqlite://{path}"
        shop_database.make_sqlite(path, {})

    def put(self, dataset: str, rows: Sequence[Mapping[str, Any]]) -> None:
        with closing(sqlite3.connect(self._path)) as database:
            shop_database.put_rows(database, DATASETS[dataset], frame_of(DATASETS[dataset], rows))
            database.commit()

    def run(self, *statements: str) -> None:
        with closing(sqlite3.connect(self._path)) as database:
            for statement in statements:
                database.execute(statement)
            database.commit()


class MariaDbDatabase:
    """A database of a MariaDB."""

    def __init__(self, server: MariaDbServer) -> None:
        self._server, self._name = server, f"shop_{uuid4().hex[:12]}"
        self.url = shop_mariadb.make_tables(server, self._name, {})

    def put(self, dataset: str, rows: Sequence[Mapping[str, Any]]) -> None:
        shop_mariadb.put_rows(self._server, self._name, DATASETS[dataset], frame_of(DATASETS[dataset], rows))

    def run(self, *statements: str) -> None:
        self._server.run(";\n".join(statements), self._name)


def frame_of(dataset: Dataset, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows with all columns of the source."""
    return made(dataset.columns, rows, _sound)


def orders(first: int, number: int, at: datetime = NOON, **values: object) -> list[dict[str, object]]:
    """Orders with ids in a row, each changed a second after the one before."""
    return [{"order_id": first + n, "updated_at": at + timedelta(seconds=n), **values} for n in range(number)]


def _sound(column: Column) -> Any:
    return None if column.nullable else _VALUES[column.type]
