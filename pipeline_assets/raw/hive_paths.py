"""Hive partition columns in the key of a file, as Spark writes them: ``country=DE/part-0.parquet``.

Each part of a key of the form ``column=value`` is a column of one text: percent-encoded, with Hive's own word for null.
A column that the file has too must have the same value in every row.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

import polars as pl

from pipeline_assets.datasets.text import clean_column
from pipeline_assets.privacy.cards import without_numbers

_PAIR = re.compile(r"([^=]+)=(.*)", re.DOTALL)
_NULL = "__HIVE_DEFAULT_PARTITION__"


class PathError(Exception):
    """Raised when the key of a file contradicts itself or the file; quotes no value."""


def columns_of(key: str) -> dict[str, str | None]:
    """Parse the partition columns of a key.

    Returns
    -------
    dict of str to str or None
        Value by column, named as the columns of a file are; None for null.

    Raises
    ------
    PathError
        The key has several values of one column.
    """
    found: dict[str, str | None] = {}
    for part in key.split("/")[1:-1]:
        if pair := _PAIR.fullmatch(part):
            name = clean_column(unquote(pair[1]))
            value = None if pair[2] == _NULL else unquote(pair[2])
            if found.get(name, value) != value:
                raise PathError(f"its name says {without_numbers(name)} more than once; expected one value of it")
            found[name] = value
    return found


def with_columns(file: pl.LazyFrame, columns: dict[str, str | None]) -> pl.LazyFrame:
    """Add the partition columns of its key to a file, as text, where it lacks them.

    Returns
    -------
    polars.LazyFrame
        The columns of the file, then those of its key.

    Raises
    ------
    PathError
        A row has another value than the key.
    """
    schema = file.collect_schema()
    for name in columns.keys() & set(schema):
        if schema[name].is_nested() or not _agrees(file, name, columns[name]):
            raise PathError(
                f"its name says {without_numbers(name)}, and rows of it say another value; expected the same, or only "
                "one of both"
            )
    return file.with_columns(
        pl.lit(value, dtype=pl.String).alias(name) for name, value in columns.items() if name not in schema
    )


def _agrees(file: pl.LazyFrame, name: str, value: str | None) -> bool:
    column = pl.col(name)
    if value is None:
        return bool(file.select(column.is_null().all()).collect().item())
    kind = file.collect_schema()[name]
    expected = pl.lit(value, dtype=pl.String)
    # 07 is 7 where the column has numbers.
    same = column == expected.cast(kind, strict=False) if kind.is_numeric() else column.cast(pl.String) == expected
    return bool(file.select(same.fill_null(value=False).all()).collect().item())
