"""Splits: the parts of objects that tasks read, each by way of a file that holds its part alone.

A small object is one split. A large Parquet object is several, each some of its row groups: a task downloads the bytes
of its row groups and of the footer to their places in a file that is otherwise empty, and reads the rows by the same
code that reads a file that was downloaded whole.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from botocore.config import Config

from pipeline_assets.spark.session import PARTITION_BYTES
from pipeline_assets.storage.bucket import Bucket, GoneError, Storage, Version
from pipeline_assets.storage.parquet_tail import parquet_tail
from pipeline_assets.storage.s3 import open_storage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

#: A task may read as many small objects at a time as there are connections.
_RETRYING: Final = Config(
    retries={"mode": "standard", "max_attempts": 6}, connect_timeout=3, read_timeout=60, max_pool_connections=32
)
_CHUNK_BYTES: Final = 8 << 20
_MAGIC_BYTES: Final = 4
_SPLIT_COLUMNS: Final = (
    "number int, part int, bucket string, key string, version_id string, etag string, size bigint, "
    "first bigint, rows bigint, begin bigint, end bigint"
)


@dataclass(frozen=True, slots=True)
class Split:
    """Part of an object version that one task reads; it is a `Version` of the bucket.

    Parameters
    ----------
    number
        Place of its object among those of the work, from 0.
    part
        Its place among the splits of the object, from 0.
    bucket, key, version_id, etag, size
        The object version; ids that its bucket does not keep are empty.
    first, rows
        Its first row, from 0, and their number; `rows` is -1 for the whole object.
    begin, end
        Its first byte, and the one after its last.
    """

    number: int
    part: int
    bucket: str
    key: str
    version_id: str
    etag: str
    size: int
    first: int = 0
    rows: int = -1
    begin: int = 0
    end: int = 0

    @property
    def whole(self) -> bool:
        """Whether it is all of its object."""
        return self.rows < 0


#: What reads a split: gets it and the file that holds it, and gives frames, each small enough for the memory.
Read = Callable[[Split, Path], Iterable[pl.DataFrame]]
#: What stands for a split that cannot be had.
Lost = Callable[[Split, GoneError], Iterable[pl.DataFrame]]


def splits_of(
    bucket: Bucket, versions: Sequence[Version], *, parquet: bool = True, split_bytes: int = PARTITION_BYTES
) -> list[Split]:
    """Split object versions into parts of about the same size.

    Parameters
    ----------
    bucket
        Their bucket.
    versions
        Versions of objects, each with a `size` where it is known; one without is one split.
    parquet
        Whether they are Parquet objects; others are one split each, and so is what cannot be read.
    split_bytes
        How large a split is at least, if its object is not smaller.

    Returns
    -------
    list of Split
        In the order of the versions, the splits of each in that of its rows.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    found: list[Split] = []
    for number, version in enumerate(versions):
        size = getattr(version, "size", 0)
        whole = Split(number, 0, bucket.name, version.key, version.version_id, version.etag, size)
        found += (_parts(bucket, whole, split_bytes) if parquet and size > split_bytes else []) or [whole]
    return found


