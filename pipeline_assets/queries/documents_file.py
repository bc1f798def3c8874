"""The JSON documents of a folder as one file of Arrow, made when it is read: one that is ruled out costs nothing."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cached_property
from typing import Final

import pyarrow as pa

from pipeline_assets.lake.json_documents import json_rows, read_parallel
from pipeline_assets.queries.reading import Reading
from pipeline_assets.storage.bucket import Bucket, GoneError, StoredObject

#: What Athena calls the address of the object that a row is of.
PATH: Final = "$path"
_AT_ONCE = 10


class DocumentsFile(io.RawIOBase):
    """Documents as a file of Arrow's format, with the address of each; what is no JSON has no row, as in Athena.

    Parameters
    ----------
    bucket
        Bucket of the documents.
    listed
        The documents.
    schema
        Columns of the file, the address as the last one.
    reading
        Account to which they are added.
    """

    def __init__(self, bucket: Bucket, listed: Sequence[StoredObject], schema: pa.Schema, reading: Reading) -> None:
        super().__init__()
        self._bucket, self._listed, self._schema, self._reading = bucket, listed, schema, reading

    def readable(self) -> bool:
        """It is read only."""
        return True

    def seekable(self) -> bool:
        """It may be read anywhere."""
        return True

    def tell(self) -> int:
        """Place of the next byte."""
        return self._content.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; gives it, in bytes from the beginning."""
        return self._content.seek(offset, whence)

    def read(self, size: int | None = -1) -> bytes:
        """Read bytes, all that are left unless it is said how many."""
        return self._content.read(size)

    @cached_property
    def _content(self) -> io.BytesIO:
        try:
            keys = [each.key for each in self._listed]
            found = read_parallel(self._bucket.read, keys, _AT_ONCE)
            if None in found:
                self._reading.changed = True
                raise GoneError("was deleted while it was read")
        except Exception as error:
            # Arrow and DuckDB make a text of it on the way; whoever asked wants to know what it was.
            self._reading.fault = error
            raise
        documents = [content for content in found if content is not None]
        self._reading.add(sum(map(len, documents)))
        columns = pa.schema(list(self._schema)[:-1])
        read = json_rows(documents, columns)
        left_out = set(read.unreadable)
        addresses = [f"s3://{self._bucket.name}/{key}" for place, key in enumerate(keys) if place not in left_out]
        rows = read.table.append_column(self._schema.field(PATH), pa.array(addresses, pa.string()))
        content = io.BytesIO()
        with pa.ipc.new_file(content, self._schema) as file:
            file.write_table(rows)
        content.seek(0)
        return content
