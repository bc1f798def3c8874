"""Buckets, a ledger and the function that makes prod sets, on the local cloud, called directly."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import polars as pl

from pipeline_assets.analytics.ingest import AnalyticsFlow
from pipeline_assets.analytics.prod_set import ProdSet
from pipeline_assets.analytics.publish import SetManifest, manifest_key, read_manifest, table_key
from pipeline_assets.analytics.sets import SETS
from pipeline_assets.analytics.stores import FLOW, AnalyticsStores
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.quarantine import JsonLinesQuarantine
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.lake.layout import LoadName, load_id_of
from pipeline_assets.lake.tables import GluePartitions
from pipeline_assets.operations.access import Access
from pipeline_assets.storage.s3 import S3Bucket, S3Storage
from tests.worlds.curated_shop import DAY, CuratedShop, days, marker_of, noon
from tests.worlds.mortality import Fate, Mortal
from tests.worlds.stores import make_bucket, make_table


def shop_of(*, log: bool = True) -> CuratedShop:
    """Some weeks of a small shop, with payments and, unless told, a log of questions."""
    shop = CuratedShop()
    for ago in range(40):
        day = DAY - days(ago)
        order = shop.order(1 + ago % 3, day, 20 + ago % 7)
        shop.put(
            "payments", day, payment_id=order, order_id=order, paid_at=noon(day), amount=Decimal(20), currency="USD"
        )
    if log:
        shop.put("query_log", DAY, query_id=1, asked_at=noon(DAY), system="hub", text="top 5?")
    return shop


@dataclass
class ProdWorld:
    """Buckets and a ledger that no other test knows; `name` begins the names of all but the curated bucket."""

    access: Access
    name: str
    curated: str

    @classmethod
    def made(cls, access: Access) -> ProdWorld:
        """A world with nothing in it."""
        curated = make_bucket(access.s3, f"{uuid4().hex[:12]}-curated")
        return cls(access, "", curated).afresh()

    def afresh(self) -> ProdWorld:
        """Another world that shares the curated bucket with this one, and has nothing else in it."""
        world = replace(self, name=uuid4().hex[:12])
        for bucket in ("quarantine", *(each.name for each in SETS)):
            make_bucket(self.access.s3, f"{world.name}-{bucket}")
        make_table(self.access.dynamodb, f"{world.name}-ledger")
        return world

    def stores(self, fate: Fate | None = None, partitions: GluePartitions | None = None) -> AnalyticsStores:
        """The stores of one process, which dies as `fate` says, and the SQL tables that are told of days, if any."""
        s3: Any = self.access.s3
        dynamodb: Any = self.access.dynamodb
        if fate:
            s3 = Mortal(s3, fate, ("put_object",))
            dynamodb = Mortal(dynamodb, fate, ("batch_write_item", "transact_write_items", "update_item"))
        buckets = {each.name: S3Bucket(s3, f"{self.name}-{each.name}") for each in SETS}
        return AnalyticsStores(
            S3Storage(s3),
            S3Bucket(s3, self.curated),
            buckets,
            JsonLinesQuarantine(S3Bucket(s3, f"{self.name}-quarantine"), FLOW),
            Ledger(dynamodb, f"{self.name}-ledger"),
            partitions,
        )

    def put(self, shop: CuratedShop) -> None:
        """Put the curated days of a shop."""
        made = shop.bucket()
        for each in made.objects():
            self.access.s3.put_object(Bucket=self.curated, Key=each.key, Body=made.read(each.key) or b"")

    def complete(self, day: date, number: int = 0, **rows: int) -> ObjectVersion:
        """Put the completion marker of a load, with its rows by dataset, and return the version of its event."""
        key = LoadName(day.isoformat(), load_id_of(datetime(day.year, day.month, day.day, number, tzinfo=UTC))).key
        answer = self.access.s3.put_object(Bucket=self.curated, Key=key, Body=marker_of(rows))
        etag = answer["ETag"].strip('"')
        return ObjectVersion(self.curated, key, answer["VersionId"], etag, 2, iso_utc(datetime.now(UTC)), "1")

    def start(self, marker: ObjectVersion, sets: Sequence[ProdSet] = SETS, fate: Fate | None = None) -> Receipt:
        """Work the event of a marker off and return its receipt, which has to balance."""
        receipt = AnalyticsFlow(sets).ingest(marker, self.stores(fate))
        assert receipt is not None
        assert receipt.counts.conserved
        return receipt

    def manifest(self, prod_set: ProdSet, day: date) -> SetManifest | None:
        """The manifest of a set as of a day."""
        return read_manifest(self.stores().targets[prod_set.name], day)

    def rows(self, prod_set: ProdSet, table: str, day: date) -> pl.DataFrame:
        """The rows of a table of a set as of a day."""
        content = self.stores().targets[prod_set.name].read(table_key(table, day))
        return pl.read_parquet(io.BytesIO(content or b""), hive_partitioning=False)

    def published(self, prod_set: ProdSet, day: date) -> int:
        """How often a set was published as of a day: the versions of its manifest."""
        return len(list(self.stores().targets[prod_set.name].versions_of(manifest_key(day))))
