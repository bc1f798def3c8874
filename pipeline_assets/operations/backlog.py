"""Backlog: events of files that nobody has worked through, in the queue and among the dead letters."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline_assets.events.dead_letters import DeadLetters
from pipeline_assets.events.s3_events import object_versions

#: The most dead letters that are looked at for one file.
_LETTERS = 500


@dataclass(frozen=True, slots=True)
class Waiting:
    """Events that nobody has worked through: how many are in the queue, and how many are dead letters.

    What is in the queue cannot be looked into without taking it from the functions. `announced` counts the dead
    letters that announce each receipt id; `complete` is false where there were too many to look at all.
    """

    queued: int
    dead: int
    announced: dict[str, int]
    complete: bool = True

    @property
    def sentence(self) -> str:
        """What could still bring what is looked for, after a space; empty where nothing waits."""
        waiting = []
        if self.queued:
            waiting.append(f"{self.queued} events wait in the queue")
        if self.dead:
            waiting.append(f"{self.dead} were dead-lettered (`cesta redrive --dry-run` lists them)")
        return f" {' and '.join(waiting).capitalize()}." if waiting else ""


def what_waits(letters: DeadLetters, flow: str) -> Waiting:
    """How many events wait, and which versions the dead letters announce."""
    seen = letters.look(limit=_LETTERS) if letters.count() else []
    announced: dict[str, int] = {}
    for letter in seen:
        for version in object_versions(letter.body, flow=flow)[0]:
            announced[version.id] = announced.get(version.id, 0) + 1
    return Waiting(letters.waiting(), max(letters.count(), len(seen)), announced, len(seen) < _LETTERS)
