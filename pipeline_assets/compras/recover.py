"""Recovery of changes that no document tells: the table as it is against the documents as they are.

A stream keeps a record for a day. What was lost with it (a function was off for longer, a local cloud was killed) is
told by the table itself: a purchase that is there otherwise than its latest document says was changed, and one whose
latest document is no removal, but which is not there, was removed. What lies between is gone: one change is made of it,
at the time at which it is found, and worked in as an event that was made by hand.

Run it when the stream is worked off: a change that is on its way is passed over where its document comes meanwhile, and
told twice otherwise.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from pipeline_assets.compras.changes import Change, judge
from pipeline_assets.compras.current import DocumentName, latest_documents
from pipeline_assets.compras.day import tenants_with_documents
from pipeline_assets.compras.documents import document
from pipeline_assets.compras.ingest import COMPRAS_FLOW
from pipeline_assets.errors import TransientError
from pipeline_assets.events.stream_records import Image, stream_records
from pipeline_assets.events.tenants import safe_name, tenant_id

if TYPE_CHECKING:
    from pipeline_assets.compras.stores import ComprasStores

#: Days that a purchase can be of.
_FIRST, _LAST = date(1900, 1, 1), date(9999, 12, 31)
_AT_ONCE: Final = 100
#: What two documents of the same state of a purchase have alike.
_STATE: Final = ("compra_id", "user_id", "tenant_id", "fecha", "productos")


@dataclass(slots=True)
class Recovered:
    """Outcome of a recovery.

    Parameters
    ----------
    purchases
        In the table.
    changes
        Changes that no document told, and that are documents now.
    rejected
        Purchases of the table that break a rule, which are left alone.
    """

    purchases: int = 0
    changes: int = 0
    rejected: int = 0

    @property
    def sentence(self) -> str:
        """What was done, for a person."""
        return f"{self.changes:,} changes of {self.purchases:,} purchases had no document and have one now."


def recover(stores: ComprasStores, day: str = "") -> Recovered:
    """Make documents of the changes that none tells.

    Parameters
    ----------
    stores
        The stores of the flow, the table among them.
    day
        Day of the purchases, ISO; of all days unless given.

    Returns
    -------
    Recovered
        What was compared, and what was missing.

    Raises
    ------
    TransientError
        A store does not answer; what was recovered until then stays.
    """
    found = Recovered()
    events = _lost_changes(stores, day, found)
    while some := list(islice(events, _AT_ONCE)):
        done = COMPRAS_FLOW.ingest({"Records": some}, stores)
        found.changes += sum(receipt.counts.accepted for receipt in done.receipts)
        if done.failure:
            raise TransientError(f"a recovered change was not put: {done.failure}") from done.failure
    return found


def _lost_changes(stores: ComprasStores, day: str, found: Recovered) -> Iterator[dict[str, Any]]:
    """Records of the changes that no document tells."""
    first, last = (date.fromisoformat(day),) * 2 if day else (_FIRST, _LAST)
    encoded = {tenant_id(tenant): tenant for tenant in stores.purchases.tenants()}
    for tenant in sorted({*encoded, *tenants_with_documents(stores.documents)}):
        latest = latest_documents(stores.documents, tenant, first, last)
        lost: dict[str, dict[str, Any]] = {}
        seen: set[str] = set()
        for image in stores.purchases.items(encoded[tenant], day) if tenant in encoded else ():
            found.purchases += 1
            compra = safe_name(str(image["compra_id"]["S"]))
            seen.add(compra)
            if (change := _as_change(image)) is None:
                found.rejected += 1
            elif record := _lost_put(change, image, latest.get(compra), stores):
                lost[compra] = record
        for compra, name in latest.items():
            if compra not in seen and not name.removal and (record := _lost_removal(name, stores)):
                lost[compra] = record
        if lost:
            now = latest_documents(stores.documents, tenant, first, last)
            yield from (record for compra, record in lost.items() if now.get(compra) == latest.get(compra))


def _lost_put(
    change: Change, image: Image, latest: DocumentName | None, stores: ComprasStores
) -> dict[str, Any] | None:
    """The record of a purchase that is otherwise than its latest document, or than none, says."""
    if latest and not latest.removal and _state_of(latest, stores) == _state(document(change, stores.origin, _now())):
        return None
    name = "INSERT" if latest is None or latest.removal else "MODIFY"
    return _record(name, "NewImage", image, latest)


def _lost_removal(name: DocumentName, stores: ComprasStores) -> dict[str, Any] | None:
    """The record of a removal that no document tells."""
    said = _state_of(name, stores)
    if not said or stores.purchases.item(said["tenant_id"], said["compra_id"]) is not None:
        return None
    return _record("REMOVE", "OldImage", _image(said), name)


def _record(event_name: str, which: str, image: Image, latest: DocumentName | None) -> dict[str, Any]:
    of = json.dumps([event_name, image, latest.key if latest else ""], sort_keys=True)
    # A change that was made by hand has no number by which it would follow another of its second.
    made = max(_now(), _made(latest) + timedelta(seconds=1)) if latest else _now()
    return {
        "eventID": f"recovered-{hashlib.sha256(of.encode()).hexdigest()[:32]}",
        "eventName": event_name,
        "dynamodb": {"ApproximateCreationDateTime": int(made.timestamp()), which: dict(image)},
    }


def _made(name: DocumentName) -> datetime:
    return datetime.strptime(name.at, "%Y%m%d_%H%M%S").replace(tzinfo=UTC)


def _as_change(image: Image) -> Change | None:
    record = {"eventID": "", "eventName": "INSERT", "dynamodb": {"NewImage": dict(image)}}
    (read,), _ = stream_records({"Records": [record]})
    change = judge(read)
    return change if isinstance(change, Change) else None


def _state_of(name: DocumentName, stores: ComprasStores) -> dict[str, Any]:
    body = stores.documents.read(name.key)
    return _state(body) if body else {}


def _state(body: bytes) -> dict[str, Any]:
    """A document as far as it tells the state of a purchase, numbers as they are written; empty where it is none."""
    try:
        read: Mapping[str, Any] = json.loads(body, parse_float=str, parse_int=str)
        state = {name: read[name] for name in _STATE}
        _image(state)
    except (ValueError, LookupError, TypeError):
        return {}
    return state


def _image(state: Mapping[str, Any]) -> dict[str, Any]:
    """The item of which a document tells, in DynamoDB's form."""

    def text(value: str | None) -> dict[str, Any]:
        return {"NULL": True} if value is None else {"S": value}

    products = [
        {
            "M": {
                "codigo": {"S": each["codigo"]},
                "nombre": text(each["nombre"]),
                "precio_unitario": {"N": each["precio_unitario"]},
                "cantidad": {"N": each["cantidad"]},
            }
        }
        for each in state["productos"]
    ]
    attributes = {name: text(state[name]) for name in _STATE[:-1]}
    return {**attributes, "productos": {"L": products}}


def _now() -> datetime:
    return datetime.now(UTC)
