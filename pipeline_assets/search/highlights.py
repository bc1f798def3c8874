"""Highlights: where a hit has what was searched for, as HTML in which nothing of the document is HTML."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pipeline_assets.search.request import Mode, Searched
from pipeline_assets.search.words import Words

#: Marks that the engine puts around what it found: characters that are nobody's, so that a text has none of them.
_FROM, _TO = "\ue000", "\ue001"
_EXCERPT: Final = {"fragment_size": 160, "number_of_fragments": 1}
_WHOLE: Final = {"number_of_fragments": 0}
#: Of the names in a purchase, whole ones in which something was found.
_SOME: Final = {"number_of_fragments": 5, "fragment_size": 1000}
#: None in words of up to three letters, one in all others.
_ONE_ERROR: Final = "AUTO:4,255"


def highlighted(words: Words, kind: Searched, mode: Mode) -> dict[str, Any]:
    """Ask an engine to mark what it found.

    Parameters
    ----------
    words
        What was typed.
    kind
        What is searched.
    mode
        How words are taken.

    Returns
    -------
    dict
        What is marked: words and their forms, names of one error, and beginnings where they are searched. Two errors
        are found and not marked: to look for them in each hit took ten times as long as the search.
    """
    text = " ".join(words.words)
    names = [name for name, of in (("nombre", "purchases"), ("productos.nombre", "products")) if kind != of]
    ways = ("", ".formas") if mode == "fuzzy" else ("", ".formas", ".comienzos")
    fields: dict[str, Any] = {f"{name}{way}": _SOME if "." in name else _WHOLE for name in names for way in ways}
    if kind != "purchases":
        fields["descripcion.formas"] = _EXCERPT
    asked: list[dict[str, Any]] = [{"multi_match": {"query": text, "fields": list(fields)}}]
    if mode != "prefix":
        asked += [{"match": {name: {"query": text, "fuzziness": _ONE_ERROR}}} for name in names]
    query = {"bool": {"should": asked}}
    return {"pre_tags": [_FROM], "post_tags": [_TO], "fields": fields, "highlight_query": query}


def read_highlights(found: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Read what an engine marked in a hit.

    Parameters
    ----------
    found
        Texts by field, those of one field by each way in which its words are kept.

    Returns
    -------
    dict
        By field of the document its texts as HTML: of the ways of a field the one that found most.
    """
    best: dict[str, Sequence[str]] = {}
    for name, texts in found.items():
        field = "productos.nombre" if name.startswith("productos.") else name.partition(".")[0]
        if _marks(texts) > _marks(best.get(field, ())):
            best[field] = texts
    return {field: [_as_html(each) for each in texts] for field, texts in best.items()}


def unmarked(text: str) -> str:
    """A highlighted text as the document has it."""
    return html.unescape(text.replace("<em>", "").replace("</em>", ""))


def _marks(texts: Sequence[str]) -> int:
    return sum(each.count(_FROM) for each in texts)


def _as_html(text: str) -> str:
    return html.escape(text).replace(_FROM, "<em>").replace(_TO, "</em>")
