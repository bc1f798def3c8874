"""Documents of changes: the JSON of one change, and the key under which it lies.

The shape, the order of the fields and the key are those of the source document, on one line, since Athena's JSON
readers take one document per line. Numbers are written to their last digit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

import msgspec

from pipeline_assets.compras.changes import Change, Product
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.tenants import TenantId, safe_name, tenant_id

#: Beginning of the keys of all documents.
PREFIX: Final = "compras/"
#: Words of a document's object, by which it is known whose it is.
EVENT_ID, SEQUENCE_NUMBER, STREAM = "event-id", "sequence-number", "stream"
PROCESSED_BY: Final = "lambda-streams-actualizador-compras"
_EVENT_SOURCE: Final = "aws:dynamodb"
_TWO_PLACES: Final = Decimal("0.01")
#: Room for sums of products of numbers of 38 digits between 1E-130 and 1E+126, exact to the last.
EXACT: Final = Context(prec=1_000, rounding=ROUND_HALF_EVEN)
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True)
class Origin:
    """What the documents of a deployment say of it: its stage, the region where an event names none, the currency."""

    stage: str
    region: str
    moneda: str = "USD"


@dataclass(frozen=True, slots=True)
class Summary:
    """Sums over the lines of a purchase."""

    total_productos: int
    total_cantidad: Decimal
    total_precio: Decimal
    moneda: str


@dataclass(frozen=True, slots=True)
class _Metadata:
    event_name: str
    event_source: str
    aws_region: str
    processed_at: str
    processed_by: str
    stage: str


@dataclass(frozen=True, slots=True)
class _Document:
    compra_id: str
    user_id: str | None
    tenant_id: str
    fecha: str
    productos: tuple[Product, ...]
    resumen: Summary
    metadata: _Metadata


def document(change: Change, origin: Origin, processed_at: datetime) -> bytes:
    """Write the JSON document of a change.

    Parameters
    ----------
    change
        The change.
    origin
        What all documents of a deployment say.
    processed_at
        When it is processed.

    Returns
    -------
    bytes
        One line of UTF-8 without a line end: equal for equal changes but for `processed_at`.
    """
    written = _Document(
        compra_id=change.compra_id,
        user_id=change.user_id,
        tenant_id=change.tenant_id,
        fecha=change.fecha,
        productos=tuple(_written(each) for each in change.productos),
        resumen=summary(change.productos, origin.moneda),
        metadata=_Metadata(
            event_name=change.event_name,
            event_source=_EVENT_SOURCE,
            aws_region=change.record.region or origin.region,
            processed_at=iso_utc(processed_at.astimezone(UTC)),
            processed_by=PROCESSED_BY,
            stage=origin.stage,
        ),
    )
    return _ENCODER.encode(written)


def document_key(change: Change, suffix: str = "") -> str:
    """Key of the document of a change, ``compras/{tenant_id}/{YYYY}/{MM}/{DD}/{event}_{compra_id}_{time}.json``.

    Parameters
    ----------
    change
        The change; the folder is the day of the purchase, the time that of the change.
    suffix
        What tells it from another change of the purchase within one second; none unless given.

    Returns
    -------
    str
        Ids of other characters than letters, digits, ``_`` and ``-`` are encoded by `safe_name`.
    """
    compra = safe_name(change.compra_id)
    name = f"{change.event_name.lower()}_{compra}_{change.at:%Y%m%d_%H%M%S}"
    return f"{folder(tenant_id(change.tenant_id), change.day.isoformat())}{name}{suffix and '_' + suffix}.json"


def folder(tenant: TenantId, day: str) -> str:
    """Beginning of the keys of a tenant's documents of one day, given as ISO date."""
    return f"{PREFIX}{tenant}/{day.replace('-', '/')}/"


def summary(products: Iterable[Product], moneda: str) -> Summary:
    """Sums over the lines of a purchase, exact; the price rounded once, half to even, to two places."""
    lines = tuple(products)
    quantity, price = Decimal(0), Decimal(0)
    for line in lines:
        quantity = EXACT.add(quantity, line.cantidad)
        price = EXACT.add(price, EXACT.multiply(line.precio_unitario, line.cantidad))
    return Summary(len(lines), plain(quantity), plain(EXACT.quantize(price, _TWO_PLACES)), moneda)


def _written(product: Product) -> Product:
    return replace(product, precio_unitario=plain(product.precio_unitario), cantidad=plain(product.cantidad))


def plain(number: Decimal) -> Decimal:
    """The number without zeros behind its point, and without an exponent where it is whole."""
    whole = EXACT.quantize(number, Decimal(1))
    return whole if whole == number else EXACT.normalize(number)
