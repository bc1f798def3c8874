"""Questions to the index, on each engine: what is found, in which order, filtered, counted, marked and by pages."""

from __future__ import annotations

import base64
import html
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from elasticsearch import Elasticsearch

from pipeline_assets.events.tenants import TenantId, tenant_id
from pipeline_assets.search.documents import LineDocument, ProductDocument, PurchaseDocument
from pipeline_assets.search.elasticsearch_index import ElasticsearchIndex
from pipeline_assets.search.index import Write
from pipeline_assets.search.mappings import index_body
from pipeline_assets.search.names import alias
from pipeline_assets.search.paging import page_token
from pipeline_assets.search.query import ForeignDocumentError, find
from pipeline_assets.search.request import PageTokenError, SearchAnswer, SearchRequest, SearchRequestError, Sort
from tests.worlds.judged_search import (
    PLAIN_FIELDS,
    STAGE,
    JudgedQuery,
    catalog,
    judged_queries,
    measure,
    product,
    put_catalog,
)

KINDS = ("exact", "typo", "accent", "plural", "prefix", "form", "multi-field", "code")
_DAYS = ("2026-01-31T23:30:00+00:00", "2026-02-01T00:30:00+00:00", "2026-03-15T12:00:00+00:00")


@dataclass
class Shop:
    """A tenant with the catalog, three purchases and some tombstones."""

    index: ElasticsearchIndex
    client: Elasticsearch
    tenant: TenantId
    products: str

    def ask(self, text: str = "", **fields: Any) -> SearchAnswer:
        request = SearchRequest(text=text, **{"kind": "products", **fields})
        return find(request, self.tenant, self.index, stage=STAGE, secret=b"k")

    def codes(self, text: str = "", **fields: Any) -> list[str]:
        return [each.id for each in self.ask(text, **fields).items]

    def walk(self, request: SearchRequest) -> list[str]:
        """Ids of all hits, page by page."""
        found: list[str] = []
        while True:
            answer = find(request, self.tenant, self.index, stage=STAGE, secret=b"k")
            found += [each.id for each in answer.items]
            if answer.next_page is None:
                return found
            assert len(answer.items) == request.size
            request = replace(request, after=answer.next_page)

    def put(self, name: str, *documents: ProductDocument | PurchaseDocument) -> None:
        writes = [Write(name, uuid4().hex, msgspec.json.encode(each)) for each in documents]
        assert {each.outcome.value for each in self.index.write(writes)} == {"written"}
        self.client.indices.refresh(index=name)


def purchase(tenant: str, number: int, *names: str) -> PurchaseDocument:
    return PurchaseDocument(
        tenant=tenant,
        tenant_id=tenant,
        sequence=f"2026-01-01T00:00:00.000/{number:021}",
        deleted=False,
        compra_id=f"COMPRA-{number}",
        user_id=f"user_{number % 2}",
        fecha=_DAYS[number],
        momento=_DAYS[number],
        valor=10.0 * number,
        productos=[LineDocument(codigo="X", nombre=each, precio_unitario="1", cantidad="1") for each in names],
    )


@pytest.fixture(scope="module")
def open_shop(search_url: str) -> Iterator[Callable[[], Shop]]:
    index = ElasticsearchIndex.open(search_url)

    def opened() -> Shop:
        tenant = tenant_id(f"shop_{uuid4().hex[:12]}")
        return Shop(index, client, tenant, alias(STAGE, "products", tenant))

    with Elasticsearch(search_url) as client:
        yield opened


@pytest.fixture(scope="module")
def shop(open_shop: Callable[[], Shop]) -> Shop:
    shop = open_shop()
    put_catalog(shop.index, shop.tenant)
    gone = ProductDocument(tenant=shop.tenant, tenant_id=shop.tenant, sequence="x/1", deleted=True, codigo="LAC-999")
    shop.put(shop.products, gone)
    purchases = alias(STAGE, "purchases", shop.tenant)
    shop.index.create_index(purchases, index_body("purchases"))
    baskets = [("Leche entera 1 L", "Pan de molde"), ("Jabón <b>suave</b>",), ("Leche fresca", "Té")]
    shop.put(purchases, *(purchase(shop.tenant, number, *names) for number, names in enumerate(baskets)))
    return shop


def plain(shop: Shop, query: JudgedQuery) -> list[str]:
    first = {"multi_match": {"query": query.query, "fields": PLAIN_FIELDS, "fuzziness": "AUTO"}}
    found = shop.client.search(index=shop.products, size=10, query=first)
    return [each["_source"]["codigo"] for each in found["hits"]["hits"]]


