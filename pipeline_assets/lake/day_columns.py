"""Whether curated days have the columns of their dataset: each has those that the release knew which wrote it.

As the contract of a dataset says of raw objects: a column that may be empty reads as null where a day does not have it,
and a day that lacks any other is refused, for what is made of it would be wrong and look right. So is one with a column
of another type. A column that the spec does not have is not read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from pipeline_assets.datasets.spec import Column, ColumnType
from pipeline_assets.datasets.types import TYPES

if TYPE_CHECKING:
    import duckdb

#: Types of DuckDB that hold the values of a type without loss: what Polars writes, and what Spark does.
_HOLD: Final[Mapping[ColumnType, tuple[str, ...]]] = {
    "text": ("VARCHAR",),
    "number": ("DOUBLE", "FLOAT"),
    "integer": ("BIGINT", "INTEGER", "SMALLINT", "TINYINT"),
    "decimal": ("DECIMAL(18,2)",),
    "datetime": ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE"),
    "date": ("DATE",),
    "boolean": ("BOOLEAN",),
}
_KINDS: Final = """
    SELECT file_name, hash(list((name, duckdb_type) ORDER BY column_id)) FROM parquet_schema(?) GROUP BY ALL
"""


def no_rows(connection: duckdb.DuckDBPyConnection, columns: Sequence[Column]) -> duckdb.DuckDBPyRelation:
    """Make a relation with the columns of a spec and no row."""
    empty = ", ".join(f'NULL::{TYPES[column.type].glue} AS "{column.name}"' for column in columns)
    return connection.sql(f"SELECT {empty} LIMIT 0")


def kinds_of_days(connection: duckdb.DuckDBPyConnection, paths: Sequence[str]) -> dict[str, int]:
    """Tell files of days with other columns, or of other types, apart; most days have the same.

    Parameters
    ----------
    connection
        The connection to DuckDB.
    paths
        The files of the days.

    Returns
    -------
    dict of str to int
        By file a number, the same for all that have the same columns.

    Raises
    ------
    duckdb.Error
        A file is no Parquet.
    """
    return dict(connection.execute(_KINDS, [list(paths)]).fetchall()) if paths else {}


def unfit_day(
    connection: duckdb.DuckDBPyConnection, kinds: Sequence[str], columns: Sequence[Column]
) -> tuple[str, str] | None:
    """Find a day that does not have the columns of its dataset.

    Parameters
    ----------
    connection
        The connection to DuckDB.
    kinds
        One file for each set of columns, as `kinds_of_days` tells them apart.
    columns
        The columns that they should have.

    Returns
    -------
    tuple of str and str, or None
        The file, and what is wrong with it, to complete the sentence "the day ..."; None where all fit.
    """
    for path in kinds:
        if fault := column_fault(connection.read_parquet(path, hive_partitioning=False), columns):
            return path, fault
    return None


def column_fault(rows: duckdb.DuckDBPyRelation, columns: Sequence[Column]) -> str:
    """Tell in what the columns of rows are not those of a spec.

    Parameters
    ----------
    rows
        The rows of a Parquet file.
    columns
        The columns that they should have.

    Returns
    -------
    str
        The first fault, to complete the sentence "the rows ..."; empty where there is none.
    """
    there = {name: str(kind) for name, kind in zip(rows.columns, rows.types, strict=True)}
    for column in columns:
        found = there.get(column.name)
        if found is None and not column.nullable:
            return f"has no column {column.name}; expected {TYPES[column.type].glue}"
        if found and found not in _HOLD[column.type]:
            return f"has the column {column.name} as {found.lower()}; expected {TYPES[column.type].glue}"
    return ""
