"""Declarative dataset specs: what a dataset's columns and row rules are, said once and read by everything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ColumnType = Literal["text", "number", "datetime"]
#: warn: counted and kept; quarantine: the row is rejected and kept aside; halt: the whole object is refused.
Severity = Literal["warn", "quarantine", "halt"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `unit` is empty where the values carry none."""

    name: str
    type: ColumnType
    meaning: str
    unit: str = ""
    nullable: bool = False


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

    def rule(self, name: str) -> Rule:
        """The rule of this name; raises KeyError naming the rules there are."""
        for rule in self.rules:
            if rule.name == name:
                return rule
        known = ", ".join(rule.name for rule in self.rules)
        message = f"dataset {self.name} has no rule {name!r}; it has {known}"
        raise KeyError(message)
