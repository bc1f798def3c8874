"""An inbox on the local cloud, and where its files go."""

from __future__ import annotations

import io
from typing import Any
from uuid import uuid4

import polars as pl

from pipeline_assets.datasets.ecommerce import CUSTOMERS, PAYMENTS
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.lake.manifest import Manifest
from pipeline_assets.operations.access import Access
from pipeline_assets.privacy.leaks import Canaries, scan_bucket
from pipeline_assets.privacy.masking import mask
from pipeline_assets.privacy.tokens import TokenKey
from pipeline_assets.raw.loads import Loads
from pipeline_assets.raw.stores import InboxStores, inbox_quarantine
from pipeline_assets.storage.documents import from_json
from pipeline_assets.storage.s3 import S3Bucket
from tests.worlds.source import frame_of
from tests.worlds.stores import make_bucket, make_table

KEY = TokenKey("k1", bytes(range(32)))
CARD, CODE, SSN, NAME = "4111111111111111", "K9X7QZ", "666-45-6789", "Hortensia"
CANARIES = Canaries((CARD, CODE, SSN))
PAYMENT = {"card_number": CARD, "card_security_code": CODE, "method": "card"}


class InboxWorld:
    """An inbox, and where its files go."""

    def __init__(self, access: Access) -> None:
        self.s3, name = access.s3, uuid4().hex[:12]
        self.inbox, self.raw, self.kept, table = (f"{kind}-{name}" for kind in ("inbox", "raw", "kept", "ledger"))
        for bucket in (self.inbox, self.raw, self.kept):
            make_bucket(self.s3, bucket)
        make_table(access.dynamodb, table)
        ledger, quarantine = Ledger(access.dynamodb, table), inbox_quarantine(S3Bucket(self.s3, self.kept))
        self.stores = InboxStores(access.storage, ledger, quarantine, Loads(S3Bucket(self.s3, self.raw)), KEY)

    def deliver(self, key: str, content: bytes) -> ObjectVersion:
        """Put a file into the inbox; the version that its event announces."""
        self.s3.put_object(Bucket=self.inbox, Key=key, Body=content)
        return self.announced(key)

    def announced(self, key: str) -> ObjectVersion:
        """The version that the event of a file announces."""
        there = self.s3.head_object(Bucket=self.inbox, Key=key)
        version, etag = there["VersionId"], there["ETag"].strip('"')
        return ObjectVersion(self.inbox, key, version, etag, there["ContentLength"], "2026-03-01T09:30:00.125Z", "1")

    def manifests(self) -> list[Manifest]:
        keys = [key for key in self.stores.loads.keys("_loads/") if key.endswith(".json")]
        return [from_json(self.body(self.raw, key), Manifest) for key in keys]

    def frame(self, manifest: Manifest) -> pl.DataFrame:
        return pl.concat([pl.read_parquet(io.BytesIO(self.body(self.raw, each.key))) for each in manifest.objects])

    def columns_of(self, frame: pl.DataFrame) -> list[str]:
        """The columns that a frame of customers has in raw."""
        return mask(frame, CUSTOMERS, KEY).columns

    def body(self, bucket: str, key: str) -> bytes:
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def left(self) -> list[dict[str, Any]]:
        """The versions of all objects in the inbox, deletions included."""
        listed = self.s3.list_object_versions(Bucket=self.inbox)
        return [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]  # type: ignore[list-item]

    def leaks(self) -> list[object]:
        return [
            finding for bucket in (self.raw, self.kept) for finding in scan_bucket(S3Bucket(self.s3, bucket), CANARIES)
        ]


def source(dataset: Dataset, *rows: dict[str, object]) -> pl.DataFrame:
    return frame_of(dataset, rows)


def payments(number: int) -> pl.DataFrame:
    return source(PAYMENTS, *({"payment_id": n, **PAYMENT} for n in range(1, number + 1)))
