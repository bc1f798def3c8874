"""Documents of indexes in Elasticsearch: searched, read, compared and written.

Reads for a comparison and writes of it go to one generation of the index, whatever an alias names meanwhile: the
numbers by which a state is known are those of one generation alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline_assets.errors import TransientError
from pipeline_assets.search.elasticsearch_errors import (
    BAD_REQUEST,
    CONFLICT,
    NOT_FOUND,
    TOO_LARGE,
    BusyError,
    asked_patiently,
    asking,
    pass_by_absent,
)
from pipeline_assets.search.index import Document, Outcome, RefusedQueryError, Result, State, Stored, Write

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

_COMPARED: Final = ("sequence", "deleted")
#: Documents of one page of a scan.
_PAGE: Final = 1_000
#: States of one page, as many as an engine gives at once: each page sorts the whole index.
_STATES: Final = 10_000
_OUTCOMES: Final = {CONFLICT: Outcome.CONFLICT, NOT_FOUND: Outcome.NO_INDEX, BAD_REQUEST: Outcome.REFUSED}
_encode: Final = msgspec.json.Encoder().encode
_WRITTEN: Final = Result(Outcome.WRITTEN)


class ElasticsearchDocuments:
    """Documents of the indexes of one engine.

    Parameters
    ----------
    client
        The client, which sends nothing twice by itself (``max_retries=0``).
    """

    def __init__(self, client: Elasticsearch) -> None:
        self._client = client

    def search(self, alias: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Search an index.

        Parameters
        ----------
        alias
            Name of the index, or names with commas between them.
        body
            Body of the search in the query language of Elasticsearch.

        Returns
        -------
        Mapping
            The engine's answer; one without hits where there is no such index.

        Raises
        ------
        TransientError
            The engine does not answer, or is overloaded.
        RefusedQueryError
            The engine does not take the body.
        """
        with asking("search") as refused:
            answer: Mapping[str, Any] = self._client.search(index=alias, body=dict(body), ignore_unavailable=True).body
        if not refused:
            return answer
        if refused[0].status_code == NOT_FOUND:
            return {"took": 0, "hits": {"total": {"value": 0, "relation": "eq"}, "max_score": None, "hits": []}}
        raise RefusedQueryError(f"the engine does not take the query: {refused[0]}")

    def stored(self, documents: Sequence[tuple[str, str]]) -> list[Stored | None]:
        """Read the states of documents, those among them that no search sees yet.

        Parameters
        ----------
        documents
            Name of the index and id of each.

        Returns
        -------
        list of (Stored or None)
            In the same order; None where there is no such document or no such index.

        Raises
        ------
        TransientError
            The engine does not answer, or is overloaded.
        """
        found = self._found(documents, _COMPARED)
        return [each.stored if each else None for each in found]

    def read(self, alias: str, ids: Sequence[str]) -> list[Document | None]:
        """Read documents, those among them that no search sees yet.

        Parameters
        ----------
        alias
            Name of the index.
        ids
            Their ids.

        Returns
        -------
        list of (Document or None)
            In the same order; None where there is no such document or no such index.

        Raises
        ------
        TransientError
            The engine does not answer, or is overloaded.
        """
        return self._found([(alias, each) for each in ids])

    def _found(
        self, documents: Sequence[tuple[str, str]], fields: Sequence[str] | None = None
    ) -> list[Document | None]:
        if not documents:
            return []
        wanted = [{"_index": index, "_id": each} for index, each in documents]
        for attempt in asked_patiently():
            with attempt, asking("read documents") as refused:
                answer = self._client.mget(docs=wanted, source_includes=fields)
                _all_shards_answer(answer["docs"])
        if refused:
            raise TransientError(f"the engine does not read documents: {refused[0]}")
        return [_document(each) for each in answer["docs"]]

    def write(self, writes: Sequence[Write]) -> list[Result]:
        """Write documents, each for itself.

        Parameters
        ----------
        writes
            In any order; no two of one document.

        Returns
        -------
        list of Result
            In the same order.

        Raises
        ------
        TransientError
            The engine does not answer, or is overloaded; any of them may have been written.
        """
        if not writes:
            return []
        body: Any = [b"".join([_lines(write) for write in writes])]
        for attempt in asked_patiently():
            with attempt, asking("write documents") as refused:
                answer = self._client.bulk(operations=body, filter_path=["errors", "items.*.status", "items.*.error"])
        if not refused:
            return [_result(each) for each in answer["items"]]
        if refused[0].status_code not in (BAD_REQUEST, TOO_LARGE):
            raise TransientError(f"the engine does not write documents: {refused[0]}")
        if len(writes) == 1:
            return [Result(Outcome.REFUSED, str(refused[0]))]
        half = len(writes) // 2
        return [*self.write(writes[:half]), *self.write(writes[half:])]

    def scan(self, alias: str) -> Iterator[Document]:
        """Read every document of an index that is no tombstone.

        Parameters
        ----------
        alias
            Name of the index.

        Yields
        ------
        Document
            In the order of their sequences; none where there is no such index.

        Raises
        ------
        TransientError
            The engine does not answer, or is overloaded.
        """
        with asking("refresh an index") as refused:
            self._client.indices.refresh(index=alias)
        if refused:
            pass_by_absent(refused)
            return
        asked: dict[str, Any] = {
            "query": {"term": {"deleted": False}},
            "sort": [{"sequence": "asc"}],
            "size": _PAGE,
            "seq_no_primary_term": True,
        }
        while hits := self.search(alias, asked)["hits"]["hits"]:
            yield from (_kept(each) for each in hits)
            asked["search_after"] = hits[-1]["sort"]

    def position(self, generation: str) -> int:
        """Number of a write of a generation: it and all before it are done, and stay; raises `TransientError`."""
        with asking("say how far a generation is written") as refused:
            answer = self._client.indices.stats(index=generation, metric="docs", level="shards").body
        if refused:
            pass_by_absent(refused)
            return -1
        shards = [each for copies in answer["indices"][generation]["shards"].values() for each in copies]
        # What all copies have is never taken back; numbers count within a shard, of which an index has one.
        return min((int(each["seq_no"]["global_checkpoint"]) for each in shards), default=-1)

    def states(self, generation: str, key: str) -> Iterator[State]:
        """Read the states of all documents of a generation, tombstones among them; raises `TransientError`.

        Parameters
        ----------
        generation
            Name of the generation.
        key
            Name of the field that has the key of the item.

        Yields
        ------
        State
            By their keys.
        """
        # Nothing but columns: to look into the documents themselves takes several times as long.
        asked = {
            "sort": [{key: "asc"}],
            "size": _STATES,
            "seq_no_primary_term": True,
            "_source": False,
            "stored_fields": "_none_",
            "docvalue_fields": [*_COMPARED, "changed_at"],
        }
        for hit in self._pages(generation, asked):
            told = {name: values[0] for name, values in hit.get("fields", {}).items()}
            stored = Stored(
                generation,
                str(told.get("sequence", "")),
                bool(told.get("deleted")),
                hit["_seq_no"],
                hit["_primary_term"],
            )
            yield State(str(hit["sort"][0]), str(told.get("changed_at", "")), stored)

    def written_after(self, generation: str, position: int) -> Iterator[Document]:
        """Read the documents of a generation that were written after a position; raises `TransientError`.

        Parameters
        ----------
        generation
            Name of the generation.
        position
            The position; -1 for all documents.

        Yields
        ------
        Document
            Whole.
        """
        asked = {"size": _PAGE, "seq_no_primary_term": True}
        later = {"query": {"range": {"_seq_no": {"gt": position}}}, "sort": [{"_seq_no": "asc"}]}
        try:
            yield from map(_kept, self._pages(generation, {**asked, **later}))
        except RefusedQueryError:
            # The embedded engine knows the numbers, and puts nothing in order by them: it is looked through whole.
            kept = map(_kept, self._pages(generation, {**asked, "sort": [{"sequence": "asc"}]}))
            yield from (each for each in kept if each.stored.seq_no > position)

    def _pages(self, generation: str, asked: dict[str, Any]) -> Iterator[Mapping[str, Any]]:
        """All hits of a search, page by page, of what was written before it."""
        with asking("refresh a generation") as refused:
            self._client.indices.refresh(index=generation)
        if refused:
            pass_by_absent(refused)
            return
        body = {**asked, "track_total_hits": False}
        while hits := self.search(generation, body)["hits"]["hits"]:
            yield from hits
            body["search_after"] = hits[-1]["sort"]


