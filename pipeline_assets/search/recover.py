"""Recovery of changes that an index lacks: the table as it is against the index as it is.

A stream keeps a record for a day; what was lost with it is told by the table itself. The index is read before the
table, and written only in the place of what was read there. So a change that comes while this runs is never undone:
whoever writes it meanwhile has the later state, and of what comes afterwards the stream tells.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

import msgspec

from pipeline_assets.access.registry import TenantRegistry
from pipeline_assets.errors import TransientError
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.rejection import RejectedChange
from pipeline_assets.events.stream_records import BY_HAND, Image, StreamRecord
from pipeline_assets.events.tenants import TenantId, tenant_id
from pipeline_assets.search.documents import IndexChange, after, index_change, keys_of_kind
from pipeline_assets.search.index import Document, Outcome, SearchIndex, Stored, Write
from pipeline_assets.search.mappings import index_body
from pipeline_assets.search.names import Kind, alias
from pipeline_assets.search.stores import SearchStores

_AT_ONCE: Final = 500
#: Indexes that could not be compared, of which a person is told why.
_TOLD: Final = 20
#: What two documents of one state of an item need not have alike.
_OF_THE_CHANGE: Final = frozenset({"sequence", "changed_at"})
#: The same of products; of a purchase it is its own time.
_OF_A_PRODUCT: Final = frozenset({*_OF_THE_CHANGE, "momento"})


@dataclass(slots=True)
class Recovered:
    """Outcome of a recovery.

    Parameters
    ----------
    items
        In the table.
    changes
        Documents that the index lacked, had otherwise than the table, or had of items that are gone.
    rejected
        Items of the table that break a rule, which are left alone.
    failures
        Why an index was not compared to its end, by its name.
    """

    items: int = 0
    changes: int = 0
    rejected: int = 0
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What was done, for a person."""
        return f"{self.changes:,} documents of {self.items:,} items were not as the table has them, and are now."

    def check(self) -> None:
        """Tell of indexes that could not be compared.

        Raises
        ------
        TransientError
            There are some: what was recovered of the others stays.
        """
        if self.failures:
            named = "; ".join(f"{name} ({error})" for name, error in list(self.failures.items())[:_TOLD])
            raise TransientError(f"not all could be compared with the table: {named}")


def recover_products(stores: SearchStores) -> Recovered:
    """Bring the indexes of products into the state of their table; raises `TransientError`, of an index at the end."""
    return _recovered("products", stores)


def recover_purchases(stores: SearchStores) -> Recovered:
    """Bring the indexes of purchases into the state of their table; raises `TransientError`, of an index at the end."""
    return _recovered("purchases", stores)


def _recovered(kind: Kind, stores: SearchStores) -> Recovered:
    found = recover(kind, stores)
    found.check()
    return found


def recover(kind: Kind, stores: SearchStores, *, mend: bool = True) -> Recovered:
    """Compare the indexes of a kind with their table, and bring them into its state.

    Parameters
    ----------
    kind
        What the table holds.
    stores
        The stores of the flow.
    mend
        Whether what is otherwise is written; if not it is counted alone.

    Returns
    -------
    Recovered
        What was compared, and what was otherwise; indexes that could not be compared hold up no other.

    Raises
    ------
    TransientError
        The table does not say whose items it has.
    """
    recovery = _Recovery(kind, stores, mend=mend)
    for tenant in stores.table.tenants():
        recovery.compare(tenant_id(tenant), stores.table.items(tenant))
    recovery.compare_those_without_items()
    return recovery.found


class _Recovery:
    """Comparison of a table with the indexes of its tenants, of which none holds up another."""

    def __init__(self, kind: Kind, stores: SearchStores, *, mend: bool) -> None:
        self.found = Recovered()
        self._kind = kind
        self._stores = stores
        self._mend = mend
        self._engines = stores.engines.of_batch()
        self._silent: dict[SearchIndex, TransientError] = {}
        self._compared: set[str] = set()

    def compare(self, tenant: TenantId, items: Iterable[Image] = ()) -> None:
        """Compare the index of a tenant with its items."""
        name = alias(self._stores.stage, self._kind, tenant)
        if name not in self._compared:
            self._compared.add(name)
            with self._noting(name):
                self._compare(name, self._engines.of(tenant), items)

    def compare_those_without_items(self) -> None:
        """Compare the indexes of tenants that have nothing left in the table, in any engine."""
        with self._noting("what the table of tenants has"):
            for tenant in _with_an_engine(self._stores):
                self.compare(tenant)
        shared = self._engines.shared
        with self._noting("what the shared engine has"):
            for name in shared.aliases(f"cesta-{self._stores.stage}-{self._kind}-"):
                if name not in self._compared:
                    with self._noting(name):
                        self._compare(name, shared)

    def _compare(self, name: str, engine: SearchIndex | None, items: Iterable[Image] = ()) -> None:
        """Compare one index; an engine that failed once is not waited for again."""
        if engine is None:
            return
        if engine in self._silent:
            raise self._silent[engine]
        each = _Comparison(self._kind, name, engine, self._stores, self.found, mend=self._mend)
        try:
            each.compare_items(items)
            each.compare_documents()
        except TransientError as error:
            self._silent[engine] = error
            raise

    @contextmanager
    def _noting(self, name: str) -> Iterator[None]:
        """Note why something was not compared, and go on."""
        try:
            yield
        except TransientError as error:
            self.found.failures[name] = str(error)


