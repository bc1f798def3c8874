"""A bucket, a ledger and a table of prices of their own for tests that work whole histories of price files in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.stocks.ingest import STOCK_FLOW
from pipeline_assets.stocks.stores import StockSettings, StockStores
from pipeline_assets.storage.s3 import S3Storage
from tests.worlds.mortality import Fate, Mortal
from tests.worlds.stores import ledger_table, make_bucket, make_table

if TYPE_CHECKING:
    from tests.worlds.stack import RunningStack

HEADER = "ticker,timestamp,open,high,low,close,volume"
ARRIVED = datetime(2026, 11, 20, 10, tzinfo=UTC)
_WRITES = ("batch_write_item", "transact_write_items", "update_item", "get_item", "put_item", "delete_item")


def bar(ticker: str = "CSTA", second: object = 0, close: object = 100, volume: object = 5) -> str:
    """A row of 2026-11-19 whose open, high and low are its close."""
    return f"{ticker},2026-11-19T14:30:{second:0>2}Z,{close},{close},{close},{close},{volume}"


@dataclass
class StockWorld:
    """A bucket that announces nothing, an empty ledger, an empty table of prices."""

    cloud: RunningStack
    bucket: str
    ledger_table: str
    table: str
    versions: list[ObjectVersion] = field(default_factory=list)

    def stores(self, fate: Fate | None = None) -> StockStores:
        """The stores of one process; `fate` says at which of their calls it dies."""
        s3, dynamodb = self.cloud.access.s3, self.cloud.access.dynamodb
        mortal_s3: Any = Mortal(s3, fate or Fate(), ("get_object", "put_object", "delete_objects"))
        mortal_dynamodb: Any = Mortal(dynamodb, fate or Fate(), _WRITES)
        settings = StockSettings("", self.cloud.access.bucket("quarantine"), self.ledger_table, self.table)
        return StockStores.of(S3Storage(mortal_s3), mortal_dynamodb, settings)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.cloud.access.dynamodb, self.ledger_table)

    def put(self, key: str, *rows: str, header: str = HEADER) -> ObjectVersion:
        """Put a file; every one is a second newer than the one before."""
        body = "\n".join([header, *rows]).encode()
        put = self.cloud.access.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        moment = iso_utc(ARRIVED + timedelta(seconds=len(self.versions)))
        event = ObjectVersion(self.bucket, key, put["VersionId"], put["ETag"].strip('"'), len(body), moment, "55AE")
        self.versions.append(event)
        return event

    def ingest(self, version: ObjectVersion, *, redo: bool = False) -> Receipt:
        return STOCK_FLOW.ingest(version, self.stores(), redo=redo)

    def load(self, key: str, *rows: str, header: str = HEADER) -> Receipt:
        return self.ingest(self.put(key, *rows, header=header))

    def items(self) -> list[dict[str, Any]]:
        pages = self.cloud.access.dynamodb.get_paginator("scan").paginate(TableName=self.table)
        items = [
            {name: next(iter(value.values())) for name, value in item.items()} for p in pages for item in p["Items"]
        ]
        return sorted(items, key=lambda item: (item["PK"], item["SK"]))

    def closes(self) -> dict[tuple[str, int], str]:
        """Closing prices by ticker and second."""
        return {(item["PK"], int(item["SK"][17:19])): item["close"] for item in self.items()}

    def rejected(self, receipt: Receipt) -> list[tuple[int, str]]:
        kept = self.stores().quarantine.documents(receipt)
        return [(document["row"], document["rule"]) for document in kept]


@contextmanager
def stock_world(cloud: RunningStack) -> Iterator[StockWorld]:
    """A world that nothing has happened in."""
    name = f"stocks-{uuid4().hex}"
    make_bucket(cloud.access.s3, name)
    prices = make_table(cloud.access.dynamodb, name, "StockData")
    with ledger_table(cloud.access.dynamodb) as ledger:
        yield StockWorld(cloud, name, ledger, prices)
    cloud.access.dynamodb.delete_table(TableName=prices)
