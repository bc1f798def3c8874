"""The lake's tables: the template has what the specs say, curated objects have what the tables say, days are told."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
import sqlglot
from botocore.exceptions import ClientError, EndpointConnectionError
from cfnlint.decode import decode  # type: ignore[import-untyped]

from deploy.stack import TEMPLATE
from deploy.template_blocks.lake_tables import tables_block, trino_type
from pipeline_assets.analytics.tables import PROD_CATALOGS
from pipeline_assets.compras.tables import COMPRAS_JSON, COMPRAS_PARQUET, COMPRAS_TABLES
from pipeline_assets.curation.day import schema_of
from pipeline_assets.curation.judge import QUARANTINED
from pipeline_assets.datasets.ecommerce import CUSTOMERS, ECOMMERCE, ORDERS
from pipeline_assets.datasets.frame_types import frame_type
from pipeline_assets.datasets.spec import Column, Dataset
from pipeline_assets.datasets.types import TYPES
from pipeline_assets.errors import TransientError
from pipeline_assets.lake.arrow_types import arrow_schema, arrow_type
from pipeline_assets.lake.layout import curated_key, quarantine_prefix
from pipeline_assets.lake.tables import GlueCatalog, curated_table, glue_type, lake_tables, rejected_rows_table
from pipeline_assets.queries.views import COMPRAS_VIEWS

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

RESOURCES: dict[str, Any] = decode(str(TEMPLATE))[0]["Resources"]
GLUE_TABLES = {
    name: resource["Properties"]["TableInput"]
    for name, resource in RESOURCES.items()
    if resource["Type"] == "AWS::Glue::Table"
}
PERSONAL_SOURCES = {"card_number", "card_security_code", "ssn"}


class RecordingGlue:
    """Takes the place of Glue's one operation: keeps the partitions it is told of, each once, and fails when told."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.calls = 0
        self.partitions: dict[tuple[str, ...], dict[str, Any]] = {}

    def create_partition(self, **request: Any) -> None:
        self.calls += 1
        if self.error:
            raise self.error
        key = (request["DatabaseName"], request["TableName"], *request["PartitionInput"]["Values"])
        if key in self.partitions:
            raise ClientError({"Error": {"Code": "AlreadyExistsException"}}, "CreatePartition")
        self.partitions[key] = request["PartitionInput"]


def catalogue(glue: RecordingGlue) -> GlueCatalog:
    return GlueCatalog(cast("GlueClient", glue), "lake", {"curated": "cur", "quarantine": "qua"}, ECOMMERCE)


def test_a_column_more_in_a_spec_is_one_line_more_in_the_template(monkeypatch: pytest.MonkeyPatch) -> None:
    wider = replace(ORDERS, columns=(*ORDERS.columns, Column("gift", "boolean", "whether it was a present")))
    before = tables_block().splitlines()
    monkeypatch.setattr("deploy.template_blocks.lake_tables.ECOMMERCE", ECOMMERCE.having(wider))
    after = tables_block().splitlines()
    assert [line for line in after if line not in before] == [
        "            - {Name: gift, Type: boolean, Comment: whether it was a present}"
    ]
    assert len(after) == len(before) + 1


def test_the_template_has_a_table_for_each_of_the_lake() -> None:
    names = {table.name for table in lake_tables(ECOMMERCE)}
    of_sets = {table.name for catalog in PROD_CATALOGS for table in catalog}
    of_purchases = {each.name for each in (*COMPRAS_TABLES, *COMPRAS_VIEWS)}
    assert {table["Name"] for table in GLUE_TABLES.values()} == names | of_sets | of_purchases
    assert names == {dataset.name for dataset in ECOMMERCE} | {"rejected_rows"}
    assert not names & of_sets


@pytest.mark.parametrize("dataset", ECOMMERCE, ids=lambda dataset: dataset.name)
def test_a_table_has_the_columns_of_curated_objects(dataset: Dataset) -> None:
    columns = [column for column in curated_table(dataset).columns if isinstance(column, Column)]
    assert {column.name: frame_type(column.type) for column in columns} == dict(schema_of(dataset))
    assert [column.name for column in columns] == schema_of(dataset).names()


def test_the_table_of_rejected_rows_has_the_columns_of_its_objects() -> None:
    found = [column for column in rejected_rows_table(ECOMMERCE).columns if isinstance(column, Column)]
    columns = {column.name: frame_type(column.type) for column in found}
    assert columns == {**QUARANTINED, "run": frame_type("integer"), "quarantined_at": frame_type("datetime")}


