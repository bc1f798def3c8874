"""Type inference for Athena's SQL: kinds of values, and the kind of each expression of a query by given rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlglot import exp


@dataclass(frozen=True, slots=True)
class Kind:
    """Kind of a value; `scale` is a decimal's digits after the point, `iso` says that a text is always a day."""

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
    """Finds the kinds of the expressions of one query and collects what is wrong with them."""

    def __init__(self, column: Callable[[exp.Column], Kind | None], rules: Rules, faults: list[str]) -> None:
        self._column = column
        self._rules = rules
        self._faults = faults

    def kind(self, node: Any) -> Kind | None:  # noqa: ANN401 - sqlglot's trees have no closer types
        """Infer the kind of an expression; None for one that a fault was found in."""
        if isinstance(node, exp.Column):
            return self._column(node)
        rule = self._rules.get(type(node))
        return rule(self, node) if rule else None

    def wrong(self, said: str, node: Any) -> None:  # noqa: ANN401
        """Record a fault."""
        self._faults.append(f"{said}: {node.sql(dialect='athena')}")

    def want(self, node: Any, names: Iterable[str], said: str) -> Kind | None:  # noqa: ANN401
        """Infer the kind of an expression that must be one of some.

        Parameters
        ----------
        node
            The expression.
        names
            Names of kinds that are right.
        said
            Beginning of the fault where it is of another kind.

        Returns
        -------
        Kind or None
            None for an expression with a fault.
        """
        kind = self.kind(node)
        if kind and kind.name not in {*names, "null"}:
            self.wrong(f"{said} {kind}", node.parent or node)
            return None
        return kind

    def together(self, nodes: Sequence[Any], said: str, *, numbers: bool = False) -> Kind | None:
        """Infer the one kind of several expressions.

        Parameters
        ----------
        nodes
            The expressions, at least one.
        said
            Beginning of the fault where they are of several kinds.
        numbers
            Numbers of all kinds go together.

        Returns
        -------
        Kind or None
            None where there is a fault.
        """
        kinds = [self.kind(node) for node in nodes]
        found = [kind for kind in kinds if kind and kind.name != "null"]
        names = {(kind.name, kind.scale) for kind in found}
        alike = len(names) <= 1 or (numbers and {name for name, _ in names} <= NUMBERS)
        if not alike:
            self.wrong(f"{said} {' with '.join(sorted({str(kind) for kind in found}))}", nodes[0].parent or nodes[0])
        if not alike or None in kinds:
            return None
        return found[0] if found else NOTHING


#: How the kind of an expression is found, by its type in sqlglot's tree.
Rules = Mapping[type[exp.Expr], Callable[[Judge, Any], Kind | None]]
