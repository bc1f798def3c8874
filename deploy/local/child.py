"""A child process of the supervisor, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Child:
    """A process to keep running.

    Attributes
    ----------
    name : the short name, which also names the log file
    title : what it is to a person
    command, environment : what is executed; neither the command nor its arguments may hold a secret, `ps` shows them
    directory : where it runs; some write files into it
    tier : children of a higher tier are stopped before those of a lower one
    is_ready : whether it does its work; called again and again until true, must answer within about a second
    start_seconds, stop_seconds : how long it may take to become ready, and to end after SIGTERM
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
