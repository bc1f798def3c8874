"""Moments as text: ISO-8601 UTC with milliseconds, in one fixed width, so that they compare as text."""

from __future__ import annotations

from datetime import UTC, datetime


def iso_utc(moment: datetime) -> str:
    """A moment as ``2026-11-20T09:30:00.000Z``; one without a zone is taken to be UTC.

    Parameters
    ----------
    moment
        The moment.

    Returns
    -------
    str
        24 characters.

    Raises
    ------
    OverflowError
        It is within a day of the beginning of year 1 or the end of year 9999, in another zone than UTC.
    """
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
