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
from pipeline_assets.search.index import Document, Generations, Outcome, RefusedQueryError, Result, Stored, Write
from pipeline_assets.search.names import building, generation_of, index_name
from pipeline_assets.storage.retries import retries

if TYPE_CHECKING:
    from elasticsearch import ApiError, Elasticsearch

#: Seconds after which a request is given up.
TIMEOUT: Final = 30.0
_COMPARED: Final = ("sequence", "deleted")
_CONFLICT, _BAD_REQUEST, _TOO_LARGE, _NOT_FOUND = 409, 400, 413, 404
#: Documents of one page of a scan.
_PAGE: Final = 1_000
#: States of one page, as many as an engine gives at once: each page sorts the whole index.
_STATES: Final = 10_000
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
    def open(
        cls,
        url: str,
        *,
        api_key: str = "",
        user: tuple[str, str] | None = None,
        authority: str = "",
        seconds: float = TIMEOUT,
    ) -> ElasticsearchIndex:
        """Open the engine at an address; nothing is asked of it yet.

        Parameters
        ----------
        url
            ``http://host:port`` or ``https://…``.
        api_key
            Key that is sent with each request; none unless given.
        user
            Name and password that are sent in its place.
        authority
            Path of the certificate of the one authority that may have signed the engine's; any public one unless given.
        seconds
            After which a request is given up.

        Returns
        -------
        ElasticsearchIndex
            The engine.
        """
        from elasticsearch import Elasticsearch  # noqa: PLC0415 - half a second that only who opens it pays

        asking: dict[str, Any] = {"api_key": api_key or None, "basic_auth": None if api_key else user}
        if authority and url.startswith("https:"):
            asking["ca_certs"] = authority
        return cls(Elasticsearch(url, request_timeout=seconds, max_retries=0, **asking))

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
        if not ids:
            return []
        for attempt in retries(_BusyError, attempts=_ATTEMPTS, longest=_LONGEST):
            with attempt, _engine("read documents") as refused:
                answer = self._client.mget(docs=[{"_index": alias, "_id": each} for each in ids])
        if refused:
            raise TransientError(f"the engine does not read documents: {refused[0]}")
        return [_document(each) for each in answer["docs"]]

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
        with _engine("refresh an index") as refused:
            self._client.indices.refresh(index=alias)
        if refused:
            _not_there(refused)
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

    def aliases(self, beginning: str) -> list[str]:
        """Names of the indexes that begin so, sorted; raises `TransientError`."""
        with _engine("list indexes") as refused:
            answer = self._client.indices.get_alias(name=f"{beginning}*").body
        if refused:
            return []
        return sorted({name for index in answer.values() for name in index["aliases"] if name.startswith(beginning)})

    def generations(self, alias: str) -> Generations:
        """Generations of the index behind an alias; raises `TransientError`."""
        with _engine("list generations") as refused:
            answer = self._client.indices.get_alias(index=f"{alias}-*").body
        found = {} if refused else answer
        numbers = {index: number for index in found if (number := generation_of(alias, index)) is not None}
        ordered = sorted(numbers, key=lambda index: numbers[index])
        current = next((index for index in ordered if alias in found[index]["aliases"]), "")
        unfinished = tuple(index for index in ordered if building(index) in found[index]["aliases"])
        return Generations(current, tuple(each for each in ordered if each not in (current, *unfinished)), unfinished)

    def begin_generation(self, alias: str, body: Mapping[str, Any]) -> str:
        """Create the next generation of an index, behind `names.building`.

        Parameters
        ----------
        alias
            Name of the index.
        body
            Its settings and mappings.

        Returns
        -------
        str
            Name of the generation.

        Raises
        ------
        TransientError
            The engine does not answer, or does not make it.
        """
        known = self.generations(alias)
        last = max(generation_of(alias, each) or 0 for each in (known.current, *known.earlier, *known.unfinished))
        index = index_name(alias, last + 1)
        # Nobody searches it until it is built: what is written need not be made searchable every second.
        settings = {**body.get("settings", {}), "refresh_interval": "-1"}
        with _engine("create a generation") as refused:
            self._client.indices.create(index=index, aliases={building(index): {}}, **{**body, "settings": settings})
        if refused:
            raise TransientError(f"the engine does not create the index {index}: {refused[0]}")
        return index

    def switch(self, alias: str, old: str, new: str) -> None:
        """Let an alias name another generation, at once for all who use it.

        Parameters
        ----------
        alias
            Name of the index.
        old
            The generation that it names.
        new
            The one that was built.

        Raises
        ------
        TransientError
            The engine does not answer, or somebody was faster.
        """
        actions: list[dict[str, Any]] = [
            {"remove": {"index": new, "alias": building(new), "must_exist": True}},
            {"remove": {"index": old, "alias": alias, "must_exist": True}},
            {"add": {"index": new, "alias": alias}},
        ]
        with _engine("switch an alias") as refused:
            self._client.indices.put_settings(index=new, settings={"index.refresh_interval": None})
            self._client.indices.refresh(index=new)
            self._client.indices.update_aliases(actions=actions)
        if refused:
            raise TransientError(f"{alias} was not switched from {old} to {new}: {refused[0]}")

    def abandon(self, unfinished: str) -> None:
        """Delete a generation that is being built.

        Parameters
        ----------
        unfinished
            Name of the generation.

        Raises
        ------
        TransientError
            The engine does not answer, or the generation is in use by now.
        """
        # Whoever builds it can switch to it no more: only then is it safe to delete.
        taken = {"remove": {"index": unfinished, "alias": building(unfinished), "must_exist": True}}
        with _engine("abandon a generation") as refused:
            self._client.indices.update_aliases(actions=[taken])
        if refused:
            raise TransientError(f"{unfinished} is in use by now: {refused[0]}")
        self.delete(unfinished)

    def freeze(self, generation: str) -> None:
        """Let nobody write a generation any more; raises `TransientError`."""
        with _engine("freeze a generation") as refused:
            self._client.indices.add_block(index=generation, block="write")
        _not_there(refused)

    def delete(self, generation: str) -> None:
        """Delete a generation; raises `TransientError`."""
        with _engine("delete a generation") as refused:
            self._client.indices.delete(index=generation)
        _not_there(refused)

    def issue_key(self, name: str, aliases: tuple[str, ...]) -> str:
        """Make a key that reaches these indexes alone; raises `TransientError`.

        Parameters
        ----------
        name
            Name of the key.
        aliases
            Names of the indexes; their generations go with them.

        Returns
        -------
        str
            The key as it is sent; empty where the engine has no security.

        Raises
        ------
        TransientError
            The engine does not answer, or makes no key for whoever asks.
        """
        with _engine("say who asks") as refused:
            self._client.security.authenticate()
        if refused:
            return ""
        reached = [pattern for alias in aliases for pattern in (alias, f"{alias}-*", building(f"{alias}-*"))]
        allowed = {"indices": [{"names": reached, "privileges": ["read", "write", "create_index", "manage"]}]}
        answer: Mapping[str, Any] = {}
        with _engine("make a key") as refused:
            answer = self._client.security.create_api_key(name=name, role_descriptors={"tenant": allowed}).body
        if refused:
            raise TransientError(f"the engine made no key: {refused[0]}")
        return str(answer["encoded"])

    def revoke_keys(self, name: str) -> None:
        """Let no key of this name be of use any more; nothing happens where the engine has no security."""
        with _engine("revoke a key"):
            self._client.security.invalidate_api_key(name=name)

    def states(self, generation: str, after: str = "") -> Iterator[Document]:
        """Read the states of all documents of a generation, tombstones among them; raises `TransientError`."""
        with _engine("refresh a generation") as refused:
            self._client.indices.refresh(index=generation)
        if refused:
            _not_there(refused)
            return
        asked: dict[str, Any] = {
            "query": {"range": {"sequence": {"gt": after}}} if after else {"match_all": {}},
            "sort": [{"sequence": "asc"}],
            "size": _STATES,
            "seq_no_primary_term": True,
            "_source": [*_COMPARED, "tenant", "tenant_id", "codigo", "compra_id", "changed_at"],
            "track_total_hits": False,
        }
        while hits := self.search(generation, asked)["hits"]["hits"]:
            yield from (_kept(each) for each in hits)
            asked["search_after"] = hits[-1]["sort"]


