"""Features and sets that are made on the Spark session of the tests, and the curated days that they are made of."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import polars as pl

from pipeline_assets.analytics.day_features import Features
from pipeline_assets.analytics.feature_files import feature_key
from pipeline_assets.analytics.make import version_of_set
from pipeline_assets.analytics.sets import SETS
from pipeline_assets.analytics.spark_features import work_features_out
from pipeline_assets.curation.stores import CATALOG
from pipeline_assets.lake.as_of import lake_as_of
from pipeline_assets.operations.access import Access
from pipeline_assets.spark.jobs import JobContext, Values
from tests.worlds.stores import make_bucket

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from pipeline_assets.analytics.prod_set import ProdSet
    from pipeline_assets.storage.bucket import Bucket


@dataclass
class InSession:
    """Works features out by the job itself, in a session that is open; `told` is what each job gave."""

    session: SparkSession
    bucket: Bucket
    told: list[Values] = field(default_factory=list)

    def takes(self, prod_set: ProdSet, size: int) -> bool:
        """All that has a byte."""
        return bool(prod_set) and size > 0

    def work_out(self, prod_set: ProdSet, as_of: date, version: str, curated: Bucket) -> None:
        """Run the job."""
        parameters = {
            "bucket": curated.name,
            "set": prod_set.name,
            "as_of": as_of.isoformat(),
            "version": version,
        }
        self.told.append(work_features_out(JobContext(self.session, lambda _: None), parameters))


def put_days(curated: Bucket, access: Access) -> Bucket:
    """The objects of a bucket in one of the local cloud."""
    bucket = access.storage.bucket(make_bucket(access.s3, f"{uuid4().hex[:12]}-curated"))
    for each in curated.objects():
        bucket.put(each.key, curated.read(each.key) or b"")
    return bucket


def put_folder(folder: Path, access: Access) -> Bucket:
    """The files below a folder in a bucket of the local cloud."""
    bucket = access.storage.bucket(make_bucket(access.s3, f"{uuid4().hex[:12]}-curated"))
    for path in sorted(folder.rglob("*.parquet")):
        bucket.put(path.relative_to(folder).as_posix(), path)
    return bucket


def features_on_spark(engine: InSession, as_of: date) -> dict[str, pl.DataFrame]:
    """All features of all sets as the jobs leave them, by set and name."""
    found = {}
    for prod_set in SETS:
        version = version_as_of(prod_set, as_of, engine.bucket)
        engine.work_out(prod_set, as_of, version, engine.bucket)
        for name in prod_set.features:
            content = engine.bucket.read(feature_key(prod_set, as_of, version, name))
            found[f"{prod_set.name}/{name}"] = pl.read_parquet(io.BytesIO(content or b""))
    return found


def features_on_duckdb(bucket: Bucket, as_of: date) -> dict[str, pl.DataFrame]:
    """The same, worked out on this machine."""
    found: dict[str, Any] = {}
    with lake_as_of(as_of, bucket, CATALOG) as lake:
        features = Features(lake)
        for prod_set in SETS:
            for name, feature in prod_set.features.items():
                rows = features.of(feature).to_native().to_arrow_table()
                found[f"{prod_set.name}/{name}"] = pl.from_arrow(rows)
    return found


def version_as_of(prod_set: ProdSet, as_of: date, bucket: Bucket) -> str:
    """The version of a set that is made of what a bucket has now."""
    with lake_as_of(as_of, bucket, CATALOG) as lake:
        return version_of_set(prod_set, as_of, {name: lake.days(name) for name in prod_set.inputs})
