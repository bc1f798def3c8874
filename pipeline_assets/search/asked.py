"""What was searched for in a day, as a file for the inbox: from there it goes the way of all data of others."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import polars as pl

from pipeline_assets.datasets.ecommerce import QUERY_LOG
from pipeline_assets.datasets.frame_types import frame_type
from pipeline_assets.errors import TerminalError
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.table_errors import transient
from pipeline_assets.search.query_log import AskedTable
from pipeline_assets.storage.bucket import Bucket

#: After the end of a day so long, its last lines have been written.
_WRITTEN_AFTER: Final = timedelta(minutes=5)


class DayNotOverError(TerminalError):
    """A day that is not over: its file would lack what is still to be asked."""


@dataclass(frozen=True, slots=True)
class AskedDay:
    """What people searched for in a day.

    Parameters
    ----------
    key
        Key of the file in the inbox; empty where nobody asked.
    questions
        How many they were.
    without_results
        How many of them found nothing.
    p95_seconds
        Seconds that the slowest of twenty took; 0 where nobody asked.
    delivered_before
        Whether the file was left as it is, since it had been delivered.
    """

    key: str
    questions: int
    without_results: int
    p95_seconds: float
    delivered_before: bool = False


def deliver_asked(day: date, table: AskedTable, inbox: Bucket, ledger: Ledger, now: datetime) -> AskedDay:
    """Put what was searched for in a day into the inbox, once.

    Parameters
    ----------
    day
        The day, UTC.
    table
        The table of lines.
    inbox
        The bucket of foreign files.
    ledger
        The receipts, by which it is known what of the inbox was worked in.
    now
        The time, in UTC.

    Returns
    -------
    AskedDay
        What was put.

    Raises
    ------
    DayNotOverError
        More may be asked on that day.
    TransientError
        The table, the bucket or the ledger does not answer.
    """
    over = datetime.combine(day + timedelta(days=1), time(), UTC) + _WRITTEN_AFTER
    if now < over:
        raise DayNotOverError(
            f"{day} is not over; what was searched for on it is complete at {over:%Y-%m-%d %H:%M} UTC"
        )
    rows = list(asked_on(day, table))
    if not rows:
        return AskedDay("", 0, 0, 0.0)
    key = f"{QUERY_LOG.name}/search-{day.isoformat()}.parquet"
    receipt = ledger.newest(f"s3://{inbox.name}/{key}")
    # A file is gone from the inbox once it has a receipt. Lines expire, so that a day may have fewer of them later.
    is_known = receipt is not None and receipt.counts.received >= len(rows)
    is_put = not is_known and inbox.put_if_absent(key, asked_file(rows)) is not None
    seconds = sorted(float(row["seconds"]) for row in rows)
    slow = seconds[math.ceil(0.95 * len(seconds)) - 1]
    without_results = sum(row["results"] == 0 for row in rows)
    return AskedDay(key, len(rows), without_results, slow, delivered_before=not is_put)


def asked_file(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Write lines as a Parquet file of the dataset ``query_log``.

    Parameters
    ----------
    rows
        The lines, with the columns of the dataset.

    Returns
    -------
    bytes
        The file.
    """
    schema = {column.name: frame_type(column.type) for column in QUERY_LOG.columns}
    frame = pl.DataFrame([[row[name] for name in schema] for row in rows], schema=schema, orient="row")
    file = io.BytesIO()
    frame.write_parquet(file, compression="zstd")
    return file.getvalue()


def asked_on(day: date, table: AskedTable) -> Iterator[dict[str, Any]]:
    """Read the lines of a day in the order in which they were asked.

    Parameters
    ----------
    day
        The day, UTC.
    table
        The table of lines.

    Yields
    ------
    dict
        The columns of the dataset ``query_log``.

    Raises
    ------
    TransientError
        The table does not answer.
    """
    asked = {":day": {"S": day.isoformat()}}
    names = {"#day": "day"}
    with transient("read what was asked", "the query log"):
        pages = table.client.get_paginator("query").paginate(
            TableName=table.name,
            KeyConditionExpression="#day = :day",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=asked,
        )
        for page in pages:
            yield from map(_row, page["Items"])


def _row(item: dict[str, Any]) -> dict[str, Any]:
    asked_at = datetime.fromisoformat(item["asked_at"]["S"])
    return {
        "query_id": int(item["query_id"]["N"]),
        "asked_at": asked_at,
        "asked_by": item["asked_by"]["S"],
        "system": item["system"]["S"],
        "text": item["text"]["S"],
        "seconds": float(item["seconds"]["N"]),
        "results": int(item["results"]["N"]),
        "updated_at": asked_at,
    }
