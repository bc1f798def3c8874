"""The index in Elasticsearch, by its official client; the embedded engine of an instance speaks the same protocol.

Reads for a comparison and writes of it go to one generation of the index, whatever an alias names meanwhile: the
numbers by which a state is known are those of one generation alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline_assets.errors import TransientError
from pipeline_assets.search.index import Outcome, RefusedQueryError, Result, Stored, Write
from pipeline_assets.search.names import index_name
from pipeline_assets.storage.retries import retries

if TYPE_CHECKING:
    from elasticsearch import ApiError, Elasticsearch

#: Seconds after which a request is given up.
TIMEOUT: Final = 30.0
_COMPARED: Final = ("sequence", "deleted")
_CONFLICT, _BAD_REQUEST, _TOO_LARGE, _NOT_FOUND = 409, 400, 413, 404
#: Attempts at an engine that is overloaded, and seconds of the longest rest.
_ATTEMPTS, _LONGEST = 5, 2.0
_BUSY: Final = frozenset({429, 502, 503, 504})
_THERE: Final = "resource_already_exists_exception"
_encode: Final = msgspec.json.Encoder().encode


class _BusyError(TransientError):
    """The engine is overloaded: the same may be sent again after a rest."""


class ElasticsearchIndex:
    """Indexes of one engine.

    Parameters
    ----------
    client
        The client, which sends nothing twice by itself (``max_retries=0``).
    """

    def __init__(self, client: Elasticsearch) -> None:
        self._client = client

    @classmethod
    def open(cls, url: str, *, api_key: str = "") -> ElasticsearchIndex:
        """Open the engine at an address, ``http://host:port`` or ``https://…``; nothing is asked of it yet."""
        from elasticsearch import Elasticsearch  # noqa: PLC0415 - half a second that only who opens it pays

        return cls(Elasticsearch(url, api_key=api_key or None, request_timeout=TIMEOUT, max_retries=0))

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
        with _engine("search") as refused:
            answer: Mapping[str, Any] = self._client.search(index=alias, body=dict(body), ignore_unavailable=True).body
        if not refused:
            return answer
        if refused[0].status_code == _NOT_FOUND:
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
        if not documents:
            return []
        wanted = [{"_index": alias, "_id": each} for alias, each in documents]
        for attempt in retries(_BusyError, attempts=_ATTEMPTS, longest=_LONGEST):
            with attempt, _engine("read documents") as refused:
                answer = self._client.mget(docs=wanted, source_includes=_COMPARED)
        if refused:
            raise TransientError(f"the engine does not read documents: {refused[0]}")
        return [_stored(each) for each in answer["docs"]]

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
        body: Any = [b"".join(line for write in writes for line in _lines(write))]
        for attempt in retries(_BusyError, attempts=_ATTEMPTS, longest=_LONGEST):
            with attempt, _engine("write documents") as refused:
                answer = self._client.bulk(operations=body, filter_path=["errors", "items.*.status", "items.*.error"])
        if not refused:
            return [_result(each) for each in answer["items"]]
        if refused[0].status_code not in (_BAD_REQUEST, _TOO_LARGE):
            raise TransientError(f"the engine does not write documents: {refused[0]}")
        if len(writes) == 1:
            return [Result(Outcome.REFUSED, str(refused[0]))]
        half = len(writes) // 2
        return [*self.write(writes[:half]), *self.write(writes[half:])]

    def create_index(self, alias: str, body: Mapping[str, Any]) -> None:
        """Create the first generation of an index behind its alias, unless there is one.

        Parameters
        ----------
        alias
            Name of the index.
        body
            Its settings and mappings.

        Raises
        ------
        TransientError
            The engine does not answer, or does not make it.
        """
        with _engine("create an index") as refused:
            if self._client.indices.exists_alias(name=alias):
                return
            self._client.indices.create(index=index_name(alias, 1), aliases={alias: {}}, **body)
        # Another process may have made it between the two.
        if refused and refused[0].error != _THERE:
            raise TransientError(f"the engine does not create the index {alias}: {refused[0]}")


@contextmanager
def _engine(what: str) -> Iterator[list[ApiError]]:
    """Say of an engine that does not answer that it is to be asked again; gives what it refused otherwise."""
    from elasticsearch import ApiError, SerializationError, TransportError  # noqa: PLC0415 - see `open`

    refused: list[ApiError] = []
    try:
        yield refused
    except ApiError as error:
        if error.status_code in _BUSY:
            raise _BusyError(f"the engine is too busy to {what}: {error}") from error
        if error.status_code in (401, 403):
            raise TransientError(f"the engine does not let this deployment {what}: {error}") from error
        refused.append(error)
    except SerializationError as error:
        raise TransientError(f"the engine answered what is no JSON when asked to {what}: {error}") from error
    except TransportError as error:
        raise TransientError(f"the engine did not answer when asked to {what}: {error}") from error


def _lines(write: Write) -> Iterator[bytes]:
    """The lines of a write in a bulk request."""
    if write.replaces is None:
        # By the alias, and only by it: the engine would make an index of the name otherwise.
        action = {"create": {"_index": write.alias, "_id": write.id, "require_alias": True}}
    else:
        state = write.replaces
        place = {"_index": state.index, "_id": write.id}
        action = {"index": {**place, "if_seq_no": state.seq_no, "if_primary_term": state.primary_term}}
    yield _encode(action)
    yield b"\n"
    yield write.source
    yield b"\n"


def _stored(found: Mapping[str, Any]) -> Stored | None:
    if not found.get("found"):
        # A shard that does not answer is told here too, for the one document.
        if (error := found.get("error")) and error.get("type") != "index_not_found_exception":
            raise TransientError(f"the engine does not read a document: {error.get('reason')}")
        return None
    source = found.get("_source", {})
    return Stored(
        index=found["_index"],
        sequence=str(source.get("sequence", "")),
        deleted=bool(source.get("deleted")),
        seq_no=found["_seq_no"],
        primary_term=found["_primary_term"],
    )


def _result(item: Mapping[str, Any]) -> Result:
    (told,) = item.values()
    status, error = told["status"], told.get("error")
    if not error:
        return Result(Outcome.WRITTEN)
    reason = f"{error.get('type')}: {error.get('reason')}"
    if cause := error.get("caused_by"):
        reason = f"{reason}; {cause.get('reason')}"
    return Result(_OUTCOMES.get(status, Outcome.BUSY), reason)


_OUTCOMES: Final = {_CONFLICT: Outcome.CONFLICT, _NOT_FOUND: Outcome.NO_INDEX, _BAD_REQUEST: Outcome.REFUSED}
