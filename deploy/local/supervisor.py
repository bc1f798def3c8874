"""Keeps child processes running: starts them, waits until they are ready, restarts what dies, stops them in order."""

from __future__ import annotations

import queue
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local import processes
from deploy.local.board import Board, Condition, Picture
from deploy.local.instance import LocalStackError

#: A child that ran this long counts as steady: its earlier crashes are forgotten.
STEADY_SECONDS = 30.0
#: So many crashes in a row, each within `STEADY_SECONDS` of the start, end the instance.
CRASHES_ALLOWED = 5
_FIRST_BACK_OFF_SECONDS, _LONGEST_BACK_OFF_SECONDS = 0.5, 8.0
_POLL_SECONDS = 0.1
#: From when a process closes its connections until it has exited.
_EXITING_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Child:
    """A process to keep running; its short name is that of its log file too, its title is for a person.

    Neither the command nor its arguments may hold a secret, since `ps` shows them. Some write files into `directory`,
    where they run. Children of a higher tier are stopped before those of a lower one. `is_ready` is called until it
    says that the child does its work, and must answer within about a second; `start_seconds` is how long that may
    take, `stop_seconds` how long the end may after SIGTERM.
    """

    name: str
    title: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path
    log: Path
    tier: int
    is_ready: Callable[[], bool]
    start_seconds: float
    stop_seconds: float


@dataclass(slots=True)
class _Supervised:
    """A child and the process that runs it; `restart_at` is set while there is none."""

    child: Child
    after_restart: Callable[[], None] | None
    process: subprocess.Popen[bytes]
    started: float
    ready: bool = False
    crashes: int = 0
    restarts: int = 0
    restart_at: float | None = None
    setting_up: threading.Lock = field(default_factory=threading.Lock)


