"""Judged queries: a small catalog in Spanish and English, what people ask of it, and how well each product answers.

Rankings are measured by nDCG@10 (gains 2^grade - 1) and by MRR, the reciprocal rank of the first product of grade 2 or
3, as the textbooks have both: https://nlp.stanford.edu/IR-book/html/htmledition/evaluation-of-ranked-retrieval-results-1.html
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log2
from pathlib import Path
from statistics import fmean

import msgspec
import yaml

from pipeline_assets.events.tenants import TenantId
from pipeline_assets.search.documents import ProductDocument
from pipeline_assets.search.index import Outcome, SearchIndex, Write
from pipeline_assets.search.mappings import index_body
from pipeline_assets.search.names import alias

_HERE = Path(__file__).parent
STAGE = "dev"
#: What people write first: every field alike, and typing errors forgiven.
PLAIN_FIELDS = ["nombre", "descripcion", "categoria.texto"]
_DEPTH = 10
_GOOD = 2


@dataclass(frozen=True)
class JudgedQuery:
    kind: str
    half: str
    query: str
    why: str
    grades: Mapping[str, int]


@dataclass(frozen=True)
class Quality:
    """Means over some queries."""

    ndcg: float
    mrr: float


def judged_queries() -> list[JudgedQuery]:
    told = yaml.safe_load((_HERE / "search_judgments.yaml").read_text(encoding="utf-8"))
    return [
        JudgedQuery(
            each["kind"],
            each["half"],
            each["query"],
            each["why"],
            {code: grade for grade, codes in each["grades"].items() for code in codes},
        )
        for each in told
    ]


def catalog() -> list[dict[str, str]]:
    with (_HERE / "search_catalog.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def product(tenant: TenantId, row: Mapping[str, str], sequence: int = 1) -> ProductDocument:
    return ProductDocument(
        tenant=tenant,
        tenant_id=tenant,
        sequence=f"2026-01-01T00:00:00.000/{sequence:021}",
        deleted=False,
        changed_at="2026-01-01T00:00:00Z",
        valor=float(row["precio"]),
        momento="2026-01-01T00:00:00Z",
        moneda="EUR",
        **row,
    )


def put_catalog(index: SearchIndex, tenant: TenantId) -> str:
    """Put the catalog into an index of the tenant; gives the name of the index."""
    name = alias(STAGE, "products", tenant)
    index.create_index(name, index_body("products"))
    writes = [Write(name, row["codigo"], msgspec.json.encode(product(tenant, row))) for row in catalog()]
    assert {each.outcome for each in index.write(writes)} == {Outcome.WRITTEN}
    return name


def measure(
    queries: Sequence[JudgedQuery], ranked: Callable[[JudgedQuery], Sequence[str]], by: Callable[[JudgedQuery], str]
) -> dict[str, Quality]:
    """Quality of a ranking, the queries grouped by what `by` says of them."""
    groups: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for each in queries:
        codes = ranked(each)
        groups[by(each)].append((_ndcg(each.grades, codes), _reciprocal_rank(each.grades, codes)))
    return {name: Quality(fmean(a for a, _ in got), fmean(b for _, b in got)) for name, got in groups.items()}


def _ndcg(grades: Mapping[str, int], codes: Sequence[str]) -> float:
    found = _gain([grades.get(code, 0) for code in codes[:_DEPTH]])
    return found / _gain(sorted(grades.values(), reverse=True)[:_DEPTH])


def _gain(grades: Sequence[int]) -> float:
    return sum((2.0**grade - 1) / log2(place + 2) for place, grade in enumerate(grades))


def _reciprocal_rank(grades: Mapping[str, int], codes: Sequence[str]) -> float:
    return next((1 / place for place, code in enumerate(codes[:_DEPTH], 1) if grades.get(code, 0) >= _GOOD), 0.0)
