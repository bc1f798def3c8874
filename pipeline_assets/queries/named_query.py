"""Named queries: files of a statement each, whose first comment says what it answers, takes and gives.

The comment is data, too: title, answer, then the sections ``Parameters`` (``name  kind = default  meaning``; no default
means required) and ``Columns`` (``name  meaning``). Kinds of parameters:

======== =============================================================
share    a number from 0 to 1
count    a whole number from 1 to 2147483647, as far as Athena's LIMIT goes
text     a text that is not empty
amount   an amount of money from 0 on with at most two digits after the point, such as ``12.50``
day      a day in UTC; as text ``2026-03-01``, ``today`` or ``today-29``
as_of    a day that a prod set was made as of, such as ``2026-03-01``, or ``newest``
place    a whole number from 0 to 2147483647: the place in a list after which an answer begins
a|b      one of the texts named
======== =============================================================

``none`` as the default makes a parameter optional. Parameters are always bound, never pasted into the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.resources.abc import Traversable
from typing import Any, cast

from pipeline_assets.errors import UserError

Value = str | int | float | Decimal | date | None

_PARAMETER = re.compile(r"(?P<name>\w+)\s+(?P<kind>[\w|]+)(?:\s*=\s*(?P<default>\S+))?\s{2,}(?P<meaning>.+)")
_COLUMN = re.compile(r"(?P<name>\w+)\s{2,}(?P<meaning>.+)")
_RELATIVE_DAY = re.compile(r"today(?:-(\d{1,5}))?")
_AMOUNT = re.compile(r"\d{1,16}(\.\d{1,2})?", re.ASCII)
_NONE = "none"
#: Stands for the newest day that a prod set was made as of, until an engine has looked which one that is.
NEWEST = "newest"
#: Athena takes no greater number for LIMIT.
_GREATEST_COUNT = 2**31 - 1
#: The least whole number of the kinds that are one.
_LEAST = {"count": 1, "place": 0}
#: Kinds whose values are days, and those that are texts in JSON.
_DAYS = ("day", "as_of")
_WRITTEN = (*_DAYS, "amount")
_TAKES = {
    "share": "a number from 0 to 1",
    "count": "a whole number from 1 to 2147483647",
    "text": "a text that is not empty",
    "amount": "an amount such as 12.50, below 10^16 and with at most two digits after the point",
    "day": "a day such as 2026-03-01, today or today-29",
    "as_of": "a day such as 2026-03-01, or newest",
    "place": "a whole number from 0 to 2147483647",
}


class QueryError(UserError):
    """A query that does not exist or fails, a parameter that it does not take, or an answer too large to be made.

    Parameters
    ----------
    what
        The whole sentence.
    code
        What kind of error it is, for a program: one of the codes that `pipeline_assets.queries.function` lists.
    """

    def __init__(self, what: str, *, code: str = "failed") -> None:
        super().__init__(what)
        self.code = code


@dataclass(frozen=True)
class Parameter:
    """Parameter of a named query.

    Parameters
    ----------
    name
        Its name in the statement and on the command line.
    kind
        ``share``, ``count``, ``text``, ``day``, ``as_of``, ``place``, or texts to choose from with ``|`` between.
    required
        Whether a value has to be given.
    default
        Value where none is given; None both for a required and for an optional one, text for a day.
    meaning
        What it is for, in words.
    """

    name: str
    kind: str
    required: bool
    default: Value
    meaning: str

    @property
    def optional(self) -> bool:
        """Whether None is a value of this parameter."""
        return not self.required and self.default is None

    @property
    def takes(self) -> str:
        """Values that it takes, in words."""
        takes = _TAKES.get(self.kind) or f"one of {', '.join(self.kind.split('|'))}"
        return f"{takes}, or none" if self.optional else takes

    @property
    def fallback(self) -> Value:
        """Value where none is given; a day is counted from today."""
        return self.read(self.default) if self.kind == "day" and isinstance(self.default, str) else self.default

    def check(self, value: object) -> Value:
        """Check a value and give it back as the kind has it.

        Parameters
        ----------
        value
            Value of any type.

        Returns
        -------
        Value
            The value; a share as a float.

        Raises
        ------
        QueryError
            The value is not of this parameter's kind.
        """
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is None and self.optional:
            return None
        if self.kind == "share" and number and 0 <= cast("float", value) <= 1:
            return float(cast("float", value))
        least = _LEAST.get(self.kind, _GREATEST_COUNT + 1)
        if number and isinstance(value, int) and least <= value <= _GREATEST_COUNT:
            return value
        if self.kind == "amount" and isinstance(value, Decimal) and _AMOUNT.fullmatch(format(value, "f")):
            return value
        if self.kind in _DAYS and isinstance(value, date) and not isinstance(value, datetime):
            return value
        if isinstance(value, str) and (value.strip() if self.kind == "text" else value in self._choices):
            return value
        raise QueryError(f"`{self.name}` must be {self.takes}, not {value!r}.", code="bad_parameter")

    @property
    def _choices(self) -> tuple[str, ...]:
        """Texts that it takes, where it does not take any."""
        return (NEWEST,) if self.kind == "as_of" else tuple(self.kind.split("|")) if "|" in self.kind else ()

    def from_json(self, value: object) -> Value:
        """Check a value of a JSON document, where days and amounts are text.

        Parameters
        ----------
        value
            Value of any type.

        Returns
        -------
        Value
            The value as the kind has it.

        Raises
        ------
        QueryError
            The value is not of this parameter's kind.
        """
        return self.read(value) if self.kind in _WRITTEN and isinstance(value, str) else self.check(value)

    def read(self, text: str) -> Value:
        """Read a value from text, such as the command line's.

        Parameters
        ----------
        text
            Value as a person writes it; ``none`` where it is optional.

        Returns
        -------
        Value
            Value of this parameter's kind.

        Raises
        ------
        QueryError
            The text is no value of this parameter's kind.
        """
        if text == _NONE and self.optional:
            return None
        try:
            value = _READERS.get(self.kind, str)(text)
        except (ValueError, OverflowError):
            value = text
        return self.check(value)


@dataclass(frozen=True)
class NamedQuery:
    """Named query: a statement and what its file says of it.

    Parameters
    ----------
    name
        Name of its file, without the ending.
    title
        Heading of the answer.
    answer
        What it answers, a question in words.
    parameters
        Parameters that it takes, in the order of the file.
    columns
        Columns of the answer with their meanings.
    statement
        Text in SQL or Cypher, with placeholders for the parameters.
    """

    name: str
    title: str
    answer: str
    parameters: tuple[Parameter, ...]
    columns: Mapping[str, str]
    statement: str

    def bind(self, given: Mapping[str, object]) -> dict[str, Value]:
        """Check the values of parameters and complete them by the defaults, in the order of the parameters.

        Parameters
        ----------
        given
            Values by name.

        Returns
        -------
        dict[str, Value]
            A value for every parameter.

        Raises
        ------
        QueryError
            A parameter is unknown, missing or of the wrong kind.
        """
        self._refuse_unknown(given)
        missing = [p.name for p in self.parameters if p.required and p.name not in given]
        if missing:
            raise QueryError(f"`{self.name}` needs {_listed(missing)}.", code="missing_parameter")
        return {p.name: p.check(given[p.name]) if p.name in given else p.fallback for p in self.parameters}

    def read(self, texts: Mapping[str, str]) -> dict[str, Value]:
        """Read values of parameters from text, such as the command line's ``--param name=value``.

        Parameters
        ----------
        texts
            Texts by name.

        Returns
        -------
        dict[str, Value]
            Values of the parameters that are given.

        Raises
        ------
        QueryError
            A parameter is unknown or its text is no value of its kind.
        """
        self._refuse_unknown(texts)
        return {p.name: p.read(texts[p.name]) for p in self.parameters if p.name in texts}

    def from_json(self, given: Mapping[str, object]) -> dict[str, Value]:
        """Check the values of parameters of a JSON document.

        Parameters
        ----------
        given
            Values by name.

        Returns
        -------
        dict[str, Value]
            Values of the parameters that are given.

        Raises
        ------
        QueryError
            A parameter is unknown or its value is not of its kind.
        """
        self._refuse_unknown(given)
        return {p.name: p.from_json(given[p.name]) for p in self.parameters if p.name in given}

    def _refuse_unknown(self, given: Mapping[str, object]) -> None:
        known = [p.name for p in self.parameters]
        unknown = [name for name in given if name not in known]
        if unknown:
            told = f"`{self.name}` has no parameter {_listed(unknown)}; it takes {_listed(known)}."
            raise QueryError(told, code="unknown_parameter")


def read_queries(folder: Traversable, suffix: str, comment: str) -> tuple[NamedQuery, ...]:
    """Read the named queries of a folder, in the order of their names.

    Parameters
    ----------
    folder
        Folder of the package that holds their files.
    suffix
        Ending of their names, with its point.
    comment
        What begins a line of comment.

    Returns
    -------
    tuple[NamedQuery, ...]
        Its queries, by name.

    Raises
    ------
    QueryError
        A file cannot be read as a named query.
    """
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(suffix)), key=lambda entry: entry.name)
    return tuple(parse_query(entry.name, entry.read_text(encoding="utf-8"), comment) for entry in files)


def find_query(name: str, among: Sequence[NamedQuery]) -> NamedQuery:
    """Find a named query by its name.

    Parameters
    ----------
    name
        Name to look for.
    among
        Named queries to look among.

    Returns
    -------
    NamedQuery
        The one of that name.

    Raises
    ------
    QueryError
        There is none; the message lists those there are.
    """
    for one in among:
        if one.name == name:
            return one
    told = f"There is no query `{name}`; there are {_listed([one.name for one in among])}."
    raise QueryError(told, code="unknown_query")


def parse_query(file_name: str, text: str, comment: str) -> NamedQuery:
    """Parse a named query from the text of its file.

    Parameters
    ----------
    file_name
        Name of the file, with its ending.
    text
        Its text: the comment that describes the query, then the statement.
    comment
        What begins a line of comment.

    Returns
    -------
    NamedQuery
        Query of the name of the file.

    Raises
    ------
    QueryError
        The first comment lacks a part, or a line of it cannot be read.
    """
    lines = text.splitlines()
    header = lines[: next((i for i, line in enumerate(lines) if not line.startswith(comment)), len(lines))]
    blocks = [block.split("\n") for block in "\n".join(line[len(comment) :].strip() for line in header).split("\n\n")]
    sections = {block[0]: block[1:] for block in blocks if block[0] in {"Parameters", "Columns"}}
    prose = [" ".join(block) for block in blocks if block[0] not in sections]
    if len(prose) < 2 or "Columns" not in sections:  # noqa: PLR2004 -- a title and an answer
        raise QueryError(f"`{file_name}` must begin with comments: title, answer, Parameters, Columns.")
    parameters = tuple(_parameter(file_name, line) for line in sections.get("Parameters", []))
    columns = [_matched(_COLUMN, file_name, line) for line in sections["Columns"]]
    return NamedQuery(
        name=file_name.rpartition(".")[0],
        title=prose[0],
        answer=" ".join(prose[1:]),
        parameters=parameters,
        columns={column["name"]: column["meaning"] for column in columns},
        statement="\n".join(lines[len(header) :]).strip() + "\n",
    )


def _parameter(file_name: str, line: str) -> Parameter:
    found = _matched(_PARAMETER, file_name, line)
    required = Parameter(found["name"], found["kind"], required=True, default=None, meaning=found["meaning"])
    default = found["default"]
    if default is None:
        return required
    value = None if default == _NONE else required.read(default)
    return replace(required, required=False, default=default if isinstance(value, date) else value)


def _matched(pattern: re.Pattern[str], file_name: str, line: str) -> dict[str, Any]:
    found = pattern.fullmatch(line)
    if found is None:
        raise QueryError(f"`{file_name}`: cannot read the comment line {line!r}.")
    return found.groupdict()


def _day(text: str) -> date:
    relative = _RELATIVE_DAY.fullmatch(text)
    if relative:
        return datetime.now(UTC).date() - timedelta(days=int(relative[1] or 0))
    return date.fromisoformat(text)


def _amount(text: str) -> Decimal:
    if not _AMOUNT.fullmatch(text):
        raise ValueError
    return Decimal(text)


def _day_or_newest(text: str) -> Value:
    return text if text == NEWEST else date.fromisoformat(text)


#: How the text of a kind is read; a kind that is not here is text.
_READERS: Mapping[str, Callable[[str], Value]] = {
    "share": float,
    "count": int,
    "place": int,
    "day": _day,
    "as_of": _day_or_newest,
    "amount": _amount,
}


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"
