"""Answers of the search, as its addresses give them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class FoundItem(BaseModel):
    """A product or a purchase, with its own fields beside these."""

    model_config = ConfigDict(extra="allow")

    kind: Literal["products", "purchases"]
    id: str = Field(description="The code of a product, the id of a purchase.")
    score: float | None = Field(description="How well it answers; null where hits are in another order.")
    highlight: dict[str, list[str]] = Field(description="By field, escaped HTML with what was found in <em>.")


class Found(BaseModel):
    """A page of the documents that a search found."""

    tenant_id: str
    total: int = Field(description="How many documents were found, on all pages.")
    items: list[FoundItem]
    facets: dict[str, list[dict[str, Any]]] = Field(description="Counts by category, price and month, where asked for.")
    suggestions: list[str] = Field(description="Texts to go on with, of an autocompletion.")
    did_you_mean: str | None
    next_page: str | None = Field(description="To be given as page for the next hits; null at the end.")
    took_ms: int
