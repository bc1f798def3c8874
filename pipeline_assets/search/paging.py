"""Page tokens: where a page of hits ended, bound to the tenant and to the question.

The index is asked for what comes behind the last hit of a page in the order that was asked for; see
https://www.elastic.co/docs/reference/elasticsearch/rest-apis/paginate-search-results. A token opens nothing: whoever
has one is answered from the documents of the tenant alone, as by any other search.
"""

from __future__ import annotations

import base64
import hmac
import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from pipeline_assets.events.tenants import TenantId
from pipeline_assets.search.request import PageTokenError, SearchRequest, Sort

_DIGEST: Final = 16
_LONGEST: Final = 16_384
#: What an engine gives as the place of a hit without a price.
_ENDS: Final = frozenset({"Infinity", "-Infinity"})
_LAST: Final = {"missing": "_last"}
#: The last keys tell hits apart that are equal by the others: no two have the same.
_APART: Final[list[dict[str, Any]]] = [{"codigo": {"order": "asc", **_LAST}}, {"compra_id": {"order": "asc", **_LAST}}]
_ORDERS: Final[dict[Sort, list[dict[str, Any]]]] = {
    "relevance": [{"_score": {"order": "desc"}}],
    "price": [{"valor": {"order": "asc", **_LAST}}],
    "-price": [{"valor": {"order": "desc", **_LAST}}],
    "date": [{"momento": {"order": "asc", **_LAST}}],
    "-date": [{"momento": {"order": "desc", **_LAST}}],
    "name": [{name: {"order": "asc", **_LAST}} for name in ("nombre.plano", "productos.nombre.plano")],
}


def order(sort: Sort) -> list[dict[str, Any]]:
    """Order of hits, as the engine takes it; no two hits are equal by it."""
    return [*_ORDERS[sort], *_APART]


def page_token(request: SearchRequest, tenant: TenantId, place: Sequence[Any], secret: bytes) -> str:
    """Make the token of the page behind a hit.

    Parameters
    ----------
    request, tenant
        The search, and whose documents it searches.
    place
        The place of the hit in the order, by the engine.
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
    if place is None or not _fits(place, request.sort):
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
    except ValueError:
        return None


def _fits(place: list[Any], sort: Sort) -> bool:
    """Whether it has what the engine takes for a place in this order."""
    keys = [next(iter(each)) for each in order(sort)]
    return len(place) == len(keys) and all(_is_of(key, value) for key, value in zip(keys, place, strict=True))


def _is_of(key: str, value: object) -> bool:
    if key in {"_score", "valor"}:
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return number or (key == "valor" and value in _ENDS)
    if key == "momento":
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 2**63
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
