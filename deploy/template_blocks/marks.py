"""Marked blocks of a text: what lies between two marks is replaced, everything else stays as it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

COMMAND = "python -m deploy.template_blocks"


@dataclass(frozen=True, slots=True)
class Block:
    """One generated block: its name, what it is written from, and the function that gives its lines."""

    name: str
    source: str
    text: Callable[[], str]

    @property
    def begin(self) -> str:
        """Comment in the line above the block."""
        return f"# BEGIN {self.name}: written from {self.source} by `{COMMAND}`, not by hand."

    @property
    def end(self) -> str:
        """Comment in the line below the block."""
        return f"# END {self.name}."


def replace_blocks(template: str, blocks: Iterable[Block]) -> str:
    """Replace what lies between the marks of each block by its present text.

    Each mark stands alone in its line, however far indented. Raises `ValueError` when those of a block are not there
    exactly once, the end below the beginning.
    """
    for block in blocks:
        marked = rf"^( *{re.escape(block.begin)}\n)(.*?)(^ *{re.escape(block.end)}\n)"
        found = re.search(marked, template, re.MULTILINE | re.DOTALL)
        if not found or (template.count(block.begin), template.count(block.end)) != (1, 1):
            raise ValueError(f"the template must have the line {block.begin!r} once, and {block.end!r} after it")
        template = template[: found.start(2)] + block.text() + template[found.end(2) :]
    return template
