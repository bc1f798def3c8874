"""Keeps child processes running: starts them, waits until they are ready, restarts what dies, stops them in order."""

from __future__ import annotations

import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from deploy.local import processes
from deploy.local.board import Board, Condition, Picture
from deploy.local.child import Child
from deploy.local.errors import LocalStackError

#: A child that lived this long counts as steady: its earlier deaths are forgotten.
STEADY_SECONDS = 30.0
#: So many deaths in a row, each within `STEADY_SECONDS` of its start, end the instance.
DEATHS_ALLOWED = 5
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 8.0
_LOOK_SECONDS = 0.1
#: From when a dying process closes its connections until it counts as dead.
_DYING_SECONDS = 2.0


@dataclass(slots=True)
class _Running:
    child: Child
    after_restart: Callable[[], None] | None
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    ready: bool = False
    deaths: int = 0
    restarts: int = 0
    again_at: float | None = None
    mending: threading.Lock = field(default_factory=threading.Lock)


@dataclass(slots=True)
class Supervisor:
    """Runs the children of one instance in a thread of its own.

    That thread starts every child, since Linux ends a leashed child together with the thread that started it.
    """

    board: Board
    failed: threading.Event = field(default_factory=threading.Event)
    failure: str = ""
    _children: dict[str, _Running] = field(default_factory=dict)
    _arrivals: queue.SimpleQueue[_Running] = field(default_factory=queue.SimpleQueue)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self, child: Child, after_restart: Callable[[], None] | None = None) -> None:
        """Start a child and keep it running; `after_restart` is called in a thread each time it was started again."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
            self._thread.start()
        self._arrivals.put(_Running(child, after_restart))

    def wait_until_ready(self, *names: str) -> None:
        """Wait for children to do their work; raises `LocalStackError` when one cannot be brought to it.

        Each child's own `start_seconds` limits the wait.
        """
        while not self.failed.wait(_LOOK_SECONDS):
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
        while self._thread is not None and not self._over.is_set():
            with suppress(KeyboardInterrupt):
                self._over.wait()

    def _watch(self) -> None:
        try:
            while not self._stopping.wait(_LOOK_SECONDS):
                while not self._arrivals.empty():
                    running = self._arrivals.get()
                    self._spawn(running)
                    self._children[running.child.name] = running
                for running in self._children.values():
                    self._look_after(running)
        except Exception as error:  # noqa: BLE001 - whatever it is, the instance must not go on unwatched
            self.give_up(f"the supervisor failed: {error!r}.")
        try:
            for tier in sorted({running.child.tier for running in self._children.values()}, reverse=True):
                self._stop_tier(tier)
        finally:
            self._over.set()

    def _spawn(self, running: _Running) -> None:
        child = running.child
        running.process = processes.start(child.command, child.environment, child.log, child.directory)
        running.started, running.ready, running.again_at = time.monotonic(), False, None
        self.board.update(
            child.name,
            condition=Condition.WORKING,
            pid=running.process.pid,
            birth=processes.birth(running.process.pid),
            restarts=running.restarts,
            log=str(child.log),
        )

    def _look_after(self, running: _Running) -> None:
        now, process = time.monotonic(), running.process
        if running.again_at is not None:
            if now >= running.again_at and not self.failed.is_set():
                self._spawn(running)
            return
        code = process.poll() if process else None
        if code is not None:
            self._bury(running, code)
        elif not running.ready:
            if running.child.is_ready():
                self._greet(running)
            elif now - running.started > running.child.start_seconds:
                self.give_up(
                    f"{running.child.title} was not ready within {running.child.start_seconds:.0f} s: "
                    f"see {running.child.log}."
                )

    def _greet(self, running: _Running) -> None:
        running.ready = True
        seconds = round(time.monotonic() - running.started, 2)
        self.board.update(running.child.name, condition=Condition.HEALTHY, detail="", seconds=seconds)
        if running.restarts:
            self.board.note(f"{running.child.title} runs again.")
            if running.after_restart:
                arguments = (running, running.process, running.after_restart)
                threading.Thread(target=self._mend_after, args=arguments, daemon=True).start()

    def _mend_after(self, running: _Running, process: subprocess.Popen[bytes], mend: Callable[[], None]) -> None:
        # One at a time: the repair after an earlier restart may still be at it.
        with running.mending:
            try:
                mend()
            except Exception as error:  # noqa: BLE001 - reported to the person, and ends the instance
                try:
                    process.wait(_DYING_SECONDS)  # it died meanwhile: the repair after its next start counts
                except subprocess.TimeoutExpired:
                    self.give_up(f"{running.child.title} was started again but could not be set up: {error}")

    def _bury(self, running: _Running, code: int) -> None:
        child, lived = running.child, time.monotonic() - running.started
        if running.process:
            processes.signal_group(running.process.pid, signal.SIGKILL)  # whatever it had started itself
        running.ready = False
        running.deaths = running.deaths + 1 if lived < STEADY_SECONDS else 1
        running.restarts += 1
        sentence = f"{child.title} {processes.cause_of_death(code)} after {lived:.0f} s (log: {child.log})"
        if running.deaths >= DEATHS_ALLOWED:
            self.board.update(child.name, condition=Condition.FAILED, pid=None, birth=None)
            reason = processes.last_lines(child.log)
            self.give_up(f"{sentence}, {running.deaths} times in a row; its last words: {reason}")
            running.again_at = float("inf")
            return
        pause = min(_FIRST_PAUSE_SECONDS * 2 ** (running.deaths - 1), _LONGEST_PAUSE_SECONDS)
        running.again_at = time.monotonic() + pause
        self.board.update(child.name, condition=Condition.RESTARTING, pid=None, birth=None, restarts=running.restarts)
        self.board.note(f"{sentence}; it is started again in {pause:g} s.")

    def _stop_tier(self, tier: int) -> None:
        going = [running for running in self._children.values() if running.child.tier == tier and running.process]
        for running in going:
            self.board.update(running.child.name, condition=Condition.STOPPING)
            if running.process and running.process.poll() is None:
                running.process.send_signal(signal.SIGTERM)
        for running in going:
            self._see_off(running)

    def _see_off(self, running: _Running) -> None:
        child, process = running.child, running.process
        if process is None:
            return
        try:
            process.wait(child.stop_seconds)
        except subprocess.TimeoutExpired:
            self.board.note(f"{child.title} did not end within {child.stop_seconds:.0f} s and was killed.")
        processes.signal_group(process.pid, signal.SIGKILL)
        process.wait()
        self.board.update(child.name, condition=Condition.STOPPED, pid=None, birth=None)


def end_leftovers(picture: Picture | None) -> list[str]:
    """End the children that a supervisor left behind when it was killed; returns their titles."""
    left = [part for part in (picture.parts if picture else ()) if part.pid and processes.birth(part.pid) == part.birth]
    for part in reversed(left):
        if part.pid:
            processes.end_group(part.pid, within=60)
    return [part.title for part in left]
