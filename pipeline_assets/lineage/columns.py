"""What a dataset's spec looks like in Dagster: its columns, where they come from, and its rules."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import dagster as dg

from pipeline_assets.datasets.catalog import Catalog
from pipeline_assets.datasets.spec import Column, Dataset
from pipeline_assets.datasets.types import TYPES

_SHOWN = {"quarantine": "its row is rejected", "halt": "the object is refused", "warn": "counted and kept"}


def schema_of(columns: Sequence[Column]) -> dg.TableSchema:
    """Columns as Dagster shows them."""
    return dg.TableSchema(columns=[_table_column(column) for column in columns])


def _table_column(column: Column) -> dg.TableColumn:
    return dg.TableColumn(
        name=column.name,
        type=TYPES[column.type].glue,
        description=f"{column.meaning}; {column.unit}" if column.unit else column.meaning,
        constraints=dg.TableColumnConstraints(nullable=column.nullable),
    )


def lineage_of(columns: Sequence[Column], source: dg.AssetKey) -> Mapping[str, Any]:
    """Column lineage of an asset whose columns come from those of the same names in `source`.

    Returns
    -------
    Mapping[str, Any]
        Metadata for programs and a table for people: the open-source pages do not draw column lineage.
    """
    came = source.to_user_string()
    rows = [f"| {column.name} | {came}: {column.name} | {column.meaning} |" for column in columns]
    return {
        "dagster/column_lineage": dg.TableColumnLineage(
            {column.name: [dg.TableColumnDep(asset_key=source, column_name=column.name)] for column in columns}
        ),
        "column_lineage": dg.MetadataValue.md("\n".join(["| column | from | meaning |", "|---|---|---|", *rows])),
    }


def tables_schema(catalog: Catalog) -> dg.TableSchema:
    """Columns of all tables of a catalog as Dagster shows them, each as ``table.column``."""
    named = (replace(column, name=f"{table.name}.{column.name}") for table in catalog for column in table.columns)
    return schema_of(tuple(named))


def tables_lineage(catalog: Catalog, asset_of: Callable[[str], dg.AssetKey]) -> Mapping[str, Any]:
    """Column lineage of all tables of a catalog, by `derived_from`, each column as ``table.column``.

    Parameters
    ----------
    catalog
        The tables.
    asset_of
        The asset of the dataset that a column is derived from, by its name.

    Returns
    -------
    Mapping[str, Any]
        Metadata for programs and a table for people. A column that is derived from nothing stored, such as the number
        of a fold, comes from no other.
    """
    columns = {f"{table.name}.{column.name}": column for table in catalog for column in table.columns}
    sources = {name: [each.partition(".") for each in column.derived_from] for name, column in columns.items()}
    rows = [f"| {name} | {', '.join(column.derived_from)} | {column.meaning} |" for name, column in columns.items()]
    return {
        "dagster/column_lineage": dg.TableColumnLineage(
            {
                name: [dg.TableColumnDep(asset_key=asset_of(dataset), column_name=of) for dataset, _, of in found]
                for name, found in sources.items()
            }
        ),
        "column_lineage": dg.MetadataValue.md("\n".join(["| column | from | meaning |", "|---|---|---|", *rows])),
    }


def references_table(dataset: Dataset) -> dg.MetadataValue[Any]:
    """What the columns of a dataset refer to, as a table."""
    # No dependency: tables are loaded in any order, and a day of one is not stale for another's sake.
    rows = [f"| {each.column} | {each.dataset} |" for each in dataset.references]
    return dg.MetadataValue.md("\n".join(["| column | is a key of |", "|---|---|", *rows]))


def rules_table(dataset: Dataset) -> dg.MetadataValue[Any]:
    """The rules of a dataset as a table."""
    rows = [f"| {rule.name} | {_SHOWN[rule.severity]} | {rule.expected} |" for rule in dataset.rules]
    return dg.MetadataValue.md("\n".join(["| rule | where it is broken | expected |", "|---|---|---|", *rows]))
