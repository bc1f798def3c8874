"""Pieces: what tasks write of one object, and the one object that they become.

A task writes its rows as a piece, a Parquet object below a staging prefix whose name begins with ``_``, which every
reader ignores. The driver is told the names alone. At the end it streams the pieces, row group by row group, into one
file and puts it on its condition; so no reader ever sees a part of a result, and whoever loses begins again. A task
that is tried again writes its piece anew.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline_assets.spark.splits import task_storage
from pipeline_assets.storage.bucket import Bucket, Put

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

#: The beginning of the keys of all pieces.
STAGING: Final = "_staging/"
#: What began longer ago than this was left by a driver that was killed: no job may take so long.
LONGEST: Final = timedelta(hours=12)
_ATTEMPT: Final = re.compile(r"(\d{8}T\d{6})-[0-9a-f]{8}")


_PIECE: Final = pa.schema([("key", pa.string()), ("rows", pa.int64())])


@dataclass(frozen=True, slots=True)
class NamedObject:
    """The version of an object that stands, by its key: a `Version`."""

    key: str
    version_id: str = ""
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """What one task has written: `rows` of the object at `key`."""

    key: str
    rows: int


@dataclass(frozen=True, slots=True)
class Staging:
    """Where the pieces of one attempt lie: below `prefix`, which ends with a slash, in the bucket named `bucket`."""

    bucket: str
    prefix: str

    def write(self, name: str, frame: pl.DataFrame | pl.LazyFrame) -> Piece:
        """Write a piece, in a task.

        Parameters
        ----------
        name
            Its name within the attempt; the same name again replaces it.
        frame
            Its rows, some at a time if it is lazy.

        Returns
        -------
        Piece
            Its key, and its number of rows.

        Raises
        ------
        TransientError
            The bucket does not answer.
        """
        with tempfile.TemporaryDirectory(prefix="cesta-") as directory:
            path = Path(directory) / "piece"
            frame.lazy().sink_parquet(path, compression="zstd", compression_level=1)
            return self.put(name, path)

    def put(self, name: str, path: Path) -> Piece:
        """Put a Parquet file as a piece, in a task; raises `TransientError`."""
        piece = self.piece(name, pq.read_metadata(path).num_rows)
        task_storage().bucket(self.bucket).put(piece.key, path)
        return piece

    def fetch(self, name: str, path: Path) -> None:
        """Download a piece to a file, in a task; raises `GoneError` and `TransientError`."""
        task_storage().bucket(self.bucket).download(NamedObject(self.piece(name, 0).key), path)

    def piece(self, name: str, rows: int) -> Piece:
        """The piece of a name, with its number of rows."""
        return Piece(f"{self.prefix}{name}.parquet", rows)


@contextmanager
def staging(bucket: Bucket, of: str) -> Iterator[Staging]:
    """Make a place for the pieces of one attempt, emptied at the end, however it ends.

    What was left there by drivers that were killed goes first, once it is older than any job may take.

    Parameters
    ----------
    bucket
        The bucket of the object that is made.
    of
        What is made, such as ``curated/orders/2026-03-02``.

    Yields
    ------
    Staging
        A place that no other attempt has.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    now = datetime.now(UTC)
    home = f"{STAGING}{of}/"
    _sweep(bucket, home, now)
    place = Staging(bucket.name, f"{home}{now:%Y%m%dT%H%M%S}-{uuid4().hex[:8]}/")
    try:
        yield place
    finally:
        bucket.delete_all([each.key for each in bucket.objects(place.prefix)])