def _not_there(refused: list[ApiError]) -> None:
    """Pass by that a generation is not there; raises `TransientError` of whatever else the engine refused."""
    if refused and refused[0].status_code != _NOT_FOUND:
        raise TransientError(f"the engine does not do it: {refused[0]}")


@contextmanager
def _engine(what: str) -> Iterator[list[ApiError]]:
    """Say of an engine that does not answer that it is to be asked again; gives what it refused otherwise."""
    from elasticsearch import ApiError, SerializationError, SSLError, TransportError  # noqa: PLC0415 - see `open`

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
    except SSLError as error:
        raise TransientError(
            f"the engine's certificate is not trusted, so it was not asked to {what}: it has to be for this host, "
            f"in date and signed by the authority that this deployment knows ({error})"
        ) from error
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
    document = _document(found)
    return document.stored if document else None


def _document(found: Mapping[str, Any]) -> Document | None:
    if found.get("found"):
        return _kept(found)
    # A shard that does not answer is told here too, for the one document.
    if (error := found.get("error")) and error.get("type") != "index_not_found_exception":
        raise TransientError(f"the engine does not read a document: {error.get('reason')}")
    return None


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
        return Result(Outcome.WRITTEN)
    reason = f"{error.get('type')}: {error.get('reason')}"
    if cause := error.get("caused_by"):
        reason = f"{reason}; {cause.get('reason')}"
    return Result(_OUTCOMES.get(status, Outcome.BUSY), reason)


_OUTCOMES: Final = {_CONFLICT: Outcome.CONFLICT, _NOT_FOUND: Outcome.NO_INDEX, _BAD_REQUEST: Outcome.REFUSED}
