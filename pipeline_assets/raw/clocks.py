"""What the times of change of a table tell of the clock that wrote them, and how far back one may be believed.

A load relies on what `updated_at` says, and that is written by whatever clock the shop has: in the zone of a server,
behind or ahead of UTC, or by none. Nothing of a table says which. So a load asks three things of each that an index
answers: its newest time that is not to come, its newest of all, and how many rows say no time.

From the first of them and its own beginning follows where the next load has to look for rows that came in late: a clock
of another zone is behind by less than a day, and one that is behind by more goes on from the newest time it wrote.
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
class Times:
    """The newest time of change that is not to come and the newest of all, in UTC or None; how many rows say none.

    `local` says that the column is one in which times of the server's own zone may be.
    """

    past: datetime | None
    newest: datetime | None
    untimed: int
    local: bool = False

    @classmethod
    def of(cls, past: str | None, newest: str | None, untimed: int, *, local: bool = False) -> Times:
        """The same of times as a database writes them; what is no time is None."""
        return cls(_read(past), _read(newest), untimed, local)


@dataclass(frozen=True, slots=True)
class Mark:
    """What a finished load promises of a table: all that was changed before it began, by the clock of the database.

    `newest` is the newest time that the table had then.
    """

    load_id: str
    began: datetime
    newest: datetime | None = None

    def late_from(self, lag: timedelta) -> datetime:
        """From where on rows may lie that were changed after the load began and say an earlier time."""
        far = self.began - lag - ZONES
        # Before its last second a clock wrote nothing any more, however far behind it is.
        return min(far, self.newest.replace(microsecond=0) + timedelta(seconds=1)) if self.newest else far


def said_of(name: str, times: Times, now: datetime, mark: Mark | None) -> list[str]:
    """What has to be known of a table's times at a moment, in whole sentences; `mark` is of a load before."""
    said = []
    if times.untimed:
        rows = "1 row whose" if times.untimed == 1 else f"{times.untimed} rows whose"
        said.append(
            f"{name} has {rows} updated_at says no time: full and incremental loads read them each time, those of a "
            "day never; give them a time in the source"
        )
    if times.newest and times.newest - now > _AHEAD:
        said.append(
            f"{name}: the newest updated_at is {_span(times.newest - now)} ahead of the clock of the database; write "
            "it in UTC"
        )
    return said + _said_behind(name, times, now, mark)


def _said_behind(name: str, times: Times, now: datetime, mark: Mark | None) -> list[str]:
    """What is said of a clock that may be of a zone west of UTC.

    One table at rest in seven looks like that for a moment. So it is a hint where a table is seen for the first time,
    and later on needs another newest time than a load before has seen, and as far behind.
    """
    behind = now - times.past if times.past else timedelta(0)
    if not (times.past and _STEP <= behind <= ZONES and behind % _STEP <= _BUSY):
        return []
    so_far = f"{name}: the newest updated_at is {_span(behind)} behind the clock of the database"
    miss = "loads of a day miss what changes in its last hours; write it in UTC"
    if not (mark and mark.newest):
        return [f"{so_far}: if more was changed since, that is the clock of a zone west of UTC, and {miss}"]
    if times.past > mark.newest and abs(mark.began - mark.newest - behind) <= _BUSY:
        return [f"{so_far}, as it was at the load before, which tells of a zone west of UTC: {miss}"]
    return []


def said_of_zone(names: list[str], seconds: int) -> list[str]:
    """What has to be known where the zone of the server is not UTC and tables have times that may be of it."""
    if not (seconds and names):
        return []
    way = "ahead of" if seconds > 0 else "behind"
    said = (
        f"the zone of the database server is {_span(timedelta(seconds=abs(seconds)))} {way} UTC, and updated_at of "
        f"{', '.join(names)} is a DATETIME, which CURRENT_TIMESTAMP and NOW() write in that zone: write "
        "UTC_TIMESTAMP(6), or make it a TIMESTAMP"
    )
    return [said]


def _read(text: str | None) -> datetime | None:
    with suppress(ValueError):
        found = datetime.fromisoformat(text or "")
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    return None


def _span(time: timedelta) -> str:
    seconds = round(time.total_seconds())
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02} h"