@pytest.mark.parametrize("table", lake_tables(ECOMMERCE), ids=lambda table: table.name)
def test_a_table_is_one_that_glue_and_athena_take(table: Any) -> None:
    names = [column.name for column in table.columns] + list(table.partitions)
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z_][a-z0-9_]*", name) for name in names)
    storage = table.storage("bucket")
    assert all(len(column["Comment"]) <= 255 for column in storage["Columns"])
    assert {column["Type"] for column in storage["Columns"]} <= {each.glue for each in TYPES.values()}
    assert not PERSONAL_SOURCES & set(names)


def test_a_partition_lies_where_its_objects_are() -> None:
    day = curated_table(CUSTOMERS).storage("cur", "2026-03-01")["Location"]
    assert f"s3://cur/{curated_key('customers', '2026-03-01')}".startswith(day)
    rejected = rejected_rows_table(ECOMMERCE).storage("qua", "customers", "2026-03-01")["Location"]
    assert rejected == f"s3://qua/{quarantine_prefix('ecommerce', 'customers', '2026-03-01')}"


def test_a_partition_of_documents_lies_where_they_are_and_has_no_tenant_among_its_columns() -> None:
    values = ("t1", "2026", "03", "01")
    storage = COMPRAS_JSON.storage("bucket", *values)
    assert storage["Location"] == "s3://bucket/compras/t1/2026/03/01/"
    assert not set(COMPRAS_JSON.partitions) & {column["Name"] for column in storage["Columns"]}
    key = "compras/t1/2026/03/01/insert_c1_20260301_090000.json"
    assert tuple((COMPRAS_JSON.values_of(key) or {}).values()) == values
    assert COMPRAS_JSON.values_of("compras/t1/2026/03/insert_c1_20260301_090000.json") is None
    hive = "compras_parquet/tenant_id=t1/year=2026/month=03/day=01/"
    assert COMPRAS_PARQUET.folder(*values) == hive
    assert COMPRAS_PARQUET.values_of(f"{hive}part.parquet") == dict(
        zip(COMPRAS_PARQUET.partitions, values, strict=True)
    )


@pytest.mark.parametrize("table", COMPRAS_TABLES, ids=lambda table: table.name)
def test_a_table_of_purchases_has_types_that_glue_arrow_and_trino_know(table: Any) -> None:
    for field, column in zip(arrow_schema(table), table.columns, strict=True):
        assert field.name == column.name
        assert sqlglot.parse_one(f"CAST(NULL AS {trino_type(glue_type(column))})", dialect="trino")
    with pytest.raises(ValueError, match="no column has the type map"):
        arrow_type("map<string,string>")


class TestCatalogue:
    def test_a_day_is_registered_with_its_rejected_rows(self) -> None:
        glue = RecordingGlue()
        catalogue(glue).register("orders", "2026-03-01")
        assert set(glue.partitions) == {
            ("lake", "orders", "2026-03-01"),
            ("lake", "rejected_rows", "orders", "2026-03-01"),
        }
        partition = glue.partitions["lake", "orders", "2026-03-01"]["StorageDescriptor"]
        assert partition == curated_table(ORDERS).storage("cur", "2026-03-01")

    def test_a_day_that_is_registered_stays_so_and_is_asked_for_once(self) -> None:
        glue = RecordingGlue()
        first, second = catalogue(glue), catalogue(glue)
        for each in (first, second, second, first):
            each.register("orders", "2026-03-01")
        assert len(glue.partitions) == 2
        assert glue.calls == 4

    def test_many_may_register_a_day_at_once(self) -> None:
        glue = RecordingGlue()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: catalogue(glue).register("orders", "2026-03-01"), range(32)))
        assert len(glue.partitions) == 2

    @pytest.mark.parametrize(
        "error",
        [
            ClientError({"Error": {"Code": "ThrottlingException"}}, "CreatePartition"),
            EndpointConnectionError(endpoint_url="https://glue"),
        ],
        ids=["throttled", "out of reach"],
    )
    def test_what_glue_does_not_take_is_tried_again_by_the_next_delivery(self, error: Exception) -> None:
        glue = RecordingGlue(error)
        told = catalogue(glue)
        with pytest.raises(TransientError, match="the day 2026-03-01 of orders was not registered"):
            told.register("orders", "2026-03-01")
        glue.error = None
        told.register("orders", "2026-03-01")
        assert len(glue.partitions) == 2
