"""A source database, a raw bucket, and what the tests of exports do with them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import polars as pl
import pytest

from pipeline_assets.curation.day import CuratedDay, curate
from pipeline_assets.curation.read import RawFile
from pipeline_assets.datasets.ecommerce import ORDERS
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.lake.layout import RawObject
from pipeline_assets.lake.manifest import Manifest
from pipeline_assets.operations.access import Access
from pipeline_assets.privacy.leaks import Canaries
from pipeline_assets.privacy.tokens import TokenKey
from pipeline_assets.raw.extract import Request
from pipeline_assets.raw.loads import Loads, Part
from pipeline_assets.raw.source import SourceDatabase
from pipeline_assets.raw.stores import ExportStores
from pipeline_assets.storage.bucket import Bucket
from pipeline_assets.storage.s3 import S3Bucket
from tests.worlds.examples import some
from tests.worlds.memory_storage import MemoryBucket
from tests.worlds.source import Database, MariaDbDatabase, SqliteDatabase
from tests.worlds.stores import make_bucket

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


DATABASES = ["sqlite", "mariadb"]
KEY = TokenKey("k1", bytes(range(32)))


CARD, CODE, SSN = "4111111111111111", "K9X7QZ", "666-45-6789"


CANARIES = Canaries((CARD, CODE, SSN))


ALL_ORDERS = Request("full", datasets=(ORDERS,), part_rows=3)


NEW_ORDERS = Request("incremental", datasets=(ORDERS,), part_rows=3)


def on_databases(**values: Mapping[str, Any]) -> pytest.MarkDecorator:
    """Run a test on all combinations of values, by their ids, on SQLite; on MariaDB on as many as `examples` says.

    The fixture `world` is made for each.
    """
    each = list(product(*(named.items() for named in values.values())))
    cases = [
        pytest.param(database, *(value for _, value in case), id="-".join([database, *(name for name, _ in case)]))
        for database, of_it in (("sqlite", each), ("mariadb", some(each)))
        for case in of_it
    ]
    return pytest.mark.parametrize(("world", *values), cases, indirect=["world"])


class ExtractWorld:
    """A shop's database, a raw bucket, and what exports between them."""

    def __init__(self, database: Database, bucket: Bucket) -> None:
        self.database, self.bucket = database, bucket
        self.stores = ExportStores(SourceDatabase(database.url), Loads(bucket), KEY)

    @property
    def s3(self) -> S3Client:
        """The client of a world whose bucket is on the local cloud."""
        assert isinstance(self.bucket, S3Bucket)
        return self.bucket.client

    def frame(self, manifest: Manifest, dataset: str = "orders", *, deleted: bool = False) -> pl.DataFrame:
        """The rows of a load, or its tombstones."""
        keys = [each.key for each in manifest.objects if each.dataset == dataset]
        named = [(raw, key) for key in keys if (raw := RawObject.of(key))]
        return pl.concat([self.read(key) for raw, key in named if raw.deletes is deleted])

    def read(self, key: str) -> pl.DataFrame:
        return pl.read_parquet(io.BytesIO(self.bucket.read(key) or b""))

    def curated(self, dataset: Dataset, manifests: Sequence[Manifest], directory: Path) -> dict[str, CuratedDay]:
        """What becomes of the rows of some loads, by day."""
        files: dict[str, list[RawFile]] = {}
        for number, stored in enumerate(each for manifest in manifests for each in manifest.objects):
            raw = RawObject.of(stored.key)
            if raw and raw.dataset == dataset.name:
                path = directory / f"{number}.parquet"
                self.read(stored.key).write_parquet(path)
                version = ObjectVersion(
                    self.bucket.name, stored.key, stored.version_id, "e", 1, "2026-03-02T06:00:00.000Z", ""
                )
                files.setdefault(raw.day, []).append(RawFile(version, raw, path))
        return {day: curate(dataset, day, each) for day, each in files.items()}

    def keys(self, prefix: str = "") -> list[str]:
        return self.stores.loads.keys(prefix)


def world_of(request: pytest.FixtureRequest, tmp_path: Path, access: Access) -> ExtractWorld:
    """A world with the database that the fixture's parameter names, its bucket on the local cloud."""
    bucket = S3Bucket(access.s3, make_bucket(access.s3, f"raw-{uuid4().hex[:12]}"))
    return ExtractWorld(_database(request, tmp_path), bucket)


def quick_world_of(request: pytest.FixtureRequest, tmp_path: Path) -> ExtractWorld:
    """A world as `world_of` has it, but with a bucket in memory: for what is about the database alone."""
    return ExtractWorld(_database(request, tmp_path), MemoryBucket("raw"))


def _database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "mariadb":
        return MariaDbDatabase(request.getfixturevalue("mariadb"))
    return SqliteDatabase(tmp_path / "shop.db")


def ids(frame: pl.DataFrame, column: str = "order_id") -> list[int]:
    return sorted(frame[column].to_list())


class Dying:
    """Ends an export after some parts, as a kill would between two lines."""

    def __init__(self, parts: int) -> None:
        self.left = parts

    def __call__(self, _part: Part) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt
