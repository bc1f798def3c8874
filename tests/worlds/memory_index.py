"""Index in memory: documents by generation, as an engine keeps them, and an engine that can be down or overloaded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from pipeline_assets.errors import TransientError
from pipeline_assets.search.index import Document, Generations, Outcome, Result, State, Stored, Write
from pipeline_assets.search.names import building, generation_of, index_name


@dataclass
class _Kept:
    source: dict[str, Any]
    seq_no: int


@dataclass
class _Generation:
    body: dict[str, Any]
    documents: dict[str, _Kept] = field(default_factory=dict)
    writes: int = 0
    frozen: bool = False


@dataclass(eq=False)
class MemoryIndex:
    """Indexes of one engine in memory; searches give every document, since what a query finds is the engine's."""

    aliases_by_name: dict[str, str] = field(default_factory=dict)
    generations_by_name: dict[str, _Generation] = field(default_factory=dict)
    down: bool = False
    #: Ids of documents that the engine is too busy for, and that it never takes.
    busy: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    #: Requests come from several threads.
    _lock: Lock = field(default_factory=Lock, repr=False)

    def search(self, alias: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        del body
        self._answers()
        names = [name for name in alias.split(",") if name in self.aliases_by_name]
        hits = [
            {"_index": self.aliases_by_name[name], "_id": each, "_score": 1.0, "_source": kept.source}
            for name in names
            for each, kept in sorted(self.generations_by_name[self.aliases_by_name[name]].documents.items())
        ]
        return {"took": 0, "hits": {"total": {"value": len(hits), "relation": "eq"}, "hits": hits}}

    def stored(self, documents: Sequence[tuple[str, str]]) -> list[Stored | None]:
        self._answers()
        return [self._stored(alias, each) for alias, each in documents]

    def write(self, writes: Sequence[Write]) -> list[Result]:
        self._answers()
        with self._lock:
            return [self._write(each) for each in writes]

    def create_index(self, alias: str, body: Mapping[str, Any]) -> None:
        self._answers()
        if alias not in self.aliases_by_name:
            self.aliases_by_name[alias] = index_name(alias, 1)
            self.generations_by_name[self.aliases_by_name[alias]] = _Generation(dict(body))

    def read(self, alias: str, ids: Sequence[str]) -> list[Document | None]:
        self._answers()
        return [self._document(alias, each) for each in ids]

    def scan(self, alias: str) -> Iterator[Document]:
        self._answers()
        found = [self._document(alias, each) for each in self.documents(alias)]
        yield from (each for each in found if each and not each.stored.deleted)

    def aliases(self, beginning: str) -> list[str]:
        self._answers()
        return sorted(name for name in self.aliases_by_name if name.startswith(beginning))

    def generations(self, alias: str) -> Generations:
        self._answers()
        ordered = sorted(index for index in self.generations_by_name if generation_of(alias, index) is not None)
        current = self.aliases_by_name.get(alias, "")
        unfinished = tuple(index for index in ordered if building(index) in self.aliases_by_name)
        return Generations(current, tuple(each for each in ordered if each not in (current, *unfinished)), unfinished)

    def begin_generation(self, alias: str, body: Mapping[str, Any]) -> str:
        known = self.generations(alias)
        last = max(generation_of(alias, each) or 0 for each in (known.current, *known.earlier, *known.unfinished))
        index = index_name(alias, last + 1)
        self.generations_by_name[index] = _Generation(dict(body))
        self.aliases_by_name[building(index)] = index
        return index

    def switch(self, alias: str, old: str, new: str) -> None:
        self._answers()
        if self.aliases_by_name.get(alias) != old or building(new) not in self.aliases_by_name:
            raise TransientError(f"{alias} was not switched from {old} to {new}")
        del self.aliases_by_name[building(new)]
        self.aliases_by_name[alias] = new

    def abandon(self, unfinished: str) -> None:
        self._answers()
        if self.aliases_by_name.pop(building(unfinished), None) is None:
            raise TransientError(f"{unfinished} is in use by now")
        self.delete(unfinished)

    def freeze(self, generation: str) -> None:
        self._answers()
        if found := self.generations_by_name.get(generation):
            found.frozen = True

    def delete(self, generation: str) -> None:
        self._answers()
        self.generations_by_name.pop(generation, None)

    def position(self, generation: str) -> int:
        self._answers()
        found = self.generations_by_name.get(generation)
        return found.writes - 1 if found else -1

    def states(self, generation: str, key: str) -> Iterator[State]:
        """As an engine gives them, page by page: what is written meanwhile is there or not."""
        self._answers()
        found = self.generations_by_name.get(generation)
        keys = sorted((kept.source[key], each) for each, kept in found.documents.items()) if found else []
        for name, each in keys:
            if found and (kept := found.documents[each]):
                stored = Stored(generation, kept.source["sequence"], kept.source["deleted"], kept.seq_no, 1)
                yield State(name, kept.source.get("changed_at", ""), stored)

    def written_after(self, generation: str, position: int) -> Iterator[Document]:
        self._answers()
        found = [self._document(generation, each) for each in self.documents(generation)]
        yield from (each for each in found if each and each.stored.seq_no > position)

    def documents(self, alias: str) -> dict[str, dict[str, Any]]:
        """Every document of an index by its id, tombstones among them."""
        generation = self.generations_by_name.get(self.aliases_by_name.get(alias, alias))
        return {each: kept.source for each, kept in generation.documents.items()} if generation else {}

    def _answers(self) -> None:
        if self.down:
            raise TransientError("the engine did not answer")

    def _document(self, alias: str, each: str) -> Document | None:
        stored = self._stored(alias, each)
        return Document(each, self.documents(alias)[each], stored) if stored else None

    def _stored(self, alias: str, each: str) -> Stored | None:
        index = self.aliases_by_name.get(alias, alias)
        generation = self.generations_by_name.get(index)
        if generation is None or (kept := generation.documents.get(each)) is None:
            return None
        return Stored(index, kept.source["sequence"], kept.source["deleted"], kept.seq_no, 1)

    def _write(self, write: Write) -> Result:
        index = write.replaces.index if write.replaces else self.aliases_by_name.get(write.alias, "")
        generation = self.generations_by_name.get(index)
        if generation is None:
            return Result(Outcome.NO_INDEX, f"no such index {index or write.alias}")
        if write.id in self.busy or generation.frozen:
            return Result(Outcome.BUSY, "too many requests")
        if write.id in self.refused:
            return Result(Outcome.REFUSED, "mapper_parsing_exception: no such value")
        there = generation.documents.get(write.id)
        if (there.seq_no if there else None) != (write.replaces.seq_no if write.replaces else None):
            return Result(Outcome.CONFLICT, "version conflict")
        generation.documents[write.id] = _Kept(json.loads(write.source), generation.writes)
        generation.writes += 1
        return Result(Outcome.WRITTEN)