def _lines(write: Write) -> bytes:
    """The lines of a write in a bulk request."""
    state, document = write.replaces, _encode(write.id)
    if state is None:
        # By the alias, and only by it: the engine would make an index of the name otherwise.
        return b'{"create":{"_index":%s,"_id":%s,"require_alias":true}}\n%s\n' % (
            _quoted(write.alias),
            document,
            write.source,
        )
    return b'{"index":{"_index":%s,"_id":%s,"if_seq_no":%d,"if_primary_term":%d}}\n%s\n' % (
        _quoted(state.index),
        document,
        state.seq_no,
        state.primary_term,
        write.source,
    )


@lru_cache(maxsize=256)
def _quoted(name: str) -> bytes:
    return _encode(name)


def _document(found: Mapping[str, Any]) -> Document | None:
    return _kept(found) if found.get("found") else None


def _all_shards_answer(found: Sequence[Mapping[str, Any]]) -> None:
    """Raise `BusyError` where a shard does not answer for a document, as that of an index that was made just now."""
    for each in found:
        if (error := each.get("error")) and error.get("type") != "index_not_found_exception":
            raise BusyError(f"the engine does not read a document: {error.get('reason')}")


def _kept(found: Mapping[str, Any]) -> Document:
    source = found.get("_source", {})
    stored = Stored(
        index=found["_index"],
        sequence=str(source.get("sequence", "")),
        deleted=bool(source.get("deleted")),
        seq_no=found["_seq_no"],
        primary_term=found["_primary_term"],
    )
    return Document(found["_id"], source, stored)


def _result(item: Mapping[str, Any]) -> Result:
    (told,) = item.values()
    status, error = told["status"], told.get("error")
    if not error:
        return _WRITTEN
    reason = f"{error.get('type')}: {error.get('reason')}"
    if cause := error.get("caused_by"):
        reason = f"{reason}; {cause.get('reason')}"
    return Result(_OUTCOMES.get(status, Outcome.BUSY), reason)
