"""All tables and views that a query may read: those of the lake, of the prod sets, and of purchases."""

from __future__ import annotations

from functools import cache

from pipeline_assets.analytics.tables import prod_tables
from pipeline_assets.compras.tables import COMPRAS_JSON, COMPRAS_PARQUET
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.lake.tables import LakeTable, lake_tables
from pipeline_assets.queries.views import COMPRAS_VIEWS, Relation

_PURCHASES = (COMPRAS_JSON, COMPRAS_PARQUET)


@cache
def known_tables() -> tuple[LakeTable, ...]:
    """All tables of the lake's database, those of the lake first."""
    return (*lake_tables(ECOMMERCE), *prod_tables())


@cache
def relations() -> dict[str, Relation]:
    """Tables and views by their names: the lake's database, then that of purchases, a view after what it reads."""
    found: tuple[Relation, ...] = (*known_tables(), *_PURCHASES, *COMPRAS_VIEWS)
    return {each.name: each for each in found}


def is_of_purchases(relation: Relation) -> bool:
    """Whether a table or view is in the database of purchases."""
    return relation in (*_PURCHASES, *COMPRAS_VIEWS)
