"""Open problems without a table, for ledgers that only a test has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline_assets.events.problems import Problem
from pipeline_assets.events.receipt import Receipt


@dataclass
class MemoryProblems:
    """What is open, whatever the flow; the noted unknown places are kept as the ledger keeps them."""

    open: list[Problem] = field(default_factory=list)

    def of(self, flow: str) -> list[Problem]:
        return [each for each in self.open if each.receipt.flow == flow]

    def note_unknown(self, flow: str, places: Mapping[str, tuple[Receipt, Sequence[str]]]) -> None:
        assert flow
        noted = [Problem(receipt, rejected=False, unknown=tuple(named)) for receipt, named in places.values()]
        self.open = [each for each in self.open if each.receipt.id not in places] + noted

    def forget_unknown(self, problem: Problem) -> None:
        self.open.remove(problem)
