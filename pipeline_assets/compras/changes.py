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
from decimal import Context, Decimal, InvalidOperation
from typing import Any, Final, Literal

from pipeline_assets.datasets.compras import COMPRAS
from pipeline_assets.events.rejection import RejectedChange
from pipeline_assets.events.stream_records import BY_HAND, Image, StreamRecord
from pipeline_assets.privacy.cards import Where, without_numbers

EventName = Literal["INSERT", "MODIFY", "REMOVE"]
EVENT_NAMES: Final[tuple[EventName, ...]] = ("INSERT", "MODIFY", "REMOVE")

_EVENT_SOURCE = "aws:dynamodb"
_TIME: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[ T]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:[.,]\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)
_FIRST_YEAR = 1900
#: DynamoDB's own range of numbers; a text that Python reads as a number may be anything.
#: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
_NUMBER: Final = re.compile(r"-?\d{1,400}(?:\.\d{1,400})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_MOST_EXPONENT, _DIGITS = 130, 38
_EXACT: Final = Context(prec=1_000)
_TYPES: Final = {
    "S": "a text (S)",
    "N": "a number (N)",
    "B": "bytes (B)",
    "BOOL": "a boolean (BOOL)",
    "NULL": "a null (NULL)",
    "M": "a map (M)",
    "L": "a list (L)",
    "SS": "a set of texts (SS)",
    "NS": "a set of numbers (NS)",
    "BS": "a set of bytes (BS)",
}
_SHOWN, _KEPT_CHARACTERS = 200, 100_000
_KEYS = ("tenant_id", "compra_id")


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
    day
        The day of `fecha`, as the shop wrote it.
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
    at: datetime
    productos: tuple[Product, ...]


class _BrokenRuleError(Exception):
    """What was found, where it is none of what a rule of the dataset expects."""

    def __init__(self, rule: str, attribute: str, found: str) -> None:
        super().__init__(rule)
        self.rule = rule
        self.attribute = attribute
        self.found = found


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
    except _BrokenRuleError as broken:
        attribute = f", attribute {broken.attribute}" if broken.attribute else ""
        expected = COMPRAS.rule(broken.rule).expected
        number = record.sequence_number.lstrip("0")
        return RejectedChange(
            sequence_number=number,
            event_name=record.event_name,
            keys=_masked(record.keys),
            old=None if record.old is None else _masked(record.old),
            new=None if record.new is None else _masked(record.new),
            rule=broken.rule,
            reason=f"record {number}{attribute}: found {broken.found}, expected {expected}",
            event_id=record.event_id,
            region=record.region,
            at=record.at,
        )


def _read(record: StreamRecord, table: str) -> Change:
    _check_origin(record, table)
    event_name = next((name for name in EVENT_NAMES if name == record.event_name), None)
    if event_name is None:
        raise _BrokenRuleError("event_name", "", _shown(record.event_name))
    image = record.old if event_name == "REMOVE" else record.new
    if image is None:
        raise _BrokenRuleError("image", "", "no such image")
    tenant, compra = (_text(image, name, "key") for name in _KEYS)
    for name, value in zip(_KEYS, (tenant, compra), strict=True):
        if record.keys and record.keys.get(name) != {"S": value}:
            raise _BrokenRuleError("key", name, "another value than the key of the item")
    fecha = _text(image, "fecha", "fecha")
    day, moment = _moment(fecha)
    made = datetime.fromisoformat(record.at).replace(tzinfo=None) if record.at else moment
    return Change(
        record=record,
        event_name=event_name,
        compra_id=compra,
        user_id=_optional_text(image, "user_id", "user"),
        tenant_id=tenant,
        fecha=fecha,
        day=day,
        at=made,
        productos=_products(image),
    )


def _check_origin(record: StreamRecord, table: str) -> None:
    if record.event_source not in ("", _EVENT_SOURCE):
        raise _BrokenRuleError("of_this_table", "", f"one of {_shown(record.event_source)}")
    if table and record.stream != BY_HAND:
        name = record.stream.partition("/stream/")[0].rpartition(":table/")[2]
        if name != table:
            raise _BrokenRuleError("of_this_table", "", f"one of the table {_shown(name)}")


def _products(image: Image) -> tuple[Product, ...]:
    found = _value(image, "productos", "L", "products")
    if not isinstance(found, list):
        raise _BrokenRuleError("products", "productos", _kind(image.get("productos")))
    return tuple(_product(each, f"productos[{number}]") for number, each in enumerate(found))


def _product(attribute: object, place: str) -> Product:
    product = attribute.get("M") if isinstance(attribute, Mapping) and len(attribute) == 1 else None
    if not isinstance(product, Mapping):
        raise _BrokenRuleError("products", place, _kind(attribute))
    price = _number(product, "precio_unitario", "price", place)
    if price < 0:
        raise _BrokenRuleError("price", f"{place}.precio_unitario", repr(str(price)))
    quantity = _number(product, "cantidad", "quantity", place)
    if quantity <= 0:
        raise _BrokenRuleError("quantity", f"{place}.cantidad", repr(str(quantity)))
    return Product(
        _text(product, "codigo", "product_code", place),
        _optional_text(product, "nombre", "product_name", place),
        price,
        quantity,
    )


def _text(image: Image, name: str, rule: str, place: str = "") -> str:
    found = _value(image, name, "S", rule, place)
    if not isinstance(found, str) or not found:
        raise _BrokenRuleError(rule, _at(place, name), "an empty text" if found == "" else _kind(image.get(name)))
    return found


def _optional_text(image: Image, name: str, rule: str, place: str = "") -> str | None:
    if image.get(name) in (None, {"NULL": True}):
        return None
    found = _value(image, name, "S", rule, place)
    if not isinstance(found, str):
        raise _BrokenRuleError(rule, _at(place, name), _kind(image.get(name)))
    return found


def _number(image: Image, name: str, rule: str, place: str) -> Decimal:
    found = _value(image, name, "N", rule, place)
    try:
        if not isinstance(found, str) or not _NUMBER.fullmatch(found):
            raise InvalidOperation
        number = Decimal(found)
    except InvalidOperation:
        raise _BrokenRuleError(rule, _at(place, name), _shown(found)) from None
    if len(_EXACT.normalize(number).as_tuple().digits) > _DIGITS or abs(number.adjusted()) > _MOST_EXPONENT:
        raise _BrokenRuleError(rule, _at(place, name), "a number that DynamoDB cannot hold")
    return number


def _value(image: Image, name: str, kind: str, rule: str, place: str = "") -> Any:  # noqa: ANN401 - whatever is there
    """Value of an attribute that has to be of a type."""
    attribute = image.get(name)
    if not isinstance(attribute, Mapping) or list(attribute) != [kind]:
        raise _BrokenRuleError(rule, _at(place, name), _kind(attribute))
    return attribute[kind]


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
        raise _BrokenRuleError("fecha", "fecha", _shown(fecha)) from None
    if day.year < _FIRST_YEAR:
        raise _BrokenRuleError("fecha", "fecha", _shown(fecha))
    return day, moment


def _at(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _kind(attribute: object) -> str:
    """What an attribute is, by its type."""
    if attribute is None:
        return "no such attribute"
    if isinstance(attribute, Mapping) and len(attribute) == 1:
        kind, value = next(iter(attribute.items()))
        if kind in ("S", "N"):
            return f"{_TYPES[kind]} {_shown(value)}"
        return _TYPES.get(str(kind), "what is no attribute")
    return "what is no attribute"


def _shown(value: object) -> str:
    text = without_numbers(str(value)[:_SHOWN])
    return repr(text.encode("utf-8", "backslashreplace").decode())


def _masked(value: Any, name: str = "") -> Any:  # noqa: ANN401 - attributes nest
    """An image without the numbers of cards; the keys of the item stay as they are, since they name it."""
    if isinstance(value, Mapping):
        return {
            str(key): _masked(each, name if len(key) <= len("BOOL") and key in _TYPES else key)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [_masked(each, name) for each in value]
    if isinstance(value, str):
        return without_numbers(value[:_KEPT_CHARACTERS], Where.of(name, identifiers=name in _KEYS))
    return value
