"""Rules of a change of a purchase: its record in the stream is read as what it is, or rejected with a reason.

Only the attributes that the documents show are read; whatever else an item has is left out of them. Numbers are exact:
DynamoDB keeps 38 digits, and none of them is lost here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from datetime import time as clock
from decimal import Decimal
from typing import Final

from pipeline_assets.compras.attributes import (
    EventName,
    UnexpectedError,
    event_name_of,
    image_of,
    keys_of,
    kind,
    number,
    optional_text,
    rejected_change,
    shown,
    text,
    value,
)
from pipeline_assets.datasets.compras import COMPRAS
from pipeline_assets.events.rejection import RejectedChange
from pipeline_assets.events.stream_records import Image, StreamRecord

_TIME: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[ T]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:[.,]\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)
_FIRST_YEAR = 1900
#: Names of the key attributes of the table.
KEYS: Final = ("tenant_id", "compra_id")


@dataclass(frozen=True, slots=True)
class Product:
    """Line of a purchase; `nombre` is None where the item has none."""

    codigo: str
    nombre: str | None
    precio_unitario: Decimal
    cantidad: Decimal


@dataclass(frozen=True, slots=True)
class Change:
    """Change of a purchase that met the rules.

    Parameters
    ----------
    record
        Where it is from.
    event_name
        What happened to the purchase.
    compra_id, user_id, tenant_id, fecha
        As the item has them; `user_id` is None where it has none.
    day, moment
        Its day and its time to the second, as the shop wrote them.
    at
        When the change was made, to the second; of a record that was made by hand, and does not say, `fecha`.
    productos
        Its lines.
    """

    record: StreamRecord
    event_name: EventName
    compra_id: str
    user_id: str | None
    tenant_id: str
    fecha: str
    day: date
    moment: datetime
    at: datetime
    productos: tuple[Product, ...]


def judge(record: StreamRecord, table: str = "") -> Change | RejectedChange:
    """Apply the rules of purchases to a record of a stream.

    Parameters
    ----------
    record
        The record.
    table
        Name of the table of purchases; any unless given.

    Returns
    -------
    Change or RejectedChange
        The change, or the rejection with the rule that was broken first; numbers of cards in its images are masked.
    """
    try:
        return _read(record, table)
    except UnexpectedError as unexpected:
        return rejected_change(record, COMPRAS.rule(unexpected.rule), unexpected, KEYS)


def _read(record: StreamRecord, table: str) -> Change:
    event_name = event_name_of(record, table)
    image = image_of(record, event_name)
    tenant, compra = keys_of(record, image, KEYS)
    fecha = text(image, "fecha", "fecha")
    day, moment = _moment(fecha)
    made = datetime.fromisoformat(record.at).replace(tzinfo=None) if record.at else moment
    return Change(
        record=record,
        event_name=event_name,
        compra_id=compra,
        user_id=optional_text(image, "user_id", "user"),
        tenant_id=tenant,
        fecha=fecha,
        day=day,
        moment=moment,
        at=made,
        productos=_products(image),
    )


def _products(image: Image) -> tuple[Product, ...]:
    found = value(image, "productos", "L", "products")
    if not isinstance(found, list):
        raise UnexpectedError("products", "productos", kind(image.get("productos")))
    return tuple(_product(each, f"productos[{place}]") for place, each in enumerate(found))


def _product(attribute: object, place: str) -> Product:
    product = attribute.get("M") if isinstance(attribute, Mapping) and len(attribute) == 1 else None
    if not isinstance(product, Mapping):
        raise UnexpectedError("products", place, kind(attribute))
    price = number(product, "precio_unitario", "price", place)
    if price < 0:
        raise UnexpectedError("price", f"{place}.precio_unitario", repr(str(price)))
    quantity = number(product, "cantidad", "quantity", place)
    if quantity <= 0:
        raise UnexpectedError("quantity", f"{place}.cantidad", repr(str(quantity)))
    return Product(
        text(product, "codigo", "product_code", place),
        optional_text(product, "nombre", "product_name", place),
        price,
        quantity,
    )


def _moment(fecha: str) -> tuple[date, datetime]:
    """Day and time of a purchase as its shop wrote them."""
    read = _TIME.fullmatch(fecha)
    try:
        if read is None:
            raise ValueError
        day = date.fromisoformat(read[1])
        hour, minute, second = (int(part or 0) for part in read.groups()[1:])
        moment = datetime.combine(day, clock(hour, minute, second))
    except ValueError:
        raise UnexpectedError("fecha", "fecha", shown(fecha)) from None
    if day.year < _FIRST_YEAR:
        raise UnexpectedError("fecha", "fecha", shown(fecha))
    return day, moment
