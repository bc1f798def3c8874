"""Progress: bars for long work, and how an instance starts and stops (a live table, or a line per finished part)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from deploy.cli.console import console, say
from deploy.local.board import Condition, Part, Picture
from pipeline_assets.operations.access import Access
from pipeline_assets.operations.following import Progress as Followed
from pipeline_assets.operations.following import follow

if TYPE_CHECKING:
    from rich.console import Console

_MARKS = {
    Condition.WAITING: Text("·", style="dim"),
    Condition.HEALTHY: Text("✓", style="green"),
    Condition.RESTARTING: Text("↻", style="yellow"),
    Condition.STOPPED: Text("·", style="dim"),
    Condition.FAILED: Text("✗", style="red"),
}
_LOOK_SECONDS = 0.2


def bars(shown_on: Console = console) -> Progress:
    """Progress bars as every command shows them."""
    columns = (TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=shown_on)


def follow_with_progress(
    access: Access,
    receipts: Collection[str],
    progress: Progress,
    *,
    check: Callable[[], None] = lambda: None,
    flow: str = "tickets",
    target: str = "graph",
) -> None:
    """Wait until objects of a flow are through, by their receipts' ids; each look calls `check`, which may raise."""
    put = progress.add_task(f"files in the {target}", total=len(receipts))
    dagster = progress.add_task("receipts in Dagster", total=len(receipts))

    def tell(now: Followed) -> None:
        progress.update(put, completed=now.done)
        progress.update(dagster, completed=now.shown)

    follow(access, receipts, flow, tell=tell, check=check)


@contextmanager
def shown(read: Callable[[], Picture | None]) -> Iterator[None]:
    """Show the parts of a picture while they change, and every note as a line."""
    watch = _Watch(read, told=())
    if console.is_terminal:
        live = Live(console=console, get_renderable=lambda: _table(read()), refresh_per_second=8)
        with live, watch.running(parts=False):
            yield
    else:
        with watch.running(parts=True):
            yield


@contextmanager
def notes_shown(read: Callable[[], Picture | None]) -> Iterator[None]:
    """Print only the new notes, such as that a process died and was started again."""
    before = read()
    with _Watch(read, told=before.notes if before else ()).running(parts=False):
        yield


class _Watch:
    def __init__(self, read: Callable[[], Picture | None], told: Iterable[str]) -> None:
        self._read = read
        self._notes = set(told)
        self._told: set[tuple[str, Condition]] = set()
        self._over = threading.Event()

    @contextmanager
    def running(self, *, parts: bool) -> Iterator[None]:
        thread = threading.Thread(target=self._run, args=(parts,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _run(self, parts: bool) -> None:
        while True:
            last = self._over.wait(_LOOK_SECONDS)
            self._tell(self._read(), parts=parts)
            if last:
                return

    def _tell(self, picture: Picture | None, *, parts: bool) -> None:
        if picture is None:
            return
        for note in picture.notes:
            if note not in self._notes:
                self._notes.add(note)
                say(note, style="yellow")
        for part in picture.parts if parts else ():
            if part.condition is Condition.HEALTHY and (part.name, part.condition) not in self._told:
                self._told.add((part.name, part.condition))
                say(f"✓ {part.title} ({part.seconds:.1f} s)")


def _table(picture: Picture | None) -> Table:
    table = Table.grid(padding=(0, 1))
    for part in picture.parts if picture else ():
        table.add_row(_mark(part), part.title, Text(_remark(part), style="dim"))
    return table


def _mark(part: Part) -> Text | Spinner:
    return _MARKS.get(part.condition) or Spinner("dots", style="cyan")


def _remark(part: Part) -> str:
    if part.condition is Condition.HEALTHY and part.seconds is not None:
        return f"{part.seconds:.1f} s"
    return part.detail or (str(part.condition) if part.condition is not Condition.WAITING else "")
