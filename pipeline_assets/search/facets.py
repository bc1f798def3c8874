"""Facets: hits counted by category, by price and by month, each as if it were not filtered by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, Final

from pipeline_assets.search.request import SearchRequest

#: Bounds of the ranges of prices: 1, 2, 5 and so on to ten millions, so that there are some in any currency.
PRICE_BOUNDS: Final = (*(step * 10**power for power in range(7) for step in (1, 2, 5)), 10**7)
_MOST_CATEGORIES: Final = 50

Clause = dict[str, Any]


def by_facet(request: SearchRequest) -> dict[str, list[Clause]]:
    """Filters of a request that are also facets, by the name of the facet.

    Parameters
    ----------
    request
        The request.

    Returns
    -------
    dict
        Of ``category``, ``price`` and ``month`` those that are filtered by.
    """
    filters: dict[str, list[Clause]] = {}
    if request.categories:
        filters["category"] = [{"terms": {"categoria": list(request.categories)}}]
    price = {"gte": request.price_min, "lte": request.price_max}
    if bounds := {name: bound for name, bound in price.items() if bound is not None}:
        filters["price"] = [{"range": {"valor": bounds}}]
    days: dict[str, str] = {}
    if request.since is not None:
        days["gte"] = f"{request.since.isoformat()}T00:00:00Z"
    if request.until is not None and request.until < date.max:
        days["lt"] = f"{(request.until + timedelta(days=1)).isoformat()}T00:00:00Z"
    if days:
        filters["month"] = [{"range": {"momento": days}}]
    return filters


def facet_counts(filters: Mapping[str, Sequence[Clause]]) -> Clause:
    """Aggregations that count the hits of a query; each leaves its own filter out."""
    bounds: list[dict[str, int]] = [{"to": PRICE_BOUNDS[0]}]
    bounds += [{"from": low, "to": high} for low, high in pairwise(PRICE_BOUNDS)]
    bounds.append({"from": PRICE_BOUNDS[-1]})
    counts: dict[str, Clause] = {
        "category": {"terms": {"field": "categoria", "size": _MOST_CATEGORIES}},
        "price": {"range": {"field": "valor", "ranges": bounds}},
        "month": {"date_histogram": {"field": "momento", "calendar_interval": "month", "min_doc_count": 1}},
    }
    return {
        name: {
            "filter": {"bool": {"filter": [each for other in filters if other != name for each in filters[other]]}},
            "aggs": {"counts": count},
        }
        for name, count in counts.items()
    }


def read_facets(aggregations: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Read what the engine counted.

    Parameters
    ----------
    aggregations
        Its answer to `facet_counts`.

    Returns
    -------
    dict
        ``category``: ``value, count``, the most frequent first; ``price``: ``from, to, count`` where there is any, an
        open end being None; ``month``: ``value`` as ``YYYY-MM``, and ``count``.
    """
    buckets = {name: found["counts"]["buckets"] for name, found in aggregations.items()}
    return {
        "category": [{"value": each["key"], "count": each["doc_count"]} for each in buckets["category"] if each["key"]],
        "price": [
            {"from": each.get("from"), "to": each.get("to"), "count": each["doc_count"]}
            for each in buckets["price"]
            if each["doc_count"]
        ],
        "month": [{"value": each["key_as_string"][:7], "count": each["doc_count"]} for each in buckets["month"]],
    }
