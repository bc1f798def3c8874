"""Columns and types of features, as DuckDB has them: other engines cast what they work out to these."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

import duckdb
import narwhals as nw

from pipeline_assets.analytics.prod_set import ProdSet
from pipeline_assets.datasets.spec import stored_columns
from pipeline_assets.lake.day_columns import no_rows
from pipeline_assets.lake.tables import ADDED_COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa

    from pipeline_assets.analytics.known_day import Feature, Frame
    from pipeline_assets.datasets.catalog import Catalog


def feature_types(prod_set: ProdSet, as_of: date, catalog: Catalog) -> dict[str, pa.Schema]:
    """Find the columns and types of the features of a set, as DuckDB has them.

    Parameters
    ----------
    prod_set
        The set.
    as_of
        The day.
    catalog
        The specs of the tables.

    Returns
    -------
    dict of str to pyarrow.Schema
        By the names of the features; found by working them out of a lake in which nothing was loaded.
    """
    with duckdb.connect() as connection:
        known = _NothingKnown(as_of, catalog, connection)
        return {
            name: feature(known).to_native().limit(0).to_arrow_table().schema
            for name, feature in prod_set.features.items()
        }


class _NothingKnown:
    """What is known on a day, where nothing was ever loaded."""

    def __init__(self, as_of: date, catalog: Catalog, connection: duckdb.DuckDBPyConnection) -> None:
        self.as_of = as_of
        self.lake = self
        self._catalog = catalog
        self._connection = connection

    def table(self, name: str) -> Frame:
        columns = (*stored_columns(self._catalog[name]), *ADDED_COLUMNS)
        return nw.from_native(no_rows(self._connection, columns))

    def of(self, feature: Feature) -> Frame:
        return feature(self)

    def row_by_row(self, rows: Frame, work: Callable[[Frame], Frame]) -> Frame:
        return work(rows)
