"""Questions to the purchase graph: each a Cypher file in ``questions/`` whose first comment says what it answers.

The comment is data, too: title, answer, then the sections ``Parameters`` (``name  kind = default  meaning``; no default
means required) and ``Columns`` (``name  meaning``). Kinds of parameters:

======== ==========================================
share    a number from 0 to 1
count    a whole number from 1
text     a text that is not empty
a|b      one of the texts named
======== ==========================================

``none`` as the default makes a parameter optional. Parameters are always bound, never pasted into the text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, cast

from neo4j import Driver, Query, RoutingControl
from neo4j.exceptions import Neo4jError

Value = str | int | float | None

_COMMENT = "//"
_PARAMETER = re.compile(r"(?P<name>\w+)\s+(?P<kind>[\w|]+)(?:\s*=\s*(?P<default>\S+))?\s{2,}(?P<meaning>.+)")
_COLUMN = re.compile(r"(?P<name>\w+)\s{2,}(?P<meaning>.+)")
_NONE = "none"


class QuestionError(ValueError):
    """A question that does not exist, a parameter it cannot take, or an answer too large for the graph's memory."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a question; `default` is None both for a required and for an optional one."""

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
        words = {"share": "a number from 0 to 1", "count": "a whole number from 1", "text": "a text that is not empty"}
        takes = words.get(self.kind) or f"one of {', '.join(self.kind.split('|'))}"
        return f"{takes}, or none" if self.optional else takes

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
        if self.kind == "count" and number and isinstance(value, int) and value >= 1:
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
        kinds: dict[str, type[float | int]] = {"share": float, "count": int}
        try:
            value = kinds[self.kind](text) if self.kind in kinds else text
        except ValueError:
            value = text
        return self.check(value)


@dataclass(frozen=True)
class Question:
    """One question: what it answers, what it takes, what it gives, and its Cypher."""

    name: str
    title: str
    answer: str
    parameters: tuple[Parameter, ...]
    columns: Mapping[str, str]
    cypher: str

    def bind(self, given: Mapping[str, object]) -> dict[str, Value]:
        """Complete `given` by the defaults, each value checked.

        Raises
        ------
        QuestionError
            A parameter is unknown, missing or of the wrong kind.
        """
        self._refuse_unknown(given)
        missing = [p.name for p in self.parameters if p.required and p.name not in given]
        if missing:
            raise QuestionError(f"`{self.name}` needs {_listed(missing)}.")
        return {p.name: p.check(given[p.name]) if p.name in given else p.default for p in self.parameters}

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


@cache
def questions() -> tuple[Question, ...]:
    """All questions, in the order of their names."""
    folder = files(__package__) / "questions"
    texts = {entry.name: entry.read_text(encoding="utf-8") for entry in folder.iterdir()}
    return tuple(parse(name.removesuffix(".cypher"), texts[name]) for name in sorted(texts) if name.endswith(".cypher"))


def question(name: str) -> Question:
    """The question of this name.

    Raises
    ------
    QuestionError
        There is none; the message lists those there are.
    """
    for one in questions():
        if one.name == name:
            return one
    raise QuestionError(f"There is no question `{name}`; there are {_listed([one.name for one in questions()])}.")


def ask(driver: Driver, name: str, **parameters: object) -> list[dict[str, object]]:
    """Ask the graph a question and give back its rows, columns as :attr:`Question.columns` has them.

    Raises
    ------
    QuestionError
        Question or parameter do not exist, a value is of the wrong kind, or the graph lacks the memory for the answer.
    neo4j.exceptions.DriverError, neo4j.exceptions.Neo4jError
        The graph cannot be reached or fails otherwise.
    """
    asked = question(name)
    bound = asked.bind(parameters)
    try:
        result = driver.execute_query(Query(asked.cypher), bound, routing_=RoutingControl.READ)
    except Neo4jError as error:
        if _out_of_memory(error):
            bounds = [p for p in ("min_support", "min_baskets", "limit") if p in bound]
            raise QuestionError(
                f"The graph has not memory enough for `{name}` with {bound}: ask for less ({', '.join(bounds)}) "
                "or give it more."
            ) from error
        raise
    return [record.data() for record in result.records]


def parse(name: str, text: str) -> Question:
    """Read a question from its Cypher file.

    Raises
    ------
    QuestionError
        The first comment lacks a part, or a line of it cannot be read.
    """
    lines = text.splitlines()
    header = lines[: next((i for i, line in enumerate(lines) if not line.startswith(_COMMENT)), len(lines))]
    blocks = [block.split("\n") for block in "\n".join(line[2:].strip() for line in header).split("\n\n")]
    sections = {block[0]: block[1:] for block in blocks if block[0] in {"Parameters", "Columns"}}
    prose = [" ".join(block) for block in blocks if block[0] not in sections]
    if len(prose) < 2 or "Columns" not in sections:  # noqa: PLR2004 -- a title and an answer
        raise QuestionError(f"`{name}.cypher` must begin with comments: title, answer, Parameters, Columns.")
    parameters = tuple(_parameter(name, line) for line in sections.get("Parameters", []))
    columns = [_matched(_COLUMN, name, line) for line in sections["Columns"]]
    return Question(
        name=name,
        title=prose[0],
        answer=" ".join(prose[1:]),
        parameters=parameters,
        columns={column["name"]: column["meaning"] for column in columns},
        cypher="\n".join(lines[len(header) :]).strip() + "\n",
    )


def _parameter(question_name: str, line: str) -> Parameter:
    found = _matched(_PARAMETER, question_name, line)
    required = Parameter(found["name"], found["kind"], required=True, default=None, meaning=found["meaning"])
    default = found["default"]
    if default is None:
        return required
    return replace(required, required=False, default=None if default == _NONE else required.read(default))


def _matched(pattern: re.Pattern[str], question_name: str, line: str) -> dict[str, Any]:
    found = pattern.fullmatch(line)
    if found is None:
        raise QuestionError(f"`{question_name}.cypher`: cannot read the comment line {line!r}.")
    return found.groupdict()


def _out_of_memory(error: Neo4jError) -> bool:
    return "OutOfMemory" in (error.code or "") or "heap budget" in (error.message or "")


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"
