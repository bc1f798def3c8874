"""From a change of a purchase to its document: what the Lambda, Dagster and the command line call."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from pipeline_assets.compras.changes import Change, judge
from pipeline_assets.compras.documents import EVENT_ID, SEQUENCE_NUMBER, STREAM, document, document_key
from pipeline_assets.compras.stores import FLOW, ComprasStores
from pipeline_assets.datasets.compras import COMPRAS
from pipeline_assets.errors import TransientError
from pipeline_assets.events.rejection import RejectedChange
from pipeline_assets.events.stream_flow import StreamFlow, Worked
from pipeline_assets.events.stream_records import StreamRecord
from pipeline_assets.events.tenants import tenant_id

#: The assets: changes by the day they arrived, documents by the day of the purchase, and by tenant.
LANDED: Final = "compras/landed"
DOCUMENTS: Final = "compras/documents"
TENANTS: Final = "compras/tenants"


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
        if isinstance(change, RejectedChange):
            return change
        written = _put(change, stores)
        tenant, day = tenant_id(change.tenant_id), change.day.isoformat()
        if stores.catalog:
            # Also where the document was there: whoever put it may have died before it did this.
            stores.catalog.register(tenant, day)
        partitions = (DOCUMENTS, day), (TENANTS, tenant)
        return Worked(partitions, {"documents": 1, "bytes": written} if written else {})


COMPRAS_FLOW = ComprasFlow()


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
