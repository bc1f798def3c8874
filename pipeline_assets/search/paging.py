"""Page tokens: where a page of hits ended, bound to the tenant and to the question.

The index is asked for what comes behind the last hit of a page in the order that was asked for; see
https://www.elastic.co/docs/reference/elasticsearch/rest-apis/paginate-search-results. Hits in the order of their scores
are counted instead, and none is given beyond the ten thousandth: the embedded engine rounds the scores that it tells.

A token opens nothing: whoever
has one is answered from the documents of the tenant alone, as by any other search.
"""

from __future__ import annotations

import base64
import hmac
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from pipeline_assets.events.tenants import TenantId
from pipeline_assets.search.request import PageTokenError, SearchRequest, Sort

_DIGEST: Final = 16
_LONGEST: Final = 16_384
#: An engine counts ten thousand hits from the first one, the pages of 101 that are asked for among them.
_DEEPEST: Final = 10_000 - 101
#: What an engine gives as the place of a hit without a price.
_ENDS: Final = frozenset({"Infinity", "-Infinity"})
_LAST: Final = {"missing": "_last"}
#: The last keys tell hits apart that are equal by the others: no two have the same.
_APART: Final[list[dict[str, Any]]] = [{"codigo": {"order": "asc", **_LAST}}, {"compra_id": {"order": "asc", **_LAST}}]
_BY_SCORE: Final[dict[str, Any]] = {"_score": {"order": "desc"}}
_ORDERS: Final[dict[Sort, list[dict[str, Any]]]] = {
    "relevance": [],
    "price": [{"valor": {"order": "asc", **_LAST}}],
    "-price": [{"valor": {"order": "desc", **_LAST}}],
    "date": [{"momento": {"order": "asc", **_LAST}}],
    "-date": [{"momento": {"order": "desc", **_LAST}}],
    "name": [{name: {"order": "asc", **_LAST}} for name in ("nombre.plano", "productos.nombre.plano")],
}


def by_score(request: SearchRequest) -> bool:
    """Whether hits are in the order of how well they answer; where nothing was typed all answer alike."""
    return request.sort == "relevance" and bool(request.text.strip())


def order(request: SearchRequest) -> list[dict[str, Any]]:
    """Order of hits, as the engine takes it; no two hits are equal by it."""
    first = [_BY_SCORE] if by_score(request) else _ORDERS[request.sort]
    return [*first, *_APART]


def behind(request: SearchRequest, place: Sequence[Any] | None) -> dict[str, Any]:
    """Where a page begins, as the engine takes it."""
    if not place:
        return {}
    return {"from": place[0]} if by_score(request) else {"search_after": place}


def next_place(request: SearchRequest, place: Sequence[Any] | None, last: Mapping[str, Any]) -> list[Any] | None:
    """Find where the page behind a hit begins.

    Parameters
    ----------
    request
        The search.
    place
        Where the page of the hit began, None for the first one.
    last
        The last hit of the page.

    Returns
    -------
    list or None
        The place; None where the engine goes no deeper.
    """
    if not by_score(request):
        return list(last["sort"])
    begin = (place[0] if place else 0) + request.size
    return [begin] if begin <= _DEEPEST else None


def page_token(request: SearchRequest, tenant: TenantId, place: Sequence[Any], secret: bytes) -> str:
    """Make the token of a page.

    Parameters
    ----------
    request, tenant
        The search, and whose documents it searches.
    place
        Where the page begins.
    secret
        Key of the signature.

    Returns
    -------
    str
        Letters, digits, ``-`` and ``_``.
    """
    written = msgspec.json.encode(list(place))
    signed = _signature(request, tenant, written, secret) + written
    return base64.urlsafe_b64encode(signed).decode().rstrip("=")


def place_of(request: SearchRequest, tenant: TenantId, secret: bytes) -> list[Any] | None:
    """Read the page token of a request.

    Parameters
    ----------
    request, tenant
        The search, and whose documents it searches.
    secret
        Key of the signature.

    Returns
    -------
    list or None
        The place behind which the page begins; None for the first page.

    Raises
    ------
    PageTokenError
        The token was not made for this search of this tenant.
    """
    if not request.after:
        return None
    place = _read(request, tenant, secret)
    if place is None or not _fits(place, request):
        raise PageTokenError("it is not a token of this search", where="page", expected="the next_page of its answer")
    return place


def _read(request: SearchRequest, tenant: TenantId, secret: bytes) -> list[Any] | None:
    """The place that a token has, None where it is not one of ours."""
    token = request.after
    if len(token) > _LONGEST or not token.isascii():
        return None
    try:
        signed = base64.b64decode(token + "=" * (-len(token) % 4), altchars="-_", validate=True)
        signature, place = signed[:_DIGEST], signed[_DIGEST:]
        if not hmac.compare_digest(signature, _signature(request, tenant, place, secret)):
            return None
        return msgspec.json.decode(place, type=list[int | float | str | None])
    except (ValueError, msgspec.MsgspecError):
        return None


def _fits(place: list[Any], request: SearchRequest) -> bool:
    """Whether it has what the engine takes for a place in this order."""
    if by_score(request):
        return len(place) == 1 and type(place[0]) is int and 1 <= place[0] <= _DEEPEST
    keys = [next(iter(each)) for each in order(request)]
    return len(place) == len(keys) and all(_is_of(key, value) for key, value in zip(keys, place, strict=True))


def _is_of(key: str, value: object) -> bool:
    if key == "valor":
        return value in _ENDS or (isinstance(value, int | float) and math.isfinite(value))
    if key == "momento":
        return isinstance(value, int) and abs(value) <= 2**63
    return value is None or isinstance(value, str)


def _signature(request: SearchRequest, tenant: TenantId, place: bytes, secret: bytes) -> bytes:
    """Of all that decides which hits there are and in which order; how many are on a page may change."""
    question = msgspec.json.encode(
        [
            *(tenant, request.kind, request.mode, request.sort, sorted(request.categories)),
            *(request.price_min, request.price_max, request.since, request.until),
            request.text.encode("utf-8", "surrogatepass").hex(),
        ]
    )
    return hmac.digest(secret, question + b"\0" + place, "sha256")[:_DIGEST]
