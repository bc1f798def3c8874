"""The export for neo4j-admin on Spark: many tasks read files, and the claims on a ticket are settled in one place.

What an object says of a ticket, and which of its lines stand, is decided ticket by ticket. So lines are brought
together by ticket, each partition settles its tickets by the same code as one process does, and writes its part of
every file. What tickets share (stores, products and the like) Spark makes distinct. The driver is given an account of
each version, rows by version and day, and the names of parts, which it joins.
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl
import pyarrow as pa

from pipeline_assets.csv_files.reading import LARGEST_OBJECT
from pipeline_assets.errors import TransientError
from pipeline_assets.graph.bulk_import import LINE_SCHEMA, day_rows, frames_of, settle_claims, write_rows
from pipeline_assets.graph.import_files import FILES, LOAD, SHARED
from pipeline_assets.graph.ingestion import Ingestion
from pipeline_assets.graph.ownership import TicketKey
from pipeline_assets.spark.failures import spark_failures
from pipeline_assets.spark.splits import Split, arrow_schema_of, read_splits, task_storage
from pipeline_assets.storage.documents import from_json, to_json
from pipeline_assets.tickets.bulk_import import Settled, owners_of
from pipeline_assets.tickets.export_parts import Parts
from pipeline_assets.tickets.file_lines import lines_of
from pipeline_assets.tickets.rebuild import Progress
from pipeline_assets.tickets.stores import TicketFiles

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

#: Lines of one partition: about as many bytes as a partition of a shuffle has.
PARTITION_ROWS: Final = 400_000
#: Spark has no whole numbers without a sign.
_LINES: Final = pl.Schema({name: pl.Int64() if kind == pl.UInt32() else kind for name, kind in LINE_SCHEMA.items()})
_READ: Final = pl.Schema({**_LINES, "account": pl.Binary()})
_BY_NAME: Final = {file.name: file for file in FILES if file is not LOAD}
#: What a partition tells: a part of a file, a row that tickets share, or rows of a version and a day.
_TOLD: Final = pl.Schema(
    {
        "file": pl.String(),
        "part": pl.String(),
        "first": pl.String(),
        "second": pl.String(),
        "load": pl.Int64(),
        "day": pl.String(),
        "received": pl.Int64(),
        "unique": pl.Int64(),
        "superseded": pl.Int64(),
    }
)
_TOLD_COLUMNS: Final = (
    "file string, part string, first string, second string, "
    "load bigint, day string, received bigint, unique bigint, superseded bigint"
)
_COUNTS: Final = ("received", "unique", "superseded")


@dataclass(frozen=True, slots=True)
class SparkSettle:
    """What reads all versions and settles their claims on Spark: a `Settle`.

    Parameters
    ----------
    session
        The session; its tasks reach the bucket of ticket files by the environment of their workers.
    address
        Where tasks put parts, ``s3://bucket/prefix``; where it is empty, the folder of the export, which then has to be
        on the machine of all tasks.
    partition_rows
        How many lines a partition has about.
    """

    session: SparkSession
    address: str = ""
    partition_rows: int = PARTITION_ROWS

    def __call__(self, begun: Sequence[Ingestion], files: TicketFiles, directory: Path, progress: Progress) -> Settled:
        """Write all files but that of loads.

        Parameters
        ----------
        begun
            The runs of all versions, from their beginning, in the order of their stamps.
        files
            Where ticket files are.
        directory
            Where files are written.
        progress
            Called with what is done, how much of it and how much there is.

        Returns
        -------
        Settled
            What was written.

        Raises
        ------
        TransientError
            The bucket does not answer, or Spark lost the work.
        TerminalError
            Spark cannot do it as it is set.
        """
        place = Parts.kept(self.address or str(directory))
        with spark_failures("the export of the graph on Spark"), place as parts:
            with _kept(lines_read(self.session, begun, files.day_begins)) as read:
                progress("files read", 0, len(begun))
                ingestions = accounts_of(read)
                progress("files read", len(begun), len(begun))
                with _kept(told_of(by_ticket(read, ingestions, self.partition_rows), ingestions, parts)) as told:
                    rows = day_rows_of(told)
                    check_lines(rows, ingestions)
                    written = _parts(told)
                    shared = _parts(_shared(told, parts))
            for number, (name, file) in enumerate(_BY_NAME.items()):
                progress("files written", number, len(_BY_NAME))
                parts.join((written[name] | shared[name]).keys(), directory / file.path)
            progress("files written", len(_BY_NAME), len(_BY_NAME))
        counts = {name: sum((written[name] | shared[name]).values()) for name in _BY_NAME}
        return Settled(ingestions, rows, counts)


def lines_read(session: SparkSession, begun: Sequence[Ingestion], day_begins: timedelta) -> DataFrame:
    """Read versions in tasks, a file in each unless files are small.

    Parameters
    ----------
    session
        The session.
    begun
        The runs of all versions.
    day_begins
        How long after midnight UTC the day of a purchase begins.

    Returns
    -------
    pyspark.sql.DataFrame
        The columns of `LINE_SCHEMA`; and `account`, which alone with `load` has a value in one row of each version that
        is not refused: the ingestion that it comes to, as JSON.
    """
    runs = session.sparkContext.broadcast(list(begun))

    def read(split: Split, path: Path) -> Iterator[pl.DataFrame]:
        with tempfile.TemporaryDirectory(prefix="cesta-") as folder:
            lines, run = Path(folder), runs.value[split.number]
            done = lines_of(path, run, split.number, lines, storage=task_storage(), day_begins=day_begins)
            for file in lines.glob("*.parquet"):
                yield pl.read_parquet(file).cast(_LINES).with_columns(account=pl.lit(None, pl.Binary))
            if done:
                yield pl.DataFrame([{"load": split.number, "account": to_json(done)}], _READ)

    versions = [(number, each.version) for number, each in enumerate(begun) if each.version.size <= LARGEST_OBJECT]
    splits = [
        Split(number, 0, each.bucket, each.key, each.version_id, each.etag, each.size) for number, each in versions
    ]
    return read_splits(session, splits, read, _READ, lost=lambda *_: ())


def by_ticket(read: DataFrame, ingestions: Mapping[int, Ingestion], partition_rows: int) -> DataFrame:
    """Bring the lines of each ticket together.

    Parameters
    ----------
    read
        What `lines_read` gives.
    ingestions
        What each version comes to, by its number.
    partition_rows
        How many lines a partition has about; none of a ticket is in two.

    Returns
    -------
    pyspark.sql.DataFrame
        The columns of `LINE_SCHEMA`.
    """
    rows = sum(ingestion.next_row - 1 for ingestion in ingestions.values())
    lines = read.filter("account is null").drop("account")
    return lines.repartition(rows // partition_rows + 1, *TicketKey._fields)


def told_of(lines: DataFrame, ingestions: Mapping[int, Ingestion], parts: Parts) -> DataFrame:
    """Settle the claims on the tickets of each partition and put its parts of files.

    Parameters
    ----------
    lines
        Lines, those of a ticket in one partition.
    ingestions
        What each version comes to, by its number.
    parts
        Where parts are put.

    Returns
    -------
    pyspark.sql.DataFrame
        Names of parts with their rows as `received`; rows that tickets share as `first` and `second` of a file; rows
        by `load` and `day`.
    """
    owners = lines.sparkSession.sparkContext.broadcast(owners_of(ingestions))

    def work(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with tempfile.TemporaryDirectory(prefix="cesta-") as folder:
            place, rows = Path(folder), 0
            for number, batch in enumerate(batches):
                frame = pl.DataFrame(pa.Table.from_batches([batch])).cast(LINE_SCHEMA)
                frame.write_parquet(place / f"{number}.parquet")
                rows += frame.height
            if not rows:
                return
            claims = settle_claims(place, owners.value)
            for file, content in frames_of(claims).items():
                if file in SHARED:
                    names = dict(zip(file.columns, ("first", "second"), strict=False))
                    shared = content.select(file.columns).rename(names).collect()
                    yield from _batches(shared.with_columns(file=pl.lit(file.name)))
                else:
                    yield from _put(file.name, content, place, parts)
            yield from _batches(day_rows(claims))

    return lines.mapInArrow(work, _TOLD_COLUMNS)


def _shared(told: DataFrame, parts: Parts) -> DataFrame:
    """Put parts of what tickets share, each row once."""

    def work(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with tempfile.TemporaryDirectory(prefix="cesta-") as folder:
            place, names = Path(folder), set[str]()
            for number, batch in enumerate(batches):
                for (name,), rows in pl.DataFrame(pa.Table.from_batches([batch])).group_by("file"):
                    names.add(str(name))
                    rows.write_parquet(place / f"{name}@{number}.parquet")
            for name in sorted(names):
                columns = dict(zip(("first", "second"), _BY_NAME[name].columns, strict=False))
                frame = pl.scan_parquet(place / f"{name}@*.parquet").select(columns.keys()).rename(columns)
                yield from _put(name, frame, place, parts)

    distinct = told.filter("first is not null").select("file", "first", "second").distinct()
    return distinct.mapInArrow(work, _TOLD_COLUMNS)


def _put(name: str, frame: pl.LazyFrame, place: Path, parts: Parts) -> Iterator[pa.RecordBatch]:
    path = place / f"{name}.csv.gz"
    if rows := write_rows(frame, _BY_NAME[name], place, path):
        part = parts.put(name, path)
        yield from _batches(pl.DataFrame({"file": [name], "part": [part], "received": [rows]}))


def _batches(frame: pl.DataFrame) -> Iterator[pa.RecordBatch]:
    lacking = [pl.lit(None, kind).alias(name) for name, kind in _TOLD.items() if name not in frame.columns]
    rows = frame.with_columns(lacking).select(_TOLD.names()).cast(_TOLD)
    yield from rows.to_arrow().cast(arrow_schema_of(_TOLD)).to_batches()


def accounts_of(read: DataFrame) -> dict[int, Ingestion]:
    """What each version that is not refused comes to, by its number, of what `lines_read` gives."""
    rows = read.filter("account is not null").select("load", "account").collect()
    return {row["load"]: from_json(bytes(row["account"]), Ingestion) for row in sorted(rows)}


def day_rows_of(told: DataFrame) -> pl.DataFrame:
    """Rows by version and day, as `day_rows` has them, of what `told_of` gives."""
    summed = told.filter("day is not null").groupBy("load", "day").sum(*_COUNTS).collect()
    schema = {"load": pl.Int64, "day": pl.String, **dict.fromkeys(_COUNTS, pl.Int64)}
    return pl.DataFrame([tuple(row) for row in summed], schema, orient="row")


def _parts(told: DataFrame) -> defaultdict[str, dict[str, int]]:
    """Names of parts with their rows, by file."""
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in told.filter("part is not null").select("file", "part", "received").collect():
        found[row["file"]][row["part"]] = row["received"]
    return found


def check_lines(rows: pl.DataFrame, ingestions: Mapping[int, Ingestion]) -> None:
    """Make sure that the lines are those of the accounts, though a task may have read a version twice.

    Parameters
    ----------
    rows
        Rows by version and day.
    ingestions
        What each version comes to, by its number.

    Raises
    ------
    TransientError
        A version was deleted between the two.
    """
    received = Counter(dict(rows.group_by("load").agg(pl.col("received").sum()).iter_rows()))
    for number, ingestion in ingestions.items():
        accepted = ingestion.next_row - 1 - ingestion.counts.quarantined
        if received[number] != accepted:
            uri = ingestion.version.uri
            raise TransientError(f"{uri} changed while it was read: {received[number]} lines of {accepted}")


@contextmanager
def _kept(frame: DataFrame) -> Iterator[DataFrame]:
    """A frame that is worked out once, and kept on the disks of the executors."""
    from pyspark import StorageLevel  # noqa: PLC0415 - installed only where Spark is

    kept = frame.persist(StorageLevel.DISK_ONLY)
    try:
        yield kept
    finally:
        kept.unpersist()
