"""The stores that curation needs, opened once per process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import boto3
from botocore.config import Config

from pipeline_assets.curation.quarantine import LakeQuarantine
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.lake.tables import Catalogue, LakeBucket
from pipeline_assets.settings import CurationSettings
from pipeline_assets.storage.bucket import Bucket, Storage
from pipeline_assets.storage.s3 import open_storage

FLOW = "ecommerce"
_RETRYING = Config(retries={"mode": "standard", "max_attempts": 4}, connect_timeout=3, read_timeout=30)


class Tables(Protocol):
    """The SQL tables over the lake."""

    def register(self, dataset: str, day: str) -> None:
        """Make a day known to the tables of a dataset and of its rejected rows; raises `TransientError`.

        What lies in no place of a dataset has rejected rows alone.
        """


@dataclass(frozen=True, slots=True)
class CurationStores:
    """Where raw objects come from and what they end in; `tables` is None where nobody asks with SQL."""

    storage: Storage
    raw: Bucket
    curated: Bucket
    quarantine: LakeQuarantine
    ledger: Ledger
    tables: Tables | None = None


def open_stores(settings: CurationSettings) -> CurationStores:
    """The stores that `settings` names; nothing of them has to be closed."""
    storage = open_storage(_RETRYING)
    buckets: dict[LakeBucket, str] = {"curated": settings.curated_bucket, "quarantine": settings.quarantine_bucket}
    return CurationStores(
        storage,
        storage.bucket(settings.raw_bucket),
        storage.bucket(settings.curated_bucket),
        LakeQuarantine(storage.bucket(settings.quarantine_bucket), FLOW),
        Ledger(boto3.client("dynamodb", config=_RETRYING), settings.ledger_table),
        Catalogue(boto3.client("glue", config=_RETRYING), settings.lake_database, buckets)
        if settings.lake_database
        else None,
    )
