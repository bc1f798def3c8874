"""How a curated day grows with its rows on both engines, each in processes of its own that may hold three gigabytes.

The day is one of order lines: raw objects of a million rows each, as an export writes them, in the order of their keys,
and further ones with later versions of one row in a hundred; one row in two hundred breaks a rule. Both engines take it
from the buckets of a local cloud by way of the same function, and put the same object. What is measured is the greatest
resident memory of all their processes together, looked at ten times a second, and the seconds from the start of the
first process, for Spark with the start of its Java machine. Who goes over the bound is ended, as a function would be.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import polars as pl
import psutil

from pipeline_assets.curation.publish import ONE_MACHINE, DayEngine, publish_day
from pipeline_assets.curation.spark_days import SparkDays
from pipeline_assets.curation.stores import CurationSettings, open_stores
from pipeline_assets.datasets.ecommerce import ORDER_LINES
from pipeline_assets.events.time_budget import TimeBudget
from pipeline_assets.lake.layout import RawObject
from pipeline_assets.spark.session import open_session

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from rich.progress import Progress

ENGINES: Final = ("polars", "spark")
ROWS: Final = (1_000_000, 2_000_000, 5_000_000, 10_000_000, 20_000_000, 50_000_000)
#: Resident bytes that all processes of an engine may have together: a function as new accounts may have it.
BOUND: Final = 3 * 10**9
#: Of these the Java machine's heap may have so much; the rest is for Python workers and for Java beside its heap.
_HEAP: Final = "1g"
DAY, LOAD = "2026-03-02", "20260302T060000000000Z"
_MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
_PART_ROWS, _LINES_OF_AN_ORDER = 1_000_000, 10
_TWICE, _BAD, _FIRST_BAD = 100, 200, 7
_LOOK_SECONDS = 0.1


def put_day(s3: S3Client, bucket: str, rows: int, progress: Progress) -> int:
    """Put the raw objects of a day of so many rows, and take out those of another; returns their bytes."""
    for listed in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for old in listed.get("Contents", []):
            s3.delete_object(Bucket=bucket, Key=old["Key"])
    bar = progress.add_task(f"{rows:,} rows into the raw bucket", total=rows)
    size, part = 0, 0
    for twice in (False, True):
        step = _PART_ROWS * (_TWICE if twice else 1)
        for first in range(0, rows, step):
            part += 1
            size += _put(s3, bucket, part, _lines(first, min(first + step, rows), twice=twice))
            progress.advance(bar, 0 if twice else _PART_ROWS)
    return size


def _put(s3: S3Client, bucket: str, part: int, frame: pl.DataFrame) -> int:
    with tempfile.TemporaryFile() as file:
        # As the export does: row groups of a size that readers take one by one.
        frame.write_parquet(file, compression="zstd", compression_level=1, row_group_size=_PART_ROWS // 8)
        size = file.tell()
        file.seek(0)
        s3.put_object(Bucket=bucket, Key=RawObject("order_lines", DAY, LOAD, f"{part:04d}").key, Body=file)
    return size


def _lines(first: int, end: int, *, twice: bool) -> pl.DataFrame:
    """Order lines by number; of `twice` one in a hundred, an hour later."""
    number = pl.int_range(first, end, _TWICE if twice else 1, dtype=pl.Int64)
    mixed = number.hash(seed=1)
    price = ((mixed % 20_000).cast(pl.Decimal(18, 2)) / 100).cast(pl.Decimal(18, 2))
    moment = pl.lit(_MIDNIGHT) + pl.duration(microseconds=(mixed % 70_000_000_000).cast(pl.Int64))
    later = timedelta(hours=1) if twice else timedelta()
    return pl.select(
        (number // _LINES_OF_AN_ORDER + 30_000_000_001).alias("order_id"),
        (number % _LINES_OF_AN_ORDER + 1).alias("line_number"),
        (mixed % 92_000 + 1).cast(pl.Int64).alias("product_id"),
        pl.when(number % _BAD == _FIRST_BAD).then(0).otherwise(mixed % 5 + 1).cast(pl.Int64).alias("quantity"),
        price.alias("unit_price"),
        pl.lit(0).cast(pl.Decimal(18, 2)).alias("discount"),
        price.alias("amount"),
        pl.lit("USD").alias("currency"),
        (mixed % 50 == 0).alias("is_return"),
        (moment + later).cast(pl.Datetime("us", "UTC")).alias("updated_at"),
    )


@dataclass(frozen=True, slots=True)
class Grown:
    """A pass of an engine: `cpu` seconds and `peak` bytes of its processes; `rows` kept, None where it was ended."""

    seconds: float
    cpu: float
    peak: int
    rows: int | None


def work_out(engine: str, environment: Mapping[str, str], bound: int = BOUND) -> Grown:
    """Let an engine work the day out in a process of its own, and end it where it goes over the bound."""
    command = [sys.executable, "-m", "benchmarks.growth", engine]
    with tempfile.TemporaryFile("w+") as told:
        child = psutil.Popen(command, env=dict(environment), stdout=told, stderr=told, start_new_session=True)
        seconds, cpu, peak = _watched(child, bound)
        told.seek(0)
        lines = told.read().splitlines()
    if peak > bound:
        return Grown(seconds, cpu, peak, None)
    if child.returncode:
        raise RuntimeError(f"{engine} failed with {child.returncode}: {' '.join(lines[-20:])}")
    return Grown(seconds, cpu, peak, json.loads(lines[-1])["rows"])


def _watched(child: psutil.Popen, bound: int) -> tuple[float, float, int]:
    """Wait for the end of a process and all that it started: seconds, those of processors, and the greatest memory."""
    started, peak = time.perf_counter(), 0
    cpu: dict[int, float] = {}
    while child.poll() is None:
        resident = 0
        for process in [child, *_children(child)]:
            with suppress(psutil.NoSuchProcess):
                resident += process.memory_info().rss
                spent = process.cpu_times()
                cpu[process.pid] = spent.user + spent.system
        peak = max(peak, resident)
        if peak > bound:
            os.killpg(child.pid, signal.SIGKILL)
            break
        time.sleep(_LOOK_SECONDS)
    seconds = time.perf_counter() - started
    child.wait()
    # What it started is in its session, whoever was its parent.
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    return seconds, sum(cpu.values()), peak


def _children(process: psutil.Popen) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return list(process.children(recursive=True))
    return []


@contextmanager
def _engine(name: str) -> Iterator[DayEngine]:
    if name == "polars":
        yield ONE_MACHINE
        return
    with open_session("growth", {"spark.driver.memory": _HEAP}) as session:
        yield SparkDays(session)


def _main(name: str) -> None:
    with open_stores(CurationSettings.from_environment()) as stores, _engine(name) as engine:
        account = publish_day(ORDER_LINES, DAY, stores, lambda _: 1, TimeBudget(None, 0), anew=True, engine=engine)
    if account is None:
        raise RuntimeError("there are no raw objects")
    sys.stdout.write(f"{json.dumps({'rows': account.counts.accepted})}\n")


if __name__ == "__main__":
    _main(sys.argv[1])
