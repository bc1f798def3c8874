"""A shop in the curated lake, put there row by row, and the prod sets that are made of it."""

from __future__ import annotations

import io
import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from pipeline_assets.analytics.day_features import open_features
from pipeline_assets.analytics.make import make_set
from pipeline_assets.analytics.prod_set import ProdSet
from pipeline_assets.analytics.publish import PublishedTable, SetManifest, table_key
from pipeline_assets.curation.stores import CATALOG
from pipeline_assets.datasets.spec import Column, stored_columns
from pipeline_assets.lake.layout import curated_key
from pipeline_assets.lake.tables import ADDED_COLUMNS
from tests.worlds.frames import made
from tests.worlds.lake import sound
from tests.worlds.memory_storage import MemoryBucket

DAY = date(2026, 3, 2)


class CuratedShop:
    """Rows of curated days, each loaded on a day of its own choice."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, date], list[dict[str, Any]]] = defaultdict(list)
        self._orders = 0

    def put(self, dataset: str, load: date, **row: Any) -> None:
        """Put a row into the day that it is loaded on."""
        rows = self._rows[dataset, load]
        rows.append(
            {"_load_id": f"{load:%Y%m%d}T120000000000Z", "_row": len(rows) + 1, "updated_at": noon(load), **row}
        )

    def delete(self, dataset: str, load: date, **key: Any) -> None:
        """Put a tombstone."""
        self.put(dataset, load, _deleted=True, _deleted_by=f"{load:%Y%m%d}T120000000000Z", **key)

    def order(
        self,
        customer: int | None,
        day: date,
        amount: float,
        *,
        load: date | None = None,
        back: float = 0,
        status: str = "paid",
        currency: str = "USD",
        number: int = 0,
        store: int = 1,
        product: int = 1,
    ) -> int:
        """Put an order with one line, and one that came back if any did; its id."""
        self._orders += 1
        order, load = number or self._orders, load or day
        told = {"order_id": order, "currency": currency}
        total = Decimal(str(amount))
        made = {"customer_id": customer, "store_id": store, "ordered_at": noon(day), "status": status, "total": total}
        self.put("orders", load, **told, **made)
        self.put("order_lines", load, **told, line_number=1, product_id=product, quantity=2, amount=total)
        if back:
            came_back = {"is_return": True, "amount": Decimal(str(back))}
            self.put("order_lines", load, **told, line_number=2, product_id=product, quantity=1, **came_back)
        return order

    def bucket(self) -> MemoryBucket:
        """The bucket of the curated days."""
        bucket = MemoryBucket("curated")
        for (name, load), rows in self._rows.items():
            columns = (*stored_columns(CATALOG[name]), *ADDED_COLUMNS)
            content = io.BytesIO()
            made(columns, rows, _sound_or_none).write_parquet(content)
            bucket.put(curated_key(name, load.isoformat()), content.getvalue())
        return bucket


def marker_of(rows: Mapping[str, int]) -> bytes:
    """What a completion marker says of a load that brought so many rows of each dataset."""
    return json.dumps({"datasets": {name: {"fingerprint": "", "accepted": of} for name, of in rows.items()}}).encode()


def _sound_or_none(column: Column) -> Any:
    return None if column.nullable else sound(column)


def noon(day: date) -> datetime:
    """Noon of a day, UTC."""
    return datetime.combine(day, time(12), UTC)


def days(number: int) -> timedelta:
    """So many days."""
    return timedelta(days=number)


def set_of(prod_set: ProdSet, as_of: date, curated: MemoryBucket, target: MemoryBucket) -> SetManifest:
    """Make a prod set by itself, into a bucket."""
    with open_features(curated, CATALOG) as features:
        return make_set(prod_set, as_of, features, target).manifest


class MadeSet:
    """A prod set as of a day, as it was published."""

    def __init__(self, prod_set: ProdSet, curated: MemoryBucket, as_of: date = DAY) -> None:
        self.bucket = bucket = MemoryBucket("target")
        self.tables: Mapping[str, PublishedTable] = set_of(prod_set, as_of, curated, bucket).tables
        self.contents = {name: bucket.read(table_key(name, as_of)) or b"" for name in self.tables}

    def frame(self, table: str) -> pl.DataFrame:
        """Rows of a table, by its key."""
        return pl.read_parquet(self.contents[table], hive_partitioning=False)

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """Some columns of a table."""
        return self.frame(table).select(columns).rows()

    def note(self, table: str) -> str:
        """What is said of a table."""
        return self.tables[table].note

    def same_as(self, other: MadeSet) -> bool:
        """Whether every table has the same rows."""
        return all(self.frame(name).equals(other.frame(name)) for name in self.tables)
