"""Bringing changes into the index: read, compare, write what is newer, and only in the place of what was read.

Whatever order changes come in, and however often, a document ends in the state of its latest change: an earlier one
finds a greater sequence there, and two writers at once cannot both take the place of one state. So a change may be
written again after any failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pipeline_assets.errors import TransientError
from pipeline_assets.search.documents import IndexChange, after
from pipeline_assets.search.index import Outcome, Result, SearchWriter, Stored, Write
from pipeline_assets.storage.retries import retries

#: Rounds after which somebody else writes the same documents all the time.
_ROUNDS: Final = 20
#: Attempts at documents that the engine is too busy for, and seconds of the longest rest.
_ATTEMPTS, _LONGEST = 6, 5.0


class _BusyError(TransientError):
    """The engine is too busy for some documents."""


@dataclass(slots=True)
class Target:
    """A document, and the changes of it that are to be brought in.

    Parameters
    ----------
    alias, id
        The index, and its id there.
    changes
        By any number of the caller's, from the earliest to the latest; what stands is the latest that the engine takes.
    presumed_new
        Whether the document is likely not there: it is put at once, and read only where one is found.
    done
        Whether the index has the latest change, or a later one.
    written
        Whether it was written here, and not found there.
    refused
        What the engine said of the changes that it never takes, by the caller's numbers.
    """

    alias: str
    id: str
    changes: list[tuple[int, IndexChange]]
    presumed_new: bool = False
    done: bool = False
    written: bool = False
    refused: dict[int, str] = field(default_factory=dict)
    _stored: Stored | None = None
    _known: bool = False

    @property
    def unknown(self) -> bool:
        """Whether its state has to be read before it is written."""
        return not (self._known or self.presumed_new)

    def found(self, stored: Stored | None) -> None:
        """Take note of its state in the index."""
        self._stored, self._known = stored, True

    def next_write(self) -> Write | None:
        """What is to be written; None where the index has it already, or nothing is left that the engine takes."""
        if not self.changes:
            return None
        change = self.changes[-1][1]
        there = self._stored.sequence if self._stored else ""
        sequence = after(there, change.sequence) if change.by_hand else change.sequence
        if self._stored and there >= sequence:
            return None
        return Write(self.alias, self.id, change.source(sequence), self._stored)

    def settle(self, result: Result) -> None:
        """Take note of what a write came to."""
        match result.outcome:
            case Outcome.WRITTEN:
                self.done = self.written = True
            case Outcome.REFUSED:
                self.refused[self.changes.pop()[0]] = result.reason
            case Outcome.CONFLICT | Outcome.NO_INDEX:
                self._known = self.presumed_new = False
            case Outcome.BUSY:
                # A rebuild may have frozen the generation that its state was read of.
                self._known = False


def bring_in(targets: Iterable[Target], engine: SearchWriter, body: Mapping[str, Any]) -> TransientError | None:
    """Write the changes of documents, each at most once.

    Parameters
    ----------
    targets
        The documents, no two of them the same; each says afterwards what became of it.
    engine
        The engine that has their indexes.
    body
        Settings and mappings of an index that is not there yet.

    Returns
    -------
    TransientError or None
        Why those that are not done have to be brought in again.
    """
    left = list(targets)
    try:
        for attempt in retries(_BusyError, attempts=_ATTEMPTS, longest=_LONGEST):
            with attempt:
                left = _until_busy(left, engine, body)
    except TransientError as error:
        return error
    return None


def _until_busy(targets: Sequence[Target], engine: SearchWriter, body: Mapping[str, Any]) -> list[Target]:
    """Write until all are done; raises `_BusyError` where the engine was too busy for what is left."""
    left = [each for each in targets if not each.done]
    busy = ""
    for _ in range(_ROUNDS):
        unknown = [each for each in left if each.unknown]
        for target, stored in zip(unknown, engine.stored([(each.alias, each.id) for each in unknown]), strict=True):
            target.found(stored)
        writes: list[tuple[Target, Write]] = []
        for target in left:
            if write := target.next_write():
                writes.append((target, write))
            else:
                target.done = True
        results = engine.write([write for _, write in writes])
        for (target, _), result in zip(writes, results, strict=True):
            target.settle(result)
        for alias in {write.alias for (_, write), result in zip(writes, results, strict=True) if _lacks(result)}:
            engine.create_index(alias, body)
        left = [each for each in left if not each.done]
        if not left:
            return []
        busy = next((result.reason for result in results if result.outcome is Outcome.BUSY), "")
        if busy:
            raise _BusyError(f"the search engine is too busy for {len(left)} documents: {busy}")
    raise TransientError(f"others write the same documents all the time, {len(left)} of them")


def _lacks(result: Result) -> bool:
    return result.outcome is Outcome.NO_INDEX
