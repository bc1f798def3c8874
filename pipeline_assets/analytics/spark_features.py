"""The features of a prod set on Spark: the job that works them out of the lake, and puts each as one object."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import duckdb
import narwhals as nw
import polars as pl
import pyarrow as pa

from pipeline_assets.analytics.feature_files import feature_key
from pipeline_assets.analytics.feature_types import feature_types
from pipeline_assets.analytics.make import version_of_set
from pipeline_assets.analytics.sets import prod_set
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.lake.as_of import RewrittenError
from pipeline_assets.lake.spark_as_of import SparkLake
from pipeline_assets.spark.failures import spark_failures
from pipeline_assets.spark.jobs import JobContext, Values
from pipeline_assets.spark.pieces import publish
from pipeline_assets.spark.session import PARTITION_BYTES
from pipeline_assets.spark.splits import task_storage
from pipeline_assets.storage.bucket import Bucket, GoneError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

    from pipeline_assets.analytics.known_day import Feature, Frame

#: How much larger rows are in an exchange between machines than in their Parquet objects, at most.
_GROWS: Final = 8
_FEWEST_PARTITIONS: Final = 2


class SparkDay:
    """What is known at the end of a day, on Spark; a `KnownDay`.

    A feature that others are made of is kept on the disks of the machines that worked it out.

    Parameters
    ----------
    session
        The session of Spark.
    lake
        The lake as of the day.
    """

    def __init__(self, session: SparkSession, lake: SparkLake) -> None:
        self.lake = lake
        self._session = session
        self._made: dict[Feature, Frame] = {}

    @property
    def as_of(self) -> date:
        """The day."""
        return self.lake.day

    def of(self, feature: Feature) -> Frame:
        """Read another feature; it is worked out once."""
        from pyspark import StorageLevel  # noqa: PLC0415 - installed only where Spark is

        if feature not in self._made:
            self._made[feature] = nw.from_native(feature(self).to_native().persist(StorageLevel.DISK_ONLY))
        return self._made[feature]

    def row_by_row(self, rows: Frame, work: Callable[[Frame], Frame]) -> Frame:
        """Work rows out, each by itself, on DuckDB in the tasks; see `KnownDay`."""
        native: DataFrame = rows.to_native()
        columns = arrow_schema(native)
        made = _worked(columns.empty_table(), work).schema

        def worked(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                yield from _worked(pa.Table.from_batches([batch]).cast(columns), work).to_batches()

        found: Frame = nw.from_native(native.mapInArrow(worked, spark_types(made)))
        return found

    def forget(self) -> None:
        """Let go of what is kept on disks."""
        for made in self._made.values():
            made.to_native().unpersist()
        self._made.clear()


def work_features_out(context: JobContext, parameters: Values) -> Values:
    """Work out the features that the models of a set read, as of a day, and put each unless it is there.

    Parameters
    ----------
    context
        The session and the log.
    parameters
        ``bucket`` of the curated days, ``set``, ``as_of`` (ISO), and ``version`` of the set, by which it is known
        whether the lake is the one that was seen when the job was asked for.

    Returns
    -------
    dict
        ``input_bytes`` of the curated days, and ``features``: how many were put.

    Raises
    ------
    RewrittenError
        The lake is another one by now.
    TransientError
        The bucket does not answer.
    TerminalError
        A day cannot be read, or has other columns than its dataset.
    """
    bucket = task_storage().bucket(parameters["bucket"])
    meant, as_of, version = prod_set(parameters["set"]), date.fromisoformat(parameters["as_of"]), parameters["version"]
    lake = SparkLake(context.session, as_of, bucket, ECOMMERCE)
    days = {name: lake.days(name) for name in meant.inputs}
    if version_of_set(meant, as_of, days) != version:
        raise RewrittenError(f"the lake up to {as_of} was rewritten since the features of {meant.name} were asked for")
    size = sum(each.size for listed in days.values() for each in listed)
    partitions = partitions_of(size)
    context.session.conf.set("spark.sql.shuffle.partitions", str(partitions))
    context.log(f"{meant.name} as of {as_of}: {size:,} bytes of {sum(map(len, days.values()))} curated days, "
                f"exchanged in at most {partitions} partitions")  # fmt: skip
    day = SparkDay(context.session, lake)
    put, types = 0, feature_types(meant, as_of, ECOMMERCE)
    try:
        for name, feature in meant.features.items():
            key = feature_key(meant, as_of, version, name)
            if bucket.head(key):
                context.log(f"{name} is there")
                continue
            with spark_failures(f"{name} as of {as_of} on Spark"):
                put += publish_feature(day, feature, bucket, key, types[name])
            context.log(f"{name} is worked out")
    except GoneError as error:
        raise RewrittenError(f"a curated day was rewritten while it was read: it {error}") from error
    finally:
        day.forget()
    return {"input_bytes": size, "features": put}


def publish_feature(day: SparkDay, feature: Feature, bucket: Bucket, key: str, types: pa.Schema) -> bool:
    """Work a feature out and put it, in the order of its rows and with the types that it has on DuckDB.

    Parameters
    ----------
    day
        What it is made of.
    feature
        The feature.
    bucket, key
        Where it goes.
    types
        Its columns.

    Returns
    -------
    bool
        Whether it was put; not where somebody else has put it meanwhile.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    native: DataFrame = feature(day).to_native()
    wanted = spark_types(types)
    typed = native.select(*(native[field.name].cast(field.dataType) for field in wanted.fields))
    return publish(typed, bucket, key, pl.from_arrow(types.empty_table()).schema) is not None  # type: ignore[union-attr]


def partitions_of(size: int) -> int:
    """How many partitions an exchange of what is read of so many bytes has; Spark joins those that come out small."""
    return max(_FEWEST_PARTITIONS, math.ceil(size * _GROWS / PARTITION_BYTES))


def spark_types(columns: pa.Schema) -> StructType:
    """Types of Spark for those of Arrow; times without a zone stay so."""
    from pyspark.sql.pandas.types import from_arrow_schema  # noqa: PLC0415 - installed only where Spark is

    found: StructType = from_arrow_schema(columns, prefer_timestamp_ntz=True)
    return found


def arrow_schema(frame: DataFrame) -> pa.Schema:
    """Columns of a frame of Spark in the types of Arrow; times are UTC, and say no zone."""
    from pyspark.sql.pandas.types import to_arrow_schema  # noqa: PLC0415 - installed only where Spark is

    plain = [
        field.with_type(pa.timestamp("us")) if pa.types.is_timestamp(field.type) else field
        for field in to_arrow_schema(frame.schema)
    ]
    return pa.schema(plain)


def _worked(rows: pa.Table, work: Callable[[Frame], Frame]) -> pa.Table:
    with duckdb.connect() as connection:
        found: Any = work(nw.from_native(connection.from_arrow(rows))).to_native()
        table: pa.Table = found.to_arrow_table()
        return table
