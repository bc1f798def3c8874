"""How fast price files come into the table: the function of the handler against bare `batch_write_item`.

The rival writes the same items, made before the clock runs, twenty-five at a time one after the other, as
DynamoDB's documentation does it: without conditions, so that an old file would undo a newer one, and without download,
parsing, rules, counts or receipt.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, count, islice
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.stocks.companies import COMPANIES
from pipeline_assets.stocks.feed import SEED, as_csv
from pipeline_assets.stocks.ingest import STOCK_FLOW
from pipeline_assets.stocks.market import Bar, minute_bars
from pipeline_assets.stocks.ownership import OwnedPrice, Owner
from pipeline_assets.stocks.rows import Price
from pipeline_assets.stocks.table import item_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from pipeline_assets.stocks.stores import StockStores

_BATCH = 25
_FIRST = datetime(2026, 3, 2, tzinfo=UTC)


def price_files(rows: int) -> Iterator[list[Bar]]:
    """Files of the synthetic market, `rows` bars each; no ticker has a time twice."""
    minutes = (_FIRST + timedelta(minutes=number) for number in count())
    bars = chain.from_iterable(minute_bars(SEED, minute, companies=COMPANIES, seconds=10) for minute in minutes)
    while True:
        yield list(islice(bars, rows))


@dataclass(frozen=True, slots=True)
class StockRace:
    """Both sides on the same table; every round takes files with prices that are not in it yet."""

    stores: StockStores
    dynamodb: DynamoDBClient
    bucket: str
    table: str
    files: Iterator[list[Bar]]

    def ours(self, _: int) -> float:
        """Items per second of the handler's function, from the object in S3 to its receipt."""
        version, bars = self._put()
        started = time.perf_counter()
        receipt = STOCK_FLOW.ingest(version, self.stores)
        seconds = time.perf_counter() - started
        if receipt.counts.accepted != len(bars):
            raise RuntimeError(f"{receipt.counts} instead of {len(bars)} accepted")
        return len(bars) / seconds

    def batch_write_item(self, _: int) -> float:
        """Items per second of bare `batch_write_item`."""
        version, bars = self._put()
        items = [_item(version, row, bar) for row, bar in enumerate(bars, 1)]
        started = time.perf_counter()
        for first in range(0, len(items), _BATCH):
            waiting: Any = {self.table: [{"PutRequest": {"Item": item}} for item in items[first : first + _BATCH]]}
            while waiting:
                waiting = self.dynamodb.batch_write_item(RequestItems=waiting).get("UnprocessedItems")
        return len(bars) / (time.perf_counter() - started)

    def _put(self) -> tuple[ObjectVersion, list[Bar]]:
        bars, key = next(self.files), f"bench/{uuid4().hex}.csv"
        content = as_csv(bars)
        put = self.stores.storage.bucket(self.bucket).put(key, content)
        now = iso_utc(datetime.now(UTC))
        return ObjectVersion(self.bucket, key, put.version_id, put.etag, len(content), now, "1"), bars


def _item(version: ObjectVersion, row: int, bar: Bar) -> dict[str, Any]:
    moment = iso_utc(bar.timestamp)
    price = Price(bar.ticker, moment, bar.open, bar.high, bar.low, bar.close, bar.volume, moment[:10])
    return item_of(OwnedPrice(Owner(version.stamp, version.id, 1, row), price))
