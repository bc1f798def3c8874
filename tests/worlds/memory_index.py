"""Index in memory: documents by generation, as an engine keeps them, and an engine that can be down or overloaded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline_assets.errors import TransientError
from pipeline_assets.search.index import Outcome, Result, Stored, Write
from pipeline_assets.search.names import index_name


@dataclass
class _Kept:
    source: dict[str, Any]
    seq_no: int


@dataclass
class _Generation:
    body: dict[str, Any]
    documents: dict[str, _Kept] = field(default_factory=dict)
    writes: int = 0


@dataclass
class MemoryIndex:
    """Indexes of one engine in memory; searches give every document, since what a query finds is the engine's."""

    aliases: dict[str, str] = field(default_factory=dict)
    generations: dict[str, _Generation] = field(default_factory=dict)
    down: bool = False
    #: Ids of documents that the engine is too busy for, and that it never takes.
    busy: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)

    def search(self, alias: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        del body
        self._answers()
        names = [name for name in alias.split(",") if name in self.aliases]
        hits = [
            {"_index": self.aliases[name], "_id": each, "_score": 1.0, "_source": kept.source}
            for name in names
            for each, kept in sorted(self.generations[self.aliases[name]].documents.items())
        ]
        return {"took": 0, "hits": {"total": {"value": len(hits), "relation": "eq"}, "hits": hits}}

    def stored(self, documents: Sequence[tuple[str, str]]) -> list[Stored | None]:
        self._answers()
        return [self._stored(alias, each) for alias, each in documents]

    def write(self, writes: Sequence[Write]) -> list[Result]:
        self._answers()
        return [self._write(each) for each in writes]

    def create_index(self, alias: str, body: Mapping[str, Any]) -> None:
        self._answers()
        if alias not in self.aliases:
            self.aliases[alias] = index_name(alias, 1)
            self.generations[self.aliases[alias]] = _Generation(dict(body))

    def documents(self, alias: str) -> dict[str, dict[str, Any]]:
        """Every document of an index by its id, tombstones among them."""
        generation = self.generations.get(self.aliases.get(alias, ""))
        return {each: kept.source for each, kept in generation.documents.items()} if generation else {}

    def _answers(self) -> None:
        if self.down:
            raise TransientError("the engine did not answer")

    def _stored(self, alias: str, each: str) -> Stored | None:
        index = self.aliases.get(alias, "")
        generation = self.generations.get(index)
        if generation is None or (kept := generation.documents.get(each)) is None:
            return None
        return Stored(index, kept.source["sequence"], kept.source["deleted"], kept.seq_no, 1)

    def _write(self, write: Write) -> Result:
        index = write.replaces.index if write.replaces else self.aliases.get(write.alias, "")
        generation = self.generations.get(index)
        if generation is None:
            return Result(Outcome.NO_INDEX, f"no such index {index or write.alias}")
        if write.id in self.busy:
            return Result(Outcome.BUSY, "too many requests")
        if write.id in self.refused:
            return Result(Outcome.REFUSED, "mapper_parsing_exception: no such value")
        there = generation.documents.get(write.id)
        if (there.seq_no if there else None) != (write.replaces.seq_no if write.replaces else None):
            return Result(Outcome.CONFLICT, "version conflict")
        generation.documents[write.id] = _Kept(json.loads(write.source), generation.writes)
        generation.writes += 1
        return Result(Outcome.WRITTEN)
