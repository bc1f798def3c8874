"""The export against bare connectorx: read by the same statement and write Parquet, without types, masking or pages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from deploy.samples.shop_database import make_sqlite
from deploy.samples.shop_rows import shop_rows
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.privacy.masking import mask
from pipeline_assets.privacy.tokens import TokenKey
from pipeline_assets.raw.extract import PART_ROWS
from pipeline_assets.raw.loads import parquet
from pipeline_assets.raw.source import SourceDatabase, Window
from tests.engines.mariadb_server import running_mariadb
from tests.engines.shop_mariadb import make_tables

_KEY = TokenKey("bench", bytes(range(32)))


@contextmanager
def sources(directory: Path, days: int, port: int) -> Iterator[dict[str, str]]:
    """The sample shop of some days in MariaDB and in SQLite, as URLs by name."""
    rows = shop_rows(days)
    make_sqlite(directory / "shop.db", rows)
    with running_mariadb(port) as server:
        yield {"MariaDB": make_tables(server, "shop", rows), "SQLite": f"sqlite://{directory / 'shop.db'}"}


class ExportRace:
    """One table, exported into a folder by both sides; rates are rows per second."""

    def __init__(self, url: str, dataset: Dataset, folder: Path) -> None:
        self._url, self._dataset, self._folder = url, dataset, folder
        self._source = SourceDatabase(url)

    def ours(self, _number: int) -> float:
        """Part by part: typed, masked, written."""
        started, rows, after, more = time.perf_counter(), 0, tuple[int, ...](), True
        while more:
            frame, after, more = self._source.rows(self._dataset, Window(), after, limit=PART_ROWS)
            (self._folder / "ours.parquet").write_bytes(parquet(mask(frame, self._dataset, _KEY)))
            rows += frame.height
        return rows / (time.perf_counter() - started)

    def bare(self, _number: int) -> float:
        """The whole table at once, as it comes."""
        started = time.perf_counter()
        columns = ", ".join(column.name for column in self._dataset.columns if column.personal != "security_code")
        statement = f"SELECT {columns} FROM {self._dataset.name} ORDER BY {', '.join(self._dataset.key)}"  # noqa: S608
        frame = pl.read_database_uri(statement, self._url, engine="connectorx")
        frame.write_parquet(self._folder / "bare.parquet", compression="zstd")
        return frame.height / (time.perf_counter() - started)
