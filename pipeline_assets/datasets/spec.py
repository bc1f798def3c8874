"""Declarative dataset specs: what a dataset's columns and row rules are, said once and read by everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

ColumnType = Literal["text", "number", "datetime"]
#: warn: counted and kept; quarantine: the row is rejected and kept aside; halt: the whole object is refused.
Severity = Literal["warn", "quarantine", "halt"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `unit` is empty where the values carry none.

    `nullable` lets a row have no value, `optional` lets a file have no such column. `aliases` are its other names in a
    header, in lower case; where several are there the first of them is meant.
    """

    name: str
    type: ColumnType
    meaning: str
    unit: str = ""
    nullable: bool = False
    optional: bool = False
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One named row rule and what happens where it is broken; `expected` completes the sentence "expected ..."."""

    name: str
    severity: Severity
    expected: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset: its columns in the order they are written, its key and its rules."""

    name: str
    description: str
    owner: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rules: tuple[Rule, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def places(self, header: Sequence[str]) -> dict[str, int]:
        """Where each column is in a file's header, which is in lower case: by its name, or else by an alias of it."""
        return {
            column.name: header.index(name)
            for column in self.columns
            if (name := next((n for n in (column.name, *column.aliases) if n in header), None)) is not None
        }

    def header_fault(self, header: Sequence[str]) -> str:
        """What keeps a header, in lower case, from being this dataset's, as in "row 0 ..."; empty when nothing does."""
        places = self.places(header)
        missing = [column.name for column in self.columns if not column.optional and column.name not in places]
        if missing:
            return f"row 0 lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}, of {len(header)} it has"
        repeated = [header[place] for place in places.values() if header.count(header[place]) > 1]
        return f"row 0 has the column {repeated[0]} more than once" if repeated else ""

    def rule(self, name: str) -> Rule:
        """The rule of this name; raises KeyError naming the rules there are."""
        for rule in self.rules:
            if rule.name == name:
                return rule
        known = ", ".join(rule.name for rule in self.rules)
        message = f"dataset {self.name} has no rule {name!r}; it has {known}"
        raise KeyError(message)
