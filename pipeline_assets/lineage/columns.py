"""What a dataset's spec looks like in Dagster: its columns, where they come from, and its rules."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from pipeline_assets.datasets.spec import Column, Dataset, stored_as
from pipeline_assets.lake.tables import GlueColumn, glue_type

_SHOWN = {"quarantine": "its row is rejected", "halt": "the object is refused", "warn": "counted and kept"}


def schema_of(columns: Sequence[Column | GlueColumn]) -> dg.TableSchema:
    """Columns as Dagster shows them."""
    return dg.TableSchema(columns=[_table_column(column) for column in columns])


def schema_of_tables(tables: Iterable[Dataset]) -> dg.TableSchema:
    """Columns of several tables as Dagster shows them, each as ``table.column``."""
    return dg.TableSchema(
        columns=[_table_column(column, f"{table.name}.{column.name}") for table in tables for column in table.columns]
    )


def _table_column(column: Column | GlueColumn, name: str = "") -> dg.TableColumn:
    return dg.TableColumn(
        name=name or column.name,
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
    return _lineage((column.name, column.meaning, [(source, column.name)]) for column in columns)


def lineage_of_stored(dataset: Dataset, source: dg.AssetKey) -> Mapping[str, Any]:
    """Column lineage of an asset with what is stored of a dataset, whose columns `source` has as they came.

    Returns
    -------
    Mapping[str, Any]
        As of `lineage_of`.
    """
    return _lineage(
        (stored.name, stored.meaning, [(source, column.name)])
        for column in dataset.columns
        for stored in stored_as(column)
    )


def lineage_of_tables(tables: Iterable[Dataset], source: dg.AssetKey) -> Mapping[str, Any]:
    """Column lineage of an asset of several tables whose columns come from those of the same names in `source`.

    Returns
    -------
    Mapping[str, Any]
        As of `lineage_of`, each column as ``table.column``.
    """
    named = [(f"{table.name}.{column.name}", column.meaning) for table in tables for column in table.columns]
    return _lineage((name, meaning, [(source, name)]) for name, meaning in named)


def lineage_of_derived(tables: Iterable[Dataset], asset_of: Callable[[str], dg.AssetKey]) -> Mapping[str, Any]:
    """Column lineage of an asset of several tables whose columns say what they are derived from.

    Parameters
    ----------
    tables
        Their specs.
    asset_of
        Gives the asset of a table that a column is derived from.

    Returns
    -------
    Mapping[str, Any]
        As of `lineage_of`, each column as ``table.column``; a column that says nothing is left out.
    """
    return _lineage(
        (
            f"{table.name}.{column.name}",
            column.meaning,
            [(asset_of(of), name) for of, _, name in (each.partition(".") for each in column.derived_from)],
        )
        for table in tables
        for column in table.columns
        if column.derived_from
    )


def _lineage(columns: Iterable[tuple[str, str, Sequence[tuple[dg.AssetKey, str]]]]) -> Mapping[str, Any]:
    """Name, meaning and origins of columns, for programs and for people."""
    deps: dict[str, list[dg.TableColumnDep]] = {}
    rows = []
    for name, meaning, origins in columns:
        deps[name] = [dg.TableColumnDep(asset_key=asset, column_name=column) for asset, column in origins]
        came = ", ".join(f"{asset.to_user_string()}: {column}" for asset, column in origins)
        rows.append(f"| {name} | {came} | {meaning} |")
    return {
        "dagster/column_lineage": dg.TableColumnLineage(deps),
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
