"""Sentences of an event: what was worked through and what became of its rows, for people."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.sources import Source, StreamBatch


def counted(number: int, one: str, many: str = "") -> str:
    """A number of things.

    Parameters
    ----------
    number
        How many.
    one, many
        What one of them is called, and several, where that is not one with an "s".

    Returns
    -------
    str
        Such as "1,200 files".
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def work_sentence(sources: Sequence[Source], counts: Counts, *, refused: int = 0, restated: int = 0) -> str:
    """What the work of one event came to.

    Parameters
    ----------
    sources
        What was worked through.
    counts
        Its rows by outcome.
    refused
        How many of the sources were refused whole.
    restated
        How many of them were not worked through: other sources changed what became of their rows.

    Returns
    -------
    str
        Such as "3 files, 2 refused, 6 of 7 rows rejected".
    """
    batches = sum(isinstance(source, StreamBatch) for source in sources)
    files = len(sources) - batches - restated
    if not sources:
        return "nothing was worked through"
    parts = [counted(files, "file")] if files else []
    parts += [counted(batches, "batch of changes", "batches of changes")] if batches else []
    parts += [f"{refused:,} refused" if len(sources) > 1 else "refused"] if refused else []
    if files or batches:
        parts.append(rows_sentence(counts))
    if restated:
        parts.append(f"the rows of {counted(restated, 'earlier file')} counted anew")
    return ", ".join(parts)


def rows_sentence(counts: Counts) -> str:
    """Rows by outcome in words, such as "6 of 7 rows rejected, 1 duplicate", without what is zero."""
    if not counts.received:
        return "no rows"
    rows = counted(counts.received, "row")
    parts = [f"{counts.quarantined:,} of {rows} rejected" if counts.quarantined else f"{rows}, none rejected"]
    parts += [f"{counts.duplicate:,} duplicate"] if counts.duplicate else []
    parts += [f"{counts.superseded:,} superseded"] if counts.superseded else []
    return ", ".join(parts)
