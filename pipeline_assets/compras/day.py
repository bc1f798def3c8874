"""The changes of a tenant's day, read from their documents and put in order.

Changes of a purchase are in the order of the times in their names. Those have seconds; where a purchase has several
changes within one, the objects themselves know their place in the stream, and they alone are asked for it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline_assets.compras.documents import PREFIX, SEQUENCE_NUMBER, STREAM, folder
from pipeline_assets.compras.stores import CONNECTIONS
from pipeline_assets.compras.tables import COMPRAS_JSON, COMPRAS_PARQUET
from pipeline_assets.events.tenants import TenantId, safe_name
from pipeline_assets.lake.arrow_types import arrow_schema
from pipeline_assets.lake.json_documents import JsonRows, json_rows, read_parallel
from pipeline_assets.storage.bucket import Bucket, GoneError

_AFTER_ID: Final = re.compile(r"(\d{8}_\d{6})(?:_\d+)?\.json", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME: Final = "%Y%m%d_%H%M%S"
_DIGITS: Final = 40


@dataclass(frozen=True, slots=True)
class DayChanges:
    """Changes of a tenant's day, in the order of purchases and of the changes of each.

    Parameters
    ----------
    rows
        The columns of the table of Parquet objects, a row for each change.
    documents
        The documents that the rows are of, in their order.
    left_out
        Keys of the objects that are no documents of changes; they have no row.
    """

    rows: pa.Table
    documents: tuple[bytes, ...]
    left_out: tuple[str, ...]


def tenants_with_documents(bucket: Bucket) -> Iterator[TenantId]:
    """List the tenants that have documents.

    Parameters
    ----------
    bucket
        Bucket of documents.

    Yields
    ------
    TenantId
        Each tenant once, in the order of keys.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    for (tenant,) in _folders(bucket, 1):
        yield TenantId(tenant)


def days_with_documents(bucket: Bucket) -> Iterator[tuple[TenantId, str]]:
    """List the days of purchases that tenants have documents of.

    Parameters
    ----------
    bucket
        Bucket of documents.

    Yields
    ------
    tuple of (TenantId, str)
        Tenant and ISO day, each once, in the order of keys; folders that are named otherwise are passed over.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    for tenant, *day in _folders(bucket, 4):
        if _DAY.fullmatch("-".join(day)):
            yield TenantId(tenant), "-".join(day)


def _folders(bucket: Bucket, depth: int) -> Iterator[tuple[str, ...]]:
    """List folders so deep below that of documents, by one listing for each, which begins behind the one before.

    Yields
    ------
    tuple of str
        Names of the folders on the way to each.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    after = PREFIX
    while listed := next(iter(bucket.objects(PREFIX, after=after)), None):
        *names, _ = listed.key.removeprefix(PREFIX).split("/")
        if len(names) < depth:
            after = listed.key
            continue
        yield tuple(names[:depth])
        # "0" is what follows "/" in the order of keys.
        after = f"{PREFIX}{'/'.join(names[:depth])}0"


def has_documents(bucket: Bucket, tenant: TenantId, day: str) -> bool:
    """Look for documents of a tenant's day.

    Parameters
    ----------
    bucket
        Bucket of documents.
    tenant
        The tenant.
    day
        The day of the purchases, ISO.

    Returns
    -------
    bool
        Whether there is one.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    return any(True for _ in bucket.objects(folder(tenant, day)))


def read_day(bucket: Bucket, tenant: TenantId, day: str) -> DayChanges:
    """Read the documents of a tenant's day.

    Parameters
    ----------
    bucket
        Bucket of documents.
    tenant
        The tenant.
    day
        The day of the purchases, ISO.

    Returns
    -------
    DayChanges
        The changes; no rows where there are no documents.

    Raises
    ------
    GoneError
        A document was deleted since it was listed.
    TransientError
        The bucket does not answer.
    """
    keys = [each.key for each in bucket.objects(folder(tenant, day))]
    return changes_of(bucket, keys, read_documents(bucket, keys))


def read_documents(bucket: Bucket, keys: Sequence[str]) -> list[bytes]:
    """Read documents.

    Parameters
    ----------
    bucket
        Bucket of documents.
    keys
        Their keys.

    Returns
    -------
    list[bytes]
        Their contents, in the order of the keys.

    Raises
    ------
    GoneError
        One was deleted since it was listed.
    TransientError
        The bucket does not answer.
    """
    contents = read_parallel(bucket.read, keys, CONNECTIONS)
    if None in contents:
        raise GoneError(f"was deleted while the documents behind {keys[0]} were read")
    return [content for content in contents if content is not None]


def purchases_of(keys: Sequence[str], documents: Sequence[bytes]) -> list[str | None]:
    """Tell which purchase each document is a change of.

    Parameters
    ----------
    keys, documents
        Keys of documents of one day, and their contents.

    Returns
    -------
    list[str or None]
        Ids of the purchases; None for what is no document of a change.
    """
    found: list[str | None] = [None] * len(keys)
    for place, compra, time in _Read.of(keys, documents).named(keys):
        found[place] = compra if time else None
    return found


def changes_of(bucket: Bucket, keys: Sequence[str], documents: Sequence[bytes]) -> DayChanges:
    """Put the changes that documents tell in order.

    Parameters
    ----------
    bucket
        Bucket of documents, which is asked for the places of changes that share a second.
    keys, documents
        Keys of documents of one day, all of each purchase that they are of, and their contents.

    Returns
    -------
    DayChanges
        The changes.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    read = _Read.of(keys, documents)
    places, ids, times = zip(*read.named(keys), strict=True) if read.places else ((), (), ())
    numbers = _numbers(bucket, [keys[place] for place in places], ids, times)
    order = sorted(
        (row for row, time in enumerate(times) if time),
        key=lambda row: (ids[row], times[row], numbers.get(row, ("", "")), keys[places[row]]),
    )
    chosen = [places[row] for row in order]
    inexact = set(read.rows.inexact)
    rows = _with_order(
        read.rows.table.take(pa.array(order, pa.int64())),
        [times[row] for row in order],
        [numbers[row][1] if row in numbers else None for row in order],
        [row not in inexact for row in order],
        [f"s3://{bucket.name}/{keys[place]}" for place in chosen],
    )
    left_out = sorted(set(keys) - {keys[place] for place in chosen})
    return DayChanges(rows, tuple(documents[place] for place in chosen), tuple(left_out))


