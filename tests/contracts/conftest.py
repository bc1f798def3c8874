"""A lake of three days, for whoever asks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline_assets.operations.access import Access
from pipeline_assets.queries.duckdb_engine import DuckDbEngine
from tests.worlds.sql import (
    lake_buckets,
    put_lake,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="module")
def s3(bare_cloud: Access) -> S3Client:
    """A lake of three days."""
    s3 = bare_cloud.s3
    put_lake(s3)
    return s3


@pytest.fixture(scope="module")
def duck(s3: S3Client) -> DuckDbEngine:
    return DuckDbEngine(lake_buckets(s3))
