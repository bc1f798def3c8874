"""The source database, read through connectorx: MySQL, MariaDB or a SQLite file, which only the URL tells apart.

connectorx binds no parameters. What stands in a statement is therefore made here alone: names of a spec, which are
checked to be plain identifiers, whole numbers, and times formatted from datetime objects; never a text from elsewhere.

Tables are expected to be named like their datasets, with columns of the same names, times in UTC without a zone, and an
`updated_at` that every insert and update sets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import polars as pl

from pipeline_assets.datasets.spec import Column, Dataset
from pipeline_assets.events.outcomes import TerminalError, TransientError
from pipeline_assets.lake.frame_types import FRAME_TYPES
from pipeline_assets.privacy.cards import without_numbers

UPDATED_AT = "updated_at"
_AS_TEXT = "%Y-%m-%d %H:%M:%S%.f"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_MOST_OFF = 1e-6
#: What the driver of MySQL says of a value that it cannot give, a day such as 0000-00-00 above all.
_UNREADABLE = "Couldn't convert the value"


class SourceError(TerminalError):
    """The source database, or a dataset, is not such that it could be exported; no retry helps."""


class _UnreadableError(TransientError):
    """A value of the source has no counterpart here."""


@dataclass(frozen=True, slots=True)
class Window:
    """Rows last changed from `since` on and before `before`, both in whole seconds; None leaves a side open."""

    since: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Dialect:
    scheme: str
    now: str
    before_reading: tuple[str, ...] = ()


_DIALECTS = {
    "mysql": _Dialect("mysql", "DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%d %H:%i:%s.%f')", ("SET time_zone = '+00:00'",)),
    "sqlite": _Dialect("sqlite", "strftime('%Y-%m-%d %H:%M:%f', 'now')"),
}


class SourceDatabase:
    """One database by its URL, ``mysql://user:password@host:port/name`` or ``sqlite:///path``.

    Every method raises `TransientError` when the database does not answer as it should, without its password.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _DIALECTS:
            raise SourceError(f"a source database is {' or '.join(_DIALECTS)}, not {parts.scheme or 'nothing'}")
        if parts.scheme == "sqlite" and not Path(unquote(parts.path)).is_file():
            raise SourceError(f"there is no SQLite database at {unquote(parts.path)}")
        password = parts.password or ""
        self._url, self._secrets = url, [secret for secret in (password, unquote(password)) if secret]
        self._dialect = _DIALECTS[parts.scheme]

    def now(self) -> datetime:
        """The time by the clock of the database."""
        text = self._read(f"SELECT {self._dialect.now} AS moment", "the time").item()
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    def rows(self, dataset: Dataset, window: Window, after: Sequence[int] = (), *, limit: int) -> pl.DataFrame:
        """The first rows of a table in the order of the key, in the types of the lake, without security codes.

        `after` is the key after which they begin, empty for the first. A column whose values do not all fit its type
        without loss stays as it was read: the rules judge it. Raises `SourceError` for a value that cannot be read.
        """
        try:
            frame = self._read(select(dataset, window, after, limit=limit), dataset.name)
        except _UnreadableError:
            frame = self._with_times_as_text(dataset, window, after, limit=limit)
        return frame.with_columns(_typed(frame[column.name], column) for column in exported(dataset))

    def keys(self, dataset: Dataset) -> pl.DataFrame:
        """Every key of a table, by one statement and hence as of one moment."""
        statement = f"SELECT {_listed(dataset.key)} FROM {_quoted(dataset.name)}"  # noqa: S608 - see above
        return self._read(statement, f"the keys of {dataset.name}").cast(dict.fromkeys(dataset.key, pl.Int64))

    def _with_times_as_text(
        self, dataset: Dataset, window: Window, after: Sequence[int], *, limit: int
    ) -> pl.DataFrame:
        """The same rows, with times in which there may be a day that no calendar has, such as 0000-00-00."""
        try:
            return self._read(select(dataset, window, after, limit=limit, times_as_text=True), dataset.name)
        except _UnreadableError:
            raise SourceError(
                f"{dataset.name} has a value that cannot be read, which is in no column of times; compare the types of "
                "its columns with those of the dataset, and mend it in the source"
            ) from None

    def _read(self, statement: str, asked: str) -> pl.DataFrame:
        try:
            return pl.read_database_uri(
                statement,
                self._url,
                engine="connectorx",
                pre_execution_query=list(self._dialect.before_reading) or None,
            )
        except BaseException as error:
            # Where its Rust code gives up, connectorx raises what is no Exception.
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            said = str(error)
            for secret in self._secrets:
                said = said.replace(secret, "***")
            message = f"the source database did not answer for {asked} as it should: {without_numbers(said)}"
            raise (_UnreadableError if _UNREADABLE in said else TransientError)(message) from None


