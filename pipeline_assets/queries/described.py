"""A named query as a document, for a program that lists them."""

from __future__ import annotations

from pipeline_assets.queries.named_query import NamedQuery


def described(one: NamedQuery) -> dict[str, object]:
    """A named query for a program: what it answers, takes and gives."""
    parameters = {
        p.name: {"takes": p.takes, "default": p.default, "required": p.required, "meaning": p.meaning}
        for p in one.parameters
    }
    return {
        "name": one.name,
        "title": one.title,
        "answer": one.answer,
        "parameters": parameters,
        "columns": dict(one.columns),
    }
