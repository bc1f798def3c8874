"""Purchases that change: a table with its stream as AWS keeps it, in memory, and what the documents have to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pipeline_assets.compras.documents import Origin
from pipeline_assets.compras.ingest import COMPRAS_FLOW
from pipeline_assets.compras.stores import FLOW, ComprasStores
from pipeline_assets.compras.table import TenantTable
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.quarantine import JsonLinesQuarantine
from pipeline_assets.events.stream_flow import Delivery
from tests.worlds.memory_storage import MemoryBucket, MemoryStorage
from tests.worlds.mortality import Fate, Mortal
from tests.worlds.stores import make_table

if TYPE_CHECKING:
    from pipeline_assets.operations.access import Access

TABLE = "dev-t_MS3_compras"
STREAM = f"arn:aws:dynamodb:eu-central-1:111122223333:table/{TABLE}/stream/2026-11-01T00:00:00.000"
#: 2026-11-20 09:30:00 UTC.
BEGAN = 1_795_167_000
ORIGIN = Origin("dev", "eu-central-1")
_LEDGER_CALLS = ("get_item", "transact_write_items", "batch_write_item", "update_item", "query")
_BUCKET_CALLS = ("put_if_absent", "head")


def product(
    code: object = "P1", price: object = "9.99", quantity: object = "2", name: object = "Pan"
) -> dict[str, Any]:
    """A product in DynamoDB's form."""
    return {
        "M": {
            "codigo": {"S": code},
            "nombre": {"S": name},
            "precio_unitario": {"N": price},
            "cantidad": {"N": quantity},
        }
    }


def purchase(
    compra: str = "c1", tenant: str = "t1", fecha: str = "2026-11-20 09:30:00", *products: dict[str, Any]
) -> dict[str, Any]:
    """An item in DynamoDB's form."""
    return {
        "tenant_id": {"S": tenant},
        "compra_id": {"S": compra},
        "user_id": {"S": "u1"},
        "fecha": {"S": fecha},
        "productos": {"L": list(products or [product()])},
    }


def record(
    number: int, event_name: str, item: dict[str, Any], *, old: dict[str, Any] | None = None, second: int = 0
) -> dict[str, Any]:
    """A record of the stream; of a REMOVE, `item` is what was removed."""
    keys = {name: item[name] for name in ("tenant_id", "compra_id") if name in item}
    change: dict[str, Any] = {
        "ApproximateCreationDateTime": BEGAN + second,
        "SequenceNumber": str(number),
        "Keys": keys,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    if event_name == "REMOVE":
        change["OldImage"] = item
    else:
        change["NewImage"] = item
    if old:
        change["OldImage"] = old
    return {
        "eventID": f"event-{number}",
        "eventName": event_name,
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-central-1",
        "eventSourceARN": STREAM,
        "dynamodb": change,
    }


@dataclass
class Purchases:
    """A bucket of documents and a quarantine in memory, and a ledger of their own."""

    access: Access
    ledger_table: str
    documents: MemoryBucket = field(default_factory=lambda: MemoryBucket("compras"))
    quarantine: MemoryBucket = field(default_factory=lambda: MemoryBucket("quarantine"))
    #: Name of the table of purchases, which is there where a test makes it.
    table: str = TABLE

    @classmethod
    def new(cls, access: Access) -> Purchases:
        """Nothing yet."""
        name = f"ledger-{uuid4().hex}"
        make_table(access.dynamodb, name)
        return cls(access, name)

    def stores(self, fate: Fate | None = None) -> ComprasStores:
        """The stores of one process; `fate` says at which of their calls it dies."""
        fate = fate or Fate()
        client: Any = Mortal(self.access.dynamodb, fate, _LEDGER_CALLS)
        documents: Any = Mortal(self.documents, fate, _BUCKET_CALLS)
        kept: Any = Mortal(self.quarantine, fate, ("put",))
        return ComprasStores(
            MemoryStorage(),
            documents,
            JsonLinesQuarantine(kept, FLOW),
            Ledger(client, self.ledger_table),
            TenantTable(self.access.dynamodb, self.table),
            ORIGIN,
        )

    @property
    def ledger(self) -> Ledger:
        """The receipts."""
        return Ledger(self.access.dynamodb, self.ledger_table)

    def deliver(self, *records: Any, fate: Fate | None = None) -> Delivery:
        """Give the flow an event with these records."""
        return COMPRAS_FLOW.ingest({"Records": list(records)}, self.stores(fate))

    def document_keys(self) -> list[str]:
        """Keys of the documents, sorted."""
        return [found.key for found in self.documents.objects()]
