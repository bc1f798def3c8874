"""What of the rows of a prod table is not as its spec says: asked of a model before they are published, and after."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

import narwhals as nw

from pipeline_assets.datasets.row_tests import breaks
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.lake.day_columns import column_fault

if TYPE_CHECKING:
    import duckdb


def faults_of(rows: duckdb.DuckDBPyRelation, table: Dataset, as_of: date) -> Iterator[str]:
    """Find what is not as the spec says: other columns, no value where there has to be one, a key twice, a broken rule.

    Parameters
    ----------
    rows
        The rows, of a Parquet file.
    table
        The spec.
    as_of
        The day.

    Yields
    ------
    str
        A sentence that names table and column, and says how many rows it is true of.
    """
    if fault := column_fault(rows, table.columns) or _unknown(rows, table):
        yield f"{table.name} {fault}"
        return
    asked = {
        **{f"{each.name} has no value": nw.col(each.name).is_null() for each in table.columns if not each.nullable},
        **{f"{each.name} is no finite number": ~nw.col(each.name).is_finite()
           for each in table.columns if each.type == "number"},
        **{f"{rule.test.column} is not {rule.expected}": breaks(rule.test, as_of.isoformat())
           for rule in table.rules if rule.test},
    }  # fmt: skip
    counts = [condition.cast(nw.Int64).sum().alias(str(place)) for place, condition in enumerate(asked.values())]
    found = nw.from_native(rows).select(nw.len().alias("rows"), *counts).to_native().fetchall()[0]
    for said, number in zip(asked, found[1:], strict=True):
        if number:
            yield f"{table.name}.{said} in {number} of {found[0]} rows"
    key = ", ".join(f'"{name}"' for name in table.key)
    if twice := found[0] - int(rows.project(key).distinct().aggregate("count(*)").fetchall()[0][0]):
        yield f"{table.name} has {twice} rows whose key ({', '.join(table.key)}) others have"


def _unknown(rows: duckdb.DuckDBPyRelation, table: Dataset) -> str:
    besides = [name for name in rows.columns if name not in table.column_names]
    missing = [name for name in table.column_names if name not in rows.columns]
    return f"has other columns than its spec: {', '.join(besides + missing)}" if besides or missing else ""
