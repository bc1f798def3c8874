"""Parameters of a search, as its addresses have them."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, Field

from pipeline_assets.search.request import MOST_HITS, Mode, Searched, SearchRequest, SearchRequestError, Sort

_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
Category = Annotated[str, Field(max_length=1024)]


class SearchParameters(BaseModel):
    """What may stand behind the question mark."""

    q: str = Field("", max_length=1000, description="What is searched for: any text.")
    mode: Mode = Field(
        "fuzzy",
        description="fuzzy forgives typing errors, prefix takes words for beginnings, autocomplete the last one.",
    )
    category: list[Category] = Field([], max_length=50, description="Categories, one of which a product has to have.")
    price_min: float | None = Field(None, description="Least price of a product, or total of a purchase.")
    price_max: float | None = Field(None, description="Greatest price of a product, or total of a purchase.")
    since: str | None = Field(None, alias="from", pattern=_DAY, description="First day, such as 2026-11-01.")
    until: str | None = Field(None, alias="to", pattern=_DAY, description="Last day, included.")
    sort: Sort = Field("relevance", description="Order of the hits; a hyphen reverses it.")
    size: int = Field(20, ge=1, le=MOST_HITS, description="Hits of a page.")
    page: str = Field("", max_length=8192, description="next_page of the answer before.")
    facets: bool = Field(False, description="Whether hits are counted by category, price and month.")
    typing: bool = Field(False, description="Whether q is still being typed: then it is no question for the query log.")

    def request(self, kind: Searched) -> SearchRequest:
        """What is asked.

        Parameters
        ----------
        kind
            What is searched.

        Returns
        -------
        SearchRequest
            The same for the index.

        Raises
        ------
        SearchRequestError
            A day is none that there is, or a bound is none.
        """
        return SearchRequest(
            kind=kind,
            text=self.q,
            mode=self.mode,
            categories=tuple(self.category),
            price_min=self.price_min,
            price_max=self.price_max,
            since=_day("from", self.since),
            until=_day("to", self.until),
            sort=self.sort,
            size=self.size,
            after=self.page,
            facets=self.facets,
            typing=self.typing,
        )


def _day(name: str, text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise SearchRequestError("there is no such day", where=name, expected="a day such as 2026-11-01") from None
