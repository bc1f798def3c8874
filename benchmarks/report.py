"""The results of the benchmarks as Markdown, each in a place of its own of docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

_PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


class Report:
    """Shows each result when it is there; with `write` it also replaces the one before it on the page."""

    def __init__(self, *, write: bool) -> None:
        self._write = write
        self._console = Console()

    def tell(self, name: str, markdown: str) -> None:
        """Show one result, and put it between the marks ``<!-- name -->`` and ``<!-- end -->`` of the page."""
        text = f"{markdown}\n\n{_where()}"
        self._console.print(Markdown(text))
        if not self._write:
            return
        page = _PAGE.read_text(encoding="utf-8")
        place = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- end -->)", re.DOTALL)
        if not place.search(page):
            raise ValueError(f"{_PAGE.name} has no place for {name}: it lacks the line <!-- {name} -->")
        _PAGE.write_text(place.sub(lambda _: f"\n{text}\n\n", page, count=1), encoding="utf-8")


def _where() -> str:
    day = datetime.now(UTC).date()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    machine = f"{cores} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"_Measured {day}, {machine}._"
