"""Named queries: files of a statement each, whose first comment says what it answers, takes and gives.

The comment is data, too: title, answer, then the sections ``Parameters`` (``name  kind = default  meaning``; no default
means required) and ``Columns`` (``name  meaning``). `pipeline_assets.queries.parameters` has the kinds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from importlib.resources.abc import Traversable
from typing import Any

from pipeline_assets.queries.errors import QueryError
from pipeline_assets.queries.parameters import NONE, Parameter, Value

_PARAMETER = re.compile(r"(?P<name>\w+)\s+(?P<kind>[\w|]+)(?:\s*=\s*(?P<default>\S+))?\s{2,}(?P<meaning>.+)")
_COLUMN = re.compile(r"(?P<name>\w+)\s{2,}(?P<meaning>.+)")


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
    value = None if default == NONE else required.read(default)
    return replace(required, required=False, default=default if isinstance(value, date) else value)


def _matched(pattern: re.Pattern[str], file_name: str, line: str) -> dict[str, Any]:
    found = pattern.fullmatch(line)
    if found is None:
        raise QueryError(f"`{file_name}`: cannot read the comment line {line!r}.")
    return found.groupdict()


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"
