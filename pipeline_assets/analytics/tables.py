"""The SQL tables over the prod sets, made from the specs of the tables that their models fill."""

from __future__ import annotations

from typing import Final

from pipeline_assets.analytics.sets import SETS
from pipeline_assets.datasets.catalog import Catalog
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.lake.tables import LakeTable

#: Specs of the tables of each set, by sets.
PROD_CATALOGS: Final = tuple(each.tables for each in SETS)

#: Beginning of the keys of a set's manifests, one for each day: ``as_of=<day>.json``.
MANIFESTS: Final = "_manifests/"


def bucket_variable(name: str) -> str:
    """Name of the environment variable that holds the name of a set's bucket."""
    return _variable(name, "BUCKET")


def crawler_variable(name: str) -> str:
    """Name of the environment variable that holds the name of a set's crawler."""
    return _variable(name, "CRAWLER")


def _variable(name: str, of: str) -> str:
    return f"{name.upper().replace('-', '_')}_{of}"


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
