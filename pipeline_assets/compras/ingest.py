"""From a change of a purchase to its document: what the Lambda, Dagster and the command line call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from pipeline_assets.compras.changes import Change, judge
from pipeline_assets.compras.documents import EVENT_ID, SEQUENCE_NUMBER, STREAM, document, document_key
from pipeline_assets.compras.stores import FLOW, ComprasStores
from pipeline_assets.datasets.compras import COMPRAS
from pipeline_assets.errors import TransientError
from pipeline_assets.events.rejection import RejectedChange
from pipeline_assets.events.stream_flow import RESERVE_SECONDS, Progress, StreamFlow, Worked
from pipeline_assets.events.stream_records import StreamRecord
from pipeline_assets.events.tenants import tenant_id

#: The assets: changes by the day they arrived, documents by the day of the purchase, and by tenant.
LANDED: Final = "compras/landed"
DOCUMENTS: Final = "compras/documents"
TENANTS: Final = "compras/tenants"
#: Documents that are put at once: a put waits for S3, and takes the function little of its own time.
AT_ONCE: Final = 8


class ComprasFlow(StreamFlow[ComprasStores]):
    """Flow of changes of purchases into documents, one for each change."""

    name = FLOW
    landed = LANDED

    @property
    def rule_names(self) -> tuple[str, ...]:
        """Rules that a quarantined change may have broken."""
        return tuple(rule.name for rule in COMPRAS.rules)

    def work(self, record: StreamRecord, stores: ComprasStores) -> Worked | RejectedChange:
        """Put the document of a change, unless it is there, and make its day known to SQL.

        Parameters
        ----------
        record
            The change.
        stores
            The stores of the flow.

        Returns
        -------
        Worked or RejectedChange
            What was put, or the rule that the change broke.

        Raises
        ------
        TransientError
            The bucket or the catalog does not answer.
        """
        change = judge(record, stores.purchases.name)
        return change if isinstance(change, RejectedChange) else _worked(change, _put(change, stores), stores)

    def work_all(
        self, records: Sequence[StreamRecord], stores: ComprasStores, seconds_left: Callable[[], float]
    ) -> Progress:
        """Put the documents of changes, some of different purchases at once, those of one purchase in their order.

        Parameters
        ----------
        records
            The changes.
        stores
            The stores of the flow.
        seconds_left
            Tells how much time the process has.

        Returns
        -------
        Progress
            Behind a change that is to be delivered again others may have been put, each the next one of its own
            purchase; they are found there when they come again.
        """
        outcomes: list[Worked | RejectedChange] = []

        def bring(change: Change | RejectedChange) -> int:
            if seconds_left() < RESERVE_SECONDS:
                raise TransientError("the time is used up", flow=FLOW)
            return 0 if isinstance(change, RejectedChange) else _put(change, stores)

        # Behind one that fails no other is begun, and those that were are waited for: nothing is put after the answer.
        with ThreadPoolExecutor(AT_ONCE) as pool:
            try:
                for some in _of_different_purchases(judge(each, stores.purchases.name) for each in records):
                    for change, written in zip(some, pool.map(bring, some), strict=True):
                        outcomes.append(
                            change if isinstance(change, RejectedChange) else _worked(change, written, stores)
                        )
            except TransientError as error:
                pool.shutdown(cancel_futures=True)
                return Progress(outcomes, error)
        return Progress(outcomes)


COMPRAS_FLOW = ComprasFlow()


def _of_different_purchases(
    changes: Iterable[Change | RejectedChange],
) -> Iterator[list[Change | RejectedChange]]:
    """Runs of consecutive changes, none with two of one purchase; what is rejected is of none."""
    run: list[Change | RejectedChange] = []
    held: set[tuple[str, str]] = set()
    for change in changes:
        if isinstance(change, Change):
            purchase = change.tenant_id, change.compra_id
            if purchase in held:
                yield run
                run, held = [], set()
            held.add(purchase)
        run.append(change)
    if run:
        yield run


def _worked(change: Change, written: int, stores: ComprasStores) -> Worked:
    """What a change came to whose document is there, once its day is known to SQL."""
    tenant, day = tenant_id(change.tenant_id), change.day.isoformat()
    if stores.catalog:
        # Also where the document was there: whoever put it may have died before it did this.
        stores.catalog.register(tenant, day)
    partitions = (DOCUMENTS, day), (TENANTS, tenant)
    return Worked(partitions, {"documents": 1, "bytes": written} if written else {})


def _put(change: Change, stores: ComprasStores) -> int:
    """Put the document of a change, unless it is there; gives its bytes, 0 where it was.

    The first change of a purchase within a second has the plain key; another one finds it there and adds its number.

    Returns
    -------
    int
        How many bytes were put.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    record = change.record
    words = {
        # S3 takes 2 KB of words; an id that somebody made up may be of any length.
        EVENT_ID: quote(record.event_id)[:500],
        SEQUENCE_NUMBER: record.sequence_number.lstrip("0"),
        STREAM: quote(record.stream),
    }
    body = document(change, stores.origin, datetime.now(UTC))
    for suffix in ("", words[SEQUENCE_NUMBER]):
        key = document_key(change, suffix)
        if stores.documents.put_if_absent(key, body, content_type="application/json", metadata=words):
            return len(body)
        found = stores.documents.head(key)
        if found and all(found.metadata.get(name) == word for name, word in words.items()):
            return 0
    raise TransientError(f"another document lies at {key}", flow=FLOW, object_uri=f"s3://{stores.documents.name}/{key}")
