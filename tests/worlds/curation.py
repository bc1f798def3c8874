"""A lake of its own on the local cloud: buckets, a ledger and the function that curates, called directly."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import polars as pl

from pipeline_assets.curation.day import DayAccount, schema_of
from pipeline_assets.curation.ingest import CURATION_FLOW
from pipeline_assets.curation.publish import account_of
from pipeline_assets.curation.quarantine import LakeQuarantine
from pipeline_assets.curation.stores import CurationStores
from pipeline_assets.datasets.catalog import Catalog
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.datasets.spec import Dataset, stored_columns
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.lake.layout import LoadName, RawObject, curated_key, load_id_of
from pipeline_assets.lake.manifest import LoadedObject, LoadMode, Manifest
from pipeline_assets.operations.access import Access
from pipeline_assets.storage.documents import to_json
from pipeline_assets.storage.s3 import S3Bucket, S3Storage
from tests.worlds.frames import DATASETS, made, parquet
from tests.worlds.mortality import Fate, Mortal
from tests.worlds.stores import make_bucket, make_table

DAY = "2026-03-02"
MORNING = datetime(2026, 3, 2, 6, tzinfo=UTC)
STORES, ORDERS, PAYMENTS = DATASETS["stores"], DATASETS["orders"], DATASETS["payments"]
_SOUND: dict[str, dict[str, Any]] = {
    "stores": {"name": "Shop", "region": "North", "country": "US", "time_zone": "America/Chicago"},
    "orders": {
        "customer_id": 7,
        "store_id": 1,
        "ordered_at": MORNING - timedelta(days=1),
        "channel": "store",
        "status": "paid",
        "total": Decimal("12.50"),
        "currency": "USD",
    },
    "payments": {
        "order_id": 1,
        "paid_at": MORNING,
        "method": "card",
        "card_last_four": "1111",
        "card_issuer": "visa",
        "card_token": "k1:" + "0" * 32,
        "amount": Decimal("12.50"),
        "currency": "USD",
        "status": "captured",
    },
}


def row(dataset: Dataset, key: int, **changed: Any) -> dict[str, Any]:
    """A sound row of a dataset with one key column."""
    return {dataset.key[0]: key, **_SOUND[dataset.name], "updated_at": MORNING, **changed}


def frame(dataset: Dataset, rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Rows as the export writes them."""
    return made(stored_columns(dataset), rows)


def load_id(number: int) -> str:
    """The id of the load that began `number` seconds after the first."""
    return load_id_of(MORNING + timedelta(seconds=number))


#: Of the ledger's transactions, those that put a receipt.
PUT_RECEIPT = "put_receipt"


@dataclass
class Held:
    """A client of which one kind of call comes late: something else happens first."""

    inner: Any
    call: str
    before: Callable[[], object]

    def __getattr__(self, name: str) -> Any:
        if name == self.call:
            self.before()
        if (self.call, name) != (PUT_RECEIPT, "transact_write_items"):
            return getattr(self.inner, name)
        return self._transact

    def _transact(self, **transaction: Any) -> Any:
        first = transaction["TransactItems"][0].get("Put", {}).get("Item", {})
        if first.get("pk", {}).get("S", "").startswith("receipt#"):
            self.before()
        return self.inner.transact_write_items(**transaction)


