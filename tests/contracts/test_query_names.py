"""Names in SQL: a table and a column by any of theirs, and what is said of one that is not there."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest

from pipeline_assets.queries.duckdb_engine import DuckDbEngine
from pipeline_assets.queries.errors import QueryError
from pipeline_assets.queries.named_query import NamedQuery
from pipeline_assets.queries.portable import PortabilityWarning
from pipeline_assets.queries.sql import queries
from tests.worlds.sql import (
    ANSWERS,
    lake_buckets,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def free(text: str) -> NamedQuery:
    """A query that is no file."""
    return NamedQuery("free", "", "", (), {}, text)


class TestNames:
    """Tables are named as in Athena."""

    @pytest.mark.parametrize(
        "source",
        [
            "ORDERS",
            '"Orders"',
            '"cesta_dev_lake"."orders"',
            "Cesta_Dev_Lake.ORDERS AS o",
            "awsdatacatalog.cesta_dev_lake.orders",
            '"AwsDataCatalog"."cesta_dev_lake"."orders" AS "O"',
        ],
    )
    @pytest.mark.parametrize("database", ["", "cesta_dev_lake"], ids=["any database", "a database"])
    def test_a_table_is_found_by_any_of_its_names(self, s3: S3Client, source: str, database: str) -> None:
        engine = DuckDbEngine(lake_buckets(s3), database)
        assert engine.run(free(f"SELECT count(ORDER_ID) AS n FROM {source}"), {}).rows == ((14,),)  # noqa: S608 - ours

    def test_a_column_may_be_named_with_all_it_is_in(self, s3: S3Client) -> None:
        engine = DuckDbEngine(lake_buckets(s3), "lake")
        text = "SELECT max(awsdatacatalog.lake.orders.Order_Id) AS n FROM awsdatacatalog.lake.orders"
        assert engine.run(free(text), {}).rows == ((10,),)

    def test_a_part_of_a_query_hides_a_table_but_not_from_itself(self, duck: DuckDbEngine) -> None:
        text = "WITH ORDERS AS (SELECT order_id FROM orders WHERE order_id = 7) SELECT count(*) AS n FROM Orders"
        assert duck.run(free(text), {}).rows == ((1,),)

    @pytest.mark.parametrize(
        ("source", "said"),
        [
            ("ordres", "there is no table `ordres`; there are customers, products, stores, orders, order_lines"),
            ("lake.ordres", "there is no table `ordres`; there are customers"),
            ("other.orders", "there is no database `other` with it; its own is `lake`"),
            ("other.lake.orders", "there is no catalogue `other`; Athena's is `awsdatacatalog`"),
        ],
    )
    def test_a_name_that_is_not_there_is_told_with_those_that_are(self, s3: S3Client, source: str, said: str) -> None:
        engine = DuckDbEngine(lake_buckets(s3), "lake")
        with pytest.raises(QueryError, match=f"`free` could not be answered: {said}"):
            engine.run(free(f"SELECT count(*) AS n FROM {source}"), {})  # noqa: S608 - ours

    def test_a_column_that_is_not_there_is_told_with_those_like_it(self, duck: DuckDbEngine) -> None:
        with pytest.raises(QueryError, match=r"(?s)`free` could not be answered: .*ordr_id.*order_id"):
            duck.run(free("SELECT ordr_id FROM orders"), {})


class TestWarnings:
    def test_a_query_that_athena_may_answer_otherwise_is_warned_of(self, duck: DuckDbEngine) -> None:
        with pytest.warns(PortabilityWarning, match="Athena may answer `free` otherwise: it divides what is not dou"):
            duck.run(free("SELECT sum(total) / 3 AS a FROM orders"), {})

    @pytest.mark.parametrize("asked", queries(), ids=lambda asked: asked.name)
    def test_of_a_shipped_one_nothing_is_said(self, duck: DuckDbEngine, asked: NamedQuery) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            duck.run(asked, ANSWERS[asked.name][0])
