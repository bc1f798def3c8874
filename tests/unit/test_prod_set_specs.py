"""What the tables of the prod sets say of themselves is true of what they are made of."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipeline_assets.analytics.assets import set_key
from pipeline_assets.analytics.prod_set import Made, Model
from pipeline_assets.analytics.publish import published_faults, table_key
from pipeline_assets.analytics.sets import SETS
from pipeline_assets.analytics.tables import PROD_CATALOGS
from pipeline_assets.curation.stores import CATALOG
from pipeline_assets.datasets.spec import Between, Column, Dataset, Rule, stored_columns
from pipeline_assets.definitions import defs
from pipeline_assets.errors import TerminalError
from tests.worlds.curated_shop import DAY, set_of
from tests.worlds.memory_storage import MemoryBucket
from tests.worlds.steady_shop import steady_shop

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


def test_dagster_shows_the_columns_of_all_tables_and_where_they_come_from() -> None:
    graph = defs.resolve_asset_graph()
    for prod_set in SETS:
        metadata = graph.get(set_key(prod_set)).metadata
        names = [f"{table.name}.{column.name}" for table in prod_set.tables for column in table.columns]
        assert [column.name for column in metadata["dagster/column_schema"].columns] == names
        lineage = metadata["dagster/column_lineage"].deps_by_column
        derived = [
            f"{table.name}.{each.name}" for table in prod_set.tables for each in table.columns if each.derived_from
        ]
        assert list(lineage) == derived
        for source in (source for sources in lineage.values() for source in sources):
            there = graph.get(source.asset_key).metadata["dagster/column_schema"].columns
            assert source.column_name in {column.name for column in there}


class Published(MemoryBucket):
    """The bucket of a set with one table of customers and their scores, published as of a day."""

    def __init__(self) -> None:
        super().__init__("target")
        columns = (Column("id", "integer", "who"), Column("share", "number", "a share", nullable=True))
        rules = (Rule("share_0_to_1", "halt", "a share of 0 to 1", Between("share", 0, 1)),)
        table = Dataset("scores", "Scores.", "team:analytics", columns, ("id",), rules)
        self.set = replace(SETS[0], inputs=("orders",), models=(Model((table,), lambda _: {"scores": self.made}),))
        self.made = Made({"id": np.array([1, 2, 3]), "share": np.array([0.0, 0.5, 1.0])})

    def make(self, **columns: object) -> None:
        if columns:
            self.made = Made({name: np.array(values) for name, values in columns.items()})
        set_of(self.set, DAY, steady_shop().bucket(), self)

    def put_rows(self, **columns: object) -> list[str]:
        """What is said of rows that somebody else has put in their place."""
        content = io.BytesIO()
        pl.DataFrame(columns).write_parquet(content)
        self.put(table_key("scores", DAY), content.getvalue())
        return published_faults(self.set, DAY, self)


@pytest.mark.parametrize(
    ("ids", "shares", "said"),
    [
        ([1, 2, 2], [0.1, 0.2, 0.3], "scores has 1 rows whose key (id) others have"),
        ([1, 2, None], [0.1, 0.2, 0.3], "scores.id has no value in 1 of 3 rows"),
        ([1, 2, 3], [0.1, 1.5, -1.0], "scores.share is not a share of 0 to 1 in 2 of 3 rows"),
        ([1, 2, 3], [0.1, float("inf"), None], "scores.share is no finite number in 1 of 3 rows"),
    ],
    ids=["key-twice", "no-value", "out-of-range", "not-finite"],
)
def test_rows_that_are_not_as_the_spec_says_are_told_and_never_published(ids: Any, shares: Any, said: str) -> None:
    bucket = Published()
    bucket.make()
    assert published_faults(bucket.set, DAY, bucket) == []
    assert said in bucket.put_rows(id=ids, share=shares)
    other = Published()
    rows = pl.DataFrame({"id": ids, "share": shares}, schema={"id": pl.Int64, "share": pl.Float64})
    with pytest.raises(TerminalError, match=re.escape(said)):
        other.make(**{name: rows[name].to_numpy() for name in rows.columns})
    assert list(other.objects()) == []


def test_tables_that_are_not_there_as_published_are_told() -> None:
    bucket = Published()
    assert published_faults(bucket.set, DAY, bucket) == [], "nothing is published"
    bucket.make()
    assert bucket.put_rows(id=[1], share=[0.5]) == ["scores has 1 rows; its manifest says 3"]
    assert bucket.put_rows(id=["a"] * 3, share=[0.5] * 3) == [
        "scores has the column id as varchar; expected bigint",
    ]
    assert bucket.put_rows(id=[1, 2, 3], share=[0.5] * 3, more=[0] * 3) == [
        "scores has other columns than its spec: more",
    ]
    bucket.put(table_key("scores", DAY), b"")
    assert published_faults(bucket.set, DAY, bucket) == ["scores cannot be read as Parquet"]
