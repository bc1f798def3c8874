"""Features that several sets read: what was sold, line by line and by day."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import narwhals as nw

if TYPE_CHECKING:
    from pipeline_assets.analytics.known_day import Frame, KnownDay

#: Orders that came to nothing, or not yet.
_NOT_SOLD = ("cancelled", "placed")
NO_CATEGORY = "(none)"


def sold_lines(features: KnownDay) -> Frame:
    """Lines of orders that were sold, or taken back, up to the day.

    A line of an order that the lake does not have, that was placed or cancelled, or whose time is after the day, is
    left out.

    Parameters
    ----------
    features
        The features of the day.

    Returns
    -------
    nw.LazyFrame
        ``order_id``, ``line_number``, ``customer_id`` (null for a guest), ``store_id``, ``product_id``, ``category``
        (``(none)`` where the product has none), ``region`` (of the store, ``(none)`` likewise), ``currency``, ``day``
        (date, UTC), ``quantity`` and ``amount`` (decimal, of the currency), both negative for what was taken back.
    """
    lake = features.lake
    end = nw.lit(features.as_of + timedelta(days=1)).cast(nw.Datetime("us"))
    orders = (
        lake.table("orders")
        .filter(~nw.col("status").is_in(_NOT_SOLD), nw.col("ordered_at") < end)
        .select("order_id", "customer_id", "store_id", day=nw.col("ordered_at").dt.truncate("1d").cast(nw.Date))
    )
    products = lake.table("products").select("product_id", category=nw.col("category").fill_null(NO_CATEGORY))
    stores = lake.table("stores").select("store_id", "region")
    sign = nw.when(nw.col("is_return")).then(nw.lit(-1)).otherwise(nw.lit(1))
    return (
        lake.table("order_lines")
        .select(
            "order_id",
            "line_number",
            "product_id",
            "currency",
            quantity=nw.col("quantity") * sign,
            amount=nw.col("amount") * sign,
        )
        .join(orders, on="order_id", how="inner")
        .join(products, on="product_id", how="left")
        .join(stores, on="store_id", how="left")
        .with_columns(nw.col("category", "region").fill_null(NO_CATEGORY))
    )
