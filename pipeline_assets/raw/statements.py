"""SQL of an extract: a page of rows, a snapshot of keys, the figures of `updated_at`.

No parameters are bound, as connectorx binds none. Statements are built from these alone: quoted names of columns that
the database itself gave, names of a spec, whole numbers, and times formatted from datetime objects; never from text of
another origin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

from pipeline_assets.raw.engines import Engine, SourceColumn, quoted
from pipeline_assets.raw.tables import UPDATED_AT, SourceTable

#: Prefix of the columns of a row's sort key.
SORT_KEY = "_sort_key_"


@dataclass(frozen=True, slots=True)
class Window:
    """Window of `updated_at`: which rows of a table are read.

    Parameters
    ----------
    since, before
        First time and the one after the last, in UTC, to the second; None leaves a side open. With a beginning and no
        end, rows without a readable time are read too.
    also
        Keys of rows that are read in any case, where there is a beginning and no end.
    """

    since: datetime | None = None
    before: datetime | None = None
    also: tuple[tuple[int, ...], ...] = ()


class Statements:
    """Statements for one table."""

    def __init__(self, engine: Engine, table: SourceTable) -> None:
        self._engine = engine
        self._table = table
        self._name = quoted(table.dataset.name)
        self._updated = table.source_column(UPDATED_AT)
        #: Columns of times that can be read as microseconds since 1970, each with its expression.
        self.moments = {
            column.name: expression
            for column, source in table.known
            if column.type == "datetime" and (expression := engine.microseconds(source))
        }
        #: Sort key: an expression for each column of the key.
        self.order = [engine.sort_key(table.source_column(name), table.dataset.name) for name in table.dataset.key]

    def page(
        self, window: Window, after: Sequence[int], rows: int, *, only: SourceColumn | None = None, quick: bool = False
    ) -> str:
        """Query for a page: the first rows after a sort key.

        Parameters
        ----------
        window
            Which rows.
        after
            Sort key after which the page begins; empty for the first.
        rows
            Most rows, from 1.
        only
            Column that is read alone; None for all.
        quick
            Read `moments` as microseconds since 1970.

        Returns
        -------
        str
            SQL; the sort key follows the columns.
        """
        conditions = [*self._bounds(window), *([self._after(after)] if after else [])]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        columns = [only] if only else self._table.columns
        moments = self.moments if quick else {}
        names = [(each, self._table.frame_name(each)) for each in columns]
        read = [f"{moments.get(name) or self._engine.read_as(each)} AS {quoted(name)}" for each, name in names]
        sort_keys = [f"{each} AS {quoted(f'{SORT_KEY}{n}')}" for n, each in enumerate(self.order)]
        return (
            f"SELECT {', '.join([*read, *sort_keys])} FROM {self._name}{where} "  # noqa: S608 - see above
            f"ORDER BY {', '.join(self.order)} LIMIT {int(rows)}"
        )

    def versions(self, since: datetime | None = None) -> str:
        """Query for the snapshot of keys and `updated_at`, of all rows or of those last changed from `since` on."""
        updated = self._engine.as_text(self._updated)
        columns = [f"{each} AS {quoted(name)}" for each, name in zip(self.order, self._table.dataset.key, strict=True)]
        where = f" WHERE {quoted(self._updated.source_name)} >= '{moment(since)}'" if since else ""
        return f"SELECT {', '.join(columns)}, {updated} AS {quoted(UPDATED_AT)} FROM {self._name}{where}"  # noqa: S608

    def times(self, now: datetime) -> str:
        """Query for the figures of `updated_at`: the newest before `now`, the newest of all, the rows without one."""
        written, text = quoted(self._updated.source_name), self._engine.as_text(self._updated)
        newest = f"SELECT {text} FROM {self._name} WHERE {written} IS NOT NULL"  # noqa: S608
        last = f"ORDER BY {written} DESC LIMIT 1"
        return (
            f"SELECT ({newest} AND {written} <= '{now:%Y-%m-%d %H:%M:%S.%f}' {last}) AS past, "  # noqa: S608
            f"({newest} {last}) AS newest, "
            f"(SELECT COUNT(*) FROM {self._name} WHERE {self._engine.untimed(self._updated)}) AS untimed"
        )

    def _bounds(self, window: Window) -> list[str]:
        written = quoted(self._updated.source_name)
        sides = []
        if window.before:
            sides.append(f"{written} < '{moment(window.before)}'")
        if window.since:
            # A text that is only a day is within that day.
            day = f" OR {written} = '{window.since:%Y-%m-%d}'"
            sides.append(f"({written} >= '{moment(window.since)}'{day})")
        if not sides:
            return []
        ways = [" AND ".join(sides)]
        if not window.before:
            ways.append(self._engine.untimed(self._updated))
        if window.also:
            ways.append(self._engine.has_key(self.order, window.also))
        return [f"({' OR '.join(ways)})"]

    def _after(self, after: Sequence[int]) -> str:
        """Keyset pagination: a greater sort key, in its first column or in a later one where those before are equal."""
        ways = []
        for number, (name, value) in enumerate(zip(self.order, after, strict=True)):
            same = [f"{self.order[before]} = {int(after[before])}" for before in range(number)]
            ways.append(" AND ".join([*same, f"{name} > {int(value)}"]))
        # The first condition alone lets the database seek in the index.
        return f"({self.order[0]} >= {int(after[0])} AND ({' OR '.join(f'({way})' for way in ways)}))"


def moment(at: datetime) -> str:
    """Time literal that both databases compare, SQLite as text: without a fraction it is before all of its second."""
    at = at.astimezone(UTC)
    # Midnight is the beginning of its day also beside a text of the day alone.
    return f"{at:%Y-%m-%d}" if at.timetz() == time(tzinfo=UTC) else f"{at:%Y-%m-%d %H:%M:%S}"