def exported(dataset: Dataset) -> tuple[Column, ...]:
    """The columns that are read: all but security codes."""
    return tuple(column for column in dataset.columns if column.personal != "security_code")


def select(
    dataset: Dataset, window: Window, after: Sequence[int] = (), *, limit: int, times_as_text: bool = False
) -> str:
    """The statement for the first `limit` rows after a key; raises `SourceError` for a spec that allows none."""
    if wrong := [name for name in dataset.key if dataset.column(name).type != "integer"]:
        raise SourceError(f"{dataset.name} is read in the order of its key, so {wrong[0]} must be a whole number")
    conditions = [*_bounds(window), *([_beyond(dataset.key, after)] if after else [])]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    as_text = {column.name for column in dataset.columns if times_as_text and column.type in {"datetime", "date"}}
    names = ((column.name, _quoted(column.name)) for column in exported(dataset))
    columns = ", ".join(f"CAST({said} AS CHAR) AS {said}" if name in as_text else said for name, said in names)
    return (
        f"SELECT {columns} FROM {_quoted(dataset.name)}{where} "  # noqa: S608 - see above
        f"ORDER BY {_listed(dataset.key)} LIMIT {int(limit)}"
    )


def last_key(dataset: Dataset, frame: pl.DataFrame) -> tuple[int, ...]:
    """The key of the last row."""
    return tuple(frame[name][-1] for name in dataset.key)


def _bounds(window: Window) -> list[str]:
    bounds = ((">=", window.since), ("<", window.before))
    return [f"{_quoted(UPDATED_AT)} {sign} '{_moment(bound)}'" for sign, bound in bounds if bound]


def _beyond(key: Sequence[str], after: Sequence[int]) -> str:
    """A key greater than another: in its first column, or in a later one where those before are the same."""
    names = [_quoted(name) for name in key]
    ways = []
    for place, (name, value) in enumerate(zip(names, after, strict=True)):
        same = [f"{names[before]} = {int(after[before])}" for before in range(place)]
        ways.append(" AND ".join([*same, f"{name} > {int(value)}"]))
    # The first condition alone lets the database begin where the key does.
    return f"({names[0]} >= {int(after[0])} AND ({' OR '.join(f'({way})' for way in ways)}))"


def _moment(moment: datetime) -> str:
    """A time as both databases compare it, SQLite as text: without a fraction it is before all of its second."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(_quoted, names))


def _quoted(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise SourceError(f"{name!r} cannot be the name of a table or column")
    return f"`{name}`"


def _typed(values: pl.Series, column: Column) -> pl.Series:
    """Values in the type of their column, or as they are where that would lose something."""
    wanted = FRAME_TYPES[column.type]
    if values.dtype == wanted:
        return values
    if column.type == "datetime" and isinstance(values.dtype, pl.Datetime):
        return values.dt.replace_time_zone("UTC").dt.cast_time_unit("us")
    if column.type == "datetime" and values.dtype == pl.String:
        moments = values.str.to_datetime(_AS_TEXT, time_unit="us", time_zone="UTC", strict=False)
        return moments if moments.null_count() == values.null_count() else values
    with suppress(pl.exceptions.PolarsError):
        typed = values.cast(wanted)
        off = typed.cast(pl.Float64) - values if values.dtype.is_float() else None
        kept = typed.cast(values.dtype) == values if off is None else off.abs() < _MOST_OFF
        if kept.all():
            return typed
    return values
