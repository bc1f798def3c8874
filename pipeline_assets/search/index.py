"""The index as a port: what writes documents and what searches them, whichever engine is behind it.

A write says what it replaces, and is done only while that is there: whoever reads a document, compares and writes can
lose nothing that another writer put meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from pipeline_assets.errors import UserError


class RefusedQueryError(UserError):
    """The engine does not take a query: it was made wrong, whoever asked it."""


@dataclass(frozen=True, slots=True)
class Stored:
    """State of a document in the index, as far as a writer compares it.

    Parameters
    ----------
    index
        The generation of the index that it lies in.
    sequence
        Its place in the order of changes; see `pipeline_assets.search.documents`.
    deleted
        Whether it is a tombstone.
    seq_no, primary_term
        The engine's own numbers of this state.
    """

    index: str
    sequence: str
    deleted: bool
    seq_no: int
    primary_term: int


@dataclass(frozen=True, slots=True)
class Document:
    """A document as the index has it, and its state."""

    id: str
    source: Mapping[str, Any]
    stored: Stored


@dataclass(frozen=True, slots=True)
class State:
    """State of a document by the key of its item.

    Parameters
    ----------
    key
        The key of the item within its tenant.
    changed_at
        Time of the change that the document tells of; empty for none.
    stored
        The state.
    """

    key: str
    changed_at: str
    stored: Stored


@dataclass(frozen=True, slots=True)
class Write:
    """A document to be written.

    Parameters
    ----------
    alias
        Name of the index.
    id
        Id of the document.
    source
        The document, one JSON object in UTF-8 without line ends.
    replaces
        The state that it takes the place of; None where there has to be no document of the id.
    """

    alias: str
    id: str
    source: bytes
    replaces: Stored | None = None


class Outcome(Enum):
    """What a write came to."""

    WRITTEN = "written"
    #: Another state is there than the one to be replaced.
    CONFLICT = "conflict"
    #: There is no such index yet.
    NO_INDEX = "no index"
    #: The engine cannot do it now: it is overloaded, or a shard or the index is not to be written at the moment.
    BUSY = "busy"
    #: The engine never takes this document.
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Result:
    """Outcome of a write, and what the engine said of it."""

    outcome: Outcome
    reason: str = ""


class SearchReader(Protocol):
    """What searches indexes; every method raises `TransientError` while the engine does not answer."""

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


class SearchWriter(Protocol):
    """What writes indexes; every method raises `TransientError` while the engine does not answer."""

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


class IndexComparer(Protocol):
    """What reads indexes whole, to compare them; every method raises `TransientError` while the engine is down."""

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

    def scan(self, alias: str) -> Iterator[Document]:
        """Read every document of an index that is no tombstone; raises `TransientError`."""

    def aliases(self, beginning: str) -> list[str]:
        """Names of the indexes that begin so, sorted; raises `TransientError`."""


@dataclass(frozen=True, slots=True)
class Generations:
    """Generations of an index.

    Parameters
    ----------
    current
        The one behind the alias; empty for none.
    earlier
        Those that were behind it before and may have what the current one lacks.
    unfinished
        Those that are being built, or were when a rebuild was killed.
    """

    current: str
    earlier: tuple[str, ...]
    unfinished: tuple[str, ...]


class SearchGenerations(Protocol):
    """What builds generations of indexes; every method raises `TransientError` while the engine does not answer."""

    def generations(self, alias: str) -> Generations:
        """Generations of the index behind an alias."""

    def begin_generation(self, alias: str, body: Mapping[str, Any]) -> str:
        """Create the next generation of an index; it is written by `names.building` until it takes its place.

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
        """

    def switch(self, alias: str, old: str, new: str) -> None:
        """Let an alias name another generation, at once for all who use it.

        Parameters
        ----------
        alias
            Name of the index.
        old
            The generation that it names.
        new
            The one that was built; searches see all that it has.

        Raises
        ------
        TransientError
            The alias names another one by now, or somebody has abandoned the new one.
        """

    def abandon(self, unfinished: str) -> None:
        """Delete a generation that nobody uses; raises `TransientError` where it has taken its place meanwhile."""

    def freeze(self, generation: str) -> None:
        """Let nobody write a generation that is behind no alias any more."""

    def delete(self, generation: str) -> None:
        """Delete a generation that is behind no alias any more."""

    def position(self, generation: str) -> int:
        """Number of a write of a generation: it and all before it are done, and stay; -1 for none."""

    def states(self, generation: str, key: str) -> Iterator[State]:
        """Read the states of all documents of a generation, tombstones among them.

        Parameters
        ----------
        generation
            Name of the generation.
        key
            Name of the field that has the key of the item.

        Yields
        ------
        State
            By their keys, compared as UTF-8; none where there is no such generation. Of what is written meanwhile
            some is there and some is not.
        """

    def written_after(self, generation: str, position: int) -> Iterator[Document]:
        """Read the documents of a generation that were written after a position, tombstones among them.

        Parameters
        ----------
        generation
            Name of the generation.
        position
            The position; -1 for all documents.

        Yields
        ------
        Document
            Whole, in any order; none where there is no such generation.
        """


class SearchIndex(SearchReader, SearchWriter, IndexComparer, SearchGenerations, Protocol):
    """All sides of an engine."""
