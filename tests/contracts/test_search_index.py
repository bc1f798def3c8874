"""What every engine of the index keeps to: conditions of writes, states, tombstones, a missing index."""

from __future__ import annotations

from uuid import uuid4

import msgspec
import pytest

from pipeline_assets.errors import TransientError
from pipeline_assets.events.tenants import tenant_id
from pipeline_assets.search.documents import ProductDocument
from pipeline_assets.search.elasticsearch_index import ElasticsearchIndex
from pipeline_assets.search.index import Outcome, SearchIndex, Write
from pipeline_assets.search.mappings import index_body
from pipeline_assets.search.names import alias, building, index_name
from tests.worlds.memory_index import MemoryIndex
from tests.worlds.search_engines import SearchEngine


@pytest.fixture(params=["memory", *SearchEngine])
def index(request: pytest.FixtureRequest) -> SearchIndex:
    """Each engine, and the one in memory that other tests work with."""
    if request.param == "memory":
        return MemoryIndex()
    if request.param is SearchEngine.EMBEDDED:
        return ElasticsearchIndex.open(request.getfixturevalue("embedded_search"))
    return ElasticsearchIndex.open(request.getfixturevalue("elasticsearch").url)


@pytest.fixture
def products() -> str:
    """An index of a tenant that nobody else has."""
    return alias("dev", "products", tenant_id(f"tenant_{uuid4().hex[:12]}"))


