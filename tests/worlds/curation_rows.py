"""Rows of the e-commerce datasets for the tests of curation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from pipeline_assets.datasets.frame_types import frame_type
from pipeline_assets.datasets.spec import Dataset, stored_columns

DAY = "2026-03-02"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
_BASE: dict[str, dict[str, Any]] = {
    "customers": {
        "customer_id": 1,
        "first_name": "Ann",
        "last_name": "Roe",
        "email": "ann@example.org",
        "country": "US",
        "household_size": 3,
        "created_at": NOON - timedelta(days=30),
    },
    "stores": {"store_id": 1, "name": "Shop", "region": "North", "country": "US", "time_zone": "America/Chicago"},
    "orders": {
        "order_id": 1,
        "store_id": 1,
        "ordered_at": NOON,
        "channel": "store",
        "status": "paid",
        "total": Decimal("9.99"),
        "currency": "USD",
    },
    "order_lines": {
        "order_id": 1,
        "line_number": 1,
        "product_id": 5,
        "quantity": 2,
        "unit_price": Decimal("1.00"),
        "discount": Decimal("0.00"),
        "amount": Decimal("2.00"),
        "currency": "USD",
        "is_return": False,
    },
    "payments": {
        "payment_id": 1,
        "order_id": 1,
        "paid_at": NOON,
        "method": "cash",
        "amount": Decimal("9.99"),
        "currency": "USD",
        "status": "captured",
    },
    "query_log": {"query_id": 1, "asked_at": NOON, "system": "copilot", "text": "what sells?"},
}


def rows_of(dataset: Dataset, changes: list[dict[str, Any]]) -> pl.DataFrame:
    """A sound row for each of some changes to it, numbered from 1."""
    schema = {column.name: frame_type(column.type) for column in stored_columns(dataset)}
    base = {**dict.fromkeys(schema), **_BASE[dataset.name], "updated_at": NOON}
    return pl.DataFrame([{**base, **change} for change in changes], schema=schema, orient="row").with_columns(
        pl.int_range(1, pl.len() + 1).alias("_row")
    )
