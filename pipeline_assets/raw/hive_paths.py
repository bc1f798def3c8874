"""Columns whose values only the name of a file has, as Hive and Spark write them: ``country=DE/part-0.parquet``.

Each part of a name of the form ``column=value`` is a column of one text: percent-encoded, and of Hive's own word for
null. What the file has as well must be the same in every row.
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
    """The name of a file says what the file contradicts; quotes no value."""


def columns_of(key: str) -> dict[str, str | None]:
    """The columns that a file's name has, named as those of a file are, each with its value; raises `PathError`."""
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
    """The file with the columns of its name as text where it lacks them; raises `PathError` where it says otherwise."""
    there = file.collect_schema()
    for name in columns.keys() & set(there):
        if there[name].is_nested() or not _agrees(file, name, columns[name]):
            raise PathError(
                f"its name says {without_numbers(name)}, and rows of it say another value; expected the same, or only "
                "one of both"
            )
    return file.with_columns(
        pl.lit(value, dtype=pl.String).alias(name) for name, value in columns.items() if name not in there
    )


def _agrees(file: pl.LazyFrame, name: str, value: str | None) -> bool:
    column = pl.col(name)
    if value is None:
        return bool(file.select(column.is_null().all()).collect().item())
    kind = file.collect_schema()[name]
    said = pl.lit(value, dtype=pl.String)
    # 07 is 7 where the column has numbers.
    same = column == said.cast(kind, strict=False) if kind.is_numeric() else column.cast(pl.String) == said
    return bool(file.select(same.fill_null(value=False).all()).collect().item())