def test_judged_queries_are_answered_better_than_by_the_plain_query(shop: Shop) -> None:
    def ours(query: JudgedQuery) -> list[str]:
        return shop.codes(query.query, mode="autocomplete" if query.kind == "prefix" else "fuzzy", size=10)

    queries = judged_queries()
    assert Counter((each.kind, each.half) for each in queries).keys() == {
        (kind, half) for kind in KINDS for half in ("tuned", "held")
    }
    assert {code for each in queries for code in each.grades} <= {row["codigo"] for row in catalog()}
    answers = {each.query: (ours(each), plain(shop, each)) for each in queries}
    for by in (lambda query: query.kind, lambda query: query.half, lambda _: "all"):
        found = measure(queries, lambda query: answers[query.query][0], by)
        rival = measure(queries, lambda query: answers[query.query][1], by)
        for name, quality in found.items():
            print(f"{name:12} nDCG@10 {quality.ndcg:.3f} MRR {quality.mrr:.3f}", f"plain {rival[name]}")  # noqa: T201
            assert quality.ndcg > rival[name].ndcg, name
            assert quality.mrr >= rival[name].mrr, name
            assert quality.ndcg > 0.85, name
        assert min(each.mrr for each in found.values()) > 0.95


def test_no_error_is_forgiven_before_what_is_exact(shop: Shop, open_shop: Callable[[], Shop]) -> None:
    other = open_shop()
    other.index.create_index(other.products, index_body("products"))
    row = catalog()[0]
    # Short names of the near word against a long text that has the word itself somewhere.
    long = "una descripción larga de muchas cosas del hogar y de la cocina en la que está la mesa y la silla, " * 3
    rows = [{**row, "codigo": f"N{n}", "nombre": name, "descripcion": ""} for n, name in enumerate(["Misa sila"] * 9)]
    rows.append({**row, "codigo": "EXACT", "nombre": "Otra cosa", "descripcion": long})
    other.put(other.products, *(product(other.tenant, each, n) for n, each in enumerate(rows)))
    for text in ("mesa", "silla mesa", "sillas mesas"):
        assert other.codes(text)[0] == "EXACT", text
    assert other.ask("silla mesa").total == 10
    for name in ("Miel de romero", "Pienso para perro adulto", "Wall charger 20 W"):
        assert shop.ask(name).items[0].fields["nombre"] == name


