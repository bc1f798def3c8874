"""A tenant's day of purchase documents on Spark: read by many tasks, put in order by purchase, joined of pieces.

A task lists and reads a range of keys. The changes of a purchase meet in one partition, which puts them in order by the
same code as one process does, and writes a piece; the driver is given names and sums, and joins the pieces in the order
of their purchases.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from pipeline_assets.compras.day import changes_of, purchases_of, read_documents
from pipeline_assets.compras.derived import DerivedTable, Placed, place
from pipeline_assets.compras.documents import folder
from pipeline_assets.compras.stores import ComprasStores
from pipeline_assets.events.tenants import TenantId
from pipeline_assets.spark.failures import spark_failures
from pipeline_assets.spark.pieces import Staging, staging
from pipeline_assets.spark.session import PARTITION_BYTES
from pipeline_assets.spark.splits import task_storage
from pipeline_assets.storage.bucket import Bucket, GoneError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

#: Documents of one task at most: so many are read within a minute or two.
RANGE_DOCUMENTS: Final = 20_000
#: Documents that are in the memory of a task together while their purchases are found.
_TOGETHER: Final = 4_096
_READ: Final = pa.schema([("compra_id", pa.string()), ("key", pa.string()), ("content", pa.binary())])
_PIECE: Final = pa.schema(
    [("number", pa.int64()), ("key", pa.string()), ("documents", pa.int64()), ("rows", pa.int64())]
)


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Documents that lie one after the other: their keys are greater than `after` and no greater than `last`."""

    after: str
    last: str
    size: int


