"""`python -m docs.prod_tables`: writes docs/prod_tables.md from the specs of the sets; a test compares the two."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipeline_assets.analytics.prod_set import ProdSet
from pipeline_assets.analytics.sets import SETS
from pipeline_assets.datasets.spec import Column, Dataset

PAGE: Final = Path(__file__).with_suffix(".md")
_HEAD = """# The tables of the prod sets

Every table, column and rule, as the `spec.py` of each set says them: the same specs make the tables in SQL, the columns
and the check `as_its_specs_say` in Dagster. `python -m docs.prod_tables` writes this page; [prod sets](guides/prod.md)
says how they are made.

Every table has a further column `as_of`, the day at whose end the lake was read, by which it is partitioned. A set of
which a row breaks a rule is not published. *made of* names columns of the [curated lake](datasets.md).
"""


def page() -> str:
    """The page as it should be."""
    return "\n".join([_HEAD, *map(_set, SETS)])


def _set(prod_set: ProdSet) -> str:
    said = f"# {prod_set.title}\n\n{prod_set.description} Asset: `{prod_set.asset}`. Owner: {prod_set.owner}.\n"
    return "\n".join([said, *map(_table, prod_set.tables)])


def _table(table: Dataset) -> str:
    key = ", ".join(f"`{name}`" for name in table.key)
    lines = [
        f"## {table.name}\n",
        f"{table.description} Key: {key}.\n",
        "| column | type | unit | may be empty | meaning | made of |",
        "|---|---|---|---|---|---|",
        *map(_column, table.columns),
    ]
    if table.rules:
        rules = [f"| {rule.name} | {rule.test.column if rule.test else ''} | {rule.expected} |" for rule in table.rules]
        lines += ["\n| rule | column | expected |", "|---|---|---|", *rules]
    return "\n".join(lines) + "\n"


def _column(column: Column) -> str:
    made_of = ", ".join(f"`{each}`" for each in column.derived_from)
    empty = "yes" if column.nullable else ""
    return f"| `{column.name}` | {column.type} | {column.unit} | {empty} | {column.meaning} | {made_of} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