@dataclass(frozen=True, slots=True)
class _Read:
    """Rows of documents, and of each row the place of its document."""

    rows: JsonRows
    places: list[int]

    @classmethod
    def of(cls, keys: Sequence[str], documents: Sequence[bytes]) -> _Read:
        rows = json_rows(documents, arrow_schema(COMPRAS_JSON))
        foreign = set(rows.unreadable)
        return cls(rows, [place for place in range(len(keys)) if place not in foreign])

    def named(self, keys: Sequence[str]) -> Iterator[tuple[int, str | None, str]]:
        """Of each row the place of its document, its purchase, and the time in its name, empty for no change of it."""
        ids: list[str | None] = self.rows.table["compra_id"].to_pylist()
        for place, compra in zip(self.places, ids, strict=True):
            yield place, compra, _time(keys[place], compra)


def _time(key: str, compra: str | None) -> str:
    """The time in the name of a document; empty where the name is not that of a change of the purchase."""
    _, _, named = key.rpartition("/")[2].partition("_")
    beginning = f"{safe_name(compra)}_" if compra else ""
    found = _AFTER_ID.fullmatch(named.removeprefix(beginning)) if beginning and named.startswith(beginning) else None
    return found[1] if found else ""


def _numbers(
    bucket: Bucket, keys: Sequence[str], ids: Sequence[str | None], times: Sequence[str]
) -> Mapping[int, tuple[str, str]]:
    """Stream and place in it of the changes of purchases that have several within one second, by row."""
    within: defaultdict[tuple[str | None, str], list[int]] = defaultdict(list)
    for row, (compra, time) in enumerate(zip(ids, times, strict=True)):
        if time:
            within[compra, time].append(row)
    several = [row for rows in within.values() if len(rows) > 1 for row in rows]
    if not several:
        return {}
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        heads = pool.map(lambda row: bucket.head(keys[row]), several)
        told = [head.metadata if head else {} for head in heads]
    return {
        row: (words.get(STREAM, ""), words.get(SEQUENCE_NUMBER, "").rjust(_DIGITS, "0"))
        for row, words in zip(several, told, strict=True)
    }


def _with_order(
    table: pa.Table, times: list[str], numbers: list[str | None], exact: list[bool], addresses: list[str]
) -> pa.Table:
    moments = pc.strptime(pa.array(times, pa.string()), format=_TIME, unit="us").cast(pa.timestamp("us", "UTC"))
    counted: list[int] = []
    before = None
    for compra in table["compra_id"].to_pylist():
        counted.append(counted[-1] + 1 if compra == before else 1)
        before = compra
    added = {
        "changed_at": moments,
        "sequence_number": numbers,
        "change_number": counted,
        "exact": exact,
        "document": addresses,
    }
    schema = arrow_schema(COMPRAS_PARQUET)
    for name, values in added.items():
        column = values if isinstance(values, pa.Array) else pa.array(values, schema.field(name).type)
        table = table.append_column(schema.field(name), column)
    return table.select(schema.names).combine_chunks()