@dataclass(frozen=True, slots=True)
class SparkMaker:
    """What works out a tenant's day on Spark: a `Maker`.

    Parameters
    ----------
    session
        The session; its tasks reach the bucket of documents by the environment of their workers.
    range_documents, partition_bytes
        How many documents a task reads at most, and how many bytes of them a partition has about.
    """

    session: SparkSession
    range_documents: int = RANGE_DOCUMENTS
    partition_bytes: int = PARTITION_BYTES

    def __call__(
        self, derived: DerivedTable, tenant: TenantId, day: str, stores: ComprasStores, standing: str | None
    ) -> Placed | None:
        """Make the object of a tenant's day.

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
            A store does not answer, or Spark lost the work.
        TerminalError
            Spark cannot do it as it is set.
        """
        bucket, key = stores.documents, derived.key(tenant, day)
        ranges = list(key_ranges(bucket, folder(tenant, day), self.range_documents, self.partition_bytes))
        if not ranges and not standing:
            return Placed(0, 0, 0, (), put=False)
        with spark_failures(f"{derived.asset} of {tenant}, {day}, on Spark"), staging(bucket, key) as staged:
            documents = documents_in(self.session, ranges, bucket.name, folder(tenant, day)).persist(_on_disk())
            try:
                size = sum(each.size for each in ranges)
                pieces = _pieces(documents, derived, staged, -(-size // self.partition_bytes) or 1)
                left_out = [row["key"] for row in documents.filter("compra_id is null").select("key").collect()]
            finally:
                documents.unpersist()
            if not pieces and not standing:
                return Placed(0, 0, 0, tuple(sorted(left_out)), put=False)
            made = place(derived, _contents(bucket, [piece[1] for piece in pieces]), bucket, key, standing)
        if made is None:
            return None
        found, rows = sum(piece[2] for piece in pieces), sum(piece[3] for piece in pieces)
        return Placed(found, rows, made.size, tuple(sorted(left_out)), put=made.put)


def key_ranges(bucket: Bucket, prefix: str, most: int, most_bytes: int) -> Iterator[KeyRange]:
    """List the objects below a prefix and cut them into ranges, of which the memory holds no more than the bounds.

    Parameters
    ----------
    bucket
        The bucket.
    prefix
        Beginning of the keys.
    most, most_bytes
        How many objects, and how many bytes, a range has at most; one object may have more bytes.

    Yields
    ------
    KeyRange
        In the order of keys.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    after, last, count, size = "", "", 0, 0
    for each in bucket.objects(prefix):
        if count and (count == most or size + each.size > most_bytes):
            yield KeyRange(after, last, size)
            after, count, size = last, 0, 0
        last, count, size = each.key, count + 1, size + each.size
    if count:
        yield KeyRange(after, last, size)


def documents_in(session: SparkSession, ranges: list[KeyRange], bucket: str, prefix: str) -> DataFrame:
    """Read documents in tasks, a range of keys in each.

    Parameters
    ----------
    session
        The session.
    ranges
        What is read.
    bucket
        Name of the bucket of documents.
    prefix
        Beginning of their keys.

    Returns
    -------
    pyspark.sql.DataFrame
        Columns: `compra_id` (the purchase; null for what is no document of a change), `key`, `content`.
    """
    rows = [(each.after, each.last) for each in ranges]
    named = session.createDataFrame(
        session.sparkContext.parallelize(rows, max(len(rows), 1)), "after string, last string"
    )

    def work(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        documents = task_storage().bucket(bucket)
        for batch in batches:
            for each in batch.to_pylist():
                for keys in _some_keys(documents, prefix, each["after"], each["last"]):
                    contents = read_documents(documents, keys)
                    yield pa.RecordBatch.from_arrays([purchases_of(keys, contents), keys, contents], schema=_READ)

    return named.mapInArrow(work, "compra_id string, key string, content binary")


def by_purchase(documents: DataFrame, partitions: int) -> DataFrame:
    """Bring the changes of each purchase together.

    Parameters
    ----------
    documents
        What `documents_in` gives.
    partitions
        How many partitions there are at most; purchases are in their order from one to the next.

    Returns
    -------
    pyspark.sql.DataFrame
        The same columns, without what is no document of a change.
    """
    return documents.filter("compra_id is not null").repartitionByRange(partitions, "compra_id")


def _pieces(
    documents: DataFrame, derived: DerivedTable, staged: Staging, partitions: int
) -> list[tuple[int, str, int, int]]:
    """Put changes in order and write the pieces; of each its number, key, documents and rows, in their order."""

    def work(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pyspark import TaskContext  # noqa: PLC0415 - installed only where Spark is

        bucket = task_storage().bucket(staged.bucket)
        read, context = [batch for batch in batches if batch.num_rows], TaskContext.get()
        if not read or context is None:
            return
        table = pa.Table.from_batches(read)
        changes = changes_of(bucket, table["key"].to_pylist(), table["content"].to_pylist())
        content, rows = derived.piece(changes)
        number = context.partitionId()
        key = f"{staged.prefix}{number:08}"
        bucket.put(key, content)
        told = {"number": number, "key": key, "documents": len(changes.documents), "rows": rows}
        yield pa.RecordBatch.from_pylist([told], _PIECE)

    told = (
        by_purchase(documents, partitions)
        .mapInArrow(work, "number bigint, key string, documents bigint, rows bigint")
        .collect()
    )
    return sorted((row["number"], row["key"], row["documents"], row["rows"]) for row in told)


def _some_keys(bucket: Bucket, prefix: str, after: str, last: str) -> Iterator[list[str]]:
    keys: list[str] = []
    for each in bucket.objects(prefix, after=after):
        if each.key.encode() > last.encode():
            break
        keys.append(each.key)
        if len(keys) == _TOGETHER:
            yield keys
            keys = []
    if keys:
        yield keys


def _contents(bucket: Bucket, keys: Iterable[str]) -> Iterator[bytes]:
    for key in keys:
        content = bucket.read(key)
        if content is None:
            raise GoneError(f"was deleted before it was joined: {key}")
        yield content


def _on_disk() -> object:
    from pyspark import StorageLevel  # noqa: PLC0415 - installed only where Spark is

    return StorageLevel.DISK_ONLY
