"""Rebuild of the index of a tenant: the next generation of it, from the table, while both searches and changes go on.

The next generation is built beside the one that is searched and changed: each item of the table as it is, under the
sequence of its document, and a tombstone for each document whose item is gone. Items and states of documents are read
side by side in the order of their keys, so that no more of either is held than is on its way.

Beforehand is noted how far the earlier generation is written; what was written there afterwards is carried over, once
before the alias names the new generation, and once more when nobody writes the earlier one any longer, which is deleted
then. From the switch on, whoever reads a document anew reads it in the new one.

A rebuild that was killed is begun again: an earlier generation that is left is drained first, an unfinished one is
abandoned. Of two rebuilds at once the later one abandons the earlier one's work, whose switch fails then.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

import msgspec

from pipeline_assets.errors import TransientError
from pipeline_assets.events.rejection import RejectedChange
from pipeline_assets.events.tenants import safe_name
from pipeline_assets.search.documents import keys_of_kind
from pipeline_assets.search.index import Document, Outcome, SearchIndex, State, Write
from pipeline_assets.search.mappings import index_body
from pipeline_assets.search.names import Kind, alias, building
from pipeline_assets.search.recover import change_of_item, sequence_behind
from pipeline_assets.search.side_by_side import side_by_side
from pipeline_assets.storage.retries import retries

if TYPE_CHECKING:
    from pipeline_assets.events.stream_records import Image
    from pipeline_assets.events.tenants import TenantId
    from pipeline_assets.search.stores import SearchStores

_AT_ONCE: Final = 1_000
#: Requests that are on their way while the next documents are made.
_SIDE_BY_SIDE: Final = 2
#: What a document keeps whose item is gone.
_OF_TOMBSTONES: Final = ("tenant", "tenant_id", "codigo", "compra_id", "sequence", "changed_at")
#: Attempts at documents that the engine is too busy for, and seconds of the longest rest.
_ATTEMPTS, _LONGEST = 6, 5.0
#: Rounds after which somebody else writes the same documents all the time.
_ROUNDS: Final = 20
_encode: Final = msgspec.json.Encoder().encode
T = TypeVar("T")
#: An item, and the state of its document; one of them may be absent.
_Pair: TypeAlias = "tuple[Image | None, State | None]"


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
        Items of the table that break a rule, and documents that the engine refuses; the documents that there are of
        items are taken over.
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
        Reads the items of the tenant in the table, in the order of their keys as a table gives them. It is called once
        it is known how far the index is written, so that whatever had been written and the table has not is gone.
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
    ValueError
        The items do not come in the order of their keys.
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
        self._key = keys_of_kind(kind)[1]
        self._done = Rebuilt()

    def run(self, items: Callable[[], Iterable[Image]]) -> Rebuilt:
        """Build the next generation, let the alias name it, and take over what the earlier one has more."""
        began = time.monotonic()
        body = index_body(self._kind)
        self._engine.create_index(self._alias, body)
        old = self._clear()
        if not old:
            raise TransientError(f"somebody has deleted {self._alias} meanwhile")
        position = self._engine.position(old)
        new = self._engine.begin_generation(self._alias, body)
        self._fill(items(), old, position, building(new))
        position, before = self._engine.position(old), position
        self._done.carried_over += self._carry_over(old, before, building(new))
        self._engine.switch(self._alias, old, new)
        self._done.carried_over += self._drain(old, position)
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

    def _fill(self, items: Iterable[Image], old: str, position: int, place: str) -> None:
        """Write what the table has, and tombstones of what it has no more."""
        # What was written after the position is carried over, whatever the table had when it was read.
        states = (each for each in self._engine.states(old, self._key) if each.stored.seq_no <= position)
        pieces = _pieces(_beside(items, states, self._key), _AT_ONCE)
        written = side_by_side((self._piece(pairs, old, position, place) for pairs in pieces), _SIDE_BY_SIDE)
        for documents, tombstones, rejected in written:
            self._done.documents += documents
            self._done.tombstones += tombstones
            self._done.rejected += rejected

    def _piece(self, pairs: Sequence[_Pair], old: str, position: int, place: str) -> Callable[[], tuple[int, int, int]]:
        """Make documents of items; what is returned writes them, and counts documents, tombstones and rejected ones."""
        writes: list[Write] = []
        kept: list[str] = []
        gone: list[str] = []
        has_document: set[str] = set()
        rejected = 0
        for item, state in pairs:
            if item is None:
                gone += [safe_name(state.key)] if state else []
                continue
            change = change_of_item(self._kind, "INSERT", item, self._stores.moneda)
            if isinstance(change, RejectedChange):
                rejected += 1
                kept += [safe_name(state.key)] if state else []
                continue
            if state:
                has_document.add(change.id)
            # Under the place of the change that its document tells of, and at its time: a rebuild changes no item.
            sequence = state.stored.sequence if state else sequence_behind("", change)
            writes.append(Write(place, change.id, change.source(sequence, state.changed_at if state else "")))

        def write() -> tuple[int, int, int]:
            # One that was written since then is no longer what the table was compared with: it is carried over.
            there = (each for each in self._engine.read(old, gone) if each and each.stored.seq_no <= position)
            removed = [_tombstone(place, each) for each in there]
            refused = self._put([*writes, *removed])
            self._copy([each for each in self._engine.read(old, [*kept, *(has_document & refused)]) if each], place)
            documents = sum(each.id not in refused for each in writes)
            return documents, len(gone) - len(refused.intersection(gone)), rejected + len(refused)

        return write

    def _put(self, writes: Sequence[Write]) -> set[str]:
        """Write documents that nobody else writes; returns the ids of those that the engine never takes."""
        left, refused = list(writes), set[str]()
        for attempt in retries(_BusyError, attempts=_ATTEMPTS, longest=_LONGEST):
            with attempt:
                results = list(zip(left, self._engine.write(left), strict=True))
                left = [write for write, result in results if result.outcome is Outcome.BUSY]
                for write, result in results:
                    if result.outcome is Outcome.REFUSED:
                        refused.add(write.id)
                    elif result.outcome not in (Outcome.WRITTEN, Outcome.BUSY):
                        raise TransientError(f"a generation of {self._alias} is not built: {result.reason}")
                if left:
                    raise _BusyError(f"the search engine is too busy for {len(left)} documents of {self._alias}")
        return refused

    def _drain(self, earlier: str, position: int = -1) -> int:
        """Carry over what was written to a generation that the alias names no more, and delete it; returns how many."""
        self._engine.freeze(earlier)
        carried = self._carry_over(earlier, position, self._alias)
        self._engine.delete(earlier)
        return carried

    def _carry_over(self, source: str, position: int, place: str) -> int:
        """Write the documents that a generation got after a position, where a place has earlier ones."""
        return sum(self._copy(some, place) for some in _pieces(self._engine.written_after(source, position), _AT_ONCE))

    def _copy(self, some: Sequence[Document], place: str) -> int:
        """Write documents as they are in their generation wherever a place has earlier ones; returns how many."""
        if not some:
            return 0
        left = {each.id: each for each in some}
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
                del left[document.id]
            else:
                writes.append(Write(place, document.id, _encode(document.source), state))
        results = self._engine.write(writes)
        for write, result in zip(writes, results, strict=True):
            if result.outcome is Outcome.WRITTEN:
                del left[write.id]
            elif result.outcome not in (Outcome.CONFLICT, Outcome.BUSY):
                raise TransientError(f"a document of {self._alias} is not carried over: {result.reason}")
        return Counter(result.outcome for result in results)


def _beside(items: Iterable[Image], states: Iterable[State], key: str) -> Iterator[_Pair]:
    """Items of the table beside the states of their documents, all in the order of their keys."""
    left = iter(states)
    state, before = next(left, None), ""
    for item in items:
        name = str(item[key]["S"])
        if name <= before:
            raise ValueError(
                f"the items of a table come in the order of their keys, and {name!r} came after {before!r}"
            )
        before = name
        while state and state.key < name:
            yield None, state
            state = next(left, None)
        if state and state.key == name:
            yield item, state
            state = next(left, None)
        else:
            yield item, None
    while state:
        yield None, state
        state = next(left, None)


def _tombstone(place: str, document: Document) -> Write:
    left = {name: document.source[name] for name in _OF_TOMBSTONES if name in document.source}
    return Write(place, document.id, _encode({**left, "deleted": True}))


def _pieces(each: Iterator[T], size: int) -> Iterator[list[T]]:
    while some := list(islice(each, size)):
        yield some
