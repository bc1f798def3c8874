"""`python -m docs.datasets`: writes docs/datasets.md from the specs, which a test compares it with."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.datasets.spec import Column, Dataset
from pipeline_assets.datasets.stocks import STOCKS
from pipeline_assets.datasets.stored import stored_as
from pipeline_assets.datasets.tickets import TICKETS

PAGE: Final = Path(__file__).with_suffix(".md")
_HEAD = """# The datasets

Every column and rule, as `pipeline_assets/datasets` says them: the same specs make the readers, the tables and the
checks. `python -m docs.datasets` writes this page.

A broken rule rejects its row (*quarantine*), refuses the whole object (*halt*), or is counted and the row kept
(*warn*).
"""
_UNKNOWN = {
    "evolve": "a column that is not listed is kept in `other_columns`",
    "discard": "a column that is not listed is dropped and named in the account of its object",
    "freeze": "an object with a column that is not listed is refused",
}


def page() -> str:
    """The page as it should be."""
    files = [_section(dataset) for dataset in (TICKETS, STOCKS)]
    tables = [_section(dataset) + _contract(dataset) for dataset in ECOMMERCE]
    return "\n".join([_HEAD, "# Files", *files, "# The e-commerce lake", *tables])


def _section(dataset: Dataset) -> str:
    key = ", ".join(f"`{name}`" for name in dataset.key)
    lines = [
        f"\n## {dataset.name}\n",
        f"{dataset.description} Key: {key}. Owner: {dataset.owner}.\n",
        "| column | type | unit | may be empty | meaning | kept as |",
        "|---|---|---|---|---|---|",
        *map(_column, dataset.columns),
        "\n| rule | where it is broken | expected |",
        "|---|---|---|",
        *(f"| {rule.name} | {rule.severity} | {rule.expected} |" for rule in dataset.rules),
    ]
    return "\n".join(lines) + "\n"


def _column(column: Column) -> str:
    stored = stored_as(column)
    kept = "" if stored == (column,) else ", ".join(f"`{each.name}`" for each in stored) or "nothing"
    if column.personal == "free_text":
        kept = "without numbers of persons"
    empty = "yes" if column.nullable else ""
    return f"| `{column.name}` | {column.type} | {column.unit} | {empty} | {column.meaning} | {kept} |"


def _contract(dataset: Dataset) -> str:
    refers = [f"`{each.column}` a key of {each.dataset}" for each in dataset.references]
    expected = f" Expected of a whole day: {', '.join(refers)}." if refers else ""
    order = ", ".join(f"`{name}`" for name in dataset.order)
    names = ", ".join(f"`{name}`" for name in dataset.identifiers)
    declared = f" Columns of identifiers, whose digits are left as they are: {names}." if names else ""
    return (
        f"\nContract: {_UNKNOWN[dataset.contract.unknown]}. Latest wins by {order}."
        f" A day of which more than {dataset.most_rejected:.0%} of the rows are rejected is held back."
        f"{expected}{declared}\n"
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
