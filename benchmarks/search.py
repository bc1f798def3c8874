"""Searches through our code against the same bodies through the bare client, on Elasticsearch.

A hundred thousand products are made of the names of the judged catalog, two of them each, with a word of their own; the
queries are the judged ones and names with an error. Both sides send the same body to the same index in turn,
who begins changing each time, so that what differs is what `find` does around it: compile, read, escape, sign.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from statistics import quantiles
from typing import TYPE_CHECKING, Final

import msgspec
from elasticsearch import Elasticsearch

from pipeline_assets.events.tenants import TenantId, tenant_id
from pipeline_assets.search.elasticsearch_index import ElasticsearchIndex
from pipeline_assets.search.index import Write
from pipeline_assets.search.mappings import index_body
from pipeline_assets.search.names import alias
from pipeline_assets.search.query import find, search_body
from pipeline_assets.search.request import SearchRequest
from pipeline_assets.search.words import words_of
from tests.worlds.judged_search import STAGE, catalog, judged_queries, product

if TYPE_CHECKING:
    from rich.progress import Progress

_BATCH: Final = 2_000
_WARM_UP: Final = 100


@dataclass
class SearchRace:
    """Both sides over one tenant."""

    url: str
    tenant: TenantId = field(default_factory=lambda: tenant_id("bench"))

    def fill(self, documents: int, progress: Progress) -> None:
        """Put the products and let the engine merge what it has."""
        index, name = ElasticsearchIndex.open(self.url), alias(STAGE, "products", self.tenant)
        index.create_index(name, index_body("products"))
        made = _products(self.tenant, documents)
        bar = progress.add_task("documents", total=documents)
        while batch := list(islice(made, _BATCH)):
            index.write([Write(name, code, source) for code, source in batch])
            progress.advance(bar, len(batch))
        with Elasticsearch(self.url, request_timeout=300) as client:
            client.indices.forcemerge(index=name, max_num_segments=1)
            client.indices.refresh(index=name)

    def milliseconds(self, queries: int, progress: Progress) -> tuple[list[float], list[float]]:
        """How long each query took through ours and through the bare client."""
        index, name = ElasticsearchIndex.open(self.url), alias(STAGE, "products", self.tenant)
        bar = progress.add_task("queries", total=queries + _WARM_UP)
        ours: list[float] = []
        bare: list[float] = []
        with Elasticsearch(self.url, max_retries=0) as client:
            for number, request in enumerate(islice(_requests(), queries + _WARM_UP)):
                body = search_body(request, self.tenant, words_of(request.text))
                sides: list[tuple[list[float], Callable[[], object]]] = [
                    (ours, lambda request=request: find(request, self.tenant, index, stage=STAGE)),  # type: ignore[misc]
                    (bare, lambda body=body: client.search(index=name, body=body)),  # type: ignore[misc]
                ]
                for spent, asked in sides if number % 2 else reversed(sides):
                    begun = time.perf_counter()
                    asked()
                    if number >= _WARM_UP:
                        spent.append((time.perf_counter() - begun) * 1e3)
                progress.advance(bar)
        return ours, bare


def percentiles(milliseconds: list[float]) -> tuple[float, float]:
    """The median and the 95th percentile."""
    cuts = quantiles(milliseconds, n=100)
    return cuts[49], cuts[94]


def _products(tenant: TenantId, documents: int) -> Iterator[tuple[str, bytes]]:
    rows, dice = catalog(), random.Random(7)  # noqa: S311 - the same products each time
    for number in range(documents):
        one, other = dice.choice(rows), dice.choice(rows)
        row = {**one, "codigo": f"P-{number:06}", "nombre": f"{one['nombre']} {other['nombre']} m{number % 5_000}"}
        yield row["codigo"], msgspec.json.encode(product(tenant, row))


def _requests() -> Iterator[SearchRequest]:
    texts, dice = [each.query for each in judged_queries()], random.Random(11)  # noqa: S311
    names = [row["nombre"] for row in catalog()]
    while True:
        name = dice.choice(names)
        place = dice.randrange(len(name))
        yield SearchRequest(kind="products", text=dice.choice([dice.choice(texts), name[:place] + name[place + 1 :]]))
