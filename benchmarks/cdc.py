"""How fast changes of products come into the index, and how soon.

Ours is what the function behind the stream does with an event: it reads the records, judges them, makes the documents,
writes each where none is, and leaves one receipt. The rival gives the very documents to the client's `streaming_bulk`,
with nothing to judge, to compare or to account for.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import msgspec
from elasticsearch.helpers import streaming_bulk

from pipeline_assets.events.rejection import RejectedChange
from pipeline_assets.events.stream_records import stream_records
from pipeline_assets.events.tenants import tenant_id
from pipeline_assets.search.documents import index_change
from pipeline_assets.search.ingest import PRODUCTS_SEARCH
from pipeline_assets.search.mappings import index_body
from pipeline_assets.search.names import alias

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch
    from rich.progress import Progress

    from pipeline_assets.operations.access import Access
    from pipeline_assets.search.stores import SearchStores

#: Records of one event, as the mapping has them, and events of a round.
BATCH: Final = 1_000
EVENTS: Final = 5
_LOOK_SECONDS: Final = 0.01
_PATIENCE_SECONDS: Final = 60.0


def product(tenant: str, codigo: str) -> dict[str, Any]:
    """An item in DynamoDB's form."""
    return {
        "tenant_id": {"S": tenant},
        "codigo": {"S": codigo},
        "nombre": {"S": "Leche entera FLUID MILK WHITE ONLY 1 GA"},
        "descripcion": {"S": "Leche fresca entera, en botella de un galón, de la granja a la mesa"},
        "categoria": {"S": "GROCERY"},
        "precio": {"N": "2.59"},
    }


@dataclass
class BulkRace:
    """Events into an index against a bare `streaming_bulk` of the same documents, in documents a second."""

    stores: SearchStores
    client: Elasticsearch
    _numbers: count[int]

    @classmethod
    def of(cls, stores: SearchStores, client: Elasticsearch) -> BulkRace:
        """A race in these stores, with numbers that no earlier one had."""
        return cls(stores, client, count(time.time_ns()))

    def ours(self, _: int) -> float:
        """Documents a second of the flow."""
        tenant = self._tenant()
        events = self._events(tenant)
        began = time.perf_counter()
        for event in events:
            done = PRODUCTS_SEARCH.ingest(event, self.stores)
            if done.failure or sum(each.counts.accepted for each in done.receipts) != BATCH:
                raise ValueError(f"not all changes came into the index: {done}")
        return self._ended(tenant, began)

    def bare(self, _: int) -> float:
        """Documents a second of the client alone."""
        tenant = self._tenant()
        name = alias(self.stores.stage, "products", tenant_id(tenant))
        actions = []
        for event in self._events(tenant):
            for record in stream_records(event)[0]:
                change = index_change("products", record, moneda="USD")
                if isinstance(change, RejectedChange):
                    raise TypeError(change.reason)
                document = msgspec.to_builtins(change.document)
                actions.append({"_index": name, "_id": change.id, "_source": document})
        began = time.perf_counter()
        for _done in streaming_bulk(self.client, actions):
            pass
        return self._ended(tenant, began)

    def _tenant(self) -> str:
        """A tenant with an empty index."""
        tenant = f"t_{uuid4().hex[:12]}"
        self.stores.engines.shared.create_index(
            alias(self.stores.stage, "products", tenant_id(tenant)), index_body("products")
        )
        return tenant

    def _ended(self, tenant: str, began: float) -> float:
        """Documents a second, all of which have to be there; the index goes, so that none is merged meanwhile."""
        seconds = time.perf_counter() - began
        name = alias(self.stores.stage, "products", tenant_id(tenant))
        self.client.indices.refresh(index=name)
        if self.client.count(index=name)["count"] != BATCH * EVENTS:
            raise ValueError(f"not all documents are in {name}")
        self.client.indices.delete(index=f"{name}-000001")
        return BATCH * EVENTS / seconds

    def _events(self, tenant: str) -> list[dict[str, Any]]:
        return [{"Records": [self._record(tenant) for _ in range(BATCH)]} for _ in range(EVENTS)]

    def _record(self, tenant: str) -> dict[str, Any]:
        item = product(tenant, f"P-{uuid4().hex[:12]}")
        table = f"arn:aws:dynamodb:us-east-1:000000000000:table/{self.stores.table.name}"
        return {
            "eventID": uuid4().hex,
            "eventName": "INSERT",
            "eventSource": "aws:dynamodb",
            "awsRegion": "us-east-1",
            "eventSourceARN": f"{table}/stream/{tenant}",
            "dynamodb": {
                "ApproximateCreationDateTime": int(time.time()),
                "SequenceNumber": str(next(self._numbers)),
                "Keys": {name: item[name] for name in ("tenant_id", "codigo")},
                "NewImage": item,
            },
        }


def seconds_to_the_hit(
    access: Access, client: Elasticsearch, stage: str, *, changes: int, progress: Progress
) -> list[float]:
    """Seconds from the write of an item until a search finds it, each change on its own."""
    bar = progress.add_task("hits", total=changes)
    tenant = f"t_{uuid4().hex[:12]}"
    name = alias(stage, "products", tenant_id(tenant))
    seconds = []
    for number in range(changes):
        item = product(tenant, f"P-{number}")
        began = time.perf_counter()
        access.dynamodb.put_item(TableName=access.table("products"), Item=item)
        while not _hits(client, name, f"P-{number}"):
            if time.perf_counter() - began > _PATIENCE_SECONDS:
                raise TimeoutError("the product was not found")
            time.sleep(_LOOK_SECONDS)
        seconds.append(time.perf_counter() - began)
        progress.advance(bar)
    return seconds


def _hits(client: Elasticsearch, name: str, codigo: str) -> int:
    asked = client.options(ignore_status=404).search(index=name, query={"term": {"codigo": codigo}})
    return len(asked.body.get("hits", {}).get("hits", ()))
