"""All tables that a query may read: those of the lake, and those of the prod sets."""

from __future__ import annotations

from functools import cache

from pipeline_assets.analytics.tables import prod_tables
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.lake.tables import LakeTable, lake_tables


@cache
def known_tables() -> tuple[LakeTable, ...]:
    """All tables, those of the lake first."""
    return (*lake_tables(ECOMMERCE), *prod_tables())
