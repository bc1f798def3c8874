"""Questions to the index of a tenant."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pipeline_assets.events.tenants import TenantId
from pipeline_assets.search.clauses import compile_words
from pipeline_assets.search.facets import by_facet, facet_counts, read_facets
from pipeline_assets.search.highlights import highlighted, read_highlights, unmarked
from pipeline_assets.search.index import SearchReader
from pipeline_assets.search.names import KINDS, alias
from pipeline_assets.search.paging import behind, by_score, next_place, order, page_token, place_of
from pipeline_assets.search.request import Hit, SearchAnswer, SearchRequest
from pipeline_assets.search.suggestions import did_you_mean, known_words
from pipeline_assets.search.words import Words, words_of

#: What a document has for the index alone.
_OF_THE_INDEX: Final = frozenset({"tenant", "deleted", "sequence", "valor", "momento"})


class ForeignDocumentError(Exception):
    """The index of a tenant has a document of another one: nothing of the answer may be shown."""


def find(
    request: SearchRequest, tenant: TenantId, index: SearchReader, *, stage: str, secret: bytes = b""
) -> SearchAnswer:
    """Search the documents of a tenant.

    Parameters
    ----------
    request
        What is asked.
    tenant
        Whose documents are searched, and nobody else's.
    index
        The engine.
    stage
        Stage of the deployment, which is part of the names of indexes.
    secret
        Key that page tokens are signed with, the same in every process that answers.

    Returns
    -------
    SearchAnswer
        The answer; without hits where the tenant has no index.

    Raises
    ------
    PageTokenError
        The page token is not one of this search of this tenant.
    TransientError
        The engine does not answer, or is overloaded.
    ForeignDocumentError
        A document of another tenant lies in the index.
    """
    began = time.perf_counter()
    words = words_of(request.text)
    place = place_of(request, tenant, secret)
    found = index.search(searched_index(request, tenant, stage), search_body(request, tenant, words, place))
    hits = found["hits"]["hits"]
    shown = hits[: request.size]
    if any(each["_source"]["tenant"] != tenant for each in shown):
        raise ForeignDocumentError(f"the index of {tenant} has a document of another tenant")
    items = tuple(_hit(each, request) for each in shown)
    after = next_place(request, place, shown[-1]) if len(hits) > request.size else None
    return SearchAnswer(
        tenant=shown[0]["_source"]["tenant_id"] if shown else tenant,
        total=found["hits"]["total"]["value"],
        items=items,
        facets=read_facets(found["aggregations"]) if "aggregations" in found else {},
        suggestions=_names(items) if request.mode == "autocomplete" else (),
        did_you_mean=_meant(words, found, shown, items),
        next_page=page_token(request, tenant, after, secret) if after else None,
        # Not what the engine says, which is 0 for whatever the embedded one does.
        took_ms=round((time.perf_counter() - began) * 1000),
    )


def searched_index(request: SearchRequest, tenant: TenantId, stage: str) -> str:
    """Name the indexes that a request searches.

    Parameters
    ----------
    request
        The request.
    tenant
        Whose documents are searched.
    stage
        Stage of the deployment.

    Returns
    -------
    str
        Names with commas between them.
    """
    kinds = KINDS if request.kind == "all" else (request.kind,)
    return ",".join(alias(stage, kind, tenant) for kind in kinds)


def search_body(
    request: SearchRequest, tenant: TenantId, words: Words, place: Sequence[Any] | None = None
) -> dict[str, Any]:
    """Compile a request into the body of a search.

    Parameters
    ----------
    request, tenant
        What is asked, and whose documents are searched.
    words
        Words of its text.
    place
        Where the page begins, None for the first one.

    Returns
    -------
    dict
        The body; it asks for one hit more than the page has, which tells whether there is another page.
    """
    filters = by_facet(request)
    always: list[dict[str, Any]] = [{"term": {"tenant": tenant}}, {"term": {"deleted": False}}]
    chosen = [each for filtered in filters.values() for each in filtered]
    # A facet counts what its own filter leaves out as well: with facets they filter the hits alone.
    inside = always if request.facets else [*always, *chosen]
    body: dict[str, Any] = {
        "size": request.size + 1,
        "query": {"bool": {"must": [compile_words(words, request.kind, request.mode)], "filter": inside}},
        "sort": order(request),
        "track_total_hits": True,
    }
    if request.facets:
        body["aggs"] = facet_counts(filters)
        if chosen:
            body["post_filter"] = {"bool": {"filter": chosen}}
    if words.words:
        body["highlight"] = highlighted(words, request.kind, request.mode)
        if request.mode == "fuzzy" and not request.after:
            body["suggest"] = known_words(words, request.kind)
    return body | behind(request, place)


def _hit(hit: Mapping[str, Any], request: SearchRequest) -> Hit:
    source = hit["_source"]
    purchase = "compra_id" in source
    return Hit(
        kind="purchases" if purchase else "products",
        id=source["compra_id" if purchase else "codigo"],
        score=hit["_score"] if by_score(request) else None,
        fields={name: value for name, value in source.items() if name not in _OF_THE_INDEX},
        highlight=read_highlights(hit.get("highlight", {})),
    )


def _names(items: Sequence[Hit]) -> tuple[str, ...]:
    """Names of products to go on with: those of products, and of purchases those in which something was found."""
    names: dict[str, None] = {}
    for item in items:
        found = [item.fields["nombre"]] if item.kind == "products" else item.highlight.get("productos.nombre", [])
        names |= dict.fromkeys(map(unmarked, found) if item.kind == "purchases" else found)
    return tuple(names)


def _meant(
    words: Words, found: Mapping[str, Any], hits: Sequence[Mapping[str, Any]], items: Sequence[Hit]
) -> str | None:
    """Nothing where a hit has every word as it was typed, or a form of it."""
    every = {f"found:{word}" for word in words.words}
    if "suggest" not in found or any(every.issubset(hit.get("matched_queries", ())) for hit in hits):
        return None
    names = [item.fields.get("nombre", "") for item in items]
    names += [line.get("nombre", "") for item in items for line in item.fields.get("productos", ())]
    return did_you_mean(words, found["suggest"], names)
