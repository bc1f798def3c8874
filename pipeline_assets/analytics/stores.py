"""Stores of the prod sets, opened once per process, and the settings that name them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import boto3
from botocore.config import Config

from pipeline_assets.analytics.tables import PROD_CATALOGS, bucket_variable
from pipeline_assets.datasets.catalog import Catalog
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.events.environment import Environment, number, optional, required
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.quarantine import JsonLinesQuarantine
from pipeline_assets.events.settings import ledger_table, quarantine_bucket
from pipeline_assets.lake.tables import GluePartitions
from pipeline_assets.storage.bucket import Bucket, Storage
from pipeline_assets.storage.s3 import open_storage

FLOW = "analytics"
_RETRYING = Config(retries={"mode": "standard", "max_attempts": 4}, connect_timeout=3, read_timeout=30)


@dataclass(frozen=True, slots=True)
class AnalyticsSettings:
    """Where the curated lake is, and the prod sets.

    Parameters
    ----------
    curated_bucket, quarantine_bucket
        Names of the buckets.
    ledger_table
        Name of the DynamoDB table of receipts.
    prod_buckets
        Names of the sets' buckets, by the names of the sets.
    lake_database
        Name of the SQL database; empty where no tables are to be told of new days.
    queue_url
        Address of the queue; empty where a process does not look into it itself.
    largest_lake
        Bytes of curated days that this process makes a set of, handing over what is made of more; 0 for any number.
    """

    curated_bucket: str
    quarantine_bucket: str
    ledger_table: str
    prod_buckets: Mapping[str, str] = field(hash=False)
    lake_database: str = ""
    queue_url: str = ""
    largest_lake: int = 0

    @classmethod
    def from_environment(cls, environment: Environment = None) -> AnalyticsSettings:
        """Read the settings; raises `MissingSettingError` naming the first variable that is absent."""
        return cls(
            curated_bucket=required(environment, "CURATED_BUCKET", "the name of the bucket of curated days"),
            quarantine_bucket=quarantine_bucket(environment),
            ledger_table=ledger_table(environment),
            prod_buckets={
                each.name: required(environment, bucket_variable(each.name), f"the name of the bucket of {each.name}")
                for each in PROD_CATALOGS
            },
            lake_database=optional(environment, "LAKE_DATABASE"),
            queue_url=optional(environment, "CURATED_QUEUE_URL"),
            largest_lake=number(environment, "LAKE_BYTES_IN_FUNCTION", "a number of bytes, 0 for any lake"),
        )

    @property
    def bucket(self) -> str:
        """Name of the bucket of the flow's objects, which is that of curated days and completion markers."""
        return self.curated_bucket


@dataclass(frozen=True, slots=True)
class AnalyticsStores:
    """Where prod sets come from and where they go.

    Parameters
    ----------
    storage
        All buckets.
    curated
        Bucket of curated days and completion markers.
    targets
        Buckets of the sets by their names.
    quarantine
        Where completion markers are kept that no set could be made of.
    ledger
        The receipts.
    partitions
        Tells the SQL tables of new days; None where nobody asks with SQL.
    catalog
        The specs of the curated datasets.
    largest_lake
        As of `AnalyticsSettings`.
    """

    storage: Storage
    curated: Bucket
    targets: Mapping[str, Bucket]
    quarantine: JsonLinesQuarantine
    ledger: Ledger
    partitions: GluePartitions | None = None
    catalog: Catalog = ECOMMERCE
    largest_lake: int = 0


@contextmanager
def open_stores(settings: AnalyticsSettings) -> Iterator[AnalyticsStores]:
    """Open the stores that `settings` names; nothing of them has to be closed."""
    storage = open_storage(_RETRYING)
    yield AnalyticsStores(
        storage,
        storage.bucket(settings.curated_bucket),
        {name: storage.bucket(bucket) for name, bucket in settings.prod_buckets.items()},
        JsonLinesQuarantine(storage.bucket(settings.quarantine_bucket), FLOW),
        Ledger(boto3.client("dynamodb", config=_RETRYING), settings.ledger_table),
        GluePartitions(boto3.client("glue", config=_RETRYING), settings.lake_database, settings.prod_buckets)
        if settings.lake_database
        else None,
        largest_lake=settings.largest_lake,
    )
