"""Days of the source as Dagster exports them."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest

from pipeline_assets.lake.layout import LoadName
from pipeline_assets.lineage.metadata import data_version
from pipeline_assets.operations.access import Access
from pipeline_assets.raw.assets import ExportStoresResource, export_day
from tests.worlds.source import NOON, SqliteDatabase, orders

RAW = dg.AssetKey(["raw", "orders"])
DAYS = [f"{NOON + timedelta(days=n):%Y-%m-%d}" for n in range(5)]


@pytest.fixture
def shop(tmp_path: Path, bare_cloud: Access, monkeypatch: pytest.MonkeyPatch) -> SqliteDatabase:
    """A shop's database, and an environment that names it and a raw bucket."""
    bucket, database = f"raw-{uuid4().hex[:12]}", SqliteDatabase(tmp_path / "shop.db")
    bare_cloud.s3.create_bucket(Bucket=bucket)
    for name, value in {
        "RAW_BUCKET": bucket,
        "SOURCE_DATABASE_URL": database.url,
        "CARD_TOKEN_KEY_ID": "k1",
        "CARD_TOKEN_KEY": bytes(32).hex(),
        "AWS_ENDPOINT_URL": bare_cloud.s3.meta.endpoint_url,
        "AWS_DEFAULT_REGION": bare_cloud.s3.meta.region_name,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)
    return database


def run(
    instance: dg.DagsterInstance, *, table: str = "orders", first: str = DAYS[0], last: str = DAYS[-1]
) -> dg.ExecuteInProcessResult:
    job = dg.Definitions(
        assets=[export_day],
        resources={"export_stores": ExportStoresResource.of_environment()},
        jobs=[dg.define_asset_job("days", dg.AssetSelection.assets(dg.AssetKey(["raw", table])))],
    ).resolve_job_def("days")
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    return job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)


def versions(instance: dg.DagsterInstance) -> set[str | None]:
    """The data versions of the newest run."""
    found = instance.fetch_materializations(RAW, limit=len(DAYS)).records
    return {
        (each.asset_materialization.tags or {}).get("dagster/data_version")
        for each in found
        if each.asset_materialization
    }


def test_the_version_of_a_run_is_of_all_its_loads(shop: SqliteDatabase, bare_cloud: Access) -> None:
    shop.put("orders", orders(1, 2))
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(instance).success
        (version,) = versions(instance)
    names = [
        LoadName.of(item["Key"]) for item in bare_cloud.s3.list_objects_v2(Bucket=os.environ["RAW_BUCKET"])["Contents"]
    ]
    loads = [name.load_id for name in names if name]
    assert len(loads) == len(DAYS)
    assert version == data_version(loads)


def test_what_cannot_be_masked_is_not_tried_again(shop: SqliteDatabase) -> None:
    shop.put("payments", [{"payment_id": 1}])
    with closing(sqlite3.connect(shop.url.removeprefix("sqlite://"))) as database:
        database.execute("ALTER TABLE payments DROP COLUMN card_number")
        database.execute("ALTER TABLE payments ADD COLUMN card_number BLOB DEFAULT x'ff41'")
        database.commit()
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(instance, table="payments")
        (failed,) = [event for event in result.all_events if event.is_step_failure]
        error = failed.step_failure_data.error
        assert error
        assert "it has the column card_number as Binary" in error.message
        assert error.cls_name == "Failure"


def test_what_has_to_be_known_of_the_source_is_told(shop: SqliteDatabase) -> None:
    shop.put("customers", [{"customer_id": 1}])
    shop.run("ALTER TABLE `customers` DROP COLUMN `income_band`")
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(instance, table="customers").success
        found = instance.fetch_materializations(dg.AssetKey(["raw", "customers"]), limit=1).records[0]
        assert found.asset_materialization
        said = found.asset_materialization.metadata["warnings"].value
        assert str(said).startswith("customers has no column income_band any more")


@pytest.mark.parametrize(
    ("first", "last", "sentence"),
    [
        pytest.param(DAYS[-1], DAYS[-1], f"the source has no changed row for {DAYS[-1]}: nothing was done", id="a day"),
        pytest.param("2015-01-01", DAYS[-1], "the source has no changed row for more than 31 of the", id="years"),
    ],
)
def test_days_on_which_nothing_changed_leave_no_load(
    shop: SqliteDatabase, bare_cloud: Access, first: str, last: str, sentence: str
) -> None:
    shop.put("orders", orders(1, 2))
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(instance, first=first, last=last)
        (failed,) = [event for event in result.all_events if event.is_step_failure]
        assert failed.step_failure_data.error
        assert sentence in failed.step_failure_data.error.message
        assert not instance.get_materialized_partitions(RAW)
    assert bare_cloud.s3.list_objects_v2(Bucket=os.environ["RAW_BUCKET"])["KeyCount"] == 0
