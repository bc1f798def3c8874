"""Compile words into a query: what has to be found of each, and what it is worth.

A word is *found* where a field has it or a form of it, and *nearly found* where a field has one that a typing error or
two would make of it. A found word is worth `FOUND` and how well BM25 thinks it fits its field, which is at most some
tens; one that is nearly found is worth a fraction of `FOUND`, and never both. So a document with every word comes
before one in which any word is only nearly found, whatever the two look like otherwise.
"""

from __future__ import annotations

from typing import Any, Final

from pipeline_assets.search.mappings import LONGEST_BEGINNING
from pipeline_assets.search.request import Mode, Searched
from pipeline_assets.search.words import Words, folded

Clause = dict[str, Any]

FOUND: Final = 1000.0
_BEGINS: Final = 800.0
#: The name begins with the word: what a thing is comes first in Spanish.
_LEADS: Final = 5.0
#: The name is what was typed, or begins with it.
_NAMED, _NAME_BEGINS = 300.0, 200.0
#: The text is the code of a product, the id of a purchase, or that of whoever bought.
_IS_CODE, _IS_BUYER = 20_000.0, 15_000.0
#: Words of fewer letters are too many others with an error; a second error is forgiven from the second number on.
_ONE_ERROR, _TWO_ERRORS, _LONGEST_MISTYPED = 4, 7, 40
_EXPANSIONS: Final = 50

_NAMES: Final[dict[Searched, tuple[str, ...]]] = {
    "products": ("nombre",),
    "purchases": ("productos.nombre",),
    "all": ("nombre", "productos.nombre"),
}
_CODES: Final[dict[Searched, tuple[str, ...]]] = {
    "products": ("codigo",),
    "purchases": ("compra_id", "user_id"),
    "all": ("codigo", "compra_id", "user_id"),
}


def compile_words(words: Words, kind: Searched, mode: Mode) -> Clause:
    """Compile what was typed into a query.

    Parameters
    ----------
    words
        The words.
    kind
        What is searched.
    mode
        How words are taken.

    Returns
    -------
    dict
        A query of Elasticsearch: of everything where nothing was typed, of nothing where it was no word.
    """
    if words.blank:
        return {"match_all": {}}
    if not words.words:
        return {"match_none": {}}
    each = [_taken(word, kind, mode, last=word == words.words[-1]) for word in words.words]
    wanted = _wanted(len(each)) if mode == "fuzzy" else len(each)
    counted: Clause = {"bool": {"should": each, "minimum_should_match": wanted}}
    return {"bool": {"should": [counted, *_whole(words, kind)], "minimum_should_match": 1}}


def _wanted(words: int) -> int:
    """How many words have to be found or nearly found: all but one, and of many all but two."""
    return max(1, words - 1 if words < 5 else words - 2)  # noqa: PLR2004 - as the sentence says


def _taken(word: str, kind: Searched, mode: Mode, *, last: bool) -> Clause:
    ways = [_found(word, kind)]
    if mode == "prefix" or (mode == "autocomplete" and last):
        ways += _begun(word, kind, forgiving=mode == "autocomplete")
    if mode != "prefix":
        ways += _nearly(word, kind)
    return {"dis_max": {"queries": ways}}


def _found(word: str, kind: Searched) -> Clause:
    """A field has the word, or a form of it."""
    weights: dict[str, float] = {}
    for name in _NAMES[kind]:
        weights |= {name: 1.0, f"{name}.formas": 0.8}
    if kind != "purchases":
        weights |= {"categoria.formas": 0.5, "descripcion.formas": 0.25}
    weights |= {f"{each}.texto": 0.6 for each in _CODES[kind]}
    fields = [f"{name}^{weight}" for name, weight in weights.items()]
    found: Clause = {"multi_match": {"query": word, "fields": fields, "operator": "and", "tie_breaker": 0.1}}
    worth: Clause = {"query": found, "functions": [{"weight": FOUND}], "boost_mode": "sum", "_name": f"found:{word}"}
    if kind == "purchases":
        return {"function_score": worth}
    leads = _constant({"prefix": {"nombre.plano": folded(word)}}, _LEADS)
    return {"bool": {"must": [{"function_score": worth}], "should": [leads]}}


def _nearly(word: str, kind: Searched) -> list[Clause]:
    """A field has what one error, or two of a longer word, make of it; any letter may be wrong, the first as well."""
    if not (word.isalnum() and _ONE_ERROR <= len(word) <= _LONGEST_MISTYPED):
        return []
    fields = [(name, 0.30) for name in _NAMES[kind]]
    if kind != "purchases":
        fields += [("categoria.texto", 0.25), ("descripcion", 0.20)]
    return [_constant(_mistyped(name, word), FOUND * worth) for name, worth in fields]


def _begun(word: str, kind: Searched, *, forgiving: bool) -> list[Clause]:
    """A word of a field begins with it."""
    beginning = folded(word)
    ways: list[Clause] = []
    for name in _NAMES[kind]:
        if len(beginning) <= LONGEST_BEGINNING:
            begun: Clause = {"match": {f"{name}.comienzos": {"query": word, "operator": "and"}}}
        else:
            begun = {"prefix": {name: beginning}}
        ways.append(_constant(begun, _BEGINS))
        if forgiving and word.isalnum() and _ONE_ERROR <= len(word) <= LONGEST_BEGINNING:
            ways.append(_constant(_mistyped(f"{name}.comienzos", word, beginning=1), FOUND * 0.25))
    if kind != "purchases":
        ways += [
            _constant({"prefix": {"categoria.texto": beginning}}, _BEGINS * 0.75),
            _constant({"prefix": {"descripcion": beginning}}, _BEGINS * 0.5),
        ]
    ways += [_constant({"prefix": {code: {"value": word, "case_insensitive": True}}}, _BEGINS) for code in _CODES[kind]]
    return ways


def _whole(words: Words, kind: Searched) -> list[Clause]:
    """What the text as a whole may be: a code, a name, the beginning of a name."""
    worth = {code: _IS_BUYER if code == "user_id" else _IS_CODE for code in _CODES[kind]}
    ways = [
        _constant({"term": {code: {"value": words.text, "case_insensitive": True}}}, by) for code, by in worth.items()
    ]
    if kind != "purchases":
        name = folded(words.text)
        ways += [
            _constant({"term": {"nombre.plano": name}}, _NAMED),
            _constant({"prefix": {"nombre.plano": name}}, _NAME_BEGINS),
        ]
    return ways


def _mistyped(field: str, word: str, *, beginning: int = 0) -> Clause:
    forgiven = f"AUTO:{_ONE_ERROR},{_TWO_ERRORS}"
    like = {"query": word, "fuzziness": forgiven, "prefix_length": beginning, "max_expansions": _EXPANSIONS}
    return {"match": {field: like}}


def _constant(clause: Clause, worth: float) -> Clause:
    return {"constant_score": {"filter": clause, "boost": worth}}