def write_pieces(frame: DataFrame, place: Staging) -> list[Piece]:
    """Write every partition of a frame as a piece, row by row as they come.

    Parameters
    ----------
    frame
        The rows; those of a sorted frame (``frame.sort(...)``) make pieces in that order.
    place
        Where the pieces go.

    Returns
    -------
    list of Piece
        In the order of the partitions; none of a partition without rows.
    """

    def work(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pyspark import TaskContext  # noqa: PLC0415 - installed only where Spark is

        context = TaskContext.get()
        number = context.partitionId() if context else 0
        with tempfile.TemporaryDirectory(prefix="cesta-") as directory:
            path = Path(directory) / "piece"
            if _write(batches, path):
                piece = place.put(f"{number:08}", path)
                yield pa.RecordBatch.from_pylist([{"key": piece.key, "rows": piece.rows}], _PIECE)

    rows = frame.mapInArrow(work, "key string, rows bigint").collect()
    return sorted((Piece(row["key"], row["rows"]) for row in rows), key=lambda piece: piece.key)


def joined(
    bucket: Bucket,
    pieces: Sequence[Piece],
    path: Path,
    schema: pl.Schema,
    *,
    footer: Mapping[str, str] | None = None,
) -> Path:
    """Stream pieces into one Parquet file, in their order; the memory holds a row group or two.

    Parameters
    ----------
    bucket
        The bucket of the pieces.
    pieces
        The pieces; none make a file without rows.
    path
        The file.
    schema
        Its columns, with the types that those of the pieces become.
    footer
        Key-value metadata of the file.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    GoneError
        A piece is not there any more.
    """
    with tempfile.TemporaryDirectory(prefix="cesta-") as directory:
        rows = pl.concat([schema.to_frame().lazy(), *scanned(bucket, pieces, Path(directory), schema)])
        rows.sink_parquet(path, compression="zstd", compression_level=1, metadata=dict(footer or {}))
    return path


def scanned(bucket: Bucket, pieces: Sequence[Piece], directory: Path, schema: pl.Schema) -> list[pl.LazyFrame]:
    """Download pieces into a directory, where they can be read as often as there is need; raises `GoneError`.

    Parameters
    ----------
    bucket
        The bucket of the pieces.
    pieces
        The pieces.
    directory
        A directory that stays as long as they are read.
    schema
        Their columns, with the types that they become.

    Returns
    -------
    list of polars.LazyFrame
        One for each.
    """
    frames: list[pl.LazyFrame] = []
    for number, piece in enumerate(pieces):
        path = directory / f"{number:08}.parquet"
        bucket.download(NamedObject(piece.key), path)
        frames.append(pl.scan_parquet(path).select(pl.col(name).cast(kind) for name, kind in schema.items()))
    return frames


def publish(
    frame: DataFrame,
    bucket: Bucket,
    key: str,
    schema: pl.Schema,
    *,
    etag: str | None = None,
    footer: Mapping[str, str] | None = None,
) -> Put | None:
    """Write the rows of a frame as one Parquet object, in place of the one that was seen.

    Parameters
    ----------
    frame
        The rows, sorted if their order counts.
    bucket, key
        The object.
    schema
        Its columns and their types.
    etag
        Etag of what was seen there; None where there was no object.
    footer
        Key-value metadata of the object.

    Returns
    -------
    Put or None
        What was put; None, and nothing is changed, when something else is there by now.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    with staging(bucket, key) as place, tempfile.TemporaryDirectory(prefix="cesta-") as directory:
        path = joined(bucket, write_pieces(frame, place), Path(directory) / "joined", schema, footer=footer)
        return bucket.put_if_match(key, path, etag)


def _write(batches: Iterable[pa.RecordBatch], path: Path) -> bool:
    """Write batches to a Parquet file as they come; False, and no file, when there are no rows."""
    writer: pq.ParquetWriter | None = None
    try:
        for batch in batches:
            if batch.num_rows:
                writer = writer or pq.ParquetWriter(path, batch.schema, compression="zstd", compression_level=1)
                writer.write_batch(batch)
    finally:
        if writer:
            writer.close()
    return writer is not None


def _sweep(bucket: Bucket, home: str, now: datetime) -> None:
    old = (now - LONGEST).strftime("%Y%m%dT%H%M%S")
    attempts = ((each.key, _ATTEMPT.match(each.key.removeprefix(home))) for each in bucket.objects(home))
    bucket.delete_all([key for key, found in attempts if found and found[1] < old])
