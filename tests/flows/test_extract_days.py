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
from pipeline_assets.lineage import awaited
from pipeline_assets.lineage.resources import LedgerResource, QuarantineResource
from pipeline_assets.operations.access import Access
from pipeline_assets.raw.assets import ExportStoresResource, export_day
from tests.worlds.source import NOON, SqliteDatabase, orders
from tests.worlds.stores import make_table

DAYS = [f"{NOON + timedelta(days=n):%Y-%m-%d}" for n in range(5)]


@pytest.fixture
def shop(tmp_path: Path, bare_cloud: Access, monkeypatch: pytest.MonkeyPatch) -> SqliteDatabase:
    """A shop's database, and an environment that names it and a raw bucket."""
    bucket, database = f"raw-{uuid4().hex[:12]}", SqliteDatabase(tmp_path / "shop.db")
    bare_cloud.s3.create_bucket(Bucket=bucket)
    make_table(bare_cloud.dynamodb, f"ledger-{bucket}")
    for name, value in {
        "RAW_BUCKET": bucket,
        "LEDGER_TABLE": f"ledger-{bucket}",
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
        resources={
            "export_stores": ExportStoresResource.of_environment(),
            "ledger": LedgerResource.of_environment(),
            "quarantine": QuarantineResource(quarantine_bucket="none"),
        },
        jobs=[dg.define_asset_job("days", dg.AssetSelection.assets(dg.AssetKey(["raw", table])))],
    ).resolve_job_def("days")
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    return job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)


def told(instance: dg.DagsterInstance, table: str = "orders") -> dict[str | None, dg.AssetMaterialization]:
    found = instance.fetch_materializations(dg.AssetKey(["raw", table]), limit=100).records
    return {each.partition_key: each.asset_materialization for each in found if each.asset_materialization}


def failure(result: dg.ExecuteInProcessResult) -> str:
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    data = failed.step_failure_data.user_failure_data
    assert data
    assert data.description
    return data.description


def test_a_day_that_no_function_works_in_fails_and_the_others_are_told(
    shop: SqliteDatabase, bare_cloud: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awaited, "PATIENCE_SECONDS", 0.0)
    shop.put("orders", orders(1, 2))
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(instance)
        days = told(instance)
    assert not result.success
    assert sorted(map(str, days)) == DAYS[1:]
    assert failure(result).startswith(f"1 of 5 days failed, the others are done. {DAYS[0]}: exported, but not")
    keys = [item["Key"] for item in bare_cloud.s3.list_objects_v2(Bucket=os.environ["RAW_BUCKET"])["Contents"]]
    loads = {name.day: name.load_id for key in keys if (name := LoadName.of(key))}
    said = "no row of the source was last changed on this day (load %s)"
    assert {day: event.description for day, event in days.items()} == {day: said % loads[day] for day in DAYS[1:]}


def test_what_cannot_be_masked_is_not_tried_again(shop: SqliteDatabase) -> None:
    shop.put("payments", [{"payment_id": 1}])
    with closing(sqlite3.connect(shop.url.removeprefix("sqlite://"))) as database:
        database.execute("ALTER TABLE payments DROP COLUMN card_number")
        database.execute("ALTER TABLE payments ADD COLUMN card_number BLOB DEFAULT x'ff41'")
        database.commit()
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(instance, table="payments")
        said = failure(result)
    assert said.startswith(f"1 of 5 days failed, the others are done. {DAYS[0]}: the load")
    assert "it has the column card_number as Binary" in said


def test_what_has_to_be_known_of_the_source_is_told(shop: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awaited, "PATIENCE_SECONDS", 0.0)
    shop.put("customers", [{"customer_id": 1}])
    shop.run("ALTER TABLE `customers` DROP COLUMN `income_band`")
    with dg.DagsterInstance.ephemeral() as instance:
        run(instance, table="customers")
        said = told(instance, "customers")[DAYS[1]].metadata["warnings"].value
        assert str(said).startswith("customers has no column income_band any more")


@pytest.mark.parametrize(
    ("first", "last", "sentence"),
    [
        pytest.param(DAYS[-1], DAYS[-1], f"the source has no changed row for {DAYS[-1]}: nothing was done", id="a day"),
        pytest.param("2025-07-01", DAYS[-1], "the source has no changed row for more than 31 of the", id="months"),
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
        assert not instance.get_materialized_partitions(dg.AssetKey(["raw", "orders"]))
    assert bare_cloud.s3.list_objects_v2(Bucket=os.environ["RAW_BUCKET"])["KeyCount"] == 0
