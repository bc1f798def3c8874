"""The statements that read a table: a page of rows, its keys, and what its times of change say.

No parameters are bound, as connectorx binds none. What stands in a statement is made here and by the engines alone:
names of columns that the database itself gave, in quotes, names of a spec, whole numbers, and times formatted from
datetime objects; never another text from elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

from pipeline_assets.raw.engines import Engine, SourceColumn, quoted
from pipeline_assets.raw.tables import UPDATED_AT, SourceTable

#: Begins the names of the columns that say the place of a row in the order, where its key does not.
PLACE = "_place_"


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows: those last changed from `since` on and before `before`, to the second; None leaves a side open.

    `also` are the keys of rows that are read in any case. Of a window with a beginning and no end, rows that say no
    time are too.
    """

    since: datetime | None = None
    before: datetime | None = None
    also: tuple[tuple[int, ...], ...] = ()


class Statements:
    """The statements for one table."""

    def __init__(self, engine: Engine, table: SourceTable) -> None:
        self._engine = engine
        self._table = table
        self._name = quoted(table.dataset.name)
        self._updated = table.place(UPDATED_AT)
        #: Columns of times that can be read as microseconds, each with how.
        self.moments = {
            column.name: expression
            for column, there in table.known
            if column.type == "datetime" and (expression := engine.microseconds(there))
        }
        #: What the rows are ordered by, for each column of the key.
        self.order = [engine.in_order(table.place(name), table.dataset.name) for name in table.dataset.key]

    def page(
        self, window: Window, after: Sequence[int], rows: int, *, only: SourceColumn | None = None, quick: bool = False
    ) -> str:
        """The first rows whose place in the order is after another.

        `only` reads one column of them; `quick` reads `moments` as microseconds since 1970.
        """
        conditions = [*self._bounds(window), *([self._beyond(after)] if after else [])]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        columns = [only] if only else self._table.columns
        moments = self.moments if quick else {}
        names = [(each, self._table.called(each)) for each in columns]
        read = [f"{moments.get(name) or self._engine.read_as(each)} AS {quoted(name)}" for each, name in names]
        places = [f"{each} AS {quoted(f'{PLACE}{n}')}" for n, each in enumerate(self.order)]
        return (
            f"SELECT {', '.join([*read, *places])} FROM {self._name}{where} "  # noqa: S608 - see above
            f"ORDER BY {', '.join(self.order)} LIMIT {int(rows)}"
        )

    def versions(self, since: datetime | None = None) -> str:
        """Key and time of change of every row, or of those that were last changed from a time on."""
        updated = self._engine.as_text(self._updated)
        columns = [f"{each} AS {quoted(name)}" for each, name in zip(self.order, self._table.dataset.key, strict=True)]
        where = f" WHERE {quoted(self._updated.written)} >= '{moment(since)}'" if since else ""
        return f"SELECT {', '.join(columns)}, {updated} AS {quoted(UPDATED_AT)} FROM {self._name}{where}"  # noqa: S608

    def times(self, now: datetime) -> str:
        """The newest time of change that is not to come, the newest of all, and how many rows say none."""
        written, text = quoted(self._updated.written), self._engine.as_text(self._updated)
        newest = f"SELECT {text} FROM {self._name} WHERE {written} IS NOT NULL"  # noqa: S608
        last = f"ORDER BY {written} DESC LIMIT 1"
        return (
            f"SELECT ({newest} AND {written} <= '{now:%Y-%m-%d %H:%M:%S.%f}' {last}) AS past, "  # noqa: S608
            f"({newest} {last}) AS newest, "
            f"(SELECT COUNT(*) FROM {self._name} WHERE {self._engine.untimed(self._updated)}) AS untimed"
        )

    def _bounds(self, window: Window) -> list[str]:
        written = quoted(self._updated.written)
        sides = []
        if window.before:
            sides.append(f"{written} < '{moment(window.before)}'")
        if window.since:
            # A time that says only its day is within it.
            day = f" OR {written} = '{window.since:%Y-%m-%d}'"
            sides.append(f"({written} >= '{moment(window.since)}'{day})")
        if not sides:
            return []
        ways = [" AND ".join(sides)]
        if not window.before:
            ways.append(self._engine.untimed(self._updated))
        if window.also:
            ways.append(self._engine.among(self.order, window.also))
        return [f"({' OR '.join(ways)})"]

    def _beyond(self, after: Sequence[int]) -> str:
        """A place greater than another: in its first column, or in a later one where those before are the same."""
        ways = []
        for place, (name, value) in enumerate(zip(self.order, after, strict=True)):
            same = [f"{self.order[before]} = {int(after[before])}" for before in range(place)]
            ways.append(" AND ".join([*same, f"{name} > {int(value)}"]))
        # The first condition alone lets the database begin where the key does.
        return f"({self.order[0]} >= {int(after[0])} AND ({' OR '.join(f'({way})' for way in ways)}))"


def moment(at: datetime) -> str:
    """A time as both databases compare it, SQLite as text: without a fraction it is before all of its second."""
    at = at.astimezone(UTC)
    # Midnight is the beginning of its day also where a text says no time of it.
    return f"{at:%Y-%m-%d}" if at.timetz() == time(tzinfo=UTC) else f"{at:%Y-%m-%d %H:%M:%S}"
