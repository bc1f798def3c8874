"""Curated days and rejected rows for the tests of SQL, made from the specs: rows name only what a test is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.datasets.spec import Column
from pipeline_assets.lake.layout import curated_key, quarantine_prefix
from pipeline_assets.lake.tables import LakeTable, curated_table, rejected_rows_table
from tests.worlds.frames import made, parquet

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: What a column holds where a row does not say.
DEFAULTS: Mapping[str, Any] = {
    "text": "x",
    "number": 1.0,
    "integer": 1,
    "decimal": Decimal("1.00"),
    "datetime": datetime(2026, 3, 1, tzinfo=UTC),
    "date": date(2026, 3, 1),
    "boolean": False,
}
TABLES = {dataset.name: curated_table(dataset) for dataset in ECOMMERCE}


def at(text: str) -> datetime:
    """A time in UTC, such as `2026-03-01 09:30`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _object(table: LakeTable, rows: Sequence[Mapping[str, Any]], *, without: Sequence[str] = ()) -> bytes:
    """An object of a table; `without` leaves columns out, as an object from before they were added."""
    columns = [column for column in table.columns if isinstance(column, Column) and column.name not in without]
    return parquet(made(columns, rows, default))


def default(column: Column) -> Any:
    return None if column.nullable else DEFAULTS[column.type]


def put_day(
    s3: S3Client, bucket: str, dataset: str, day: str, rows: Sequence[Mapping[str, Any]], *, without: Sequence[str] = ()
) -> int:
    """Put a curated day and return its size in bytes."""
    body = _object(TABLES[dataset], rows, without=without)
    s3.put_object(Bucket=bucket, Key=curated_key(dataset, day), Body=body)
    return len(body)


def put_rejected(
    s3: S3Client, bucket: str, dataset: str, day: str, receipt: str, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Put the rejected rows of one raw object."""
    key = f"{quarantine_prefix(ECOMMERCE.name, dataset, day)}{receipt}.parquet"
    s3.put_object(Bucket=bucket, Key=key, Body=_object(rejected_rows_table(ECOMMERCE), rows))
