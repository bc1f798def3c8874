"""JSON documents of folders as files of Arrow, made when they are opened: a folder that is ruled out costs nothing."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Final

import pyarrow as pa

from pipeline_assets.lake.json_documents import json_rows, read_parallel
from pipeline_assets.queries.reading import Reading
from pipeline_assets.storage.bucket import Bucket, GoneError

#: What Athena calls the address of the object that a row is of.
PATH: Final = "$path"
_AT_ONCE = 10


class DocumentFolders:
    """Folders of documents as files of Arrow's format, with the address of each document.

    It is a file system as fsspec has them, as far as Arrow asks one for files to read. What is no JSON has no row, as
    in Athena where the table says so.

    Parameters
    ----------
    bucket
        Bucket of the documents.
    folders
        Keys of the documents, by the name of their folder.
    schema
        Columns of a file, the address as the last one.
    reading
        Account to which the documents are added that are read.
    """

    protocol = "documents"

    def __init__(
        self, bucket: Bucket, folders: Mapping[str, Sequence[str]], schema: pa.Schema, reading: Reading
    ) -> None:
        self._bucket, self._folders, self._schema, self._reading = bucket, folders, schema, reading
        self._made: dict[str, bytes] = {}
        self._lock = Lock()

    def isfile(self, path: str) -> bool:
        """Whether there is such a folder."""
        return path in self._folders

    def open(self, path: str, mode: str = "rb") -> io.BytesIO:
        """Open a folder to be read; raises `TransientError`, and `GoneError` for one that changes at this moment."""
        del mode
        # Arrow opens a file once for its columns and once for its rows.
        with self._lock:
            if path not in self._made:
                self._made[path] = self._read(self._folders[path])
            return io.BytesIO(self._made[path])

    def _read(self, keys: Sequence[str]) -> bytes:
        try:
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
        # A file is opened in a thread of Arrow's.
        read = json_rows(documents, pa.schema(list(self._schema)[:-1]), threads=False)
        left_out = set(read.unreadable)
        addresses = [f"s3://{self._bucket.name}/{key}" for place, key in enumerate(keys) if place not in left_out]
        content = io.BytesIO()
        with pa.ipc.new_file(content, self._schema) as file:
            file.write_table(read.table.append_column(self._schema.field(PATH), pa.array(addresses, pa.string())))
        return content.getvalue()
