"""Watermarks and clock skew of `updated_at`: warnings for people, and the lower bound of late rows.

Incremental loads filter by `updated_at`, which some clock of the shop writes: in UTC, in the zone of a server, skewed,
or not at all. Nothing in a table says which. So each load reads three figures that an index answers: the newest time
that is not in the future, the newest of all, and the number of rows without a time.

They bound the next load's search for late rows: a clock of another zone is behind by less than a day, and one that is
further behind goes on from the newest time it has written.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

#: A clock of the westernmost zone is behind UTC by twelve hours; times may be committed late there as well.
ZONES = timedelta(hours=14)
#: Zones differ by whole quarters of an hour; a table that is busy has a time of the last minutes.
_STEP, _BUSY = timedelta(minutes=15), timedelta(minutes=2)
_AHEAD = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class ChangeTimes:
    """Figures of a table's `updated_at`.

    Parameters
    ----------
    past
        Newest time that is not in the future, in UTC; None where there is none.
    newest
        Newest time of all, in UTC; None where there is none.
    untimed
        Rows without a readable time, from 0.
    local
        The column may hold times of the server's own zone (a MySQL ``DATETIME``).
    """

    past: datetime | None
    newest: datetime | None
    untimed: int
    local: bool = False

    @classmethod
    def of(cls, past: str | None, newest: str | None, untimed: int, *, local: bool = False) -> ChangeTimes:
        """Parse the figures as a database gives them.

        Parameters
        ----------
        past, newest
            ISO-8601 texts, without a zone in UTC; any other text is read as None.
        untimed
            Rows without a readable time.
        local
            The column may hold times of the server's own zone.

        Returns
        -------
        ChangeTimes
            The figures, in UTC.
        """
        return cls(_parse(past), _parse(newest), untimed, local)


@dataclass(frozen=True, slots=True)
class Watermark:
    """High watermark of a table: a finished load has all that was changed before it began.

    Parameters
    ----------
    load_id
        Id of that load.
    began
        When it began, in UTC by the clock of the database.
    newest
        Newest `updated_at` that the table had then, in UTC; None where it had none.
    """

    load_id: str
    began: datetime
    newest: datetime | None = None

    def late_from(self, lag: timedelta) -> datetime:
        """Lower bound of the `updated_at` of late rows: changed after the load began, with an earlier time in them."""
        far = self.began - lag - ZONES
        # Before its last second a clock wrote nothing any more, however far behind it is.
        return min(far, self.newest.replace(microsecond=0) + timedelta(seconds=1)) if self.newest else far


def clock_warnings(name: str, times: ChangeTimes, now: datetime, watermark: Watermark | None) -> list[str]:
    """Warnings of rows without a time and of clocks that are ahead of or behind UTC.

    Parameters
    ----------
    name
        Table.
    times
        Figures of its `updated_at`.
    now
        Time in UTC by the clock of the database.
    watermark
        Watermark of the load before; None where there is none.

    Returns
    -------
    list of str
        Whole sentences, without their full stops.
    """
    warnings = []
    if times.untimed:
        rows = "1 row whose" if times.untimed == 1 else f"{times.untimed} rows whose"
        warnings.append(
            f"{name} has {rows} updated_at says no time: full and incremental loads read them each time, those of a "
            "day never; give them a time in the source"
        )
    if times.newest and times.newest - now > _AHEAD:
        warnings.append(
            f"{name}: the newest updated_at is {_hours(times.newest - now)} ahead of the clock of the database; write "
            "it in UTC"
        )
    return warnings + _behind_warnings(name, times, now, watermark)


def _behind_warnings(name: str, times: ChangeTimes, now: datetime, watermark: Watermark | None) -> list[str]:
    """Warnings of a clock that may be in a zone west of UTC.

    One idle table in seven looks like that at some moment. So the first load only gives a hint; a later one warns where
    the newest time has moved and is as far behind as before.

    Returns
    -------
    list of str
        One sentence, or none.
    """
    behind = now - times.past if times.past else timedelta(0)
    if not (times.past and _STEP <= behind <= ZONES and behind % _STEP <= _BUSY):
        return []
    so_far = f"{name}: the newest updated_at is {_hours(behind)} behind the clock of the database"
    miss = "loads of a day miss what changes in its last hours; write it in UTC"
    if not (watermark and watermark.newest):
        return [f"{so_far}: if more was changed since, that is the clock of a zone west of UTC, and {miss}"]
    if times.past > watermark.newest and abs(watermark.began - watermark.newest - behind) <= _BUSY:
        return [f"{so_far}, as it was at the load before, which tells of a zone west of UTC: {miss}"]
    return []


def zone_warnings(names: list[str], seconds: int) -> list[str]:
    """Warning of a server zone other than UTC, `seconds` ahead of it, where tables may hold times of that zone."""
    if not (seconds and names):
        return []
    way = "ahead of" if seconds > 0 else "behind"
    warnings = (
        f"the zone of the database server is {_hours(timedelta(seconds=abs(seconds)))} {way} UTC, and updated_at of "
        f"{', '.join(names)} is a DATETIME, which CURRENT_TIMESTAMP and NOW() write in that zone: write "
        "UTC_TIMESTAMP(6), or make it a TIMESTAMP"
    )
    return [warnings]


def _parse(text: str | None) -> datetime | None:
    with suppress(ValueError):
        found = datetime.fromisoformat(text or "")
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    return None


def _hours(time: timedelta) -> str:
    seconds = round(time.total_seconds())
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02} h"
