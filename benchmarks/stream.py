"""How fast changes of purchases become documents, and how soon.

Ours is what the function behind the stream does with an event: it reads the records, judges them, puts each document if
it is absent, registers its day and leaves one receipt. The rival puts the very bytes under the very keys if they are
absent, with the same words, and nothing else, one after the other, or as many at once as ours does of different
purchases.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from pipeline_assets.compras.documents import SEQUENCE_NUMBER
from pipeline_assets.compras.ingest import AT_ONCE, COMPRAS_FLOW
from pipeline_assets.compras.stores import ComprasStores

if TYPE_CHECKING:
    from rich.progress import Progress

    from pipeline_assets.operations.access import Access
    from pipeline_assets.storage.bucket import Bucket

#: Records of one event, as the mapping has them, and events of a round.
BATCH: Final = 100
EVENTS: Final = 5
#: Tenants whose purchases they are.
TENANTS: Final = 3
_LOOK_SECONDS: Final = 0.01
_PATIENCE_SECONDS: Final = 60.0


def purchase(tenant: str, compra: str) -> dict[str, Any]:
    """An item with two lines, in DynamoDB's form."""
    lines = [
        {
            "M": {
                "codigo": {"S": f"P-{number}"},
                "nombre": {"S": "FLUID MILK WHITE ONLY 1 GA"},
                "precio_unitario": {"N": "2.5"},
                "cantidad": {"N": "3"},
            }
        }
        for number in range(2)
    ]
    return {
        "tenant_id": {"S": tenant},
        "compra_id": {"S": compra},
        "user_id": {"S": "U-1"},
        "fecha": {"S": "2026-11-20 09:30:00"},
        "productos": {"L": lines},
    }


@dataclass
class PutRace:
    """Events into documents against bare conditional puts of the same documents, in documents a second."""

    stores: ComprasStores
    stream: str
    _numbers: count[int]

    @classmethod
    def of(cls, stores: ComprasStores) -> PutRace:
        """A race in these stores, with numbers that no earlier one had."""
        table = f"arn:aws:dynamodb:us-east-1:000000000000:table/{stores.purchases.name}"
        return cls(stores, f"{table}/stream/{uuid4().hex}", count(time.time_ns()))

    def ours(self, _: int) -> float:
        """Documents a second of the flow."""
        events = [self._event() for _ in range(EVENTS)]
        began = time.perf_counter()
        for event in events:
            done = COMPRAS_FLOW.ingest(event, self.stores)
            if done.failure or sum(each.counts.accepted for each in done.receipts) != BATCH:
                raise ValueError(f"not all changes became documents: {done}")
        return BATCH * EVENTS / (time.perf_counter() - began)

    def bare(self, _: int) -> float:
        """Documents a second of puts alone, one after the other."""
        return self._puts(1)

    def bare_at_once(self, _: int) -> float:
        """Documents a second of puts alone, as many at once as the flow makes."""
        return self._puts(AT_ONCE)

    def _puts(self, threads: int) -> float:
        """Documents a second of puts of the documents that the flow made of as many other changes."""
        kept: Any = _Kept(self.stores.documents)
        stores = replace(self.stores, documents=kept)
        for _event in range(EVENTS):
            COMPRAS_FLOW.ingest(self._event(), stores)
        kept.puts.sort(key=lambda each: each[2][SEQUENCE_NUMBER])

        def put(each: tuple[str, bytes, dict[str, str]]) -> None:
            key, body, words = each
            if not self.stores.documents.put_if_absent(key, body, content_type="application/json", metadata=words):
                raise ValueError(f"{key} was there")

        with ThreadPoolExecutor(threads) as pool:
            began = time.perf_counter()
            list(pool.map(put, kept.puts) if threads > 1 else map(put, kept.puts))
        return len(kept.puts) / (time.perf_counter() - began)

    def _event(self) -> dict[str, Any]:
        return {"Records": [self._record(f"t-{number % TENANTS}") for number in range(BATCH)]}

    def _record(self, tenant: str) -> dict[str, Any]:
        item = purchase(tenant, f"C-{uuid4().hex[:12]}")
        return {
            "eventID": uuid4().hex,
            "eventName": "INSERT",
            "eventSource": "aws:dynamodb",
            "awsRegion": "us-east-1",
            "eventSourceARN": self.stream,
            "dynamodb": {
                "ApproximateCreationDateTime": int(time.time()),
                "SequenceNumber": str(next(self._numbers)),
                "Keys": {name: item[name] for name in ("tenant_id", "compra_id")},
                "NewImage": item,
            },
        }


class _Kept:
    """A bucket that takes every document and keeps it for later."""

    def __init__(self, bucket: Bucket) -> None:
        self.name = bucket.name
        self.puts: list[tuple[str, bytes, dict[str, str]]] = []

    def put_if_absent(self, key: str, body: bytes, *, content_type: str, metadata: dict[str, str]) -> bool:
        del content_type
        self.puts.append((key, body, metadata))
        return True


def seconds_to_the_document(access: Access, *, changes: int, progress: Progress) -> list[float]:
    """Seconds from the write of an item until its document is there, each change on its own."""
    table, bucket = access.table("compras"), access.open_bucket("compras")
    bar = progress.add_task("documents", total=changes)
    seconds = []
    for _ in range(changes):
        tenant = f"t-{uuid4().hex[:12]}"
        began = time.perf_counter()
        access.dynamodb.put_item(TableName=table, Item=purchase(tenant, "C-1"))
        _wait(lambda: next(iter(bucket.objects(f"compras/{tenant}/")), None))  # noqa: B023 - asked at once
        seconds.append(time.perf_counter() - began)
        progress.advance(bar)
    return seconds


def _wait(look: Callable[[], object]) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while not look():
        if time.monotonic() > until:
            raise TimeoutError("the document did not come")
        time.sleep(_LOOK_SECONDS)
