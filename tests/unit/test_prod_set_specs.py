"""What the tables of the prod sets say of themselves is true of what they are made of."""

from __future__ import annotations

import pytest

from pipeline_assets.analytics.sets import SETS
from pipeline_assets.analytics.tables import PROD_CATALOGS
from pipeline_assets.curation.stores import CATALOG
from pipeline_assets.datasets.spec import Dataset, stored_columns

TABLES = [(prod_set, table) for prod_set in SETS for table in prod_set.tables]


@pytest.mark.parametrize(("prod_set", "table"), TABLES, ids=[table.name for _, table in TABLES])
def test_columns_are_made_of_stored_columns_of_the_inputs(prod_set: object, table: Dataset) -> None:
    inputs = next(each.inputs for each in SETS if each is prod_set)
    there = {f"{name}.{column.name}" for name in inputs for column in stored_columns(CATALOG[name])}
    named = {source for column in table.columns for source in column.derived_from}
    assert named
    assert named <= there
    assert set(table.key) <= set(table.column_names)


def test_the_models_fill_the_tables_that_the_catalog_has() -> None:
    filled = {each.name: set(each.tables.names) for each in SETS}
    assert filled == {catalog.name: set(catalog.names) for catalog in PROD_CATALOGS}
    every = [name for names in filled.values() for name in names]
    assert len(every) == len(set(every))
