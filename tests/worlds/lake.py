"""Raw objects of the lake for tests of the deployed functions, made from the specs, and what became of them."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from pipeline_assets.datasets.spec import Column, Dataset, stored_columns
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.lake.layout import LoadName, RawObject, curated_key, load_id_of
from pipeline_assets.lake.manifest import LoadedObject, Manifest
from pipeline_assets.operations.versions import version_id_of
from pipeline_assets.storage.documents import to_json
from tests.worlds.frames import DATASETS, made, parquet
from tests.worlds.waiting import until

if TYPE_CHECKING:
    from tests.worlds.stack import RunningStack

T = TypeVar("T")
PATIENCE = 90.0
#: What a column holds where a row does not say and the column's rules want more than a value of its type.
SOUND = {
    "country": "MX",
    "time_zone": "UTC",
    "channel": "store",
    "status": "paid",
    "method": "card",
    "currency": "EUR",
}
_VALUES: Mapping[str, Any] = {
    "text": "x",
    "integer": 1,
    "decimal": Decimal("1.00"),
    "datetime": datetime(2026, 3, 1, 12, tzinfo=UTC),
    "date": date(2026, 3, 1),
    "boolean": False,
    "number": 1.0,
}
_later = count()


def load_name(day: str) -> LoadName:
    """A load of a day that nobody has begun before."""
    return LoadName(day, load_id_of(datetime.now(UTC).replace(microsecond=next(_later) % 1_000_000)))


def sound(column: Column) -> Any:
    """A value that meets the rules of its column."""
    if column.name == "status" and "captured" in column.meaning:
        return "captured"
    return None if column.nullable else SOUND.get(column.name, _VALUES[column.type])


def stored(dataset: str, rows: Sequence[Mapping[str, Any]]) -> bytes:
    """A raw object's bytes."""
    return parquet(made(stored_columns(DATASETS[dataset]), rows, sound))


def foreign(dataset: Dataset, rows: Sequence[Mapping[str, Any]]) -> bytes:
    """A file from elsewhere, with the columns of the source, personal data and all."""
    return parquet(made(dataset.columns, rows, sound))


class Lake:
    """The lake of a running instance, from outside."""

    def __init__(self, stack: RunningStack) -> None:
        self.access = stack.access
        self.s3 = stack.access.s3
        self.raw, self.curated, self.inbox, self.quarantine = (
            stack.access.bucket(name) for name in ("raw", "curated", "inbox", "quarantine")
        )
        self.ledger = Ledger(stack.access.dynamodb, stack.access.table("ledger"))

    def put(self, key: str, body: bytes, bucket: str = "") -> str:
        """Put an object into a bucket, raw where none is named; the id that its receipt will have."""
        place = bucket or self.raw
        return version_id_of(place, key, self.s3.put_object(Bucket=place, Key=key, Body=body)["VersionId"])

    def put_rows(self, raw: RawObject, rows: Sequence[Mapping[str, Any]]) -> LoadedObject:
        """Put a raw object."""
        version = self.s3.put_object(Bucket=self.raw, Key=raw.key, Body=stored(raw.dataset, rows))["VersionId"]
        return LoadedObject(raw.dataset, raw.key, version, len(rows))

    def put_deleted(self, raw: RawObject, rows: Sequence[Mapping[str, Any]]) -> str:
        """Put the keys of rows that are gone, each with its `deleted_at`; the id that the receipt will have."""
        key_columns = [DATASETS[raw.dataset].column(name) for name in DATASETS[raw.dataset].key]
        columns = [*key_columns, Column("deleted_at", "datetime", "when it went")]
        return self.put(raw.key, parquet(made(columns, rows, sound)))

    def finish(self, name: LoadName, objects: Sequence[LoadedObject]) -> None:
        """Put the manifest of a load."""
        datasets = tuple(dict.fromkeys(each.dataset for each in objects))
        manifest = Manifest(name, "full", "2026-03-01T00:00:00.000Z", datasets, tuple(objects), {})
        self.s3.put_object(Bucket=self.raw, Key=name.key, Body=to_json(manifest))

    def id_of(self, stored: LoadedObject) -> str:
        """The id of an object's receipt."""
        return version_id_of(self.raw, stored.key, stored.version_id)

    def receipt(self, receipt_id: str) -> Receipt:
        """A receipt, once it is there."""
        receipt = until(lambda: self.ledger.receipt(receipt_id))
        assert receipt is not None
        return receipt

    def marker(self, name: LoadName) -> dict[str, Any]:
        """The completion marker of a load, once it is there."""
        body = until(lambda: self.body(self.curated, name.key))
        assert body is not None
        document: dict[str, Any] = json.loads(body)
        return document

    def day(self, dataset: str, day: str) -> pl.DataFrame:
        """A curated day as it stands."""
        body = self.body(self.curated, curated_key(dataset, day))
        assert body is not None
        return pl.read_parquet(io.BytesIO(body))

    def body(self, bucket: str, key: str) -> bytes | None:
        """An object's bytes, or None while there is none."""
        try:
            return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except self.s3.exceptions.NoSuchKey:
            return None

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """The keys of a bucket, of every version that is there."""
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        return [each["Key"] for page in pages for each in page.get("Versions", [])]
