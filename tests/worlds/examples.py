"""How many examples a property is tried on of which each one costs much."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import TypeVar

Case = TypeVar("Case")

#: Set by `--slow`: all examples, as many as a property deserves that is looked at by night.
ALL_EXAMPLES = "CESTA_ALL_EXAMPLES"
_SHARE = 3
#: What pytest-xdist tells each of its workers, which have to agree on the tests; another in each run.
_RUN = "PYTEST_XDIST_TESTRUNUID"


def seeds(all_of_them: int) -> list[int]:
    """The seeds of a property that makes its examples itself, as many as `examples` says, in each run others."""
    return sorted(random.Random(os.environ.get(_RUN)).sample(range(all_of_them), examples(all_of_them)))


def examples(all_of_them: int) -> int:
    """So many with `--slow`, a third of them without: each run tries others, so that runs together try them all."""
    return all_of_them if os.environ.get(ALL_EXAMPLES) else -(-all_of_them // _SHARE)


def some(cases: Sequence[Case]) -> list[Case]:
    """As many of some cases as `examples` says, in each run others, in their order."""
    return [cases[number] for number in seeds(len(cases))]
