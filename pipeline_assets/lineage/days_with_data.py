"""The days of a run that have data: a run over days without any is refused, before it does anything.

Days that a person chooses by mistake would otherwise turn green with no row in them, and *Materialize all* with the
days of years would work for hours at nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import dagster as dg

#: The most days without data that a run may have among others; shops close, tables rest.
MOST_WITHOUT: Final = 31
_NAMED = 5


def days_with_data(
    context: dg.AssetExecutionContext, days: Sequence[str], has_data: Callable[[str], bool], lacks: str
) -> list[str]:
    """Days of a run that have data.

    Parameters
    ----------
    context
        The run, whose log is told.
    days
        Its days.
    has_data
        Whether there is anything of a day; no longer asked once too many days have nothing.
    lacks
        What a day without data lacks, as in "no file is known".

    Returns
    -------
    list[str]
        At least one, in the order of the run.

    Raises
    ------
    Failure
        No day has data, or more than `MOST_WITHOUT` have none.
    """
    found, empty = list[str](), list[str]()
    for day in days:
        (found if has_data(day) else empty).append(day)
        if len(empty) > MOST_WITHOUT:
            message = (
                f"{lacks} for more than {MOST_WITHOUT} of the {len(days):,} days from {days[0]} to {days[-1]}, the "
                f"first of them {empty[0]}: nothing was done. Choose the days that have data."
            )
            raise dg.Failure(message, allow_retries=False)
    named = ", ".join(empty[:_NAMED]) + (f" and {len(empty) - _NAMED} more" if len(empty) > _NAMED else "")
    if not found:
        raise dg.Failure(f"{lacks} for {named}: nothing was done.", allow_retries=False)
    if empty:
        context.log.warning("%s for %d of %d days: %s", lacks, len(empty), len(days), named)
    return found
