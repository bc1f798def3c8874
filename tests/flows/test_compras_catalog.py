"""The catalog of purchases on the deployed template: partitions by their writers, and its verification."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from deploy.cli.verifying import data_catalog
from deploy.datacatalog import DataCatalog
from deploy.local.instance import PROJECT
from deploy.local.outputs import environment_contract
from pipeline_assets.compras.catalog import ComprasCatalog
from pipeline_assets.compras.derived import DERIVED, publish_tenant_day
from pipeline_assets.compras.ingest import COMPRAS_FLOW
from pipeline_assets.compras.stores import ComprasSettings, open_stores
from pipeline_assets.compras.tables import COMPRAS_TABLES, partition_of
from pipeline_assets.errors import TransientError
from pipeline_assets.events.tenants import TenantId
from pipeline_assets.operations.access import Access
from pipeline_assets.queries.views import COMPRAS_VIEWS
from tests.worlds.commands import Command
from tests.worlds.compras import Purchases, purchase, record
from tests.worlds.mortality import DeadError, Fate, Mortal
from tests.worlds.stack import RunningStack
from tests.worlds.waiting import until

DAY = "2026-11-20"


@pytest.fixture
def catalog(cloud: RunningStack, monkeypatch: pytest.MonkeyPatch) -> DataCatalog:
    for name, value in environment_contract(cloud.instance, cloud.outputs).items():
        monkeypatch.setenv(name, value)
    return data_catalog()


@pytest.fixture
def tenant(cloud: RunningStack) -> TenantId:
    """A tenant with a purchase of one day, put into the table."""
    name = f"t-{uuid4().hex[:8]}"
    access = cloud.access
    access.dynamodb.put_item(TableName=access.table("compras"), Item=purchase("c1", name))
    bucket = access.open_bucket("compras")
    until(lambda: any(True for _ in bucket.objects(f"compras/{name}/")))
    return TenantId(name)


def partitions(catalog: DataCatalog, table: str) -> dict[tuple[str, ...], str]:
    found = catalog.glue.get_partitions(DatabaseName=catalog.database, TableName=table)["Partitions"]
    return {tuple(each["Values"]): each["StorageDescriptor"]["Location"] for each in found}


def failed(catalog: DataCatalog) -> dict[str, str]:
    return {check.name: check.found for check in catalog.checks() if not check.passed}


@pytest.mark.any_engine
def test_whoever_writes_a_day_registers_it_and_all_is_well(
    cloud: RunningStack, catalog: DataCatalog, tenant: TenantId
) -> None:
    values = partition_of(tenant, DAY)
    until(lambda: values in partitions(catalog, "compras_json"))
    assert partitions(catalog, "compras_json")[values] == f"s3://{catalog.bucket.name}/compras/{tenant}/2026/11/20/"
    with open_stores(ComprasSettings.from_environment()) as stores:
        for derived in DERIVED:
            assert publish_tenant_day(derived, tenant, DAY, stores)
    for table in COMPRAS_TABLES[1:]:
        folder = f"tenant_id={tenant}/year=2026/month=11/day=20/"
        assert partitions(catalog, table.name)[values] == f"s3://{catalog.bucket.name}/{table.name}/{folder}"
    until(lambda: not failed(catalog))
    names = [check.name for check in catalog.checks()]
    assert names == [
        *("bucket", "table of purchases", "database"),
        *("table compras_json", "table compras_parquet", "table compras_csv"),
        *(f"view {view.name}" for view in COMPRAS_VIEWS),
        *("partitions", "query"),
    ]
    assert all(check.found and not check.mend for check in catalog.checks())
    assert cloud.outputs["databases"]["compras"] == "dev-compras-datacatalog"


@pytest.mark.any_engine
def test_what_is_amiss_is_named_with_how_to_mend_it(catalog: DataCatalog, tenant: TenantId) -> None:
    values = partition_of(tenant, DAY)
    until(lambda: values in partitions(catalog, "compras_json"))
    glue, where = catalog.glue, {"DatabaseName": catalog.database, "TableName": "compras_json"}
    glue.delete_partition(**where, PartitionValues=list(values))
    (check,) = [each for each in catalog.checks() if not each.passed]
    assert check.name == "partitions"
    assert "/".join(values) in check.found
    assert check.mend == "`cesta verify datacatalog --mend` registers them"
    assert catalog.register_missing() == 1
    assert catalog.register_missing() == 0
    assert failed(catalog) == {}
    ComprasCatalog(glue, catalog.database, catalog.bucket.name).register(TenantId("nobody"), DAY)
    assert failed(catalog) == {"partitions": "1 partitions have no documents: nobody/2026/11/20"}
    glue.delete_partition(**where, PartitionValues=["nobody", "2026", "11", "20"])
    elsewhere: Any = {"Location": "s3://elsewhere/", "Columns": []}
    glue.delete_partition(**where, PartitionValues=list(values))
    glue.create_partition(**where, PartitionInput={"Values": list(values), "StorageDescriptor": elsewhere})
    assert "lie elsewhere than their folders" in failed(catalog)["partitions"]
    glue.delete_partition(**where, PartitionValues=list(values))
    catalog.register_missing()


@pytest.mark.any_engine
def test_a_table_of_another_shape_a_stream_of_one_image_and_absent_things_are_found(
    cloud: RunningStack, catalog: DataCatalog
) -> None:
    name = f"copy-{uuid4().hex[:8]}"
    dynamodb = cloud.access.dynamodb
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "tenant_id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "tenant_id", "KeyType": "HASH"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )
    catalog.glue.create_database(DatabaseInput={"Name": name})
    columns = [{"Name": "compra_id", "Type": "string"}]
    narrow: dict[str, Any] = {"Columns": columns, "Location": "s3://x/", "SerdeInfo": {"SerializationLibrary": "x"}}
    catalog.glue.create_table(DatabaseName=name, TableInput={"Name": "compras_json", "StorageDescriptor": narrow})  # type: ignore[typeddict-item]
    copy = DataCatalog(catalog.bucket, name, name, dynamodb, catalog.glue, lambda: "answered", ("compras_current",))
    found = failed(copy)
    assert found["table of purchases"] == f"the stream of {name} tells KEYS_ONLY"
    assert found["table compras_json"] == (
        "its columns fecha, metadata, productos, resumen, user_id are not those of this release"
    )
    assert found["table compras_csv"] == f"there is no {name}.compras_csv"
    assert found["view compras_current"] == f"there is no {name}.compras_current"
    nothing = DataCatalog(
        cloud.access.storage.bucket("no-such-bucket"),
        "no-such-table",
        "none",
        dynamodb,
        catalog.glue,
        lambda: "answered",
    )
    assert set(failed(nothing)) == {
        *("bucket", "table of purchases", "database", "partitions"),
        *(f"table {table.name}" for table in COMPRAS_TABLES),
    }


@pytest.mark.any_engine
def test_a_view_is_kept_as_athena_keeps_one(catalog: DataCatalog) -> None:
    for view in COMPRAS_VIEWS:
        table = catalog.glue.get_table(DatabaseName=catalog.database, Name=view.name)["Table"]
        encoded = re.fullmatch(r"/\* Presto View: (\S+) \*/", table["ViewOriginalText"])
        assert encoded
        kept = json.loads(base64.b64decode(encoded[1]))
        assert (kept["originalSql"], kept["schema"]) == (view.statement, catalog.database)
        assert [column["name"] for column in kept["columns"]] == [column.name for column in view.columns]


class Refusing:
    """Glue that takes nothing."""

    def create_partition(self, **_: object) -> None:
        from botocore.exceptions import EndpointConnectionError  # noqa: PLC0415

        raise EndpointConnectionError(endpoint_url="https://glue")


def test_a_day_that_glue_does_not_take_is_delivered_again() -> None:
    refusing: Any = Refusing()
    with pytest.raises(TransientError, match="t1/2026/11/20 of compras_json was not registered"):
        ComprasCatalog(refusing, "database", "bucket").register(TenantId("t1"), DAY)


def test_a_writer_that_dies_before_it_registers_a_day_does_so_when_the_change_comes_again(bare_cloud: Access) -> None:
    glue = bare_cloud.client("glue")
    database = f"purchases-{uuid4().hex[:8]}"
    glue.create_database(DatabaseInput={"Name": database})
    keys = [{"Name": name, "Type": "string"} for name in COMPRAS_TABLES[0].partitions]
    storage = COMPRAS_TABLES[0].storage("compras")
    glue.create_table(
        DatabaseName=database,
        TableInput={"Name": "compras_json", "PartitionKeys": keys, "StorageDescriptor": storage},
    )
    world = Purchases.new(bare_cloud)
    change = record(1, "INSERT", purchase("c1", "t1"))

    def deliver(fate: Fate) -> None:
        catalog: Any = Mortal(ComprasCatalog(glue, database, "compras"), fate, ("register",))
        COMPRAS_FLOW.ingest({"Records": [change]}, replace(world.stores(), catalog=catalog))

    with pytest.raises(DeadError):
        deliver(Fate(at=1))
    assert len(world.document_keys()) == 1
    assert glue.get_partitions(DatabaseName=database, TableName="compras_json")["Partitions"] == []
    deliver(Fate())
    deliver(Fate())
    (found,) = glue.get_partitions(DatabaseName=database, TableName="compras_json")["Partitions"]
    assert found["Values"] == list(partition_of(TenantId("t1"), DAY))
    assert len(world.document_keys()) == 1


@pytest.mark.any_engine
def test_the_command_and_the_script_say_the_same_and_end_with_1_where_something_fails(
    cloud: RunningStack, catalog: DataCatalog, tenant: TenantId
) -> None:
    values = partition_of(tenant, DAY)
    until(lambda: values in partitions(catalog, "compras_json"))
    command = Command(cloud.instance.state, cloud.instance.port_base)
    done = command("verify", "datacatalog", "--json")
    assert done.returncode == 0, done.stdout
    checks = json.loads(done.stdout)
    assert all(check["passed"] for check in checks)
    catalog.glue.delete_partition(DatabaseName=catalog.database, TableName="compras_json", PartitionValues=list(values))
    where = ["--state", str(cloud.instance.state), "--port-base", str(cloud.instance.port_base)]
    script = [sys.executable, "verify_datacatalog.py", *where]
    shown = subprocess.run(script, capture_output=True, text=True, check=False, timeout=200, cwd=PROJECT)
    assert shown.returncode == 1
    assert shown.stdout.count("fail") == 1
    assert "--mend" in shown.stdout
    mended = command("verify", "datacatalog", "--mend")
    assert (mended.returncode, mended.stdout.partition("\n")[0]) == (0, "1 folder registered.")