@pytest.mark.parametrize(
    "text",
    [
        "x" * 10_000,
        "leche " * 2_000,
        " ".join(f"w{n}" for n in range(3_000)),
        "AND OR NOT + - = && || > < ! ( ) { } [ ] ^ ~ ? : /",
        'leche" AND categoria:*',
        "*",
        '"',
        "\\",
        "'; DROP TABLE productos; --",
        "\x00\x07\x1b\x7f\u200b\u202e\ufeff",
        "\ud800",
        "leche\udfff entera",
        "🍎 🥛🧀",
        "\u00b4 ` \u00a8 ^ ~",
        "\u0301\u0301\u0301",
        "牛乳 Молоко حليب",
        '{"match_all": {}}',
        "a.b,c;d:e-f_g/h" * 600,
        "\ue000leche\ue001",
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_any_characters_are_answered(shop: Shop, text: str) -> None:
    for mode in ("fuzzy", "prefix", "autocomplete"):
        msgspec.json.encode(shop.ask(text, kind="all", mode=mode, facets=True).document())


def test_nothing_typed_finds_everything_and_no_word_nothing(shop: Shop) -> None:
    assert shop.ask("  ").total == len(catalog())
    assert shop.ask("*").total == 0


def test_beginnings(shop: Shop) -> None:
    found = shop.ask("lech ent", mode="prefix")
    assert found.items[0].id == "LAC-001"
    assert all(re.search(r"\blech", f"{each.fields}", re.IGNORECASE) for each in found.items)
    assert shop.ask("vaini", mode="autocomplete").suggestions == ("Helado de vainilla", "Velas aromáticas")
    assert shop.codes("xleche", mode="prefix") == []
    # An error in what was typed so far is forgiven while one types, and not where a beginning is a filter.
    assert "CAR-007" in shop.codes("chorozo ib", mode="autocomplete")
    assert shop.codes("choruz", mode="autocomplete") == ["CAR-007"]
    assert shop.codes("choruz", mode="prefix") == []
    assert shop.codes("descafeinadodescafeinado", mode="prefix") == []
    assert shop.codes("lac-00", mode="prefix", size=100)[:1] == ["LAC-001"]


@pytest.mark.parametrize("sort", ["relevance", "price", "-price", "date", "-date", "name"])
def test_pages_have_every_hit_once(shop: Shop, sort: Sort) -> None:
    every = {row["codigo"] for row in catalog()}
    everything = shop.walk(SearchRequest(kind="all", sort=sort, size=60))
    assert len(everything) == len(every) + 3
    assert set(everything) == every | {"COMPRA-0", "COMPRA-1", "COMPRA-2"}
    some = shop.walk(SearchRequest(kind="all", text="leche con pan", sort=sort, size=4))
    assert len(some) == len(set(some)) == shop.ask("leche con pan", kind="all").total


def test_orders(shop: Shop) -> None:
    price = {row["codigo"]: float(row["precio"]) for row in catalog()}
    up = shop.walk(SearchRequest(kind="products", sort="price", size=100))
    assert [price[each] for each in up] == sorted(price.values())
    down = shop.walk(SearchRequest(kind="products", sort="-price", size=100))
    assert [price[each] for each in down] == sorted(price.values(), reverse=True)
    assert shop.codes(kind="purchases", sort="date") == ["COMPRA-0", "COMPRA-1", "COMPRA-2"]
    assert shop.codes(kind="purchases", sort="-date") == ["COMPRA-2", "COMPRA-1", "COMPRA-0"]
    assert shop.ask(sort="name").items[0].score is None
    assert shop.ask("leche").items[0].score


def test_filters_and_facets_agree_with_the_catalog(shop: Shop) -> None:
    rows = catalog()
    chosen: dict[str, Any] = {"categories": ("Lácteos", "Bebidas"), "price_min": 1.0, "price_max": 2.0}
    within = [row for row in rows if 1 <= float(row["precio"]) <= 2]
    both = [row for row in within if row["categoria"] in chosen["categories"]]
    plain_answer, counted = shop.ask(**chosen, size=100), shop.ask(**chosen, size=100, facets=True)
    for answer in (plain_answer, counted):
        assert answer.total == len(both)
        assert {each.id for each in answer.items} == {row["codigo"] for row in both}
    # Each facet leaves its own filter out, so that one can choose something else.
    by_category = {each["value"]: each["count"] for each in counted.facets["category"]}
    assert by_category == Counter(row["categoria"] for row in within)
    prices = {(each["from"], each["to"]): each["count"] for each in counted.facets["price"]}
    of_both = [float(row["precio"]) for row in rows if row["categoria"] in chosen["categories"]]
    assert sum(prices.values()) == len(of_both)
    assert prices[1, 2] == sum(1 <= price < 2 for price in of_both)
    assert counted.facets["month"] == [{"value": "2026-01", "count": len(both)}]
    assert plain_answer.facets == {}


def test_days_and_months_are_those_of_utc(shop: Shop) -> None:
    january: dict[str, Any] = {"kind": "purchases", "since": date(2026, 1, 1), "until": date(2026, 1, 31)}
    assert shop.codes(**january) == ["COMPRA-0"]
    assert shop.codes(kind="purchases", since=date(2026, 2, 1), sort="date") == ["COMPRA-1", "COMPRA-2"]
    assert shop.codes(kind="purchases", since=date.min, until=date.max, sort="date")[0] == "COMPRA-0"
    months = shop.ask(facets=True, **january).facets["month"]
    assert [(each["value"], each["count"]) for each in months] == [("2026-01", 1), ("2026-02", 1), ("2026-03", 1)]


def test_purchases_are_found_by_products_and_ids(shop: Shop) -> None:
    assert set(shop.codes("leche", kind="purchases")) == {"COMPRA-0", "COMPRA-2"}
    assert shop.codes("jabon", kind="purchases") == ["COMPRA-1"]
    assert shop.codes("compra-1", kind="purchases")[0] == "COMPRA-1"
    assert set(shop.codes("user_0", kind="purchases")) == {"COMPRA-0", "COMPRA-2"}
    mixed = shop.ask("leche", kind="all", size=100)
    assert {each.kind for each in mixed.items} == {"products", "purchases"}
    typing = shop.ask("lech", kind="purchases", mode="autocomplete")
    assert set(typing.suggestions) == {"Leche entera 1 L", "Leche fresca"}


def test_highlights_are_html_that_shows_the_text(shop: Shop) -> None:
    (found,) = shop.ask("jabones suaves", kind="purchases").items
    assert found.highlight == {"productos.nombre": ["<em>Jabón</em> &lt;b&gt;<em>suave</em>&lt;/b&gt;"]}
    for text, mode in (("leche", "fuzzy"), ("lehce", "fuzzy"), ("lech", "autocomplete")):
        first = shop.ask(text, mode=mode).items[0]
        (name,) = first.highlight["nombre"]
        assert "<em>Leche</em>" in name
        assert html.unescape(re.sub("</?em>", "", name)) == first.fields["nombre"]
    assert not {"tenant", "deleted", "sequence"} & shop.ask("leche").items[0].fields.keys()


def test_did_you_mean(shop: Shop) -> None:
    assert shop.ask("lehce").did_you_mean == "leche"
    assert shop.ask("cafffe molido").did_you_mean == "café molido"
    assert shop.ask("leches enteras").did_you_mean is None
    assert shop.ask("qqqqqqqq").did_you_mean is None
    assert shop.ask("lehce", kind="all").did_you_mean == "leche"


def test_page_tokens_are_of_one_search_of_one_tenant(shop: Shop, open_shop: Callable[[], Shop]) -> None:
    request = SearchRequest(kind="products", text="leche", size=2)
    token = shop.ask("leche", size=2).next_page
    assert token
    assert len(shop.codes("leche", size=5, after=token)) == 5
    for other in (
        replace(request, text="pan"),
        replace(request, sort="price"),
        replace(request, categories=("Bebidas",)),
        replace(request, kind="all"),
        replace(request, mode="prefix"),
    ):
        with pytest.raises(PageTokenError):
            find(replace(other, after=token), shop.tenant, shop.index, stage=STAGE, secret=b"k")
    with pytest.raises(PageTokenError):
        find(replace(request, after=token), open_shop().tenant, shop.index, stage=STAGE, secret=b"k")
    with pytest.raises(PageTokenError):
        find(replace(request, after=token), shop.tenant, shop.index, stage=STAGE, secret=b"another")


def test_hostile_page_tokens_are_refused(shop: Shop) -> None:
    request = SearchRequest(kind="products", text="leche", size=2)
    token = shop.ask("leche", size=2).next_page or ""
    forged: list[Any] = [
        [],
        ["x", "y", "z"],
        [True, None, None],
        [1e999, "", ""],
        [{}, None, None],
        [1, 2, 3],
        [None] * 3,
    ]
    hostile = [page_token(request, shop.tenant, each, b"k") for each in forged]
    hostile += [f"{token}A", token[:-2], "A" + token[1:], "x", "=", "../..", "\ud800", "ñ", "[" * 20_000, "A" * 20_000]
    hostile += [base64.urlsafe_b64encode(b"[" * 9_000).decode(), " ", "\x00", "null", "W10="]
    for each in hostile:
        with pytest.raises(PageTokenError, match="not a token of this search"):
            shop.ask("leche", size=2, after=each)
    by_price = replace(request, sort="price")
    wrong: list[list[Any]] = [
        [],
        [True, "", ""],
        [1, 2, 3],
        ["x", "y", None],
        [1, "y"],
        [[1], "y", None],
        ["1e400", "y", None],
    ]
    for place in wrong:
        with pytest.raises(PageTokenError, match="not a token of this search"):
            shop.ask("leche", size=2, sort="price", after=page_token(by_price, shop.tenant, place, b"k"))


def test_a_request_out_of_bounds_is_refused() -> None:
    wrong: list[dict[str, Any]] = [
        {"size": 0},
        {"size": 101},
        {"mode": "regexp"},
        {"sort": "_script"},
        {"kind": "*"},
        {"price_min": float("nan")},
        {"categories": ("x",) * 51},
        {"categories": ("x" * 2_000,)},
    ]
    for each in wrong:
        with pytest.raises(SearchRequestError):
            SearchRequest(**each)


def test_a_tenant_without_an_index_is_answered(open_shop: Callable[[], Shop]) -> None:
    for kind in ("all", "products", "purchases"):
        answer = open_shop().ask("leche", kind=kind, facets=True)
        assert (answer.total, answer.items, answer.next_page) == (0, (), None)


def test_one_kind_is_enough_to_search_all(open_shop: Callable[[], Shop]) -> None:
    shop = open_shop()
    shop.index.create_index(shop.products, index_body("products"))
    shop.put(shop.products, product(shop.tenant, catalog()[0]))
    assert shop.codes("leche", kind="all", facets=True) == ["LAC-001"]


def test_a_document_of_another_tenant_is_never_shown(open_shop: Callable[[], Shop]) -> None:
    shop = open_shop()
    shop.index.create_index(shop.products, index_body("products"))
    shop.put(shop.products, product(tenant_id("somebody_else"), catalog()[0]))
    assert shop.ask("leche").total == 0


def test_an_engine_that_gives_a_document_of_another_tenant_is_not_believed() -> None:
    foreign = msgspec.json.decode(msgspec.json.encode(product(tenant_id("somebody_else"), catalog()[0])))

    class Mistaken:
        def search(self, alias: str, body: Any) -> dict[str, Any]:
            del alias, body
            hit = {"_id": "LAC-001", "_score": 1.0, "_source": foreign, "sort": [1.0, "LAC-001", None]}
            return {"took": 1, "hits": {"total": {"value": 1}, "hits": [hit]}}

    with pytest.raises(ForeignDocumentError):
        find(SearchRequest(), tenant_id("shop"), Mistaken(), stage=STAGE)
