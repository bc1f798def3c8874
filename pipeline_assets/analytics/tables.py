"""The SQL tables over the prod sets, made from the specs of their tables; knows no model."""

from __future__ import annotations

from typing import Final

from pipeline_assets.analytics.compliance_guardian.spec import TABLES as COMPLIANCE_GUARDIAN
from pipeline_assets.analytics.demand_insights.spec import TABLES as DEMAND_INSIGHTS
from pipeline_assets.analytics.global_market_pulse.spec import TABLES as GLOBAL_MARKET_PULSE
from pipeline_assets.analytics.market_intelligence.spec import TABLES as MARKET_INTELLIGENCE
from pipeline_assets.analytics.retail_copilot.spec import TABLES as RETAIL_COPILOT
from pipeline_assets.datasets.catalog import Catalog
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.lake.tables import LakeTable

#: Specs of the tables of each set, by sets.
PROD_CATALOGS: Final = (MARKET_INTELLIGENCE, DEMAND_INSIGHTS, COMPLIANCE_GUARDIAN, GLOBAL_MARKET_PULSE, RETAIL_COPILOT)

#: Beginning of the keys of a set's manifests, one for each day: ``as_of=<day>.json``.
MANIFESTS: Final = "_manifests/"


def bucket_variable(name: str) -> str:
    """Name of the environment variable that holds the name of a set's bucket."""
    return f"{name.upper().replace('-', '_')}_BUCKET"


def prod_table(catalog: Catalog, table: Dataset) -> LakeTable:
    """The SQL table over a table of a prod set, whose bucket goes by the name of the set."""
    return LakeTable(
        name=table.name,
        description=table.description,
        bucket=catalog.name,
        prefix=f"{table.name}/",
        columns=table.columns,
        partitions=("as_of",),
    )


def prod_tables() -> tuple[LakeTable, ...]:
    """The SQL tables of all sets."""
    return tuple(prod_table(catalog, table) for catalog in PROD_CATALOGS for table in catalog)
