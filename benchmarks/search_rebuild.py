"""How fast the index of a tenant is rebuilt: ours against the same documents given to a new index, and nothing else.

Ours reads the states of the index that is searched, makes a document of each item, carries over what was changed
meanwhile, switches the alias and deletes the earlier generation. Its items come from memory, as the rival's documents
do: how fast the table is read is the table's business.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import msgspec
from elasticsearch.helpers import streaming_bulk

from pipeline_assets.events.rejection import RejectedChange
from pipeline_assets.events.tenants import tenant_id
from pipeline_assets.search.elasticsearch_index import ElasticsearchIndex
from pipeline_assets.search.engines import SearchEngines
from pipeline_assets.search.mappings import index_body
from pipeline_assets.search.rebuild import rebuild
from pipeline_assets.search.recover import change_of_item, sequence_behind
from pipeline_assets.search.stores import SearchStores

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

_TENANT: Final = tenant_id("rebuilt")
_NAMES: Final = ("Pan de molde", "Leche entera", "Café molido", "Aceite de oliva", "Queso curado", "Camiseta roja")


def product(number: int) -> dict[str, Any]:
    """An item of the table of products in DynamoDB's form."""
    name = f"{_NAMES[number % len(_NAMES)]} {number}"
    return {
        "tenant_id": {"S": _TENANT},
        "codigo": {"S": f"P-{number:07}"},
        "nombre": {"S": name},
        "descripcion": {"S": f"{name}, de la casa, en envase de {number % 12 + 1} unidades"},
        "categoria": {"S": f"categoría {number % 40}"},
        "precio": {"N": f"{number % 900}.{number % 100:02}"},
    }


@dataclass
class RebuildRace:
    """A rebuild against a bare bulk load of the same documents, in documents a second."""

    client: Elasticsearch
    items: list[dict[str, Any]]
    documents: list[tuple[str, dict[str, Any]]]
    stores: SearchStores

    @classmethod
    def of(cls, client: Elasticsearch, documents: int) -> RebuildRace:
        """A race of so many documents; the index of the tenant is there before it begins."""
        items = [product(number) for number in range(documents)]
        engines = SearchEngines(ElasticsearchIndex(client))
        nobody: Any = None
        stores = SearchStores(nobody, nobody, nobody, nobody, engines, f"b{uuid4().hex[:6]}", "USD")
        race = cls(client, items, [_as_document(item) for item in items], stores)
        race.ours(0)
        return race

    def ours(self, _: int) -> float:
        """Documents a second of a rebuild."""
        began = time.perf_counter()
        done = rebuild("products", _TENANT, lambda: self.items, self.stores)
        seconds = time.perf_counter() - began
        if (done.documents, done.tombstones, done.rejected) != (len(self.items), 0, 0):
            raise ValueError(f"not every item became a document: {done}")
        return len(self.items) / seconds

    def bare(self, _: int) -> float:
        """Documents a second of `streaming_bulk` into a new index."""
        index = f"bare-{uuid4().hex}"
        self.client.indices.create(index=index, **index_body("products"))
        actions = [{"_index": index, "_id": each, "_source": source} for each, source in self.documents]
        began = time.perf_counter()
        put = sum(1 for done, _ in streaming_bulk(self.client, actions) if done)
        seconds = time.perf_counter() - began
        self.client.indices.delete(index=index)
        if put != len(self.documents):
            raise ValueError(f"{put} of {len(self.documents)} documents were put")
        return put / seconds


def _as_document(item: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    change = change_of_item("products", "INSERT", item, "USD")
    if isinstance(change, RejectedChange):
        raise TypeError(f"{change} is no product")
    source: dict[str, Any] = msgspec.json.decode(change.source(sequence_behind("", change)))
    return change.id, source
