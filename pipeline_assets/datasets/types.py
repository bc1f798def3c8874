"""Types of columns, one row each: what a type is called in frames, Arrow, the Glue catalog, databases and messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from pipeline_assets.datasets.spec import ColumnType

#: How a library makes a type of its own: the name that it calls it by, then the arguments.
Made: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class TypeNames:
    """Names of one type.

    Parameters
    ----------
    expected
        What a value of the type is, to complete the sentence "expected ...".
    glue
        Type in the Glue catalog, which Athena takes for its own.
    frame
        Type of Polars, which is that of the lake's Parquet objects.
    arrow
        Function of pyarrow that makes the type.
    sqlite
        Declared type in SQLite by which connectorx knows a type even of an empty table; it has no decimals.
    mysql
        Type in MySQL and MariaDB.
    """

    expected: str
    glue: str
    frame: Made
    arrow: Made
    sqlite: str
    mysql: str


#: Every type; a library is named and not imported, for most of who reads a spec has none of them.
TYPES: Final[Mapping[ColumnType, TypeNames]] = {
    "text": TypeNames("text", "string", ("String",), ("string",), "TEXT", "TEXT"),
    "number": TypeNames("a finite number", "double", ("Float64",), ("float64",), "REAL", "DOUBLE"),
    "integer": TypeNames("a whole number of 64 bits", "bigint", ("Int64",), ("int64",), "INTEGER", "BIGINT"),
    "decimal": TypeNames(
        "decimal(18,2), a number of at most 16 digits and 2 after the point",
        "decimal(18,2)",
        ("Decimal", 18, 2),
        ("decimal128", 18, 2),
        "REAL",
        "DECIMAL(18,2)",
    ),
    "datetime": TypeNames(
        "a time in UTC",
        "timestamp",
        ("Datetime", "us", "UTC"),
        ("timestamp", "us", "UTC"),
        "DATETIME",
        "DATETIME(6)",
    ),
    "date": TypeNames("a day", "date", ("Date",), ("date32",), "DATE", "DATE"),
    "boolean": TypeNames("true or false", "boolean", ("Boolean",), ("bool_",), "BOOLEAN", "BOOLEAN"),
}
