"""Preview of data in Dagster: a few rows as a Markdown table.

Who reads the rows leaves out the columns that say something of a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pipeline_assets.lineage.metadata import cell

#: The metadata that holds it.
PREVIEW: Final = "preview"
#: The most rows that one event shows.
PREVIEW_ROWS: Final = 5
_LONGEST_VALUE: Final = 40


def preview_table(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows as a Markdown table.

    Parameters
    ----------
    rows
        Values by column, the columns of all rows being those of the first.

    Returns
    -------
    str
        The table, long values cut off; a sentence where there is no row.
    """
    if not rows:
        return "There is no row."
    columns = list(rows[0])
    lines = [" | ".join(_shown(row[name]) for name in columns) for row in rows[:PREVIEW_ROWS]]
    head = [f"| {' | '.join(map(cell, columns))} |", "|---" * len(columns) + "|"]
    return "\n".join([*head, *(f"| {line} |" for line in lines)])


def _shown(value: object) -> str:
    text = "" if value is None else str(value)
    return cell(text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…")
