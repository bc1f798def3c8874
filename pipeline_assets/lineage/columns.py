"""What a dataset's spec looks like in Dagster: its columns, where they come from, and its rules."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from pipeline_assets.datasets.spec import Column, Dataset
from pipeline_assets.lake.tables import GlueColumn, glue_type

_SHOWN = {"quarantine": "its row is rejected", "halt": "the object is refused", "warn": "counted and kept"}


def schema_of(columns: Sequence[Column | GlueColumn]) -> dg.TableSchema:
    """Columns as Dagster shows them."""
    return dg.TableSchema(columns=[_table_column(column) for column in columns])


def _table_column(column: Column | GlueColumn) -> dg.TableColumn:
    return dg.TableColumn(
        name=column.name,
        type=glue_type(column),
        description=f"{column.meaning}; {column.unit}" if column.unit else column.meaning,
        constraints=dg.TableColumnConstraints(nullable=not isinstance(column, Column) or column.nullable),
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


def references_table(dataset: Dataset) -> dg.MetadataValue[Any]:
    """What the columns of a dataset refer to, as a table."""
    # No dependency: tables are loaded in any order, and a day of one is not stale for another's sake.
    rows = [f"| {each.column} | {each.dataset} |" for each in dataset.references]
    return dg.MetadataValue.md("\n".join(["| column | is a key of |", "|---|---|", *rows]))


def rules_table(dataset: Dataset) -> dg.MetadataValue[Any]:
    """The rules of a dataset as a table."""
    rows = [f"| {rule.name} | {_SHOWN[rule.severity]} | {rule.expected} |" for rule in dataset.rules]
    return dg.MetadataValue.md("\n".join(["| rule | where it is broken | expected |", "|---|---|---|", *rows]))
