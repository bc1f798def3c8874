"""Settings, analysis of text and mappings of an index.

Both kinds have the same fields, so that one question can go to both at once. What is analysed is in the core of
Elasticsearch or in its module of common analysis, and means the same in the embedded engine.

====================  =================================================================================
``texto``             words in lower case without accents
``formas``            ``texto``, cut to what the Spanish and the English forms of a word have in common
``comienzos``         beginnings of 1 to 20 letters of each word of ``texto``
``plano``             a whole value in lower case without accents
====================  =================================================================================
"""

from __future__ import annotations

from typing import Any, Final

from pipeline_assets.search.names import Kind

LONGEST_BEGINNING: Final = 20
_LONGEST_KEYWORD: Final = 1024
_FOLDED: Final = ["lowercase", "asciifolding"]
_KEYWORD: Final[dict[str, Any]] = {"type": "keyword", "ignore_above": _LONGEST_KEYWORD}
#: Codes are written in capitals or not.
_CODE: Final[dict[str, Any]] = {**_KEYWORD, "fields": {"texto": {"type": "text", "analyzer": "texto"}}}
_FORMS: Final[dict[str, Any]] = {"formas": {"type": "text", "analyzer": "formas"}}
_BEGINNINGS: Final[dict[str, Any]] = {
    "comienzos": {"type": "text", "analyzer": "comienzos", "search_analyzer": "texto", "norms": False}
}
_NAME: Final[dict[str, Any]] = {
    "type": "text",
    "analyzer": "texto",
    "fields": {**_FORMS, **_BEGINNINGS, "plano": {**_KEYWORD, "normalizer": "plano"}},
}

ANALYSIS: Final[dict[str, Any]] = {
    "filter": {
        "espanol_ligero": {"type": "stemmer", "language": "light_spanish"},
        "espanol": {"type": "stemmer", "language": "spanish"},
        "ingles": {"type": "stemmer", "language": "porter2"},
        "comienzos": {"type": "edge_ngram", "min_gram": 1, "max_gram": LONGEST_BEGINNING},
    },
    "normalizer": {"plano": {"type": "custom", "filter": _FOLDED}},
    "analyzer": {
        "texto": {"type": "custom", "tokenizer": "standard", "filter": _FOLDED},
        # The light stemmer alone knows that lápices are of lápiz, the other one that a café is one of the cafés; what
        # both leave of an English word the English one cuts as that of its other forms: batteries, battery.
        "formas": {
            "type": "custom",
            "tokenizer": "standard",
            "filter": [*_FOLDED, "espanol_ligero", "espanol", "ingles"],
        },
        "comienzos": {"type": "custom", "tokenizer": "standard", "filter": [*_FOLDED, "comienzos"]},
    },
}
_FIELDS: Final[dict[str, Any]] = {
    "tenant": _KEYWORD,
    "deleted": {"type": "boolean"},
    "sequence": {"type": "keyword"},
    "changed_at": {"type": "date"},
    "valor": {"type": "double"},
    "momento": {"type": "date"},
    "codigo": _CODE,
    "nombre": _NAME,
    "descripcion": {"type": "text", "analyzer": "texto", "fields": _FORMS},
    "categoria": {**_KEYWORD, "fields": {"texto": {"type": "text", "analyzer": "texto"}, **_FORMS}},
    "compra_id": _CODE,
    "user_id": _CODE,
    "productos": {"properties": {"codigo": _KEYWORD, "nombre": _NAME}},
}


def index_body(kind: Kind) -> dict[str, Any]:
    """Settings and mappings of an index, as the engine takes them when it is created.

    Parameters
    ----------
    kind
        What is in it.

    Returns
    -------
    dict
        One shard, which holds some millions of documents; what the mappings do not name is kept, not searched.
    """
    del kind  # both are asked at once, so both have all fields
    return {
        "settings": {
            "number_of_shards": 1,
            # None on one machine; where an engine has more, losing one of them loses no index.
            "number_of_replicas": 0,
            "auto_expand_replicas": "0-1",
            "analysis": ANALYSIS,
        },
        "mappings": {"dynamic": False, "properties": _FIELDS},
    }
