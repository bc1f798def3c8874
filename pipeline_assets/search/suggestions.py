"""Did you mean: what was typed with its unknown words replaced by known ones that are near to them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pipeline_assets.search.request import Searched
from pipeline_assets.search.words import Words, folded

_NEAR: Final = "near"
_SHORTEST: Final = 4
_WORD: Final = re.compile(r"\w+")


def known_words(words: Words, kind: Searched) -> dict[str, Any]:
    """What an engine is asked for: to each word that no name has, those that are near to it."""
    near = {"suggest_mode": "missing", "prefix_length": 0, "min_word_length": _SHORTEST, "size": 1}
    field = "productos.nombre" if kind == "purchases" else "nombre"
    return {"text": " ".join(words.words), _NEAR: {"term": {"field": field, **near}}}


def did_you_mean(
    words: Words, suggested: Mapping[str, Sequence[Mapping[str, Any]]], names: Iterable[str]
) -> str | None:
    """Replace what no name has by what is nearest to it.

    Parameters
    ----------
    words
        What was typed.
    suggested
        What the engine answered to `known_words`.
    names
        Names of hits, from which a word takes its accents.

    Returns
    -------
    str or None
        The words with others in their place; None where there is none to replace, or nothing near it.
    """
    written = {folded(word): word.lower() for name in names for word in _WORD.findall(name)}
    nearest = {each["text"]: each["options"][0]["text"] for each in suggested[_NEAR] if each["options"]}
    instead = {unknown: written.get(word, word) for unknown, word in nearest.items()}
    text = " ".join(words.words)
    meant = _WORD.sub(lambda word: instead.get(folded(word[0]), word[0]), text)
    return meant if meant != text else None
