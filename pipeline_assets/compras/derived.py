"""What is made of the documents of a tenant's day: CSV, a row for each product, and Parquet, a row for each change.

An object of a day is a function of the day's documents and rewritten whole. Who makes it reads the etag of what stands,
then lists the documents, and puts the object only in place of what it saw; else it begins again. So what is put was
made from a listing that is younger than what it replaces, and repeated work puts the same bytes.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from pipeline_assets.compras.day import DayChanges, has_documents, read_day, tenants_with_documents
from pipeline_assets.compras.documents import folder
from pipeline_assets.compras.pieces import csv_piece, join_csv, join_parquet, parquet_piece
from pipeline_assets.compras.stores import FLOW, ComprasStores
from pipeline_assets.compras.tables import COMPRAS_CSV, COMPRAS_PARQUET, partition_of
from pipeline_assets.errors import TransientError
from pipeline_assets.events.tenants import TenantId
from pipeline_assets.lake.tables import LakeTable
from pipeline_assets.storage.bucket import Bucket, GoneError

#: In each at least one other worker has put the day, or a document was deleted.
_ATTEMPTS = 20


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
    piece
        Makes what consecutive changes of a day come to, and tells how many rows that is.
    join
        Writes the object of a day out of its pieces, the same however its changes were cut into them.
    """

    asset: str
    table: LakeTable
    name: str
    piece: Callable[[DayChanges], tuple[bytes, int]]
    join: Callable[[Iterable[bytes], BinaryIO], None]

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


def document_bytes(day: str, stores: ComprasStores) -> int:
    """How many bytes the documents of a day have, given as ISO date, of all tenants; raises `TransientError`."""
    tenants = tenants_with_documents(stores.documents)
    return sum(each.size for tenant in tenants for each in stores.documents.objects(folder(tenant, day)))


@dataclass(frozen=True, slots=True)
class Placed:
    """Object of a day that was made and stands.

    Parameters
    ----------
    documents, rows, size
        How many documents it was made of, and rows and bytes it has.
    left_out
        Keys of the objects among the documents that are none.
    put
        Whether it was put; else it was there, the same byte for byte.
    """

    documents: int
    rows: int
    size: int
    left_out: tuple[str, ...]
    put: bool


class Maker(Protocol):
    """What works out a tenant's day; raises `GoneError` where a document was deleted meanwhile."""

    def __call__(
        self, derived: DerivedTable, tenant: TenantId, day: str, stores: ComprasStores, standing: str | None
    ) -> Placed | None:
        """Make the object of a day in place of the one whose etag is `standing`; None where another stands by now."""


def make_here(
    derived: DerivedTable, tenant: TenantId, day: str, stores: ComprasStores, standing: str | None
) -> Placed | None:
    """Make the object of a tenant's day in this process, in whose memory the day has to have room.

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
    standing
        Etag of the object that stands; None where there is none.

    Returns
    -------
    Placed or None
        What stands now; None where it is something else, which another worker has put.

    Raises
    ------
    GoneError
        A document was deleted meanwhile.
    TransientError
        A store does not answer.
    """
    changes = read_day(stores.documents, tenant, day)
    documents = len(changes.documents)
    if not documents and not standing:
        return Placed(0, 0, 0, changes.left_out, put=False)
    piece, rows = derived.piece(changes)
    placed = place(derived, [piece], stores.documents, derived.key(tenant, day), standing)
    return Placed(documents, rows, placed.size, changes.left_out, placed.put) if placed else None


def publish_day(derived: DerivedTable, day: str, stores: ComprasStores, make: Maker = make_here) -> list[DerivedDay]:
    """Make the objects of a day anew, one for each tenant that has documents of it, and register them.

    Parameters
    ----------
    derived
        The table.
    day
        The day of the purchases, ISO.
    stores
        The stores of purchases.
    make
        What works the day of a tenant out.

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
    found = (publish_tenant_day(derived, tenant, day, stores, make) for tenant in tenants)
    return [each for each in found if each]


def publish_tenant_day(
    derived: DerivedTable, tenant: TenantId, day: str, stores: ComprasStores, make: Maker = make_here
) -> DerivedDay | None:
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
    make
        What works the day out.

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
            done = make(derived, tenant, day, stores, standing.etag if standing else None)
            if done and not done.documents and not standing:
                return None
            if done:
                if stores.catalog:
                    stores.catalog.register(tenant, day, derived.table)
                return DerivedDay(tenant, done.documents, done.rows, done.size, done.left_out, put=done.put)
    raise TransientError(f"{key} was rewritten by others {_ATTEMPTS} times", flow=FLOW)


@dataclass(frozen=True, slots=True)
class Joined:
    """Object that was joined of pieces: its bytes, and whether it was put, or was there byte for byte."""

    size: int
    put: bool


def place(
    derived: DerivedTable, pieces: Iterable[bytes], bucket: Bucket, key: str, standing: str | None
) -> Joined | None:
    """Join pieces into the object of a day, on the disk, and put it in place of the one that was seen.

    Parameters
    ----------
    derived
        The table.
    pieces
        Pieces of the day, in the order of their changes.
    bucket
        Where the object stands.
    key
        Its key.
    standing
        Etag of the object that was seen; None where there was none.

    Returns
    -------
    Joined or None
        None where something else stands by now.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / derived.name
        with path.open("wb") as file:
            derived.join(pieces, file)
        with path.open("rb") as file:
            # Of an object that was put whole and not encrypted by a key of one's own, the etag is its MD5.
            etag = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        size = path.stat().st_size
        if standing == etag:
            return Joined(size, put=False)
        return Joined(size, put=True) if bucket.put_if_match(key, path, standing) else None


PARQUET: Final = DerivedTable("compras/parquet", COMPRAS_PARQUET, "part.parquet", parquet_piece, join_parquet)
CSV: Final = DerivedTable("compras/csv", COMPRAS_CSV, "part.csv.gz", csv_piece, join_csv)
DERIVED: Final = (PARQUET, CSV)
