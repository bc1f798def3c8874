"""How many examples a property is tried on of which each one costs much."""

from __future__ import annotations

import os

#: Set by `--slow`: all examples, as many as a property deserves that is looked at by night.
ALL_EXAMPLES = "CESTA_ALL_EXAMPLES"
_SHARE = 3


def examples(all_of_them: int) -> int:
    """So many with `--slow`, a third of them without: each run tries others, so that runs together try them all."""
    return all_of_them if os.environ.get(ALL_EXAMPLES) else -(-all_of_them // _SHARE)
