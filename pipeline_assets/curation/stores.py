"""Stores of curation, opened once per process, and the settings that name them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import boto3
from botocore.config import Config

from pipeline_assets.curation.quarantine import LakeQuarantine
from pipeline_assets.datasets.catalog import Catalog
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.events.environment import Environment, number, optional, required
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.settings import ledger_table, quarantine_bucket
from pipeline_assets.lake.tables import GlueCatalog
from pipeline_assets.storage.bucket import Bucket, Storage
from pipeline_assets.storage.s3 import open_storage

#: What the flow brings into the lake.
CATALOG = ECOMMERCE
FLOW = CATALOG.name
_RETRYING = Config(retries={"mode": "standard", "max_attempts": 4}, connect_timeout=3, read_timeout=30)


@dataclass(frozen=True, slots=True)
class CurationSettings:
    """Where the raw and the curated objects of the lake are.

    Parameters
    ----------
    raw_bucket, curated_bucket, quarantine_bucket
        Names of the buckets.
    ledger_table
        Name of the DynamoDB table of receipts.
    lake_database
        Name of the SQL database; empty where no tables are to be told of new days.
    queue_url
        Address of the queue; empty where a process does not look into it itself: a function is handed its messages.
    largest_day
        Bytes of raw objects that a day may have which this process works out itself; 0 for any number.
    """

    raw_bucket: str
    curated_bucket: str
    quarantine_bucket: str
    ledger_table: str
    lake_database: str = ""
    queue_url: str = ""
    largest_day: int = 0

    @classmethod
    def from_environment(cls, environment: Environment = None) -> CurationSettings:
        """Read the settings; raises `MissingSettingError` naming the first variable that is absent, and `UserError`."""
        return cls(
            raw_bucket=required(environment, "RAW_BUCKET", "the name of the bucket of raw objects"),
            curated_bucket=required(environment, "CURATED_BUCKET", "the name of the bucket of curated days"),
            quarantine_bucket=quarantine_bucket(environment),
            ledger_table=ledger_table(environment),
            lake_database=optional(environment, "LAKE_DATABASE"),
            queue_url=optional(environment, "RAW_QUEUE_URL"),
            largest_day=number(environment, "DAY_BYTES_IN_FUNCTION", "a number of bytes, 0 for any day"),
        )

    @property
    def bucket(self) -> str:
        """Name of the bucket of the flow's objects, which is that of raw objects."""
        return self.raw_bucket


class Tables(Protocol):
    """The SQL tables over the lake."""

    def register(self, dataset: str, day: str) -> None:
        """Make a day known to the tables of a dataset and of its rejected rows; raises `TransientError`.

        What lies in no place of a dataset has rejected rows alone.
        """


@dataclass(frozen=True, slots=True)
class CurationStores:
    """Where raw objects come from and what they end in.

    Parameters
    ----------
    storage
        All buckets.
    raw, curated
        Buckets of raw objects and of curated days.
    quarantine
        Where rejected rows are kept.
    ledger
        The receipts.
    tables
        The SQL tables; None where nobody asks with SQL.
    catalog
        The datasets that are curated.
    largest_day
        As of `CurationSettings`.
    """

    storage: Storage
    raw: Bucket
    curated: Bucket
    quarantine: LakeQuarantine
    ledger: Ledger
    tables: Tables | None = None
    catalog: Catalog = CATALOG
    largest_day: int = 0


def open_quarantine(bucket: Bucket, flow: str) -> LakeQuarantine:
    """Open the quarantine of the lake, whose layout names the datasets; `flow` is the name of its flow."""
    del flow
    return LakeQuarantine(bucket, CATALOG)


@contextmanager
def open_stores(settings: CurationSettings) -> Iterator[CurationStores]:
    """Open the stores that `settings` names; nothing of them has to be closed."""
    storage = open_storage(_RETRYING)
    buckets = {"curated": settings.curated_bucket, "quarantine": settings.quarantine_bucket}
    yield CurationStores(
        storage,
        storage.bucket(settings.raw_bucket),
        storage.bucket(settings.curated_bucket),
        LakeQuarantine(storage.bucket(settings.quarantine_bucket), CATALOG),
        Ledger(boto3.client("dynamodb", config=_RETRYING), settings.ledger_table),
        GlueCatalog(boto3.client("glue", config=_RETRYING), settings.lake_database, buckets, CATALOG)
        if settings.lake_database
        else None,
        largest_day=settings.largest_day,
    )