@dataclass(slots=True)
class Supervisor:
    """Runs the children of one instance in a thread of its own.

    That thread starts every child, since Linux ends a leashed child together with the thread that started it.
    """

    board: Board
    failed: threading.Event = field(default_factory=threading.Event)
    failure: str = ""
    _children: dict[str, _Supervised] = field(default_factory=dict)
    _waiting: queue.SimpleQueue[tuple[Child, Callable[[], None] | None]] = field(default_factory=queue.SimpleQueue)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self, child: Child, after_restart: Callable[[], None] | None = None) -> None:
        """Start a child and keep it running; `after_restart` is called in a thread each time it was started again."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
            self._thread.start()
        self._waiting.put((child, after_restart))

    def wait_until_ready(self, *names: str) -> None:
        """Wait for children to do their work; raises `LocalStackError` when one cannot be brought to it.

        Each child's own `start_seconds` limits the wait.
        """
        while not self.failed.wait(_POLL_SECONDS):
            if all(name in self._children and self._children[name].ready for name in names):
                return
        raise LocalStackError(self.failure)

    def give_up(self, sentence: str) -> None:
        """End the instance with a reason; the first one counts."""
        if not self.failed.is_set():
            self.failure = sentence
            self.failed.set()

    def stop(self) -> None:
        """Stop all children, those of the highest tier first; returns when none is left, Ctrl-C or not."""
        self._stopping.set()
        while self._thread is not None and not self._stopped.is_set():
            with suppress(KeyboardInterrupt):
                self._stopped.wait()

    def _run(self) -> None:
        try:
            while not self._stopping.wait(_POLL_SECONDS):
                while not self._waiting.empty():
                    child, after_restart = self._waiting.get()
                    process = self._spawn(child, restarts=0)
                    self._children[child.name] = _Supervised(child, after_restart, process, time.monotonic())
                for supervised in self._children.values():
                    self._poll(supervised)
        except Exception as error:  # noqa: BLE001 - whatever it is, the instance must not go on unwatched
            self.give_up(f"the supervisor failed: {error!r}.")
        try:
            for tier in sorted({supervised.child.tier for supervised in self._children.values()}, reverse=True):
                self._stop_tier(tier)
        finally:
            self._stopped.set()

    def _spawn(self, child: Child, restarts: int) -> subprocess.Popen[bytes]:
        process = processes.start(child.command, child.environment, child.log, child.directory)
        known = {"pid": process.pid, "started_at": processes.started_at(process.pid), "log": str(child.log)}
        self.board.update(child.name, condition=Condition.WORKING, restarts=restarts, **known)
        return process

    def _poll(self, supervised: _Supervised) -> None:
        now, child = time.monotonic(), supervised.child
        if supervised.restart_at is not None:
            if now >= supervised.restart_at and not self.failed.is_set():
                supervised.process = self._spawn(child, supervised.restarts)
                supervised.started, supervised.restart_at = time.monotonic(), None
        elif (code := supervised.process.poll()) is not None:
            self._on_exit(supervised, code)
        elif not supervised.ready:
            if child.is_ready():
                self._on_ready(supervised)
            elif now - supervised.started > child.start_seconds:
                self.give_up(f"{child.title} was not ready within {child.start_seconds:.0f} s: see {child.log}.")

    def _on_ready(self, supervised: _Supervised) -> None:
        supervised.ready = True
        seconds = round(time.monotonic() - supervised.started, 2)
        self.board.update(supervised.child.name, condition=Condition.HEALTHY, detail="", seconds=seconds)
        if supervised.restarts:
            self.board.note(f"{supervised.child.title} runs again.")
            if supervised.after_restart:
                arguments = (supervised, supervised.process, supervised.after_restart)
                threading.Thread(target=self._set_up_again, args=arguments, daemon=True).start()

    def _set_up_again(
        self, supervised: _Supervised, process: subprocess.Popen[bytes], set_up: Callable[[], None]
    ) -> None:
        # One at a time: that of an earlier restart may still be at it.
        with supervised.setting_up:
            try:
                set_up()
            except Exception as error:  # noqa: BLE001 - reported to the person, and ends the instance
                try:
                    process.wait(_EXITING_SECONDS)  # it died meanwhile: what follows its next start counts
                except subprocess.TimeoutExpired:
                    self.give_up(f"{supervised.child.title} was started again but could not be set up: {error}")

    def _on_exit(self, supervised: _Supervised, code: int) -> None:
        child, ran = supervised.child, time.monotonic() - supervised.started
        processes.kill_group(supervised.process.pid)  # whatever it had started itself
        supervised.ready = False
        supervised.crashes = supervised.crashes + 1 if ran < STEADY_SECONDS else 1
        supervised.restarts += 1
        sentence = f"{child.title} {processes.exit_reason(code)} after {ran:.0f} s (log: {child.log})"
        if supervised.crashes >= CRASHES_ALLOWED:
            supervised.restart_at = float("inf")
            self.board.update(child.name, condition=Condition.FAILED, pid=None, started_at=None)
            reason = processes.last_lines(child.log)
            self.give_up(f"{sentence}, {supervised.crashes} times in a row; its log ends with: {reason}")
            return
        back_off = min(_FIRST_BACK_OFF_SECONDS * 2 ** (supervised.crashes - 1), _LONGEST_BACK_OFF_SECONDS)
        supervised.restart_at = time.monotonic() + back_off
        known = {"pid": None, "started_at": None, "restarts": supervised.restarts}
        self.board.update(child.name, condition=Condition.RESTARTING, **known)
        self.board.note(f"{sentence}; it is started again in {back_off:g} s.")

    def _stop_tier(self, tier: int) -> None:
        stopping = [supervised for supervised in self._children.values() if supervised.child.tier == tier]
        for supervised in stopping:
            self.board.update(supervised.child.name, condition=Condition.STOPPING)
            supervised.process.terminate()
        for supervised in stopping:
            self._await_exit(supervised.child, supervised.process)

    def _await_exit(self, child: Child, process: subprocess.Popen[bytes]) -> None:
        try:
            process.wait(child.stop_seconds)
        except subprocess.TimeoutExpired:
            self.board.note(f"{child.title} did not end within {child.stop_seconds:.0f} s and was killed.")
        processes.kill_group(process.pid)
        process.wait()
        self.board.update(child.name, condition=Condition.STOPPED, pid=None, started_at=None)


def end_leftovers(picture: Picture | None) -> list[str]:
    """End the children that a supervisor left behind when it was killed; returns their titles."""
    parts = picture.parts if picture else ()
    left = [part for part in parts if part.pid and processes.started_at(part.pid) == part.started_at]
    for part in reversed(left):
        if part.pid:
            processes.end_group(part.pid, within=60)
    return [part.title for part in left]
