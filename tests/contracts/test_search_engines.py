"""What the search relies on, of both engines: the one that comes with an instance, and Elasticsearch itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from elasticsearch import ConflictError, Elasticsearch, NotFoundError

from pipeline_assets.search.mappings import index_body


@pytest.fixture(scope="module")
def client(search_url: str) -> Iterator[Elasticsearch]:
    with Elasticsearch(search_url) as client:
        yield client


@pytest.fixture
def index(client: Elasticsearch) -> Iterator[str]:
    """An index of one keyword, made for the test."""
    name = f"engine-{uuid4().hex}"
    client.indices.create(index=name, mappings={"properties": {"word": {"type": "keyword"}}})
    yield name
    client.indices.delete(index=name)


def test_the_official_client_takes_it_for_elasticsearch(client: Elasticsearch) -> None:
    assert client.info()["tagline"] == "You Know, for Search"


def test_a_document_is_created_once(client: Elasticsearch, index: str) -> None:
    client.create(index=index, id="a", document={"word": "first"})
    with pytest.raises(ConflictError):
        client.create(index=index, id="a", document={"word": "second"})
    assert client.get(index=index, id="a")["_source"] == {"word": "first"}


def test_a_write_is_refused_when_another_came_between(client: Elasticsearch, index: str) -> None:
    client.index(index=index, id="a", document={"word": "first"})
    read = client.get(index=index, id="a")
    at = {"if_seq_no": read["_seq_no"], "if_primary_term": read["_primary_term"]}
    client.index(index=index, id="a", document={"word": "between"})
    operations: list[dict[str, Any]] = [{"index": {"_index": index, "_id": "a", **at}}, {"word": "late"}]
    assert client.bulk(operations=operations)["items"][0]["index"]["status"] == 409
    with pytest.raises(ConflictError):
        client.index(index=index, id="a", document={"word": "late"}, **at)
    assert client.get(index=index, id="a")["_source"] == {"word": "between"}


def test_a_document_that_is_not_there_is_told_by_its_answer(client: Elasticsearch, index: str) -> None:
    assert [doc["found"] for doc in client.mget(index=index, ids=["a"])["docs"]] == [False]
    with pytest.raises(NotFoundError):
        client.get(index=index, id="a")


def test_an_alias_moves_to_another_index_at_once(client: Elasticsearch, index: str) -> None:
    alias, other = f"{index}-alias", f"{index}-2"
    client.indices.create(index=other)
    client.indices.update_aliases(actions=[{"add": {"index": index, "alias": alias}}])
    client.index(index=alias, id="a", document={"word": "old"}, require_alias=True)
    swap = [{"remove": {"index": index, "alias": alias}}, {"add": {"index": other, "alias": alias}}]
    client.indices.update_aliases(actions=swap)
    assert list(client.indices.get_alias(name=alias)) == [other]
    assert not client.exists(index=alias, id="a")
    client.indices.delete(index=other)


def test_all_documents_are_read_page_by_page_in_order(client: Elasticsearch, index: str) -> None:
    words = [f"w{number:03}" for number in range(25)]
    operations = [line for word in words for line in ({"index": {"_id": word}}, {"word": word})]
    client.bulk(index=index, operations=operations, refresh=True)
    read: list[str] = []
    page: list[str] | None = None
    while page is None or page:
        answer = client.search(index=index, sort=["word"], size=10, search_after=read[-1:] or None)
        page = [hit["_source"]["word"] for hit in answer["hits"]["hits"]]
        read += page
    assert read == words


def test_analysis_of_spanish_and_of_beginnings_of_words(client: Elasticsearch) -> None:
    index = f"engine-{uuid4().hex}"
    analysis = {
        "filter": {
            "spanish_stem": {"type": "stemmer", "language": "light_spanish"},
            "beginnings": {"type": "edge_ngram", "min_gram": 1, "max_gram": 4},
        },
        "analyzer": {
            "spanish_words": {"tokenizer": "standard", "filter": ["lowercase", "asciifolding", "spanish_stem"]},
            "as_typed": {"tokenizer": "standard", "filter": ["lowercase", "asciifolding", "beginnings"]},
        },
        "normalizer": {"folded": {"type": "custom", "filter": ["lowercase", "asciifolding"]}},
    }
    fields = {
        "nombre": {"type": "text", "analyzer": "spanish_words"},
        "typed": {"type": "text", "analyzer": "as_typed", "search_analyzer": "standard"},
        "sorted": {"type": "keyword", "normalizer": "folded"},
    }
    client.indices.create(index=index, settings={"analysis": analysis}, mappings={"properties": fields})
    document = {"nombre": "Camisetas de Algodón", "typed": "Camisetas", "sorted": "Algodón"}
    client.index(index=index, id="a", document=document, refresh=True)
    queries: list[dict[str, Any]] = [
        {"match": {"nombre": "camiseta algodon"}},
        {"match": {"typed": "cami"}},
        {"term": {"sorted": "ALGODON"}},
        {"match": {"nombre": {"query": "cmaiseta", "fuzziness": "AUTO"}}},
    ]
    for query in queries:
        assert client.search(index=index, query=query)["hits"]["total"]["value"] == 1, query
    client.indices.delete(index=index)


def test_an_index_of_the_search_has_one_shard_no_copies_and_its_own_analysis(client: Elasticsearch) -> None:
    index = f"engine-{uuid4().hex}"
    client.indices.create(index=index, **index_body("products"))
    settings = client.indices.get_settings(index=index)[index]["settings"]["index"]
    assert (settings["number_of_shards"], settings["number_of_replicas"]) == ("1", "0")
    assert settings["auto_expand_replicas"] == "0-1"
    client.index(index=index, id="a", document={"nombre": "Lápices de la tienda"}, refresh=True)
    found = client.search(index=index, query={"match": {"nombre.formas": "lapiz"}})
    assert found["hits"]["total"]["value"] == 1
    client.indices.delete(index=index)
