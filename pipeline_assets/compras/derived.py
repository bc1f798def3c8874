"""What is made of the documents of a tenant's day: CSV, a row for each product, and Parquet, a row for each change.

An object of a day is a function of the day's documents and rewritten whole. Who makes it reads the etag of what stands,
then lists the documents, and puts the object only in place of what it saw; else it begins again. So what is put was
made from a listing that is younger than what it replaces, and repeated work puts the same bytes.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline_assets.compras.day import DayChanges, has_documents, read_day, tenants_with_documents
from pipeline_assets.compras.stores import FLOW, ComprasStores
from pipeline_assets.compras.tables import COMPRAS_CSV, COMPRAS_PARQUET, partition_of
from pipeline_assets.errors import TransientError
from pipeline_assets.events.tenants import TenantId
from pipeline_assets.lake.tables import LakeTable
from pipeline_assets.storage.bucket import GoneError

#: In each at least one other worker has put the day, or a document was deleted.
_ATTEMPTS = 20
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class DerivedTable:
    """Table that is made of documents.

    Parameters
    ----------
    asset
        Name of its asset.
    table
        The table.
    name
        Name of its object in a tenant's day.
    made
        Makes the object, and tells how many rows it has.
    """

    asset: str
    table: LakeTable
    name: str
    made: Callable[[DayChanges], tuple[bytes, int]]

    def key(self, tenant: TenantId, day: str) -> str:
        """Key of the object of a tenant's day, given as ISO date."""
        return f"{self.table.folder(*partition_of(tenant, day))}{self.name}"


@dataclass(frozen=True, slots=True)
class DerivedDay:
    """Object of a tenant's day that stands.

    Parameters
    ----------
    tenant
        The tenant.
    documents, rows, size
        How many documents it was made of, and rows and bytes it has.
    left_out
        Keys of the objects among the documents that are none.
    put
        Whether it was put; else it was there, the same byte for byte.
    """

    tenant: TenantId
    documents: int
    rows: int
    size: int
    left_out: tuple[str, ...]
    put: bool


def has_purchases(day: str, stores: ComprasStores) -> bool:
    """Whether any tenant has documents of a day, given as ISO date; raises `TransientError`."""
    return any(has_documents(stores.documents, tenant, day) for tenant in tenants_with_documents(stores.documents))


def publish_day(derived: DerivedTable, day: str, stores: ComprasStores) -> list[DerivedDay]:
    """Make the objects of a day anew, one for each tenant that has documents of it, and register them.

    Parameters
    ----------
    derived
        The table.
    day
        The day of the purchases, ISO.
    stores
        The stores of purchases.

    Returns
    -------
    list[DerivedDay]
        What stands, by tenants.

    Raises
    ------
    TransientError
        A store does not answer, or others put an object again and again.
    """
    tenants = tenants_with_documents(stores.documents)
    found = (publish_tenant_day(derived, tenant, day, stores) for tenant in tenants)
    return [each for each in found if each]


def publish_tenant_day(derived: DerivedTable, tenant: TenantId, day: str, stores: ComprasStores) -> DerivedDay | None:
    """Make the object of a tenant's day anew and register its partition.

    Parameters
    ----------
    derived
        The table.
    tenant
        The tenant.
    day
        The day of the purchases, ISO.
    stores
        The stores of purchases.

    Returns
    -------
    DerivedDay or None
        What stands; None where there was no document and no object.

    Raises
    ------
    TransientError
        A store does not answer, or others put the object again and again.
    """
    key = derived.key(tenant, day)
    for _ in range(_ATTEMPTS):
        standing = stores.documents.head(key)
        with suppress(GoneError):
            changes = read_day(stores.documents, tenant, day)
            if not changes.documents and not standing:
                return None
            body, rows = derived.made(changes)
            # Of an object that was put whole and not encrypted by a key of one's own, the etag is its MD5.
            same = standing is not None and standing.etag == hashlib.md5(body, usedforsecurity=False).hexdigest()
            if same or stores.documents.put_if_match(key, body, standing.etag if standing else None):
                if stores.catalog:
                    stores.catalog.register(tenant, day, derived.table)
                documents = len(changes.documents)
                return DerivedDay(tenant, documents, rows, len(body), changes.left_out, put=not same)
    raise TransientError(f"{key} was rewritten by others {_ATTEMPTS} times", flow=FLOW)


def parquet_object(changes: DayChanges) -> tuple[bytes, int]:
    """Write changes as Parquet, a row each.

    Returns
    -------
    tuple of (bytes, int)
        The object, the same for equal changes, and how many rows it has.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(changes.rows, sink, compression="zstd", compression_level=1)
    return sink.getvalue().to_pybytes(), changes.rows.num_rows


def csv_object(changes: DayChanges) -> tuple[bytes, int]:
    """Write the products of changes as compressed CSV, a row each.

    For readers of CSV in SQL, which end a row at each line end and have to be given an escape, control characters of
    texts are spaces, line ends among them, and a backtick is an apostrophe. A purchase without products has no row.

    Returns
    -------
    tuple of (bytes, int)
        The object, the same for equal changes, and how many rows it has.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in COMPRAS_CSV.columns])
    lines = list(_lines(changes))
    writer.writerows(lines)
    return gzip.compress(text.getvalue().encode(), compresslevel=6, mtime=0), len(lines)


class _Product(msgspec.Struct):
    codigo: str
    precio_unitario: Decimal
    cantidad: Decimal
    nombre: str | None = None


class _Totals(msgspec.Struct):
    moneda: str


class _Happened(msgspec.Struct):
    event_name: str


class _Document(msgspec.Struct):
    compra_id: str
    fecha: str
    productos: list[_Product]
    resumen: _Totals
    metadata: _Happened
    user_id: str | None = None


_DECODER: Final = msgspec.json.Decoder(_Document)


def _lines(changes: DayChanges) -> Iterator[list[str]]:
    moments = changes.rows["changed_at"].to_pylist()
    numbers = changes.rows["change_number"].to_pylist()
    for content, moment, number in zip(changes.documents, moments, numbers, strict=True):
        document = _DECODER.decode(content)
        of_change = [document.compra_id, document.user_id or "", document.fecha, document.metadata.event_name]
        beginning = [*map(_on_one_line, of_change), f"{moment:%Y-%m-%d %H:%M:%S}", str(number)]
        for place, product in enumerate(document.productos, 1):
            texts = map(_on_one_line, (product.codigo, product.nombre or ""))
            numbers_of = (f"{product.precio_unitario:f}", f"{product.cantidad:f}", document.resumen.moneda)
            yield [*beginning, str(place), *texts, *numbers_of]


def _on_one_line(text: str) -> str:
    return _CONTROL.sub(" ", text).replace("`", "'")


PARQUET: Final = DerivedTable("compras/parquet", COMPRAS_PARQUET, "part.parquet", parquet_object)
CSV: Final = DerivedTable("compras/csv", COMPRAS_CSV, "part.csv.gz", csv_object)
DERIVED: Final = (PARQUET, CSV)
