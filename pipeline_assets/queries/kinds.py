"""Type inference for the SQL linter: kinds of values, and the kind of each expression of a query by a set of rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlglot import exp


@dataclass(frozen=True, slots=True)
class Kind:
    """Kind of a value, as coarse as the engines' differences allow.

    Parameters
    ----------
    name
        Name of the kind, as faults have it.
    scale
        Digits of a decimal after the point; 0 for all else.
    iso
        Whether a text is always a day, such as ``2026-03-01``.
    """

    name: str
    scale: int = 0
    iso: bool = False

    def __str__(self) -> str:
        return f"{self.name} of scale {self.scale}" if self.name == "decimal" else self.name


TEXT, DAY_TEXT, WHOLE, DOUBLE = Kind("text"), Kind("text", iso=True), Kind("whole number"), Kind("double")
DAY, TIME, TRUTH, NOTHING = Kind("day"), Kind("time"), Kind("truth"), Kind("null")
MOVED_DAY = Kind("day that was moved")
NUMBERS: Final = frozenset({"whole number", "decimal", "double"})


class Judge:
    """Type checker for the expressions of one query.

    Parameters
    ----------
    column
        Kind of a column; None where it is not known.
    rules
        Rule for each type of expression; one without a rule has no kind.
    faults
        List to which faults are added.
    """

    def __init__(self, column: Callable[[exp.Column], Kind | None], rules: Rules, faults: list[str]) -> None:
        self._column = column
        self._rules = rules
        self._faults = faults

    def kind(self, node: Any) -> Kind | None:  # noqa: ANN401 - sqlglot's trees have no closer types
        """Find the kind of an expression, noting its faults.

        Parameters
        ----------
        node
            Expression of sqlglot's tree.

        Returns
        -------
        Kind | None
            None for an expression in which there is a fault.
        """
        if isinstance(node, exp.Column):
            return self._column(node)
        rule = self._rules.get(type(node))
        return rule(self, node) if rule else None

    def report(self, said: str, node: Any) -> None:  # noqa: ANN401
        """Note a fault.

        Parameters
        ----------
        said
            What is wrong, in words.
        node
            Expression that is shown after them.
        """
        self._faults.append(f"{said}: {node.sql(dialect='athena')}")

    def expect(self, node: Any, names: Iterable[str], said: str) -> Kind | None:  # noqa: ANN401
        """Find the kind of an expression that must be one of several.

        Parameters
        ----------
        node
            Expression of sqlglot's tree.
        names
            Names of the kinds that it may have; null goes always.
        said
            Fault that is noted for another kind, whose name is put after it.

        Returns
        -------
        Kind | None
            None for an expression in which there is a fault, or of another kind.
        """
        kind = self.kind(node)
        if kind and kind.name not in {*names, "null"}:
            self.report(f"{said} {kind}", node.parent or node)
            return None
        return kind

    def common_kind(self, nodes: Sequence[Any], said: str, *, numbers: bool = False) -> Kind | None:
        """Find the one kind that several expressions share.

        Parameters
        ----------
        nodes
            Expressions of sqlglot's tree, at least one.
        said
            Fault that is noted where they differ, with the names of the kinds after it.
        numbers
            Whether numbers of all kinds go together.

        Returns
        -------
        Kind | None
            None where they differ, or a fault is in one of them.
        """
        kinds = [self.kind(node) for node in nodes]
        found = [kind for kind in kinds if kind and kind.name != "null"]
        names = {(kind.name, kind.scale) for kind in found}
        alike = len(names) <= 1 or (numbers and {name for name, _ in names} <= NUMBERS)
        if not alike:
            self.report(f"{said} {' with '.join(sorted({str(kind) for kind in found}))}", nodes[0].parent or nodes[0])
        if not alike or None in kinds:
            return None
        return found[0] if found else NOTHING


#: How the kind of an expression is found, by its type in sqlglot's tree.
Rules = Mapping[type[exp.Expr], Callable[[Judge, Any], Kind | None]]
