"""Current state of purchases, read from the documents of their changes: of each its latest one, unless it is a removal.

Which document of a purchase is the latest is told by the names: the time of the change, and within one second its
sequence number. A purchase whose `fecha` was moved has documents on two days, so the names of all days of the tenant
are listed, those outside the period for the purchases of the period alone; contents are read of what counts only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec

from pipeline_assets.compras.documents import PREFIX, SEQUENCE_NUMBER
from pipeline_assets.errors import UserError
from pipeline_assets.events.tenants import TenantId

if TYPE_CHECKING:
    from pipeline_assets.storage.bucket import Bucket

#: As many as a client of S3 has connections.
_AT_ONCE: Final = 10
_READ_AHEAD: Final = 1_000
_MONTH: Final = re.compile(r"\d{4}/\d{2}/", re.ASCII)
_NAME: Final = re.compile(
    r"(?P<day>\d{4}/\d{2}/\d{2})/(?P<event>insert|modify|remove)_(?P<compra>[^/]+)_(?P<at>\d{8}_\d{6})"
    r"(?:_(?P<number>\d+))?\.json",
    re.ASCII,
)
_HOUR: Final = re.compile(r"\d{4}-\d{2}-\d{2}[ T](\d{2}):", re.ASCII)


class Line(msgspec.Struct, frozen=True):
    """Line of a purchase, as its document has it."""

    codigo: str
    nombre: str | None
    precio_unitario: Decimal
    cantidad: Decimal


class Summary(msgspec.Struct, frozen=True):
    """Sums of a purchase, as its document has them."""

    total_cantidad: Decimal
    total_precio: Decimal
    moneda: str


class _Document(msgspec.Struct, frozen=True):
    user_id: str | None
    fecha: str
    productos: tuple[Line, ...]
    resumen: Summary


@dataclass(frozen=True, slots=True)
class Purchase:
    """Purchase as it is now.

    Parameters
    ----------
    day
        The day of `fecha`.
    fecha
        When it was made, as the shop wrote it.
    hour
        The hour of `fecha`; None where it is a day alone.
    user_id
        Who bought, None where nobody is named.
    lines
        What was bought.
    summary
        The sums.
    """

    day: date
    fecha: str
    hour: int | None
    user_id: str | None
    lines: tuple[Line, ...]
    summary: Summary


class UnreadableDocumentError(UserError):
    """A document of the bucket has not the shape of one; the message names it."""


@dataclass(frozen=True, slots=True)
class DocumentName:
    """What the key of a document tells; `number` is the sequence number, 0 where it is not in the key."""

    key: str
    compra: str
    day: date
    at: str
    removal: bool
    number: int


def current_purchases(bucket: Bucket, tenant: TenantId, first: date, last: date) -> Iterator[Purchase]:
    """Read the purchases that a tenant has in a period.

    Parameters
    ----------
    bucket
        The bucket of documents.
    tenant
        The tenant.
    first, last
        Days of the period, both included; a purchase counts on the day of its latest `fecha`.

    Yields
    ------
    Purchase
        In no order.

    Raises
    ------
    UnreadableDocumentError
        A document that counts has another shape.
    TransientError
        The bucket does not answer.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        latest = _latest_names(bucket, tenant, first, last, pool)
        standing = iter(name for name in latest if first <= name.day <= last and not name.removal)
        while some := list(islice(standing, _READ_AHEAD)):
            for name, body in zip(some, pool.map(bucket.read, [name.key for name in some]), strict=True):
                if body is not None:
                    yield _read(name, body)


def latest_documents(bucket: Bucket, tenant: TenantId, first: date, last: date) -> dict[str, DocumentName]:
    """Latest document of each purchase of a tenant that has or had its day in a period, removals included.

    Parameters
    ----------
    bucket
        The bucket of documents.
    tenant
        The tenant.
    first, last
        Days of the period, both included.

    Returns
    -------
    dict of str to DocumentName
        By the encoded id of the purchase.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return {name.compra: name for name in _latest_names(bucket, tenant, first, last, pool)}


def _latest_names(
    bucket: Bucket, tenant: TenantId, first: date, last: date, pool: ThreadPoolExecutor
) -> Iterator[DocumentName]:
    """The latest name of each purchase that has or had its day in the period."""
    root = f"{PREFIX}{tenant}/"
    months = list(_months(bucket, root))
    inside = [month for month in months if f"{first:%Y/%m/}" <= month <= f"{last:%Y/%m/}"]
    newest: dict[str, list[DocumentName]] = {}
    aside: list[DocumentName] = []
    for names in pool.map(lambda month: list(_names(bucket, root, month)), inside):
        for name in names:
            if first <= name.day <= last:
                _keep(newest, name)
            else:
                aside.append(name)

    def moved(month: str) -> list[DocumentName]:
        return [name for name in _names(bucket, root, month) if name.compra in newest]

    for names in (aside, *pool.map(moved, [month for month in months if month not in inside])):
        for name in names:
            if name.compra in newest:
                _keep(newest, name)
    yield from pool.map(lambda names: _last(bucket, names), newest.values())


def _keep(newest: dict[str, list[DocumentName]], name: DocumentName) -> None:
    """Keep a name if none of its purchase is later; those of one second stay side by side."""
    held = newest.get(name.compra)
    if held is None or name.at > held[0].at:
        newest[name.compra] = [name]
    elif name.at == held[0].at:
        held.append(name)


def _last(bucket: Bucket, names: Sequence[DocumentName]) -> DocumentName:
    """Of changes within one second that with the greatest sequence number, which the object has if its key has not."""
    return names[0] if len(names) == 1 else max(names, key=lambda name: name.number or _number_of(bucket, name.key))


def _number_of(bucket: Bucket, key: str) -> int:
    found = bucket.head(key)
    text = found.metadata.get(SEQUENCE_NUMBER, "") if found else ""
    return int(text) if text.isdecimal() else 0


def _months(bucket: Bucket, root: str) -> Iterator[str]:
    """Months that have documents, such as ``2026/11/``, one listing for each."""
    after = ""
    while found := next(iter(bucket.objects(root, after=after)), None):
        month = found.key[len(root) :][: len("2026/11/")]
        after = found.key
        if _MONTH.fullmatch(month):
            yield month
            after = max(after, f"{root}{month}~")


def _names(bucket: Bucket, root: str, month: str) -> Iterator[DocumentName]:
    for found in bucket.objects(f"{root}{month}"):
        if read := _NAME.fullmatch(found.key, len(root)):
            try:
                day = date.fromisoformat(read["day"].replace("/", "-"))
            except ValueError:
                continue
            number = int(read["number"] or 0)
            yield DocumentName(found.key, read["compra"], day, read["at"], read["event"] == "remove", number)


def _read(name: DocumentName, body: bytes) -> Purchase:
    try:
        document = msgspec.json.decode(body, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableDocumentError(f"it is no document of a purchase: {error}", where=name.key) from error
    hour = _HOUR.match(document.fecha)
    return Purchase(
        day=name.day,
        fecha=document.fecha,
        hour=int(hour[1]) if hour else None,
        user_id=document.user_id,
        lines=document.productos,
        summary=document.resumen,
    )
