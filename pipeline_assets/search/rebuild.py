"""Rebuild of the index of a tenant: the next generation of it, from the table, while both searches and changes go on.

The next generation is built beside the one that is searched and changed: each item of the table as it is, under the
sequence of its document, and a tombstone for each document whose item is gone. Changes that came meanwhile are carried
over before the alias names the new generation. From then on whoever reads a document anew reads it there; the earlier
generation is frozen, what it still got is carried over, and it is deleted.

A rebuild that was killed is begun again: an earlier generation that is left is drained first, an unfinished one is
abandoned. Of two rebuilds at once the later one abandons the earlier one's work, whose switch fails then.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from pipeline_assets.errors import TransientError
from pipeline_assets.events.rejection import RejectedChange
from pipeline_assets.events.tenants import safe_name
from pipeline_assets.search.documents import keys_of_kind
from pipeline_assets.search.index import Document, Outcome, Result, SearchIndex, Write
from pipeline_assets.search.mappings import index_body
from pipeline_assets.search.names import Kind, alias, building
from pipeline_assets.search.recover import change_of_item, sequence_behind
from pipeline_assets.storage.retries import retries

if TYPE_CHECKING:
    from pipeline_assets.events.stream_records import Image
    from pipeline_assets.events.tenants import TenantId
    from pipeline_assets.search.stores import SearchStores

_AT_ONCE: Final = 1_000
#: Requests that are on their way while the next documents are made.
_AHEAD: Final = 2
#: Attempts at documents that the engine is too busy for, and seconds of the longest rest.
_ATTEMPTS, _LONGEST = 6, 5.0
#: Rounds after which somebody else writes the same documents all the time.
_ROUNDS: Final = 20
_encode: Final = msgspec.json.Encoder().encode
T = TypeVar("T")


class _BusyError(TransientError):
    """The engine is too busy for some documents."""


@dataclass(slots=True)
class Rebuilt:
    """Outcome of a rebuild.

    Parameters
    ----------
    generation
        Name of the new generation; empty where the tenant is removed, and nothing was built.
    documents
        Documents that were made of the table.
    tombstones
        Documents whose items are gone.
    carried_over
        Documents that were changed meanwhile, and taken over as they were.
    rejected
        Items of the table that break a rule; the documents that they have are taken over.
    seconds
        Duration.
    """

    generation: str = ""
    documents: int = 0
    tombstones: int = 0
    carried_over: int = 0
    rejected: int = 0
    seconds: float = 0.0


def rebuild(kind: Kind, tenant: TenantId, items: Callable[[], Iterable[Image]], stores: SearchStores) -> Rebuilt:
    """Rebuild the index of a tenant.

    Parameters
    ----------
    kind
        What is in it.
    tenant
        The tenant.
    items
        Reads the items of the tenant in the table. It is called once the index was read, so that whatever the index had
        then and the table has not is gone.
    stores
        The stores of the flow.

    Returns
    -------
    Rebuilt
        What it has now.

    Raises
    ------
    TransientError
        The table or the engine does not answer, or another rebuild took over; the index is as before, or has what the
        table has, and the rebuild is to be begun again.
    """
    engine = stores.engines.of(tenant)
    if engine is None:
        return Rebuilt()
    return _Rebuild(kind, alias(stores.stage, kind, tenant), engine, stores).run(items)


class _Rebuild:
    """One rebuild of one index."""

    def __init__(self, kind: Kind, name: str, engine: SearchIndex, stores: SearchStores) -> None:
        self._kind = kind
        self._alias = name
        self._engine = engine
        self._stores = stores
        self._done = Rebuilt()
        #: Sequences of the documents that the new generation has, by their ids.
        self._built: dict[str, str] = {}

    def run(self, items: Callable[[], Iterable[Image]]) -> Rebuilt:
        """Build the next generation, let the alias name it, and take over what the earlier one has more."""
        began = time.monotonic()
        body = index_body(self._kind)
        self._engine.create_index(self._alias, body)
        old = self._clear()
        if not old:
            raise TransientError(f"somebody has deleted {self._alias} meanwhile")
        self._built.clear()
        new = self._engine.begin_generation(self._alias, body)
        there = {each.id: each for each in self._engine.states(old)}
        last = max((each.stored.sequence for each in there.values()), default="")
        self._fill(items(), there, new)
        # As good as all that came meanwhile: whatever has an earlier place in the order comes with the last of it.
        self._done.carried_over += self._carry_over(old, building(new), last)
        self._engine.switch(self._alias, old, new)
        self._done.carried_over += self._drain(old)
        self._done.generation = new
        self._done.seconds = time.monotonic() - began
        return self._done

    def _clear(self) -> str:
        """Finish or abandon what an earlier rebuild left; returns the generation that the alias names."""
        found = self._engine.generations(self._alias)
        for unfinished in found.unfinished:
            self._engine.abandon(unfinished)
        for earlier in found.earlier:
            self._drain(earlier)
        return found.current

    def _fill(self, items: Iterable[Image], there: dict[str, Document], new: str) -> None:
        """Write what the table has, and tombstones of what it has no more, into the new generation."""
        kept: list[Document] = []
        with ThreadPoolExecutor(1) as sender:
            sent: list[Future[None]] = []
            for writes in _pieces(self._writes(items, there, building(new), kept), _AT_ONCE):
                sent.append(sender.submit(self._put, writes))
                while len(sent) > _AHEAD:
                    sent.pop(0).result()
            for each in sent:
                each.result()
        self._copy(kept, building(new))

    def _writes(
        self, items: Iterable[Image], there: dict[str, Document], place: str, kept: list[Document]
    ) -> Iterator[Write]:
        key = keys_of_kind(self._kind)[1]
        for item in items:
            stands = there.pop(safe_name(str(item[key]["S"])), None)
            change = change_of_item(self._kind, "INSERT", item, self._stores.moneda)
            if isinstance(change, RejectedChange):
                self._done.rejected += 1
                kept += [stands] if stands else []
                continue
            sequence = stands.stored.sequence if stands else sequence_behind("", change)
            self._built[change.id] = sequence
            self._done.documents += 1
            # Under the place of the change that its document tells of, and at its time: a rebuild changes no item.
            made = str(stands.source.get("changed_at", "")) if stands else ""
            yield Write(place, change.id, change.source(sequence, made))
        for each in there.values():
            self._built[each.id] = each.stored.sequence
            self._done.tombstones += 1
            yield Write(place, each.id, _encode({**each.source, "deleted": True}))

    def _put(self, writes: Sequence[Write]) -> None:
        left = list(writes)
        for attempt in retries(_BusyError, attempts=_ATTEMPTS, longest=_LONGEST):
            with attempt:
                results = list(zip(left, self._engine.write(left), strict=True))
                left = [write for write, result in results if result.outcome is Outcome.BUSY]
                for write, result in results:
                    self._settle(write, result)
                if left:
                    raise _BusyError(f"the search engine is too busy for {len(left)} documents of {self._alias}")

    def _settle(self, write: Write, result: Result) -> None:
        if result.outcome is Outcome.REFUSED:
            self._done.rejected += 1
            self._built.pop(write.id, None)
        elif result.outcome not in (Outcome.WRITTEN, Outcome.BUSY):
            raise TransientError(f"a generation of {self._alias} is not built: {result.reason}")

    def _drain(self, earlier: str) -> int:
        """Carry over what a generation has more that the alias names no more, and delete it; returns how many."""
        self._engine.freeze(earlier)
        carried = self._carry_over(earlier, self._alias)
        self._engine.delete(earlier)
        return carried

    def _carry_over(self, source: str, place: str, after: str = "") -> int:
        """Write the documents of a generation that are later than those at a place; returns how many."""
        carried = 0
        later = (
            each
            for each in self._engine.states(source, after)
            if each.id not in self._built or each.stored.sequence > self._built[each.id]
        )
        for some in _pieces(later, _AT_ONCE):
            carried += self._copy(some, place)
        return carried

    def _copy(self, some: Sequence[Document], place: str) -> int:
        """Write documents as they are in their generation wherever a place has earlier ones; returns how many."""
        if not some:
            return 0
        found = self._engine.read(some[0].stored.index, [each.id for each in some])
        left = {each.id: each for each in found if each}
        carried = 0
        for attempt in retries(_BusyError, attempts=_ATTEMPTS, longest=_LONGEST):
            with attempt:
                for _ in range(_ROUNDS):
                    outcomes = self._copy_once(left, place)
                    carried += outcomes[Outcome.WRITTEN]
                    if outcomes[Outcome.BUSY]:
                        raise _BusyError(f"the search engine is too busy for {len(left)} documents of {self._alias}")
                    if not left:
                        break
                else:
                    others = f"others write the same documents of {self._alias} all the time, {len(left)} of them"
                    raise TransientError(others)
        return carried

    def _copy_once(self, left: dict[str, Document], place: str) -> Counter[Outcome]:
        """Write documents over the earlier ones of a place, and take out of `left` those that need no other attempt."""
        states = self._engine.stored([(place, each) for each in left])
        writes: list[Write] = []
        for document, state in zip(list(left.values()), states, strict=True):
            if state and state.sequence >= document.stored.sequence:
                self._built[document.id] = state.sequence
                del left[document.id]
            else:
                writes.append(Write(place, document.id, _encode(document.source), state))
        results = self._engine.write(writes)
        for write, result in zip(writes, results, strict=True):
            if result.outcome is Outcome.WRITTEN:
                self._built[write.id] = left.pop(write.id).stored.sequence
            elif result.outcome not in (Outcome.CONFLICT, Outcome.BUSY):
                raise TransientError(f"a document of {self._alias} is not carried over: {result.reason}")
        return Counter(result.outcome for result in results)


def _pieces(each: Iterator[T], size: int) -> Iterator[list[T]]:
    while some := list(islice(each, size)):
        yield some
