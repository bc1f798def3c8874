"""Settings and mappings of an index."""

from __future__ import annotations

from typing import Any

from pipeline_assets.search.names import Kind

_KEYWORD = {"type": "keyword", "ignore_above": 1024}
_TEXT = {"type": "text"}
_STATE: dict[str, Any] = {
    "tenant_id": _KEYWORD,
    "changed_at": {"type": "date"},
    "sequence": {"type": "keyword"},
    "deleted": {"type": "boolean"},
    "moneda": _KEYWORD,
}
_FIELDS: dict[Kind, dict[str, Any]] = {
    "products": {
        "codigo": _KEYWORD,
        "nombre": _TEXT,
        "descripcion": _TEXT,
        "categoria": _KEYWORD,
        "precio_valor": {"type": "double"},
    },
    "purchases": {
        "compra_id": _KEYWORD,
        "user_id": _KEYWORD,
        "fecha": {"type": "date"},
        "productos": {"properties": {"codigo": _KEYWORD, "nombre": _TEXT}},
        "total_precio_valor": {"type": "double"},
    },
}


def index_body(kind: Kind) -> dict[str, Any]:
    """Settings and mappings of an index of a kind, as the engine takes them when it is created."""
    return {
        "settings": {"number_of_shards": 1, "number_of_replicas": 0},
        "mappings": {"dynamic": False, "properties": {**_STATE, **_FIELDS[kind]}},
    }
