"""Arrow datasets over the lake's tables in S3, of which only the bytes that a query needs are fetched.

Days that the query's conditions rule out are not opened; of the others come the footer and the columns asked for. A
column that an object lacks reads null, one that the table does not know is not seen: as Athena does it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import itemgetter

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow.fs import FSSpecHandler, PyFileSystem

from pipeline_assets.events.names import is_left_alone
from pipeline_assets.lake.arrow_types import arrow_schema
from pipeline_assets.lake.tables import LakeTable
from pipeline_assets.queries.documents_file import PATH, DocumentFolders
from pipeline_assets.queries.reading import Reading
from pipeline_assets.storage.bucket import Bucket, GoneError, StoredObject, WithheldError


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
        Columns of the table, times as microseconds in UTC, of documents their addresses, then partition keys as text.
    """
    schema = arrow_schema(table)
    if table.format == "json":
        schema = schema.append(pa.field(PATH, pa.string()))
    whole = pa.schema([*schema, *((name, pa.string()) for name in table.partitions)])
    if table.format == "json":
        arrow = ds.IpcFileFormat()
        listed_by = groupby(_list_objects(table, bucket), itemgetter(1))
        folders = [(values, [listed.key for listed, _ in found]) for values, found in listed_by]
        keys = {table.folder(*values.values()): found for values, found in folders}
        files = PyFileSystem(FSSpecHandler(DocumentFolders(bucket, keys, schema, reading)))
        fragments = [
            arrow.make_fragment(
                table.folder(*values.values()), filesystem=files, partition_expression=_condition(values)
            )
            for values, _ in folders
        ]
        return ds.FileSystemDataset(fragments, whole, arrow)
    parquet = ds.ParquetFileFormat()
    fragments = [
        parquet.make_fragment(_LakeObject(bucket, listed, reading), partition_expression=_condition(values))
        for listed, values in _list_objects(table, bucket)
    ]
    return ds.FileSystemDataset(fragments, whole, parquet)


def _list_objects(table: LakeTable, bucket: Bucket) -> Iterator[tuple[StoredObject, dict[str, str]]]:
    """List the table's objects with the values of their partitions, but for names that Athena takes for hidden."""
    for listed in bucket.objects(table.prefix):
        values = table.values_of(listed.key)
        # Athena looks at names below the folder of a partition, where the folders are not named as Hive names them.
        place = listed.key.removeprefix(table.prefix if table.hive else table.folder(*(values or {}).values()))
        if values and not is_left_alone(place):
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
