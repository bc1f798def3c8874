"""From changes of products and of purchases into the index: what the Lambdas, Dagster and the command line call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

from pipeline_assets.datasets.compras import COMPRAS
from pipeline_assets.datasets.products import PRODUCTS
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.errors import TransientError
from pipeline_assets.events.rejection import RejectedChange
from pipeline_assets.events.stream_flow import Progress, StreamFlow, Worked
from pipeline_assets.events.stream_records import StreamRecord
from pipeline_assets.events.tenants import TenantId
from pipeline_assets.search.documents import INDEXABLE, IndexChange, index_change, not_indexable
from pipeline_assets.search.index import SearchIndex
from pipeline_assets.search.mappings import index_body
from pipeline_assets.search.names import Kind, alias
from pipeline_assets.search.side_by_side import side_by_side
from pipeline_assets.search.stores import PRODUCTS_FLOW, PURCHASES_FLOW, SearchStores
from pipeline_assets.search.writing import Target, bring_in

#: The most documents of one request, and how many requests are on their way while the next is made.
_AT_ONCE: Final = 500
_SIDE_BY_SIDE: Final = 2
#: No request is begun with less than this left of the function's time: the engine may take its time to answer.
_RESERVE_SECONDS: Final = 60.0
_REMOVED: Final = Worked((), {"of_removed_tenants": 1})


class SearchFlow(StreamFlow[SearchStores]):
    """Flow of changes of a table into the index of each tenant.

    A subclass says what the table holds (`kind`), the asset of its indexes by tenant (`indexed`) and the rules of the
    table (`dataset`).
    """

    kind: Kind
    indexed: str
    dataset: Dataset

    @property
    def rule_names(self) -> tuple[str, ...]:
        """Rules that a quarantined change may have broken."""
        return (*(rule.name for rule in self.dataset.rules), INDEXABLE.name)

    def work(self, record: StreamRecord, stores: SearchStores) -> Worked | RejectedChange:
        """Bring one change in.

        Parameters
        ----------
        record
            The change.
        stores
            The stores of the flow.

        Returns
        -------
        Worked or RejectedChange
            What it came to, or the rule that the change broke.

        Raises
        ------
        TransientError
            The engine does not answer, or is too busy.
        """
        progress = _Batch(self, stores).task([record])()
        outcome = progress.outcomes[0]
        if outcome is None:
            raise progress.failure or TransientError("the change is not in the index", flow=self.name)
        return outcome

    def work_all(
        self, records: Sequence[StreamRecord], stores: SearchStores, seconds_left: Callable[[], float]
    ) -> Progress:
        """Bring records of a batch in, many in one request: of a document in it only its latest change.

        Parameters
        ----------
        records
            In the order of the stream, none of which has a receipt.
        stores
            The stores of the flow.
        seconds_left
            Tells how much time the process has.

        Returns
        -------
        Progress
            With an outcome of each record but those of a tenant whose engine is not known or does not answer, and those
            for which no time was left.
        """
        batch = _Batch(self, stores)

        def tasks() -> Iterator[Callable[[], Progress]]:
            for first in range(0, len(records), _AT_ONCE):
                if seconds_left() < _RESERVE_SECONDS:
                    yield lambda: Progress([], TransientError("the time is used up", flow=self.name))
                    return
                yield batch.task(records[first : first + _AT_ONCE])

        # Two pieces may have changes of one document: whoever comes second finds another state than it expected, reads
        # it, and writes only what is newer.
        outcomes: list[Worked | RejectedChange | None] = []
        failure: TransientError | None = None
        for done in side_by_side(tasks(), _SIDE_BY_SIDE):
            outcomes.extend(done.outcomes)
            failure = failure or done.failure
        return Progress(outcomes, failure)


class _Batch:
    """Work on the records of one batch, in pieces: what failed for one piece is not waited for in the next."""

    def __init__(self, flow: SearchFlow, stores: SearchStores) -> None:
        self._flow = flow
        self._stores = stores
        self._engines = stores.engines.of_batch()
        self._silent: dict[SearchIndex, TransientError] = {}

    def task(self, records: Sequence[StreamRecord]) -> Callable[[], Progress]:
        """Judge records; what is returned brings them in with one write of each document."""
        stores = self._stores
        read = [index_change(self._flow.kind, record, stores.table.name, stores.moneda) for record in records]
        found = self._targets(records, read)
        distinct = {id(each[1]): each[1] for each in found if isinstance(each, tuple)}
        by_engine: dict[SearchIndex | None, list[Target]] = {}
        failed: dict[str, TransientError] = {}
        for target in distinct.values():
            try:
                by_engine.setdefault(self._engines.of(target.changes[0][1].tenant), []).append(target)
            except TransientError as error:
                failed[target.alias] = error
        return lambda: self._written(records, found, by_engine, failed)

    def _written(
        self,
        records: Sequence[StreamRecord],
        found: Sequence[tuple[IndexChange, Target] | RejectedChange],
        by_engine: Mapping[SearchIndex | None, Sequence[Target]],
        failed: dict[str, TransientError],
    ) -> Progress:
        """Write documents, and say what became of the records that they are of; `failed` says why, by the alias."""
        removed = {each.alias for each in by_engine.get(None, ())}
        for engine, some in by_engine.items():
            if engine is None:
                continue
            error = self._silent.get(engine) or bring_in(some, engine, index_body(self._flow.kind))
            if error:
                self._silent[engine] = error
                failed |= {each.alias: error for each in some if not each.done}
        outcomes: list[Worked | RejectedChange | None] = []
        failure: TransientError | None = None
        for number, (record, each) in enumerate(zip(records, found, strict=True)):
            if isinstance(each, RejectedChange):
                outcomes.append(each)
                continue
            change, target = each
            if target.alias in removed:
                outcomes.append(_REMOVED)
            elif not target.done:
                failure = failure or failed[target.alias]
                outcomes.append(None)
            elif number in target.refused:
                outcomes.append(not_indexable(self._flow.kind, record, target.refused[number]))
            else:
                outcomes.append(_worked(self._flow.indexed, change.tenant, _effect(number, target)))
        return Progress(outcomes, failure)

    def _targets(
        self, records: Sequence[StreamRecord], read: Sequence[IndexChange | RejectedChange]
    ) -> list[tuple[IndexChange, Target] | RejectedChange]:
        """The change of each record and its document, which has all of its changes from the earliest to the latest."""
        targets: dict[tuple[str, str], Target] = {}
        found: list[tuple[IndexChange, Target] | RejectedChange] = []
        for number, (record, change) in enumerate(zip(records, read, strict=True)):
            if isinstance(change, RejectedChange):
                found.append(change)
                continue
            key = alias(self._stores.stage, self._flow.kind, change.tenant), change.id
            target = targets.get(key)
            if target is None:
                new = record.event_name == "INSERT" and not change.by_hand
                target = targets[key] = Target(*key, [], presumed_new=new)
            target.changes.append((number, change))
            found.append((change, target))
        for target in targets.values():
            if len(target.changes) > 1:
                target.changes.sort(key=lambda each: each[1].sequence)
        return found


class ProductsSearch(SearchFlow):
    """Flow of changes of products."""

    name = PRODUCTS_FLOW
    landed = "search/products_landed"
    kind = "products"
    indexed = "search/products"
    dataset = PRODUCTS


class ComprasSearch(SearchFlow):
    """Flow of changes of purchases."""

    name = PURCHASES_FLOW
    landed = "search/purchases_landed"
    kind = "purchases"
    indexed = "search/purchases"
    dataset = COMPRAS


PRODUCTS_SEARCH: Final = ProductsSearch()
COMPRAS_SEARCH: Final = ComprasSearch()
#: The flow of each kind.
SEARCH_FLOWS: Final[dict[Kind, SearchFlow]] = {flow.kind: flow for flow in (PRODUCTS_SEARCH, COMPRAS_SEARCH)}


def _effect(number: int, target: Target) -> str:
    """What a change of a document did: only the latest one is written, and that only where it is newer."""
    if not target.written or not target.changes or target.changes[-1][0] != number:
        return "superseded_changes"
    return "tombstones" if target.changes[-1][1].document.deleted else "documents"


@lru_cache(maxsize=1024)
def _worked(asset: str, tenant: TenantId, effect: str) -> Worked:
    """Most records of a batch come to the same."""
    return Worked(((asset, tenant),), {effect: 1})
