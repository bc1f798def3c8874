"""A tenant's day of purchases on Spark is the object that one process makes, byte for byte, put on the same terms."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import dagster as dg
import pytest

from pipeline_assets.compras.assets import (
    DOCUMENTS_KEY,
    RESOURCE,
    ComprasStoresResource,
    compras_parquet,
    purchase_days,
)
from pipeline_assets.compras.derived import CSV, DERIVED, PARQUET, DerivedDay, DerivedTable, publish_tenant_day
from pipeline_assets.compras.spark_day import KeyRange, SparkMaker, by_purchase, documents_in, key_ranges
from pipeline_assets.compras.stores import ComprasStores
from pipeline_assets.compras.table import TenantTable
from pipeline_assets.errors import TransientError
from pipeline_assets.events.tenants import TenantId
from pipeline_assets.lineage.spark import SparkResource
from pipeline_assets.spark.failures import spark_failures
from pipeline_assets.spark.session import check_spark
from pipeline_assets.storage.s3 import S3Bucket
from tests.worlds.compras import ORIGIN, TABLE
from tests.worlds.compras_documents import History, random_changes
from tests.worlds.examples import seeds
from tests.worlds.spark import cloud_environment, plan_of
from tests.worlds.stores import ledger_table, make_bucket

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from pipeline_assets.operations.access import Access
    from pipeline_assets.storage.bucket import Put

TENANT, DAY = TenantId("t1"), "2026-11-20"
FOLDER = "compras/t1/2026/11/20/"


@dataclass
class Day:
    """A bucket of documents in the local cloud, and the stores of it."""

    bucket: Any
    history: History = field(init=False)

    def __post_init__(self) -> None:
        self.history = History(self.bucket)

    def stores(self, bucket: Any = None) -> ComprasStores:
        nothing = cast("Any", None)
        return ComprasStores(nothing, bucket or self.bucket, nothing, nothing, TenantTable(nothing, TABLE), ORIGIN)

    def publish(self, derived: DerivedTable, **how: Any) -> DerivedDay | None:
        return publish_tenant_day(derived, TENANT, DAY, self.stores(), **how)

    def body(self, derived: DerivedTable) -> bytes:
        return self.bucket.read(derived.key(TENANT, DAY)) or b""

    def staged(self) -> list[str]:
        return [each.key for each in self.bucket.objects("_staging/")]


@pytest.fixture
def day(bare_cloud: Access) -> Day:
    name = f"compras-{uuid4().hex}"
    make_bucket(bare_cloud.s3, name)
    return Day(bare_cloud.storage.bucket(name))


def maker(session: SparkSession) -> SparkMaker:
    """One with ranges and partitions so small that there are many."""
    return SparkMaker(session, range_documents=20, partition_bytes=10_000)


@pytest.mark.parametrize("seed", seeds(2))
def test_the_object_is_that_of_one_process(spark_on_cloud: SparkSession, day: Day, seed: int) -> None:
    random_changes(day.history, random.Random(seed), "t1", DAY, 40)
    for derived in DERIVED:
        made = day.publish(derived, make=maker(spark_on_cloud))
        here = day.publish(derived)
        assert made
        assert here
        assert (made.put, here.put) == (True, False)
        assert replace(here, put=True) == made
        assert len(made.left_out) == 3
    assert day.staged() == []


def test_a_day_that_is_made_again_on_spark_is_the_same_and_one_without_documents_is_none(
    spark_on_cloud: SparkSession, day: Day
) -> None:
    assert day.publish(CSV, make=maker(spark_on_cloud)) is None
    day.bucket.put(f"{FOLDER}foreign.json", b"{}")
    assert day.publish(CSV, make=maker(spark_on_cloud)) is None
    assert not day.bucket.head(CSV.key(TENANT, DAY))
    day.bucket.delete(f"{FOLDER}foreign.json")
    random_changes(day.history, random.Random(1), "t1", DAY, 9)
    here = day.publish(CSV)
    assert here
    assert day.publish(CSV, make=maker(spark_on_cloud)) == replace(here, put=False)
    for each in list(day.bucket.objects(FOLDER)):
        day.bucket.delete(each.key)
    emptied = day.publish(CSV, make=maker(spark_on_cloud))
    assert emptied
    assert (emptied.documents, emptied.rows, emptied.put) == (0, 0, True)
    assert day.publish(CSV) == replace(emptied, put=False)


def test_who_saw_less_begins_again(spark_on_cloud: SparkSession, day: Day) -> None:
    random_changes(day.history, random.Random(1), "t1", DAY, 9)
    before = day.publish(PARQUET)
    others = iter([True])

    class Overtaken(S3Bucket):
        def put_if_match(self, key: str, body: bytes | Path, etag: str | None) -> Put | None:
            if next(others, False):
                random_changes(day.history, random.Random(2), "t1", DAY, 3)
                day.publish(PARQUET)
            return super().put_if_match(key, body, etag)

    random_changes(day.history, random.Random(3), "t1", DAY, 3)
    overtaken = Overtaken(day.bucket.client, day.bucket.name)
    done = publish_tenant_day(PARQUET, TENANT, DAY, day.stores(overtaken), make=maker(spark_on_cloud))
    assert before
    assert done
    assert (done.documents, done.put) == (before.documents + 6, False)
    assert day.staged() == []


def test_a_task_that_finds_the_bucket_gone_says_so_in_a_sentence(spark_on_cloud: SparkSession, day: Day) -> None:
    random_changes(day.history, random.Random(1), "t1", DAY, 3)
    ranges = list(key_ranges(day.bucket, FOLDER, 100, 1 << 20))
    read = documents_in(spark_on_cloud, ranges, "no-such-bucket", FOLDER)
    with pytest.raises(TransientError, match=r"no-such-bucket.* could not be listed"), spark_failures("the day"):
        read.collect()


def test_the_plan_brings_changes_together_once(spark_on_cloud: SparkSession, day: Day) -> None:
    read = documents_in(spark_on_cloud, [KeyRange("", "z", 1)], day.bucket.name, FOLDER)
    plan = plan_of(by_purchase(read, 5))
    assert plan.count("Exchange") == plan.count("rangepartitioning(compra_id") == 1
    assert "Join" not in plan
    assert by_purchase(read, 5).rdd.getNumPartitions() <= 5


def test_ranges_follow_each_other_and_are_bounded(day: Day) -> None:
    random_changes(day.history, random.Random(1), "t1", DAY, 20)
    listed = list(day.bucket.objects(FOLDER))
    ranges = list(key_ranges(day.bucket, FOLDER, 5, 1 << 20))
    assert [each.last for each in ranges] == [each.key for each in listed[4::5]] + [listed[-1].key] * bool(
        len(listed) % 5
    )
    assert [each.after for each in ranges] == ["", *(each.last for each in ranges[:-1])]
    assert sum(each.size for each in ranges) == sum(each.size for each in listed)
    assert len(list(key_ranges(day.bucket, FOLDER, 100, 1))) == len(listed)


def test_a_day_is_made_by_a_job_that_dagster_starts_and_says_so(
    bare_cloud: Access, day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_spark()
    random_changes(day.history, random.Random(1), "t1", DAY, 9)
    here = day.publish(PARQUET)
    assert here
    for name, value in cloud_environment(bare_cloud).items():
        monkeypatch.setenv(name, value)
    with ledger_table(bare_cloud.dynamodb) as ledger, dg.DagsterInstance.ephemeral() as instance:
        stores = ComprasStoresResource(
            compras_table=TABLE, compras_bucket=day.bucket.name, quarantine_bucket="none", ledger_table=ledger
        )
        # Any day's documents are as large as that.
        done = dg.materialize(
            [compras_parquet, dg.AssetSpec(DOCUMENTS_KEY, partitions_def=purchase_days)],
            instance=instance,
            resources={RESOURCE: stores, "spark": SparkResource(spark_from_bytes="1")},
            partition_key=DAY,
        )
        (told,) = [each.step_materialization_data.materialization for each in done.get_asset_materialization_events()]
    said = {name: value.value for name, value in told.metadata.items()}
    assert (said["engine"], said["documents"], said["bytes"]) == ("spark", here.documents, here.size)
    assert (said["objects_changed"], said["left_out"]) == (0, 3)
    assert int(str(said["spark_tasks"])) > 0
    assert said["spark_input_bytes"] == sum(each.size for each in day.bucket.objects(FOLDER))
