"""Whom the set speaks of: every customer and every order of the lake is in one group, and guests are nobody's.

Definition. An order is a buyer's where a customer bought with it, a guest's where nobody is named, and no sale where it
was placed or cancelled, is of a time after the day, or has no line that was bought. A customer is a buyer with at least
one order of the first kind, and counts among the others where all of theirs came to nothing. Assumptions: one id is one
customer. Limits: who buys as a guest and as a customer is not brought together. Unit: customers, orders.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from pipeline_assets.analytics.demand_insights.spec import BUYERS, GUESTS, NO_SALE
from pipeline_assets.analytics.features import sold_lines
from pipeline_assets.analytics.prod_set import Coverage, Made

if TYPE_CHECKING:
    from pipeline_assets.analytics.day_features import Features
    from pipeline_assets.analytics.known_day import Frame, KnownDay


def orders_by_group(features: KnownDay) -> Frame:
    """Every order of the lake, and the group it is in.

    Parameters
    ----------
    features
        The features of the day.

    Returns
    -------
    nw.LazyFrame
        ``order_id``, ``customer_id`` and ``group``.
    """
    sold = features.of(sold_lines).filter(nw.col("quantity") > 0).group_by("order_id").agg(sold=nw.len())
    group = (
        nw.when(nw.col("sold").is_null())
        .then(nw.lit(NO_SALE))
        .otherwise(nw.when(nw.col("customer_id").is_null()).then(nw.lit(GUESTS)).otherwise(nw.lit(BUYERS)))
    )
    orders = features.lake.table("orders").select("order_id", "customer_id")
    return orders.join(sold, on="order_id", how="left").select("order_id", "customer_id", group=group)


def customers_by_group(features: KnownDay) -> Frame:
    """Every customer that the lake knows or an order names, and whether they bought.

    Parameters
    ----------
    features
        The features of the day.

    Returns
    -------
    nw.LazyFrame
        ``customer_id`` and ``buys``, 1 or 0.
    """
    named = features.of(orders_by_group).filter(~nw.col("customer_id").is_null())
    buys = nw.when(nw.col("group") == BUYERS).then(nw.lit(1)).otherwise(nw.lit(0))
    known = features.lake.table("customers").select("customer_id", buys=nw.lit(0))
    both = nw.concat([named.select("customer_id", buys=buys), known])
    return both.group_by("customer_id").agg(buys=nw.col("buys").max())


def groups_of_orders(features: KnownDay) -> Frame:
    """How many orders each group has.

    Parameters
    ----------
    features
        What is known at the end of the day.

    Returns
    -------
    nw.LazyFrame
        ``group`` and ``orders``.
    """
    return features.of(orders_by_group).group_by("group").agg(orders=nw.len()).sort("group")


def groups_of_customers(features: KnownDay) -> Frame:
    """How many customers bought, and how many did not.

    Parameters
    ----------
    features
        What is known at the end of the day.

    Returns
    -------
    nw.LazyFrame
        ``buys``, 1 or 0, and ``customers``.
    """
    return features.of(customers_by_group).group_by("buys").agg(customers=nw.len()).sort("buys")


def cover_customers(features: Features) -> Mapping[str, Made]:
    """Count the customers and orders that the set speaks of, and those that it does not.

    Parameters
    ----------
    features
        The features of the day.

    Returns
    -------
    Mapping[str, Made]
        Table ``customer_coverage``.
    """
    orders = _counts(features.arrays(groups_of_orders), "group", "orders")
    buys = _counts(features.arrays(groups_of_customers), "buys", "customers")
    customers = {BUYERS: buys.get("1", 0), GUESTS: 0, NO_SALE: buys.get("0", 0)}
    rows = {
        "group": np.array(list(customers)),
        "customers": np.array(list(customers.values())),
        "orders": np.array([orders.get(name, 0) for name in customers]),
    }
    coverage = Coverage("customers", customers[BUYERS] + customers[NO_SALE], sum(buys.values()))
    return {"customer_coverage": Made(rows, coverage=(coverage,))}


def _counts(found: Mapping[str, np.ndarray[Any, Any]], by: str, count: str) -> dict[str, int]:
    return {str(name): int(number) for name, number in zip(found[by], found[count], strict=True)}
