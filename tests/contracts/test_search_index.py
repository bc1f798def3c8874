"""What every engine of the index keeps to: conditions of writes, states, tombstones, a missing index."""

from __future__ import annotations

import os
from collections.abc import Iterator
from uuid import uuid4

import msgspec
import pytest

from pipeline_assets.errors import TransientError
from pipeline_assets.events.tenants import tenant_id
from pipeline_assets.search.documents import ProductDocument
from pipeline_assets.search.elasticsearch_index import ElasticsearchIndex
from pipeline_assets.search.index import Outcome, SearchIndex, Write
from pipeline_assets.search.mappings import index_body
from pipeline_assets.search.names import alias, index_name
from tests.worlds.memory_index import MemoryIndex

_ENGINES = ["memory", *(["url"] if os.environ.get("CESTA_ELASTICSEARCH_URL") else [])]


@pytest.fixture(params=_ENGINES)
def index(request: pytest.FixtureRequest) -> Iterator[SearchIndex]:
    """Each engine."""
    if request.param == "memory":
        yield MemoryIndex()
    else:
        yield ElasticsearchIndex.open(os.environ["CESTA_ELASTICSEARCH_URL"])


@pytest.fixture
def products() -> str:
    """An index of a tenant that nobody else has."""
    return alias("dev", "products", tenant_id(f"tenant_{uuid4().hex[:12]}"))


def source(sequence: str, *, deleted: bool = False, price: float = 12.5) -> bytes:
    document = ProductDocument(
        tenant="t1", tenant_id="t1", codigo="P1", nombre="Pan", valor=price, sequence=sequence, deleted=deleted
    )
    return msgspec.json.encode(document)


def outcomes(index: SearchIndex, *writes: Write) -> list[Outcome]:
    return [each.outcome for each in index.write(writes)]


def test_nothing_is_written_where_there_is_no_index(index: SearchIndex, products: str) -> None:
    assert outcomes(index, Write(products, "P1", source("a/1"))) == [Outcome.NO_INDEX]
    assert index.stored([(products, "P1")]) == [None]
    assert index.search(products, {"query": {"match_all": {}}})["hits"]["hits"] == []


def test_an_index_is_created_once(index: SearchIndex, products: str) -> None:
    for _ in range(2):
        index.create_index(products, index_body("products"))
        index.write([Write(products, "P1", source("a/1"))])
    (found,) = index.stored([(products, "P1")])
    assert found
    assert (found.index, found.sequence, found.deleted) == (index_name(products, 1), "a/1", False)


def test_a_document_is_put_only_where_none_is(index: SearchIndex, products: str) -> None:
    index.create_index(products, index_body("products"))
    assert outcomes(index, Write(products, "P1", source("a/1")), Write(products, "P2", source("a/2"))) == [
        Outcome.WRITTEN,
        Outcome.WRITTEN,
    ]
    assert outcomes(index, Write(products, "P1", source("a/3")), Write(products, "P3", source("a/3"))) == [
        Outcome.CONFLICT,
        Outcome.WRITTEN,
    ]
    found = index.stored([(products, each) for each in ("P3", "P1", "P4", "P2")])
    assert [each and each.sequence for each in found] == ["a/3", "a/1", None, "a/2"]


def test_a_document_takes_the_place_of_the_state_that_was_read_and_of_no_other(
    index: SearchIndex, products: str
) -> None:
    index.create_index(products, index_body("products"))
    index.write([Write(products, "P1", source("a/1"))])
    (first,) = index.stored([(products, "P1")])
    assert outcomes(index, Write(products, "P1", source("a/2", deleted=True), first)) == [Outcome.WRITTEN]
    assert outcomes(index, Write(products, "P1", source("a/3"), first)) == [Outcome.CONFLICT]
    (second,) = index.stored([(products, "P1")])
    assert second
    assert (second.sequence, second.deleted) == ("a/2", True)
    assert outcomes(index, Write(products, "P1", source("a/4"), second)) == [Outcome.WRITTEN]


def test_a_tombstone_is_a_document_like_others(index: SearchIndex, products: str) -> None:
    index.create_index(products, index_body("products"))
    index.write([Write(products, "P1", source("a/1", deleted=True))])
    assert outcomes(index, Write(products, "P1", source("a/0"))) == [Outcome.CONFLICT]


def test_names_of_generations_are_those_that_an_engine_takes(index: SearchIndex) -> None:
    for tenant in ("Tienda", "tienda", "../x", "a b", "ñandú", "-a", "_a", "a" * 300, "*", "a,b", "."):
        name = alias("dev", "products", tenant_id(f"{tenant}{uuid4().hex}"))
        index.create_index(name, index_body("products"))
        assert outcomes(index, Write(name, "P1", source("a/1"))) == [Outcome.WRITTEN]


def test_an_engine_that_is_not_there_is_told_as_such() -> None:
    gone = ElasticsearchIndex.open("http://127.0.0.1:9")
    with pytest.raises(TransientError, match="did not answer"):
        gone.stored([("a", "b")])
    with pytest.raises(TransientError, match="did not answer"):
        gone.write([Write("a", "b", b"{}")])
