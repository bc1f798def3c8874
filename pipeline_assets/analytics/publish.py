"""The tables of a prod set in its bucket: one object per table and day, and a manifest of what they were made of.

================================================ ===============================================================
key                                              what it holds
================================================ ===============================================================
``<table>/as_of=<day>/part.parquet``             the rows of a table as of a day
``_manifests/as_of=<day>.json``                  the manifest, put last: what the tables of the day were made of
================================================ ===============================================================

Whoever works a day out looks at its manifest first and puts tables and manifest only over what was seen there: of two
workers with the same inputs either may win, and of two with other inputs the one that saw the other's work last.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb

from pipeline_assets.analytics.faults import faults_of
from pipeline_assets.analytics.prod_set import Coverage, Made, ProdSet, Rows, Score
from pipeline_assets.analytics.tables import MANIFESTS
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.datasets.types import TYPES
from pipeline_assets.errors import TerminalError
from pipeline_assets.lake.day_columns import no_rows
from pipeline_assets.storage.bucket import Bucket
from pipeline_assets.storage.documents import from_json

if TYPE_CHECKING:
    import numpy as np

#: By kind of array that DuckDB does not read, one that it reads.
_READABLE: Final = {"U": "object", "M": "datetime64[us]"}


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """A table as a manifest tells of it: how many rows it has, and what `Made` says of them."""

    rows: int
    note: str = ""
    scores: tuple[Score, ...] = ()
    coverage: tuple[Coverage, ...] = ()


@dataclass(frozen=True, slots=True)
class SetManifest:
    """Manifest of a prod set as of a day.

    Parameters
    ----------
    prod_set, as_of
        The set, and the day, ISO.
    version
        Hash of what the tables were made of: days of the lake, specs, and the code.
    code_version
        Release that made them.
    inputs
        By dataset, how many curated days were read.
    tables
        The tables by name.
    made_at
        When, ISO-8601 UTC.
    """

    prod_set: str
    as_of: str
    version: str
    code_version: str
    inputs: dict[str, int]
    tables: dict[str, PublishedTable]
    made_at: str


def manifest_key(as_of: date) -> str:
    """The key of the manifest of a day."""
    return f"{MANIFESTS}as_of={as_of.isoformat()}.json"


def manifest_day(key: str) -> date | None:
    """The day of the manifest that a key names, or None when it names none."""
    try:
        return date.fromisoformat(key.removeprefix(f"{MANIFESTS}as_of=").removesuffix(".json"))
    except ValueError:
        return None


def table_key(table: str, as_of: date) -> str:
    """The key of a table as of a day."""
    return f"{table}/as_of={as_of.isoformat()}/part.parquet"


def read_manifest(bucket: Bucket, as_of: date) -> SetManifest | None:
    """Read the manifest of a day.

    Returns
    -------
    SetManifest or None
        None where the day was never published, or by a release whose manifest this one cannot read.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    content = bucket.read(manifest_key(as_of))
    try:
        return from_json(content, SetManifest) if content is not None else None
    except ValueError:
        return None


def write_table(made: Made, table: Dataset, as_of: date, connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    """Write the rows of a table into a Parquet file, sorted by key, in the types of its spec.

    Parameters
    ----------
    made
        The rows.
    table
        The spec.
    as_of
        The day.
    connection
        The connection to DuckDB, which a relation among the rows is of.
    path
        The file.

    Returns
    -------
    int
        How many rows there are.

    Raises
    ------
    TerminalError
        The rows are not what the spec says; see `faults_of`.
    """
    relation = _relation(made.rows, table, connection)
    _compare(table, relation.columns)
    try:
        typed = relation.project(
            ", ".join(f'"{column.name}"::{TYPES[column.type].glue} AS "{column.name}"' for column in table.columns)
        )
        typed.order(", ".join(f'"{name}"' for name in table.key)).write_parquet(str(path), compression="zstd")
    except duckdb.Error as error:
        raise TerminalError(f"the rows of {table.name} do not fit its spec: {error}") from error
    written = connection.read_parquet(str(path), hive_partitioning=False)
    for fault in faults_of(written, table, as_of):
        raise TerminalError(fault)
    return _rows_in(written)


def published_faults(prod_set: ProdSet, as_of: date, bucket: Bucket) -> list[str]:
    """Find what of the published tables of a day is not as their specs and their manifest say.

    Parameters
    ----------
    prod_set
        The set.
    as_of
        The day.
    bucket
        The bucket of the set.

    Returns
    -------
    list of str
        Sentences that name table and column; none where the day is not published, or is being published anew.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    manifest = read_manifest(bucket, as_of)
    if manifest is None:
        return []
    with tempfile.TemporaryDirectory(prefix="cesta-") as folder, duckdb.connect() as connection:
        path = Path(folder) / "part.parquet"
        found = [
            fault
            for table in prod_set.tables
            for fault in _table_faults(table, manifest, bucket.read(table_key(table.name, as_of)), connection, path)
        ]
    return found if found and read_manifest(bucket, as_of) == manifest else []


def _table_faults(
    table: Dataset, manifest: SetManifest, content: bytes | None, connection: duckdb.DuckDBPyConnection, path: Path
) -> Iterator[str]:
    told = manifest.tables.get(table.name)
    if content is None or told is None:
        yield f"{table.name} is not there"
        return
    path.write_bytes(content)
    try:
        rows = connection.read_parquet(str(path), hive_partitioning=False)
        yield from faults_of(rows, table, date.fromisoformat(manifest.as_of))
        if (there := _rows_in(rows)) != told.rows:
            yield f"{table.name} has {there} rows; its manifest says {told.rows}"
    except duckdb.Error:
        yield f"{table.name} cannot be read as Parquet"


def _relation(rows: Rows | None, table: Dataset, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
    if rows is None:
        return no_rows(connection, table.columns)
    if isinstance(rows, duckdb.DuckDBPyRelation):
        return rows
    name = f"rows_of_{table.name}"
    connection.register(name, dict(_plain(rows)))
    return connection.table(name)


def _plain(rows: Mapping[str, np.ndarray[Any, Any]]) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """Arrays as DuckDB reads them."""
    for name, values in rows.items():
        yield name, values.astype(_READABLE[values.dtype.kind]) if values.dtype.kind in _READABLE else values


def _compare(table: Dataset, there: list[str]) -> None:
    missing = [name for name in table.column_names if name not in there]
    unknown = [name for name in there if name not in table.column_names]
    if missing or unknown:
        lacks = f" lack {', '.join(missing)}" if missing else ""
        has = f"{' and' if missing else ''} have {', '.join(unknown)} besides" if unknown else ""
        raise TerminalError(f"the rows of {table.name}{lacks}{has}")


def _rows_in(relation: duckdb.DuckDBPyRelation) -> int:
    return int(relation.aggregate("count(*)").fetchall()[0][0])


def version_of(*parts: object) -> str:
    """A hash of what something is made of, 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]
