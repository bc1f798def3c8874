"""What was searched for in a day, as a file for the inbox: from there it goes the way of all data of others."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline_assets.datasets.ecommerce import QUERY_LOG
from pipeline_assets.datasets.frame_types import frame_type
from pipeline_assets.events.table_errors import transient
from pipeline_assets.storage.bucket import Bucket

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


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
    """

    key: str
    questions: int
    without_results: int
    p95_seconds: float


def deliver_asked(day: date, client: DynamoDBClient, table: str, inbox: Bucket) -> AskedDay:
    """Put what was searched for in a day into the inbox; a day that is over makes the same bytes each time.

    Parameters
    ----------
    day
        The day, UTC.
    client, table
        Client of DynamoDB, and the name of the table of lines.
    inbox
        The bucket of foreign files.

    Returns
    -------
    AskedDay
        What was put.

    Raises
    ------
    TransientError
        The table or the bucket does not answer.
    """
    rows = list(asked_on(day, client, table))
    if not rows:
        return AskedDay("", 0, 0, 0.0)
    key = f"{QUERY_LOG.name}/search-{day.isoformat()}.parquet"
    inbox.put(key, asked_file(rows))
    seconds = sorted(float(row["seconds"]) for row in rows)
    slow = seconds[math.ceil(0.95 * len(seconds)) - 1]
    return AskedDay(key, len(rows), sum(row["results"] == 0 for row in rows), slow)


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


def asked_on(day: date, client: DynamoDBClient, table: str) -> Iterator[dict[str, Any]]:
    """Read the lines of a day in the order in which they were asked.

    Parameters
    ----------
    day
        The day, UTC.
    client, table
        Client of DynamoDB, and the name of the table of lines.

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
        pages = client.get_paginator("query").paginate(
            TableName=table,
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