def read_splits(
    session: SparkSession,
    splits: Sequence[Split],
    read: Read,
    schema: pl.Schema,
    *,
    lost: Lost | None = None,
    task_bytes: int = PARTITION_BYTES,
) -> DataFrame:
    """Read splits in tasks; small ones share a task, a large one has its own.

    Parameters
    ----------
    session
        The Spark session.
    splits
        The splits.
    read
        Called in a task for each split. It is sent to the workers, so it holds plain values only.
    schema
        The columns of the frames that `read` gives.
    lost
        Called in the place of `read` for a split that is not there any more, or is withheld. Without it the job fails
        as `failures.spark_failures` tells.
    task_bytes
        How many bytes the splits of one task have together, unless one has more by itself.

    Returns
    -------
    DataFrame
        Their rows, by split and in it in the order of `read`; nothing is read before it is asked for.
    """
    tasks = _in_tasks(splits, task_bytes)
    rows = session.sparkContext.parallelize(tasks, max(len(tasks), 1)).flatMap(lambda task: task)
    named = session.createDataFrame(rows, _SPLIT_COLUMNS)
    arrow, names = arrow_schema_of(schema), list(schema)

    def work(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for row in batch.to_pylist():
                for frame in _frames(Split(**row), read, lost):
                    yield from frame.select(names).to_arrow().cast(arrow).to_batches()

    return named.mapInArrow(work, spark_schema(session, schema))


@contextmanager
def opened(split: Split) -> Iterator[Path]:
    """Download a split into a file that is there as long as the block lasts.

    Parameters
    ----------
    split
        The split.

    Yields
    ------
    Path
        The file. That of a part has the size of the whole object; only the part's rows can be read from it.

    Raises
    ------
    GoneError
        The version is not there any more, or, as a `WithheldError`, can never be had as things are.
    TransientError
        The store does not answer.
    """
    with tempfile.TemporaryDirectory(prefix="cesta-") as directory:
        path = Path(directory) / "part"
        _download(task_storage().bucket(split.bucket), split, path)
        yield path


@cache
def task_storage() -> Storage:
    """The store as a task reaches it: by the environment of its worker, with one client for each process."""
    return open_storage(_RETRYING)


def arrow_schema_of(schema: pl.Schema) -> pa.Schema:
    """The columns in the types of Arrow that Spark takes: text and lists of less than 2 GB each."""
    fields = schema.to_frame().to_arrow().schema
    return pa.schema([pa.field(each.name, _short(each.type)) for each in fields])


def spark_schema(session: SparkSession, schema: pl.Schema) -> Any:  # noqa: ANN401 - StructType, where pyspark is installed
    """The columns as a schema of Spark."""
    return session.createDataFrame(arrow_schema_of(schema).empty_table()).schema


def _frames(split: Split, read: Read, lost: Lost | None) -> Iterator[pl.DataFrame]:
    with ExitStack() as downloaded:
        try:
            path = downloaded.enter_context(opened(split))
        except GoneError as error:
            if lost is None:
                raise
            yield from lost(split, error)
            return
        yield from read(split, path)


def _short(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(_short(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(each.name, _short(each.type)) for each in kind])
    return kind


def _parts(bucket: Bucket, whole: Split, split_bytes: int) -> list[Split]:
    """The splits of a large Parquet object; none where it cannot be told."""
    tail = parquet_tail(bucket, whole.key)
    if tail is None or (whole.etag and tail.etag != whole.etag):
        return []  # replaced by now: whoever reads the version finds out
    try:
        metadata = pq.read_metadata(io.BytesIO(tail.content))
    except (pa.ArrowException, OSError):
        return []
    parts: list[Split] = []
    first, rows, begin, end = 0, 0, whole.size, 0
    for place in range(metadata.num_row_groups):
        group = metadata.row_group(place)
        columns = [group.column(each) for each in range(group.num_columns)]
        starts = [each.dictionary_page_offset or each.data_page_offset for each in columns]
        begin = min(begin, *starts)
        end = max(end, *(at + each.total_compressed_size for at, each in zip(starts, columns, strict=True)))
        rows += group.num_rows
        if end - begin >= split_bytes or place == metadata.num_row_groups - 1:
            parts.append(
                Split(
                    whole.number,
                    len(parts),
                    whole.bucket,
                    whole.key,
                    whole.version_id,
                    whole.etag,
                    whole.size,
                    first,
                    rows,
                    begin,
                    end,
                )
            )
            first, rows, begin, end = first + rows, 0, whole.size, 0
    return parts


def _download(bucket: Bucket, split: Split, path: Path) -> None:
    """Write the bytes of a split to their places in a file of its object's size."""
    if split.whole:
        bucket.download(split, path)
        return
    with path.open("wb") as file:
        file.truncate(split.size)

        def fill(begin: int, end: int) -> None:
            for at in range(begin, end, _CHUNK_BYTES):
                file.seek(at)
                file.write(bucket.read_range(split, at, min(at + _CHUNK_BYTES, end)))

        fill(0, _MAGIC_BYTES)
        fill(split.begin, split.end)
        trailer = bucket.read_range(split, split.size - 2 * _MAGIC_BYTES, split.size)
        fill(split.size - 2 * _MAGIC_BYTES - int.from_bytes(trailer[:_MAGIC_BYTES], "little"), split.size)


def _in_tasks(splits: Iterable[Split], task_bytes: int) -> list[list[tuple[Any, ...]]]:
    tasks: list[list[tuple[Any, ...]]] = []
    held = 0
    for split in splits:
        size = split.size if split.whole else split.end - split.begin
        if not tasks or held + size > task_bytes:
            tasks.append([])
            held = 0
        tasks[-1].append(astuple(split))
        held += size
    return tasks