def source(sequence: str, codigo: str = "P1", *, deleted: bool = False, price: float = 12.5) -> bytes:
    document = ProductDocument(
        tenant="t1", tenant_id="t1", codigo=codigo, nombre="Pan", valor=price, sequence=sequence, deleted=deleted
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


def test_documents_are_read_whole_and_scanned_without_tombstones(index: SearchIndex, products: str) -> None:
    index.create_index(products, index_body("products"))
    index.write([Write(products, f"P{n}", source(f"a/{n}", deleted=n == 2)) for n in range(1, 4)])
    first, nothing, third = index.read(products, ["P1", "P9", "P3"])
    assert first
    assert third
    assert (nothing, first.source["nombre"], third.stored.sequence) == (None, "Pan", "a/3")
    assert [(each.id, each.stored.sequence) for each in index.scan(products)] == [("P1", "a/1"), ("P3", "a/3")]
    (scanned, *_) = index.scan(products)
    assert outcomes(index, Write(products, "P1", source("a/4"), scanned.stored)) == [Outcome.WRITTEN]
    assert products in index.aliases("cesta-dev-products-")
    assert list(index.scan(f"{products}nothing")) == []
    assert index.read(f"{products}nothing", ["P1"]) == [None]


def test_a_value_that_the_mapping_cannot_take_is_refused_and_the_others_are_written(
    request: pytest.FixtureRequest, index: SearchIndex, products: str
) -> None:
    if isinstance(index, MemoryIndex):
        index.refused = {"P1"}
    index.create_index(products, index_body("products"))
    bad = source("a/1").replace(b"12.5", b'"none"')
    assert b'"none"' in bad, request.node.name
    assert outcomes(index, Write(products, "P1", bad), Write(products, "P2", source("a/2"))) == [
        Outcome.REFUSED,
        Outcome.WRITTEN,
    ]


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


def test_a_generation_is_built_beside_the_index_and_takes_its_place_at_once(index: SearchIndex, products: str) -> None:
    index.create_index(products, index_body("products"))
    index.write([Write(products, "P1", source("a/1")), Write(products, "P2", source("a/2", "P2", deleted=True))])
    new = index.begin_generation(products, index_body("products"))
    assert new == index_name(products, 2)
    found = index.generations(products)
    assert (found.current, found.earlier, found.unfinished) == (index_name(products, 1), (), (new,))
    assert outcomes(index, Write(building(new), "P1", source("a/5"))) == [Outcome.WRITTEN]
    (before,) = index.stored([(products, "P1")])
    assert before
    assert before.sequence == "a/1"
    index.switch(products, index_name(products, 1), new)
    found = index.generations(products)
    assert (found.current, found.earlier, found.unfinished) == (new, (index_name(products, 1),), ())
    (after,) = index.stored([(products, "P1")])
    assert after
    assert (after.index, after.sequence) == (new, "a/5")
    states = index.states(index_name(products, 1), "codigo")
    assert [(each.key, each.stored.sequence, each.stored.deleted) for each in states] == [
        ("P1", "a/1", False),
        ("P2", "a/2", True),
    ]
    with pytest.raises(TransientError, match="was not switched"):
        index.switch(products, index_name(products, 1), new)


def test_nobody_writes_a_frozen_generation_nor_one_that_is_gone(index: SearchIndex, products: str) -> None:
    index.create_index(products, index_body("products"))
    index.write([Write(products, "P1", source("a/1"))])
    (held,) = index.stored([(products, "P1")])
    new = index.begin_generation(products, index_body("products"))
    index.switch(products, index_name(products, 1), new)
    index.freeze(index_name(products, 1))
    assert outcomes(index, Write(products, "P1", source("a/2"), held)) == [Outcome.BUSY]
    index.delete(index_name(products, 1))
    index.delete(index_name(products, 1))
    assert list(index.states(index_name(products, 1), "codigo")) == []
    assert list(index.written_after(index_name(products, 1), -1)) == []
    assert index.position(index_name(products, 1)) == -1
    assert outcomes(index, Write(products, "P1", source("a/2"), held))[0] in (Outcome.NO_INDEX, Outcome.CONFLICT)
    assert index.stored([(products, "P1")]) == [None]
    assert index.generations(products).current == new


def test_an_abandoned_generation_takes_nobodys_place(index: SearchIndex, products: str) -> None:
    index.create_index(products, index_body("products"))
    new = index.begin_generation(products, index_body("products"))
    index.abandon(new)
    assert index.generations(products).unfinished == ()
    assert outcomes(index, Write(building(new), "P1", source("a/1"))) == [Outcome.NO_INDEX]
    with pytest.raises(TransientError, match="was not switched"):
        index.switch(products, index_name(products, 1), new)
    other = index.begin_generation(products, index_body("products"))
    index.switch(products, index_name(products, 1), other)
    with pytest.raises(TransientError, match="in use by now"):
        index.abandon(other)
    assert index.generations(products).current == other


def test_more_states_than_one_page_has_are_read_once_each_in_the_order_of_their_keys(
    index: SearchIndex, products: str
) -> None:
    index.create_index(products, index_body("products"))
    keys = ["é", "Z", "aa", "a", "ñ", "\U0001f6d2", "￥", *(f"P{number:05}" for number in range(10_100))]
    for first in range(0, len(keys), 2_000):
        some = enumerate(keys[first : first + 2_000], first)
        index.write([Write(products, f"id-{number}", source(f"a/{number}", key)) for number, key in some])
    states = [(each.key, each.stored.sequence) for each in index.states(index_name(products, 1), "codigo")]
    assert states == sorted((key, f"a/{number}") for number, key in enumerate(keys))


def test_what_was_written_after_a_position_is_read_and_nothing_before_it(index: SearchIndex, products: str) -> None:
    index.create_index(products, index_body("products"))
    generation = index_name(products, 1)
    assert list(index.written_after(generation, index.position(generation))) == []
    index.write([Write(products, f"P{number}", source(f"a/{number}", f"P{number}")) for number in range(1_050)])
    position = index.position(generation)
    (held,) = index.stored([(products, "P7")])
    index.write([Write(products, "P7", source("b/1", "P7", deleted=True), held), Write(products, "new", source("b/2"))])
    found = {each.id: (each.stored.sequence, each.stored.deleted) for each in index.written_after(generation, position)}
    assert found == {"P7": ("b/1", True), "new": ("b/2", False)}
    assert len(list(index.written_after(generation, -1))) == 1_051
    assert list(index.written_after(generation, index.position(generation))) == []
