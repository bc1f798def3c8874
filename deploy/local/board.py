"""What is known about an instance while it runs: one entry per part, kept in a file that every other command reads."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

from deploy.local.instance import Instance, LocalStackError, write_private
from pipeline_assets.storage.documents import from_json, to_json

_NOTES_KEPT = 50


class Condition(StrEnum):
    """How a part of the instance is."""

    WAITING = "waiting"
    WORKING = "working"
    HEALTHY = "healthy"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Part:
    """A child process or a step of the start; `seconds` is how long its start took."""

    name: str
    title: str
    condition: Condition = Condition.WAITING
    detail: str = ""
    pid: int | None = None
    started_at: float | None = None
    restarts: int = 0
    seconds: float | None = None
    log: str | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """The whole instance at one moment; `failure` is the sentence that says why it had to end."""

    pid: int
    phase: Condition
    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()
    failure: str | None = None

    @classmethod
    def read(cls, instance: Instance) -> Picture | None:
        """The last picture that a supervisor of this instance wrote, or None."""
        try:
            return from_json(instance.board_file.read_bytes(), cls)
        except (OSError, ValueError):
            return None


@dataclass(slots=True)
class Board:
    """Keeps the picture up to date, in memory and in the instance's file; safe to use from several threads."""

    path: Path
    picture: Picture
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @classmethod
    def of(cls, instance: Instance, parts: list[Part]) -> Board:
        """A new board that shows these parts as waiting."""
        board = cls(instance.board_file, Picture(os.getpid(), Condition.WORKING, tuple(parts)))
        board._write()
        return board

    def update(self, name: str, **changes: object) -> None:
        """Change what is known about one part."""
        with self._lock:
            parts = tuple(
                replace(part, **cast("dict[str, Any]", changes)) if part.name == name else part
                for part in self.picture.parts
            )
            if parts != self.picture.parts:
                self.picture = replace(self.picture, parts=parts)
                self._write()

    def part(self, name: str) -> Part:
        """What is known about one part."""
        return next(part for part in self.picture.parts if part.name == name)

    def note(self, sentence: str) -> None:
        """Keep a sentence for the person who watches."""
        with self._lock:
            notes = (*self.picture.notes, sentence)[-_NOTES_KEPT:]
            self.picture = replace(self.picture, notes=notes)
            self._write()

    def turn(self, phase: Condition, failure: str | None = None) -> None:
        """Enter another phase of the instance's life."""
        with self._lock:
            self.picture = replace(self.picture, phase=phase, failure=failure or self.picture.failure)
            self._write()

    @contextmanager
    def step(self, name: str, detail: str = "") -> Iterator[None]:
        """Show one step as working, and as healthy with its duration when it is through."""
        begun = time.monotonic()
        self.update(name, condition=Condition.WORKING, detail=detail)
        try:
            yield
        except BaseException:
            self.update(name, condition=Condition.FAILED)
            raise
        self.update(name, condition=Condition.HEALTHY, detail="", seconds=round(time.monotonic() - begun, 2))

    def _write(self) -> None:
        # It informs and controls nothing: a full disk must not end what is running. The next change is written again.
        with suppress(OSError):
            write_private(self.path, to_json(self.picture).decode())


@contextmanager
def held(instance: Instance) -> Iterator[None]:
    """Hold the state for this process alone; raises `LocalStackError` when another supervisor has it.

    The kernel lets go of the lock when the process ends, however it ends.
    """
    with instance.lock_file.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise already_held(instance) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def already_held(instance: Instance) -> LocalStackError:
    """What is said to a second supervisor of a state."""
    return LocalStackError(
        f"an instance already runs on {instance.state} (port base {instance.port_base}): "
        "use it, stop it with `cesta down`, or choose another --state and --port-base."
    )


def why_it_ended(instance: Instance) -> str:
    """Why the last instance on this state could not go on, as a sentence with a blank before it; else empty."""
    picture = Picture.read(instance)
    if picture is None or picture.phase is not Condition.FAILED or not picture.failure:
        return ""
    return f" The last one could not go on: {picture.failure.rstrip('.')}."


def holder(instance: Instance) -> int | None:
    """Process id of the supervisor that holds this state now, or None."""
    if not instance.lock_file.exists():
        return None
    with instance.lock_file.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(file.read() or 0) or None
        return None
