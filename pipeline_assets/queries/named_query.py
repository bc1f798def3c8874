"""Questions kept as files of statements, whose first comment says what each answers, takes and gives.

The comment is data, too: title, answer, then the sections ``Parameters`` (``name  kind = default  meaning``; no default
means required) and ``Columns`` (``name  meaning``). Kinds of parameters:

======== =============================================================
share    a number from 0 to 1
count    a whole number from 1 to 2147483647, as far as Athena's LIMIT goes
text     a text that is not empty
day      a day in UTC; as text ``2026-03-01``, ``today`` or ``today-29``
a|b      one of the texts named
======== =============================================================

``none`` as the default makes a parameter optional. Parameters are always bound, never pasted into the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from importlib.resources.abc import Traversable
from typing import Any, cast

from pipeline_assets.errors import UserError

Value = str | int | float | date | None

_PARAMETER = re.compile(r"(?P<name>\w+)\s+(?P<kind>[\w|]+)(?:\s*=\s*(?P<default>\S+))?\s{2,}(?P<meaning>.+)")
_COLUMN = re.compile(r"(?P<name>\w+)\s{2,}(?P<meaning>.+)")
_RELATIVE_DAY = re.compile(r"today(?:-(\d{1,5}))?")
_NONE = "none"
#: Athena takes no greater number for LIMIT.
_GREATEST_COUNT = 2**31 - 1
_TAKES = {
    "share": "a number from 0 to 1",
    "count": "a whole number from 1 to 2147483647",
    "text": "a text that is not empty",
    "day": "a day such as 2026-03-01, today or today-29",
}


class QuestionError(UserError):
    """A question that does not exist, a parameter it cannot take, or an answer that is too large to be made."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a question; `default` is None both for a required and for an optional one, a day's is text."""

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
        """What values it takes, in words."""
        takes = _TAKES.get(self.kind) or f"one of {', '.join(self.kind.split('|'))}"
        return f"{takes}, or none" if self.optional else takes

    @property
    def fallback(self) -> Value:
        """The value where none is given."""
        return self.read(self.default) if self.kind == "day" and isinstance(self.default, str) else self.default

    def check(self, value: object) -> Value:
        """Give back `value` as the kind has it.

        Raises
        ------
        QuestionError
            The value is not of this parameter's kind.
        """
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is None and self.optional:
            return None
        if self.kind == "share" and number and 0 <= cast("float", value) <= 1:
            return float(cast("float", value))
        if self.kind == "count" and number and isinstance(value, int) and 1 <= value <= _GREATEST_COUNT:
            return value
        if self.kind == "day" and isinstance(value, date) and not isinstance(value, datetime):
            return value
        if isinstance(value, str) and (value.strip() if self.kind == "text" else value in self.kind.split("|")):
            return value
        raise QuestionError(f"`{self.name}` must be {self.takes}, not {value!r}.")

    def read(self, text: str) -> Value:
        """Read a value from text, such as the command line's.

        Raises
        ------
        QuestionError
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
class Question:
    """One question: what it answers, what it takes, what it gives, and the statement that answers it."""

    name: str
    title: str
    answer: str
    parameters: tuple[Parameter, ...]
    columns: Mapping[str, str]
    statement: str

    def bind(self, given: Mapping[str, object]) -> dict[str, Value]:
        """Complete `given` by the defaults, each value checked, in the order of the parameters.

        Raises
        ------
        QuestionError
            A parameter is unknown, missing or of the wrong kind.
        """
        self._refuse_unknown(given)
        missing = [p.name for p in self.parameters if p.required and p.name not in given]
        if missing:
            raise QuestionError(f"`{self.name}` needs {_listed(missing)}.")
        return {p.name: p.check(given[p.name]) if p.name in given else p.fallback for p in self.parameters}

    def read(self, texts: Mapping[str, str]) -> dict[str, Value]:
        """Read parameters given as text, such as the command line's ``--param name=value``.

        Raises
        ------
        QuestionError
            A parameter is unknown or its text is no value of its kind.
        """
        self._refuse_unknown(texts)
        return {p.name: p.read(texts[p.name]) for p in self.parameters if p.name in texts}

    def _refuse_unknown(self, given: Mapping[str, object]) -> None:
        known = [p.name for p in self.parameters]
        unknown = [name for name in given if name not in known]
        if unknown:
            raise QuestionError(f"`{self.name}` has no parameter {_listed(unknown)}; it takes {_listed(known)}.")


def questions_in(folder: Traversable, suffix: str, comment: str) -> tuple[Question, ...]:
    """The questions in a folder, in the order of their names; `comment` begins a line of comment."""
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(suffix)), key=lambda entry: entry.name)
    return tuple(parse(entry.name, entry.read_text(encoding="utf-8"), comment) for entry in files)


def named(name: str, questions: Sequence[Question]) -> Question:
    """The question of this name.

    Raises
    ------
    QuestionError
        There is none; the message lists those there are.
    """
    for one in questions:
        if one.name == name:
            return one
    raise QuestionError(f"There is no question `{name}`; there are {_listed([one.name for one in questions])}.")


def parse(file_name: str, text: str, comment: str) -> Question:
    """Read a question from its file; `comment` begins a line of comment.

    Raises
    ------
    QuestionError
        The first comment lacks a part, or a line of it cannot be read.
    """
    lines = text.splitlines()
    header = lines[: next((i for i, line in enumerate(lines) if not line.startswith(comment)), len(lines))]
    blocks = [block.split("\n") for block in "\n".join(line[len(comment) :].strip() for line in header).split("\n\n")]
    sections = {block[0]: block[1:] for block in blocks if block[0] in {"Parameters", "Columns"}}
    prose = [" ".join(block) for block in blocks if block[0] not in sections]
    if len(prose) < 2 or "Columns" not in sections:  # noqa: PLR2004 -- a title and an answer
        raise QuestionError(f"`{file_name}` must begin with comments: title, answer, Parameters, Columns.")
    parameters = tuple(_parameter(file_name, line) for line in sections.get("Parameters", []))
    columns = [_matched(_COLUMN, file_name, line) for line in sections["Columns"]]
    return Question(
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
        raise QuestionError(f"`{file_name}`: cannot read the comment line {line!r}.")
    return found.groupdict()


def _day(text: str) -> date:
    relative = _RELATIVE_DAY.fullmatch(text)
    if relative:
        return datetime.now(UTC).date() - timedelta(days=int(relative[1] or 0))
    return date.fromisoformat(text)


#: How the text of a kind is read; a kind that is not here is text.
_READERS: Mapping[str, Callable[[str], Value]] = {"share": float, "count": int, "day": _day}


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"
