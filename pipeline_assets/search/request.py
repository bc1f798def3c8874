"""What is asked of the index and what it answers: the words of the endpoints of the search as plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Literal, get_args

from pipeline_assets.errors import UserError
from pipeline_assets.search.names import Kind

#: Kinds of documents that a search looks through.
Searched = Literal["all", "products", "purchases"]
#: ``fuzzy`` forgives typing errors; ``prefix`` takes words for beginnings of words, ``autocomplete`` the last one.
Mode = Literal["fuzzy", "prefix", "autocomplete"]
#: Order of hits; a hyphen reverses it.
Sort = Literal["relevance", "price", "-price", "date", "-date", "name"]

MOST_HITS: Final = 100
_MOST_CATEGORIES: Final = 50
_LONGEST_CATEGORY: Final = 1024


class SearchRequestError(UserError):
    """A search that cannot be answered as it was asked; whoever asked can mend it."""


class PageTokenError(SearchRequestError):
    """A page token that is none of this tenant's, or of another search."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """Search of one tenant.

    Parameters
    ----------
    kind
        What is searched.
    text
        What was typed, any text; an empty one finds everything.
    mode
        How words are taken.
    categories
        Categories of products, one of which a hit has to have; any unless given.
    price_min, price_max
        Bounds of the price of a product or the total of a purchase, both included.
    since, until
        First and last day, UTC: of a purchase that of its date, of a product that of its last change.
    sort
        Order of the hits.
    size
        Hits of a page, 1 to 100.
    after
        Page token of the answer before; empty for the first page.
    facets
        Whether hits are counted by category, price and month.
    typing
        Whether the text is still being typed.

    Raises
    ------
    SearchRequestError
        One of them is out of its bounds.
    """

    kind: Searched = "all"
    text: str = ""
    mode: Mode = "fuzzy"
    categories: tuple[str, ...] = ()
    price_min: float | None = None
    price_max: float | None = None
    since: date | None = None
    until: date | None = None
    sort: Sort = "relevance"
    size: int = 20
    after: str = ""
    facets: bool = False
    typing: bool = False

    def __post_init__(self) -> None:
        for name, value, words in (
            ("kind", self.kind, get_args(Searched)),
            ("mode", self.mode, get_args(Mode)),
            ("sort", self.sort, get_args(Sort)),
        ):
            if value not in words:
                raise SearchRequestError("it is none of its words", where=name, expected=", ".join(words))
        if not 1 <= self.size <= MOST_HITS:
            raise SearchRequestError("it is out of its bounds", where="size", expected=f"1 to {MOST_HITS}")
        for name, price in (("price_min", self.price_min), ("price_max", self.price_max)):
            if price is not None and not math.isfinite(price):
                raise SearchRequestError("it is no number", where=name, expected="a finite number")
        if len(self.categories) > _MOST_CATEGORIES or any(len(each) > _LONGEST_CATEGORY for each in self.categories):
            raise SearchRequestError(
                "there are too many, or one is too long",
                where="category",
                expected=f"at most {_MOST_CATEGORIES} of at most {_LONGEST_CATEGORY} characters",
            )

    @property
    def is_question(self) -> bool:
        """Whether a person asks by it: neither a word that is still being typed nor a further page of an answer."""
        return bool(self.text.strip()) and self.mode != "autocomplete" and not self.typing and not self.after


@dataclass(frozen=True, slots=True)
class Hit:
    """Document that a search found.

    Parameters
    ----------
    kind
        What it is.
    id
        The code of a product, the id of a purchase.
    score
        How well it answers; None where hits are in another order than that of relevance.
    fields
        The document.
    highlight
        By field, the texts in which something was found, as HTML: escaped, what was found in ``<em>``.
    """

    kind: Kind
    id: str
    score: float | None
    fields: Mapping[str, Any]
    highlight: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The hit as an answer has it."""
        return {
            **self.fields,
            "kind": self.kind,
            "id": self.id,
            "score": self.score,
            "highlight": {name: list(texts) for name, texts in self.highlight.items()},
        }


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """Answer to a search.

    Parameters
    ----------
    tenant
        Whose documents were searched.
    total
        How many documents were found, on all pages.
    items
        The hits of this page.
    facets
        By name (``category``, ``price``, ``month``) the counts of hits; empty unless asked for.
    suggestions
        Texts to go on with, of an autocompletion alone.
    did_you_mean
        The text with its unknown words replaced by known ones; None where there is nothing to replace.
    next_page
        Page token of the page behind; None for the last one.
    took_ms
        Milliseconds that the search took, the way to the engine and back with it.
    """

    tenant: str
    total: int
    items: tuple[Hit, ...]
    facets: Mapping[str, Sequence[Mapping[str, Any]]]
    suggestions: tuple[str, ...]
    did_you_mean: str | None
    next_page: str | None
    took_ms: int

    def document(self) -> dict[str, Any]:
        """The answer as the endpoints give it."""
        return {
            "tenant_id": self.tenant,
            "total": self.total,
            "items": [each.document() for each in self.items],
            "facets": {name: [dict(each) for each in counts] for name, counts in self.facets.items()},
            "suggestions": list(self.suggestions),
            "did_you_mean": self.did_you_mean,
            "next_page": self.next_page,
            "took_ms": self.took_ms,
        }
