"""How fast a day of documents of purchases becomes Parquet: our compaction against DuckDB over the same files.

Both read documents of one directory, so that neither waits for a network, and write one zstd Parquet of the same rows:
a row for each change with its lines, in the order of purchases and their changes. Ours lists, reads and puts through
the port to an object store, keeps the numbers to the last digit and tells what is no document; DuckDB has the columns
said to it. Its `read_json` has a buffer for each file, which costs it most with many small ones, so that it may read
the texts and parse them, too.
"""

# ruff: noqa: S608 - the rival's statements are made of constants of this module

from __future__ import annotations

import hashlib
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

import duckdb

from pipeline_assets.compras.day import read_day
from pipeline_assets.compras.pieces import join_parquet, parquet_piece
from pipeline_assets.events.tenants import TenantId
from pipeline_assets.storage.bucket import Bucket, StoredObject

TENANT, DAY = TenantId("tienda"), "2026-03-01"
_PER_PURCHASE, _PRODUCTS, _MOST_LINES = 2, 5_000, 4
_NUMBER: Final = "DECIMAL(38,9)"
_COLUMNS: Final = {
    "compra_id": "VARCHAR",
    "user_id": "VARCHAR",
    "fecha": "VARCHAR",
    "productos": f"STRUCT(codigo VARCHAR, nombre VARCHAR, precio_unitario {_NUMBER}, cantidad {_NUMBER})[]",
    "resumen": f"STRUCT(total_productos BIGINT, total_cantidad {_NUMBER}, total_precio DECIMAL(38,2), moneda VARCHAR)",
    "metadata": "STRUCT(event_name VARCHAR, event_source VARCHAR, aws_region VARCHAR, processed_at VARCHAR, "
    "processed_by VARCHAR, stage VARCHAR)",
}


def put_documents(directory: Path, count: int) -> None:
    """Write documents of one tenant and day, two changes of each purchase."""
    dice = random.Random(1)  # noqa: S311 - the same documents each time
    folder = directory / "compras" / TENANT / DAY.replace("-", "/")
    folder.mkdir(parents=True)
    for number in range(count):
        compra, second = f"c{number // _PER_PURCHASE:07}", number % _PER_PURCHASE
        document = _document(compra, dice)
        event = "modify" if second else "insert"
        (folder / f"{event}_{compra}_20260301_1000{second:02}.json").write_bytes(document)


def _document(compra: str, dice: random.Random) -> bytes:
    lines = [
        {
            "codigo": f"P{(code := dice.randrange(_PRODUCTS))}",
            "nombre": f"Producto número {code}",
            "precio_unitario": dice.randrange(1, 10_000) / 100,
            "cantidad": dice.randrange(1, 9),
        }
        for _ in range(dice.randrange(1, _MOST_LINES + 1))
    ]
    document = {
        "compra_id": compra,
        "user_id": f"u{dice.randrange(999)}",
        "tenant_id": TENANT,
        "fecha": f"{DAY} 10:00:00",
        "productos": lines,
        "resumen": {"total_productos": len(lines), "total_cantidad": 1, "total_precio": 12.34, "moneda": "USD"},
        "metadata": {
            "event_name": "INSERT",
            "event_source": "aws:dynamodb",
            "aws_region": "us-east-1",
            "processed_at": "2026-03-01T10:00:01.123Z",
            "processed_by": "lambda-streams-actualizador-compras",
            "stage": "dev",
        },
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class FolderBucket:
    """A directory as a bucket, as far as a day of documents is read from it."""

    directory: Path
    name: str = "compras"

    def objects(self, prefix: str = "", *, after: str = "") -> Iterator[StoredObject]:
        """List the files of one folder."""
        put = datetime(2026, 3, 1, tzinfo=UTC)
        for name in sorted(os.listdir(self.directory / prefix)):  # noqa: PTH208 - as quick as it can be
            if (key := f"{prefix}{name}") > after:
                yield StoredObject(key, "", 0, put)

    def read(self, key: str) -> bytes:
        """Read a file."""
        with open(f"{self.directory}/{key}", "rb") as file:  # noqa: PTH123 - as quick as it can be
            return file.read()


@dataclass(frozen=True, slots=True)
class CompactionRace:
    """Both sides on the same directory of so many documents."""

    directory: Path
    documents: int

    def ours(self, _: int) -> float:
        """Documents per second of our compaction."""
        return self._rate(self._compact)

    def read_json(self, _: int) -> float:
        """Documents per second of DuckDB's `read_json`."""
        columns = json.dumps(_COLUMNS).replace('"', "'")
        found = f"read_json(?, columns={columns}, format='newline_delimited', filename=true)"
        return self._rate(lambda: self._copy(f"SELECT * FROM {found} ORDER BY compra_id, filename"))

    def read_text(self, _: int) -> float:
        """Documents per second of DuckDB's `read_text` with the parsing of what it read."""
        structure = json.dumps(json.dumps(_structure()))[1:-1].replace('\\"', '"')
        read = f"SELECT from_json(content, '{structure}') AS d, filename FROM read_text(?)"
        return self._rate(lambda: self._copy(f"SELECT d.*, filename FROM ({read}) ORDER BY d.compra_id, filename"))

    def _rate(self, work: Callable[[], int]) -> float:
        started = time.perf_counter()
        rows = work()
        seconds = time.perf_counter() - started
        if rows != self.documents:
            raise RuntimeError(f"{rows} rows of {self.documents} documents")
        return self.documents / seconds

    def _compact(self) -> int:
        piece, rows = parquet_piece(read_day(cast("Bucket", FolderBucket(self.directory)), TENANT, DAY))
        with (self.directory / "ours.parquet").open("w+b") as file:
            join_parquet([piece], file)
            file.seek(0)
            hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        return rows

    def _copy(self, query: str) -> int:
        pattern = str(self.directory / "compras" / TENANT / DAY.replace("-", "/") / "*.json")
        target = self.directory / "duckdb.parquet"
        with duckdb.connect() as connection:
            connection.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)", [pattern])
            counted: Any = connection.execute(f"SELECT count(*) FROM '{target}'").fetchone()
        return int(counted[0])


def _structure() -> dict[str, Any]:
    line = {"codigo": "VARCHAR", "nombre": "VARCHAR", "precio_unitario": _NUMBER, "cantidad": _NUMBER}
    totals = {"total_productos": "BIGINT", "total_cantidad": _NUMBER, "total_precio": "DECIMAL(38,2)"}
    names = ("event_name", "event_source", "aws_region", "processed_at", "processed_by", "stage")
    return {
        **dict.fromkeys(("compra_id", "user_id", "fecha"), "VARCHAR"),
        "productos": [line],
        "resumen": {**totals, "moneda": "VARCHAR"},
        "metadata": dict.fromkeys(names, "VARCHAR"),
    }
