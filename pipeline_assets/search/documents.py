"""Documents of the index: what a change of a product or of a purchase makes of its document.

Each document says which change made it: its *sequence* is the epoch of the stream and the padded sequence number, so
that of two changes of an item the later one has the greater sequence, compared as text. A removed item leaves a
tombstone, which keeps its ids and its sequence, so that an earlier change that comes late brings nothing back.

Numbers are exact in fields of text. What both kinds are filtered and put in order by has one name in both: ``valor`` is
the price of a product or the total of a purchase, rounded to a double, and ``momento`` the time of a purchase or of the
last change of a product.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import Struct

from pipeline_assets.compras.attributes import (
    EventName,
    UnexpectedError,
    event_name_of,
    image_of,
    keys_of,
    number,
    optional_text,
    rejected_change,
    shown,
    text,
)
from pipeline_assets.compras.changes import KEYS as PURCHASE_KEYS
from pipeline_assets.compras.changes import judge
from pipeline_assets.compras.documents import plain, summary
from pipeline_assets.datasets.compras import COMPRAS
from pipeline_assets.datasets.products import PRODUCTS
from pipeline_assets.datasets.spec import Rule
from pipeline_assets.events.rejection import RejectedChange
from pipeline_assets.events.stream_records import BY_HAND, Image, StreamRecord
from pipeline_assets.events.tenants import TenantId, safe_name, tenant_id
from pipeline_assets.search.names import Kind

#: Names of the key attributes of the table of products.
PRODUCT_KEYS: Final = ("tenant_id", "codigo")
#: What the engine takes no document of breaks this rule, whatever its dataset.
INDEXABLE: Final = Rule("indexable", "quarantine", "a document that the search engine takes")
_encode: Final = msgspec.json.Encoder().encode
_encoded_tenant: Final = lru_cache(maxsize=1024)(tenant_id)


class _State(Struct, kw_only=True, omit_defaults=True):
    #: The tenant by its encoded id, by which every question is filtered.
    tenant: str
    tenant_id: str
    sequence: str
    deleted: bool
    changed_at: str = ""
    valor: float | None = None
    momento: str = ""


class ProductDocument(_State, kw_only=True, omit_defaults=True):
    """Document of a product; a tombstone has the ids alone."""

    codigo: str
    nombre: str = ""
    descripcion: str = ""
    categoria: str = ""
    precio: str = ""
    moneda: str = ""


class LineDocument(Struct, kw_only=True, omit_defaults=True):
    """Line of a purchase."""

    codigo: str
    nombre: str = ""
    precio_unitario: str
    cantidad: str


class PurchaseDocument(_State, kw_only=True, omit_defaults=True):
    """Document of a purchase; a tombstone has the ids alone."""

    compra_id: str
    user_id: str = ""
    fecha: str = ""
    productos: list[LineDocument] = msgspec.field(default_factory=list)
    total_precio: str = ""
    cantidad: str = ""
    moneda: str = ""


@dataclass(frozen=True, slots=True)
class IndexChange:
    """Change of one document.

    Parameters
    ----------
    tenant
        The tenant whose index it is in.
    item, id
        Key of the item within its tenant, and id of its document in the index.
    document
        The document that it makes.
    by_hand
        Whether it has no place in a stream: it comes after whatever the index has.
    """

    tenant: TenantId
    item: str
    id: str
    document: ProductDocument | PurchaseDocument
    by_hand: bool = False

    @property
    def sequence(self) -> str:
        """Its place in the order of changes; of one that was made by hand, its number alone."""
        return self.document.sequence

    def source(self, sequence: str = "", changed_at: str = "") -> bytes:
        """The document as JSON in UTF-8, with another sequence and another time than its own where they are given."""
        told: dict[str, str] = {"sequence": sequence} if sequence else {}
        if changed_at:
            told["changed_at"] = changed_at
            if isinstance(self.document, ProductDocument) and not self.document.deleted:
                told["momento"] = changed_at
        return _encode(msgspec.structs.replace(self.document, **told) if told else self.document)


def index_change(kind: Kind, record: StreamRecord, table: str = "", moneda: str = "") -> IndexChange | RejectedChange:
    """Read what a record of a stream makes of its document.

    Parameters
    ----------
    kind
        What its table holds.
    record
        The record.
    table
        Name of the table; any unless given.
    moneda
        Currency of prices that name none.

    Returns
    -------
    IndexChange or RejectedChange
        The change, or the rejection with the rule that was broken first. A removal needs no more than its keys.
    """
    return (_product if kind == "products" else _purchase)(record, table, moneda)


def keys_of_kind(kind: Kind) -> tuple[str, str]:
    """Names of the key attributes of the table of a kind, that of the tenant first."""
    return PRODUCT_KEYS if kind == "products" else PURCHASE_KEYS


def not_indexable(kind: Kind, record: StreamRecord, reason: str) -> RejectedChange:
    """Rejection of a record whose document the engine does not take.

    Parameters
    ----------
    kind
        What its table holds.
    record
        The record.
    reason
        What the engine said.

    Returns
    -------
    RejectedChange
        By the rule `INDEXABLE`.
    """
    return rejected_change(record, INDEXABLE, UnexpectedError(INDEXABLE.name, "", shown(reason)), keys_of_kind(kind))


def sequence_of(record: StreamRecord) -> str:
    """Place of a change in the order of changes of its item: ``<epoch>/<padded sequence number>``.

    Parameters
    ----------
    record
        The record.

    Returns
    -------
    str
        Compares as text; of a record that was made by hand, the number alone.
    """
    return record.sequence_number if record.stream == BY_HAND else f"{_epoch(record.stream)}/{record.sequence_number}"


def after(sequence: str, number: str) -> str:
    """Place of a change that was made by hand, behind what the index has and before any later change of the stream.

    Parameters
    ----------
    sequence
        That of the document in the index, empty for none.
    number
        What tells the change from others that were made by hand; of the one that the index has, the place is its own.

    Returns
    -------
    str
        Compares as text.
    """
    # A plus sign is before every digit: greater than the sequence itself, and less than any that is greater.
    place, _, by_hand = sequence.partition("+")
    count, _, last = by_hand.partition(".")
    return sequence if last == number else f"{place}+{int(count or 0) + 1:09}.{number}"


def _product(record: StreamRecord, table: str, moneda: str) -> IndexChange | RejectedChange:
    try:
        event_name = event_name_of(record, table)
        image = _telling(record, event_name)
        tenant, codigo = keys_of(record, image, PRODUCT_KEYS)
        if event_name == "REMOVE":
            document = ProductDocument(codigo=codigo, **_state(record, tenant, deleted=True))
        else:
            document = _product_document(image, tenant, codigo, moneda, record)
    except UnexpectedError as unexpected:
        return rejected_change(record, PRODUCTS.rule(unexpected.rule), unexpected, PRODUCT_KEYS)
    return _change(record, tenant, codigo, document)


def _product_document(image: Image, tenant: str, codigo: str, moneda: str, record: StreamRecord) -> ProductDocument:
    price = None
    if image.get("precio") not in (None, {"NULL": True}):
        price = number(image, "precio", "price")
        if price < 0:
            raise UnexpectedError("price", "precio", repr(str(price)))
    return ProductDocument(
        codigo=codigo,
        nombre=text(image, "nombre", "name"),
        descripcion=optional_text(image, "descripcion", "description") or "",
        categoria=optional_text(image, "categoria", "category") or "",
        precio="" if price is None else written(price),
        valor=None if price is None else float(price),
        momento=record.at,
        moneda=optional_text(image, "moneda", "currency") or moneda,
        **_state(record, tenant, deleted=False),
    )


def _purchase(record: StreamRecord, table: str, moneda: str) -> IndexChange | RejectedChange:
    try:
        if event_name_of(record, table) == "REMOVE":
            tenant, compra = keys_of(record, _telling(record, "REMOVE"), PURCHASE_KEYS)
            gone = PurchaseDocument(compra_id=compra, **_state(record, tenant, deleted=True))
            return _change(record, tenant, compra, gone)
    except UnexpectedError as unexpected:
        return rejected_change(record, COMPRAS.rule(unexpected.rule), unexpected, PURCHASE_KEYS)
    change = judge(record, table)
    if isinstance(change, RejectedChange):
        return change
    sums = summary(change.productos, moneda)
    document = PurchaseDocument(
        compra_id=change.compra_id,
        user_id=change.user_id or "",
        fecha=change.moment.isoformat(timespec="seconds"),
        productos=[
            LineDocument(
                codigo=each.codigo,
                nombre=each.nombre or "",
                precio_unitario=written(each.precio_unitario),
                cantidad=written(each.cantidad),
            )
            for each in change.productos
        ],
        total_precio=written(sums.total_precio),
        valor=float(sums.total_precio),
        momento=change.moment.isoformat(timespec="seconds"),
        cantidad=written(sums.total_cantidad),
        moneda=moneda,
        **_state(record, change.tenant_id, deleted=False),
    )
    return _change(record, change.tenant_id, change.compra_id, document)


def written(number: Decimal) -> str:
    """A number to its last digit, without an exponent and without zeros behind its point."""
    return format(plain(number), "f")


def _telling(record: StreamRecord, event_name: EventName) -> Image:
    """The image that tells the change; of a removal the keys are enough, whatever the item was."""
    return record.keys if event_name == "REMOVE" and record.keys else image_of(record, event_name)


def _change(record: StreamRecord, tenant: str, item: str, document: ProductDocument | PurchaseDocument) -> IndexChange:
    return IndexChange(_encoded_tenant(tenant), item, safe_name(item), document, record.stream == BY_HAND)


def _state(record: StreamRecord, tenant: str, *, deleted: bool) -> dict[str, Any]:
    return {
        "tenant": _encoded_tenant(tenant),
        "tenant_id": tenant,
        "sequence": sequence_of(record),
        "changed_at": record.at,
        "deleted": deleted,
    }


@lru_cache(maxsize=64)
def _epoch(stream: str) -> str:
    """What tells a stream from the one that it replaced, and compares as text: its label, the time it was made."""
    return stream.rpartition("/stream/")[2]