@dataclass
class CurationWorld:
    """Buckets and a ledger that no other test knows."""

    access: Access
    raw: str
    curated: str
    quarantine: str
    ledger: str
    put_at: list[ObjectVersion] = field(default_factory=list)
    catalog: Catalog = ECOMMERCE

    @classmethod
    def made(cls, access: Access) -> CurationWorld:
        """A world with nothing in it."""
        name = uuid4().hex[:12]
        world = cls(access, f"{name}-raw", f"{name}-curated", f"{name}-quarantine", f"{name}-ledger")
        for bucket in (world.raw, world.curated, world.quarantine):
            make_bucket(access.s3, bucket)
        make_table(access.dynamodb, world.ledger)
        return world

    def stores(
        self,
        fate: Fate | None = None,
        before_day: Callable[[], object] | None = None,
        before_ledger: tuple[str, Callable[[], object]] | None = None,
    ) -> CurationStores:
        """The stores of one process: it dies as `fate` says, and does `before_day` before it puts a day.

        `before_ledger` names a call of the ledger's table, and what happens before it.
        """
        s3: Any = self.access.s3
        dynamodb: Any = self.access.dynamodb
        if fate:
            s3 = Mortal(s3, fate, ("get_object", "put_object", "delete_objects"))
            dynamodb = Mortal(dynamodb, fate, ("get_item", "batch_write_item", "transact_write_items", "update_item"))
        curated: Any = Held(s3, "put_object", before_day) if before_day else s3
        dynamodb = Held(dynamodb, *before_ledger) if before_ledger else dynamodb
        return CurationStores(
            S3Storage(s3),
            S3Bucket(s3, self.raw),
            S3Bucket(curated, self.curated),
            LakeQuarantine(S3Bucket(s3, self.quarantine), self.catalog),
            Ledger(dynamodb, self.ledger),
            catalog=self.catalog,
        )

    def put(
        self, dataset: Dataset, content: pl.DataFrame | bytes, *, load: int = 0, part: str = "0001", day: str = DAY
    ) -> ObjectVersion:
        """Put a raw object and return the version that its event would announce."""
        key = RawObject(dataset.name, day, load_id(load), part).key
        return self.put_key(key, parquet(content) if isinstance(content, pl.DataFrame) else content)

    def put_key(self, key: str, body: bytes) -> ObjectVersion:
        """Put any object into the raw bucket."""
        answer = self.access.s3.put_object(Bucket=self.raw, Key=key, Body=body)
        sequencer = f"{len(self.put_at) + 1:X}"
        version = ObjectVersion(
            self.raw,
            key,
            answer["VersionId"],
            answer["ETag"].strip('"'),
            len(body),
            iso_utc(datetime.now(UTC)),
            sequencer,
        )
        self.put_at.append(version)
        return version

    def put_manifest(
        self,
        versions: Iterable[tuple[ObjectVersion, int]],
        *,
        load: int = 0,
        day: str = DAY,
        mode: LoadMode = "full",
    ) -> ObjectVersion:
        """Put the manifest of a load of these objects, each with its number of rows."""
        objects = tuple(
            LoadedObject(each.key.split("/")[0], each.key, each.version_id, rows) for each, rows in versions
        )
        name = LoadName(day, load_id(load))
        names = tuple(dict.fromkeys(each.dataset for each in objects))
        manifest = Manifest(name, mode, "2026-03-02T07:00:00.000Z", names, objects, {})
        return self.put_key(name.key, to_json(manifest))

    def ingest(self, version: ObjectVersion, *, redo: bool = False) -> Receipt:
        """Work an event off and return the receipt, which has to balance."""
        receipt = CURATION_FLOW.ingest(version, self.stores(), redo=redo)
        assert receipt is not None
        assert receipt.counts.conserved
        return receipt

    def account(self, dataset: Dataset, day: str = DAY) -> DayAccount:
        """What a curated day says of itself."""
        account = account_of(dataset, day, self.stores())
        assert account is not None
        return account

    def day(self, dataset: Dataset, day: str = DAY) -> pl.DataFrame:
        """A curated day, of which its rows, its own account and that of the ledger agree."""
        body = self.access.s3.get_object(Bucket=self.curated, Key=curated_key(dataset.name, day))["Body"].read()
        found = pl.read_parquet(io.BytesIO(body))
        assert found.schema == schema_of(dataset)
        account = self.account(dataset, day)
        assert account.counts.conserved
        assert account.counts.accepted == found.height
        ledger, asset = self.stores().ledger, f"curated/{dataset.name}"
        assert ledger.account(asset, day) == ledger.recount(asset, day)
        assert ledger.account(asset, day).counts == account.counts
        return found.sort(dataset.key)

    def keys_of(self, dataset: Dataset, day: str = DAY) -> list[int]:
        """The keys of a curated day that are not deleted, in their order."""
        found: list[int] = self.day(dataset, day).filter(~pl.col("_deleted"))[dataset.key[0]].to_list()
        return found

    def rejected(self, receipt: Receipt) -> list[dict[str, Any]]:
        """What is in the quarantine of a raw object."""
        return list(self.stores().quarantine.documents(receipt))

    def marker(self, load: int = 0, day: str = DAY) -> dict[str, Any] | None:
        """The completion marker of a load, or None while there is none."""
        text = self.stores().curated.read(LoadName(day, load_id(load)).key)
        return json.loads(text) if text else None
