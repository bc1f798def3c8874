"""The five sets are the same whether Spark or DuckDB works their features out: columns, types, rows and their order."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from benchmarks.curated_year import curated_year
from benchmarks.prod_sets import last_day
from pipeline_assets.analytics.day_features import open_features
from pipeline_assets.analytics.feature_files import STAGED
from pipeline_assets.analytics.make import make_set
from pipeline_assets.analytics.publish import table_key
from pipeline_assets.analytics.sets import SETS
from pipeline_assets.curation.stores import CATALOG
from pipeline_assets.operations.access import Access
from pipeline_assets.spark.splits import task_storage
from tests.worlds.curated_shop import DAY
from tests.worlds.examples import seeds
from tests.worlds.memory_storage import MemoryBucket
from tests.worlds.random_shop import random_shop
from tests.worlds.spark import cloud_environment
from tests.worlds.spark_sets import InSession, features_on_duckdb, features_on_spark, put_days, put_folder

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from pyspark.sql import SparkSession

    from pipeline_assets.analytics.prod_set import ProdSet
    from pipeline_assets.storage.bucket import Bucket

#: Sums of floats differ in their last digits with the order of adding.
_EXACT = 1e-9


@pytest.fixture(scope="module")
def on_cloud(spark_on_cloud: SparkSession, bare_cloud: Access) -> Iterator[SparkSession]:
    """The session, in a process that reaches the local cloud as its workers do."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in cloud_environment(bare_cloud).items():
            patched.setenv(name, value)
        task_storage.cache_clear()
        yield spark_on_cloud
    task_storage.cache_clear()


@dataclass
class Worked:
    """The features of a shop as Spark has left them for the sets to be made of."""

    engine: InSession
    found: dict[str, pl.DataFrame]
    bucket: Bucket


@pytest.fixture(scope="module", params=seeds(3)[:1])
def worked(on_cloud: SparkSession, bare_cloud: Access, request: pytest.FixtureRequest) -> Worked:
    bucket = put_days(random_shop(request.param).bucket(), bare_cloud)
    engine = InSession(on_cloud, bucket)
    return Worked(engine, features_on_spark(engine, DAY), bucket)


def test_every_feature_is_the_same(worked: Worked) -> None:
    compare(worked.found, features_on_duckdb(worked.bucket, DAY))


def compare(found: dict[str, pl.DataFrame], expected: dict[str, pl.DataFrame]) -> None:
    assert found.keys() == expected.keys()
    for name, rows in expected.items():
        assert rows.height, name
        assert found[name].schema == rows.schema, name
        assert_frame_equal(found[name], rows, rel_tol=_EXACT, abs_tol=_EXACT)


@pytest.mark.parametrize("prod_set", SETS, ids=lambda each: each.name)
def test_every_set_is_the_same_and_its_features_go_once_it_is_published(worked: Worked, prod_set: ProdSet) -> None:
    staged = f"{STAGED}{prod_set.name}/"
    before = len(list(worked.bucket.objects(staged)))
    assert before == len(prod_set.features)
    jobs = len(worked.engine.told)
    found, expected = made(prod_set, DAY, worked.bucket, worked.engine), made(prod_set, DAY, worked.bucket)
    for name, rows in expected.items():
        assert found[name].schema == rows.schema, name
        assert_frame_equal(found[name], rows, rel_tol=_EXACT, abs_tol=_EXACT)
    assert worked.engine.told[jobs]["features"] == 0, "what is worked out already is not worked out again"
    assert not list(worked.bucket.objects(staged))


def made(prod_set: ProdSet, as_of: date, bucket: Bucket, engine: InSession | None = None) -> dict[str, pl.DataFrame]:
    """The tables of a set, made into a bucket of their own."""
    target = MemoryBucket("target")
    with open_features(bucket, CATALOG, engine) as features:
        tables = make_set(prod_set, as_of, features, target).manifest.tables
    return {
        name: pl.read_parquet(io.BytesIO(target.read(table_key(name, as_of)) or b""), hive_partitioning=False)
        for name in tables
    }


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_feature_of_the_sample_year_is_the_same(
    on_cloud: SparkSession, bare_cloud: Access, tmp_path_factory: pytest.TempPathFactory
) -> None:
    year: Path = curated_year(tmp_path_factory.mktemp("years"), 1)
    bucket = put_folder(year, bare_cloud)
    as_of = last_day(year)
    # Small tables go to the tasks by way of the driver, which takes a megabyte here and 64 in production.
    on_cloud.conf.set("spark.sql.autoBroadcastJoinThreshold", "100k")
    try:
        found = features_on_spark(InSession(on_cloud, bucket), as_of)
    finally:
        on_cloud.conf.unset("spark.sql.autoBroadcastJoinThreshold")
    compare(found, features_on_duckdb(bucket, as_of))
