"""Items of tables that change, their stream, and the indexes that follow it, in memory or in an engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pipeline_assets.compras.table import TenantTable
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.quarantine import JsonLinesQuarantine
from pipeline_assets.events.stream_flow import Delivery
from pipeline_assets.events.tenants import safe_name, tenant_id
from pipeline_assets.search.documents import keys_of_kind
from pipeline_assets.search.engines import SearchEngines
from pipeline_assets.search.ingest import SEARCH_FLOWS
from pipeline_assets.search.names import Kind, alias
from pipeline_assets.search.stores import SearchStores
from tests.worlds.memory_index import MemoryIndex
from tests.worlds.memory_storage import MemoryBucket, MemoryStorage
from tests.worlds.mortality import Fate, Mortal
from tests.worlds.stores import make_table

if TYPE_CHECKING:
    from pipeline_assets.operations.access import Access
    from pipeline_assets.search.index import SearchIndex

#: 2026-11-20 09:30:00 UTC.
BEGAN = 1_795_167_000
_LEDGER_CALLS = ("get_item", "transact_write_items", "batch_write_item", "update_item", "query")
_INDEX_CALLS = ("stored", "write", "create_index")


def product(codigo: str = "P1", tenant: str = "t1", *, nombre: str = "Pan", precio: str | None = "9.99") -> Any:
    """An item of the table of products in DynamoDB's form."""
    return {
        "tenant_id": {"S": tenant},
        "codigo": {"S": codigo},
        "nombre": {"S": nombre},
        "descripcion": {"S": f"{nombre} de la casa"},
        "categoria": {"S": "panadería"},
        "precio": {"NULL": True} if precio is None else {"N": precio},
    }


def stream_of(table: str, label: str = "2026-11-01T00:00:00.000") -> str:
    """ARN of a stream of a table."""
    return f"arn:aws:dynamodb:eu-central-1:111122223333:table/{table}/stream/{label}"


def record(
    kind: Kind, number: int, event_name: str, item: Any, *, table: str = "", label: str = "2026-11-01T00:00:00.000"
) -> dict[str, Any]:
    """A record of a stream; of a REMOVE, `item` is what was removed."""
    keys = {name: item[name] for name in keys_of_kind(kind) if name in item}
    return {
        "eventID": f"event-{number}",
        "eventName": event_name,
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-central-1",
        "eventSourceARN": stream_of(table or kind, label),
        "dynamodb": {
            "ApproximateCreationDateTime": BEGAN + number,
            "SequenceNumber": str(10**20 + number),
            "Keys": keys,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
            ("OldImage" if event_name == "REMOVE" else "NewImage"): item,
        },
    }


@dataclass
class Indexed:
    """Indexes of one kind that nobody else has, a quarantine in memory and a ledger of their own."""

    access: Access
    kind: Kind
    ledger_table: str
    index: SearchIndex = field(default_factory=MemoryIndex)
    quarantine: MemoryBucket = field(default_factory=lambda: MemoryBucket("quarantine"))
    #: Name of the table whose changes they are, which is there where a test makes it.
    table: str = ""
    stage: str = field(default_factory=lambda: f"s{uuid4().hex[:9]}")

    @classmethod
    def new(cls, access: Access, kind: Kind = "products", index: SearchIndex | None = None) -> Indexed:
        """Nothing yet."""
        name = f"ledger-{uuid4().hex}"
        make_table(access.dynamodb, name)
        return cls(access, kind, name, index or MemoryIndex(), table=kind)

    def stores(self, fate: Fate | None = None, tenants: Any = None) -> SearchStores:
        """The stores of one process; `fate` says at which of their calls it dies."""
        fate = fate or Fate()
        client: Any = Mortal(self.access.dynamodb, fate, _LEDGER_CALLS)
        index: Any = Mortal(self.index, fate, _INDEX_CALLS) if fate.at else self.index
        kept: Any = Mortal(self.quarantine, fate, ("put",))
        flow = SEARCH_FLOWS[self.kind].name
        return SearchStores(
            MemoryStorage(),
            JsonLinesQuarantine(kept, flow),
            Ledger(client, self.ledger_table),
            TenantTable(self.access.dynamodb, self.table, keys_of_kind(self.kind)[1]),
            SearchEngines(index, tenants),
            self.stage,
            "USD",
        )

    def deliver(self, *records: Any, fate: Fate | None = None) -> Delivery:
        """Give records to the flow."""
        return SEARCH_FLOWS[self.kind].ingest({"Records": list(records)}, self.stores(fate))

    def make_table(self) -> None:
        """Make the table whose changes they are."""
        self.table = f"{self.kind}-{uuid4().hex}"
        names = keys_of_kind(self.kind)
        self.access.dynamodb.create_table(
            TableName=self.table,
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            KeySchema=[
                {"AttributeName": names[0], "KeyType": "HASH"},
                {"AttributeName": names[1], "KeyType": "RANGE"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )

    def put(self, item: Any) -> None:
        """Put an item into the table; the stream tells nothing of it."""
        self.access.dynamodb.put_item(TableName=self.table, Item=item)

    def document(self, item: str, tenant: str = "t1") -> dict[str, Any] | None:
        """A document as the index has it."""
        (found,) = self.index.read(alias(self.stage, self.kind, tenant_id(tenant)), [safe_name(item)])
        return dict(found.source) if found else None

    def state(self, tenant: str, items: list[str], field_name: str = "nombre") -> dict[str, Any]:
        """One field of those of some items of a tenant that are no tombstones."""
        found = self.index.read(alias(self.stage, self.kind, tenant_id(tenant)), [safe_name(each) for each in items])
        return {
            item: document.source[field_name]
            for item, document in zip(items, found, strict=True)
            if document and not document.stored.deleted
        }

    @property
    def ledger(self) -> Ledger:
        """The receipts."""
        return Ledger(self.access.dynamodb, self.ledger_table)