def _with_an_engine(stores: SearchStores) -> list[TenantId]:
    """Tenants that have an engine of their own and were not removed."""
    if stores.tenants is None:
        return []
    registry = TenantRegistry(stores.tenants.client, stores.tenants.table)
    return [each.id for each in registry.all() if each.state == "active" and each.endpoint]


class _Comparison:
    """Comparison of the table with one index."""

    def __init__(
        self, kind: Kind, name: str, engine: SearchIndex, stores: SearchStores, found: Recovered, *, mend: bool
    ) -> None:
        self._mend = mend
        self._kind = kind
        self._name = name
        self._engine = engine
        self._stores = stores
        self._found = found
        self._seen: set[str] = set()

    def compare_items(self, items: Iterable[Image]) -> None:
        """Write the items of the table that the index has not, or otherwise."""
        left = iter(items)
        while some := list(islice(left, _AT_ONCE)):
            self._found.items += len(some)
            changes = [change for item in some if (change := self._change("INSERT", item))]
            self._seen.update(change.id for change in changes)
            there = self._engine.read(self._name, [change.id for change in changes])
            differing = [
                (change, document)
                for change, document in zip(changes, there, strict=True)
                if not _alike(change, document)
            ]
            self._write(self._still(differing))

    def compare_documents(self) -> None:
        """Write tombstones of the documents whose items are gone."""
        gone = (each for each in self._engine.scan(self._name) if each.id not in self._seen)
        while some := list(islice(gone, _AT_ONCE)):
            self._write(self._removed(some))

    def _still(
        self, differing: list[tuple[IndexChange, Document | None]]
    ) -> Iterator[tuple[IndexChange, Stored | None]]:
        """Those that the table has otherwise than the index still, after the index was read."""
        for change, document in differing:
            item = self._item(change.document.tenant_id, change.item)
            if item and (now := self._change("INSERT", item)) and not _alike(now, document):
                yield now, document.stored if document else None

    def _removed(self, documents: list[Document]) -> Iterator[tuple[IndexChange, Stored]]:
        tenant_name, item_name = keys_of_kind(self._kind)
        for document in documents:
            keys = {name: str(document.source.get(name, "")) for name in (tenant_name, item_name)}
            if all(keys.values()) and self._item(*keys.values()) is None:
                gone = self._change("REMOVE", {name: {"S": value} for name, value in keys.items()})
                if gone:
                    yield gone, document.stored

    def _item(self, tenant: str, item: str) -> Image | None:
        return self._stores.table.item(tenant, item)

    def _write(self, changes: Iterable[tuple[IndexChange, Stored | None]]) -> None:
        writes = [_in_place_of(self._name, change, stored) for change, stored in changes]
        if not self._mend:
            self._found.changes += len(writes)
            return
        if not writes:
            return
        results = self._engine.write(writes)
        if any(each.outcome is Outcome.NO_INDEX for each in results):
            self._engine.create_index(self._name, index_body(self._kind))
            results = self._engine.write(writes)
        for each in results:
            if each.outcome in (Outcome.BUSY, Outcome.NO_INDEX):
                raise TransientError(f"a document of {self._name} was not recovered: {each.reason}")
            self._found.changes += each.outcome is Outcome.WRITTEN
            self._found.rejected += each.outcome is Outcome.REFUSED

    def _change(self, event_name: str, item: Image) -> IndexChange | None:
        change = change_of_item(self._kind, event_name, item, self._stores.moneda)
        if isinstance(change, RejectedChange):
            self._found.rejected += 1
            return None
        return change


def change_of_item(kind: Kind, event_name: str, item: Image, moneda: str) -> IndexChange | RejectedChange:
    """Change that the table itself tells: an item that is there, or one that was removed.

    Parameters
    ----------
    kind
        What the table holds.
    event_name
        ``INSERT`` or ``REMOVE``.
    item
        The item in DynamoDB's form, or its keys.
    moneda
        Currency of prices that name none.

    Returns
    -------
    IndexChange or RejectedChange
        Made by hand, or the rule that the item breaks.
    """
    return index_change(kind, _record(event_name, item), moneda=moneda)


def sequence_behind(sequence: str, change: IndexChange) -> str:
    """Sequence of a state that was found in the table: behind what the index has, before any later change."""
    state = msgspec.json.encode(_state(msgspec.to_builtins(change.document)), order="sorted")
    return after(sequence, str(int(hashlib.sha256(state).hexdigest()[:30], 16)))


def _record(event_name: str, item: Image) -> StreamRecord:
    old, new = (dict(item), None) if event_name == "REMOVE" else (None, dict(item))
    made = iso_utc(datetime.now(UTC).replace(microsecond=0))
    return StreamRecord("", event_name, "", "", BY_HAND, "", made, {}, old, new)


def _alike(change: IndexChange, document: Document | None) -> bool:
    """Whether a document tells the state of an item."""
    if document is None or document.stored.deleted:
        return False
    return _state(msgspec.to_builtins(change.document)) == _state(document.source)


def _state(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a document tells of its item, and not of the change that made it."""
    left_out = _OF_THE_CHANGE if "compra_id" in document else _OF_A_PRODUCT
    return {name: value for name, value in document.items() if name not in left_out}


def _in_place_of(name: str, change: IndexChange, stored: Stored | None) -> Write:
    return Write(name, change.id, change.source(sequence_behind(stored.sequence if stored else "", change)), stored)
