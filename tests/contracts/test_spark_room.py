"""Splits of large objects and pieces of results, on Spark and the local cloud."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

import polars as pl
import pytest

from pipeline_assets.errors import TerminalError, TransientError
from pipeline_assets.events.stored_objects import current_versions
from pipeline_assets.operations.access import Access
from pipeline_assets.spark.failures import spark_failures
from pipeline_assets.spark.pieces import STAGING, publish, staging
from pipeline_assets.spark.splits import Split, read_splits, splits_of
from pipeline_assets.storage.bucket import Bucket, GoneError
from tests.worlds.stores import make_bucket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession

_ROWS = 20_000
_SCHEMA = pl.Schema({"object": pl.Int64(), "number": pl.Int64(), "word": pl.String(), "price": pl.Decimal(18, 2)})


@pytest.fixture(scope="module")
def bucket(bare_cloud: Access) -> Bucket:
    """A bucket with one large object of seven row groups, two small ones and one that is no Parquet."""
    made = bare_cloud.storage.bucket(make_bucket(bare_cloud.s3, f"{uuid4().hex[:12]}-splits"))
    for number, (rows, group) in enumerate(((_ROWS, 3_000), (10, 10), (0, 10)), 1):
        content = io.BytesIO()
        _frame(number, rows).write_parquet(content, row_group_size=group)
        made.put(f"in/{number}.parquet", content.getvalue())
    return made


def _frame(number: int, rows: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "object": [number] * rows,
            "number": list(range(rows)),
            "word": [f"word {each}" if each % 7 else None for each in range(rows)],
            "price": [each / 4 for each in range(rows)],
        },
        schema=_SCHEMA,
    )


def _read(split: Split, path: Path) -> Iterator[pl.DataFrame]:
    scanned = pl.scan_parquet(path)
    yield (scanned if split.whole else scanned.slice(split.first, split.rows)).collect()


def test_a_large_object_is_read_by_many_tasks_and_published_as_one(
    spark_on_cloud: SparkSession, bucket: Bucket
) -> None:
    splits = splits_of(bucket, current_versions(bucket, "in/"), split_bytes=20_000)
    assert [split.number for split in splits].count(0) > 2
    assert [split.number for split in splits][-2:] == [1, 2]
    read = read_splits(spark_on_cloud, splits, _read, _SCHEMA, task_bytes=20_000)
    assert read.rdd.getNumPartitions() > 2
    put = publish(read.sort("object", "number"), bucket, "out", _SCHEMA, footer={"cesta": "all of it"})
    assert put is not None
    assert publish(read.limit(5), bucket, "out", _SCHEMA) is None
    found = io.BytesIO(bucket.read("out") or b"")
    assert pl.read_parquet(found).equals(pl.concat([_frame(1, _ROWS), _frame(2, 10)]))
    assert pl.read_parquet_metadata(found)["cesta"] == "all of it"
    assert publish(read.limit(5), bucket, "out", _SCHEMA, etag=put.etag) is not None
    assert not list(bucket.objects(STAGING))


def test_a_version_that_is_gone_is_told_as_such(spark_on_cloud: SparkSession, bucket: Bucket) -> None:
    gone = [replace(split, version_id="none") for split in splits_of(bucket, current_versions(bucket, "in/2"))]
    with pytest.raises(GoneError), spark_failures("reading"):
        read_splits(spark_on_cloud, gone, _read, _SCHEMA).count()

    def lost(split: Split, _: GoneError) -> list[pl.DataFrame]:
        return [_frame(split.number, 1)]

    assert read_splits(spark_on_cloud, gone, _read, _SCHEMA, lost=lost).count() == 1


def test_rows_that_are_collected_on_the_driver_fail(spark_on_cloud: SparkSession) -> None:
    words = spark_on_cloud.range(0, 60_000).selectExpr("uuid() AS word")
    with pytest.raises(TerminalError, match="names and sums alone"), spark_failures("reading"):
        words.collect()


def test_staging_is_emptied_however_it_ends(bucket: Bucket) -> None:
    def attempt() -> None:
        with staging(bucket, "a/b") as place:
            bucket.put(f"{place.prefix}piece.parquet", b"")
            raise TransientError("the end")

    with pytest.raises(TransientError):
        attempt()
    assert not list(bucket.objects(STAGING))


def test_what_a_killed_driver_left_is_swept_once_it_is_old(bucket: Bucket) -> None:
    left = [f"{STAGING}a/b/{began}-0123abcd/piece.parquet" for began in ("20261120T090000", "29991120T090000")]
    for key in left:
        bucket.put(key, b"")
    with staging(bucket, "a/b"):
        assert [each.key for each in bucket.objects(STAGING)] == left[1:]
    bucket.delete_all(left)
