"""Arrow datasets over the lake's tables in S3, of which only the bytes that a query needs are fetched.

Days that the query's conditions rule out are not opened; of the others come the footer and the columns asked for. A
column that an object lacks reads null, one that the table does not know is not seen: as Athena does it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from threading import Lock

import pyarrow as pa
import pyarrow.dataset as ds

from pipeline_assets.datasets.spec import ColumnType
from pipeline_assets.datasets.types import TYPES
from pipeline_assets.events.names import is_left_alone
from pipeline_assets.lake.tables import LakeTable
from pipeline_assets.storage.bucket import Bucket, GoneError, StoredObject, WithheldError


@dataclass(slots=True)
class Reading:
    """Account of what one query has read.

    Parameters
    ----------
    scanned_bytes
        Bytes that were fetched.
    changed
        Whether an object turned out to be another than the one that was listed.
    fault
        What the last request failed with.
    """

    scanned_bytes: int = 0
    changed: bool = False
    fault: Exception | None = None
    _lock: Lock = field(default_factory=Lock)

    def add(self, size: int) -> None:
        """Count bytes that were fetched.

        Parameters
        ----------
        size
            How many, 0 or more.
        """
        with self._lock:
            self.scanned_bytes += size


def table_dataset(table: LakeTable, bucket: Bucket, reading: Reading) -> ds.Dataset:
    """Open a table of the lake, with the objects that it has now.

    Parameters
    ----------
    table
        Table to open.
    bucket
        Bucket that its objects are in.
    reading
        Account to which every fetch is added.

    Returns
    -------
    pyarrow.dataset.Dataset
        Columns of the table, times as microseconds in UTC, then its partition keys as text.
    """
    parquet = ds.ParquetFileFormat()
    schema = pa.schema(
        [
            *((column.name, _arrow_type(column.type)) for column in table.columns),
            *((name, pa.string()) for name in table.partitions),
        ]
    )
    fragments = [
        parquet.make_fragment(_LakeObject(bucket, listed, reading), partition_expression=_condition(values))
        for listed, values in _list_objects(table, bucket)
    ]
    return ds.FileSystemDataset(fragments, schema, parquet)


def _arrow_type(kind: ColumnType) -> pa.DataType:
    name, *arguments = TYPES[kind].arrow
    return getattr(pa, str(name))(*arguments)


def _list_objects(table: LakeTable, bucket: Bucket) -> Iterator[tuple[StoredObject, dict[str, str]]]:
    """List the table's objects with the values of their partitions, but for names that Athena takes for hidden."""
    for listed in bucket.objects(table.prefix):
        place = listed.key.removeprefix(table.prefix)
        values = dict(folder.split("=", 1) for folder in place.split("/")[:-1] if "=" in folder)
        if tuple(values) == table.partitions and not is_left_alone(place):
            yield listed, values


def _condition(values: Mapping[str, str]) -> ds.Expression:
    conditions = [ds.field(name) == value for name, value in values.items()]
    together = conditions[0]
    for condition in conditions[1:]:
        together &= condition
    return together


class _LakeObject(io.RawIOBase):
    """An object as a file, each read of which is one request for the bytes that are not there yet.

    Its end, which is read first for the footer, is kept: of a small object that is most of it.
    """

    def __init__(self, bucket: Bucket, listed: StoredObject, reading: Reading) -> None:
        super().__init__()
        self._bucket, self._listed, self._reading = bucket, listed, reading
        self._size = listed.size
        self._place = 0
        self._end, self._end_begins = b"", self._size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        begin = self._place
        end = self._size if size is None or size < 0 else min(begin + size, self._size)
        self._place = max(begin, end)
        found = self._fetch(begin, min(end, self._end_begins)) if begin < min(end, self._end_begins) else b""
        kept = self._end[max(begin - self._end_begins, 0) : max(end - self._end_begins, 0)]
        if found and end == self._size:
            self._end, self._end_begins = found + kept, begin
        return found + kept

    def _fetch(self, begin: int, end: int) -> bytes:
        """Fetch the bytes from `begin` up to `end`."""
        try:
            found = self._bucket.read_range(self._listed, begin, end)
        except Exception as error:
            # Arrow and DuckDB make a text of it on the way; whoever asked wants to know what it was.
            self._reading.fault = error
            # Replaced or deleted since it was listed.
            if isinstance(error, GoneError) and not isinstance(error, WithheldError):
                self._reading.changed = True
            raise
        self._reading.add(len(found))
        return found
