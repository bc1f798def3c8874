"""What each region sold of each product, by periods of four weeks counted back from the day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import narwhals as nw

from pipeline_assets.analytics.features import sold_lines

if TYPE_CHECKING:
    from pipeline_assets.analytics.known_day import Frame, KnownDay

DAYS: Final = 28
#: Periods looked at: a year.
PERIODS: Final = 13


def first_day(as_of: date, period: int) -> date:
    """The first day of a period; period 0 ends with the day."""
    return as_of - timedelta(days=DAYS * (period + 1) - 1)


def regional_sales(features: KnownDay) -> Frame:
    """Sales of each product in each region and period.

    Parameters
    ----------
    features
        The features of the day.

    Returns
    -------
    nw.LazyFrame
        ``region``, ``currency``, ``category``, ``product_id``, ``period`` (0 the newest), ``quantity``, ``amount``
        (decimal, returns taken off) and ``lines``.
    """
    sold = features.of(sold_lines)
    begins = [first_day(features.as_of, period) for period in range(PERIODS)]
    period = nw.lit(PERIODS)
    for number, begin in reversed(list(enumerate(begins))):
        period = nw.when(nw.col("day") >= nw.lit(begin)).then(nw.lit(number)).otherwise(period)
    return (
        sold.with_columns(period=period)
        .filter(nw.col("period") < PERIODS)
        .group_by("region", "currency", "category", "product_id", "period")
        .agg(quantity=nw.col("quantity").sum(), amount=nw.col("amount").sum(), lines=nw.len())
        .with_columns(nw.col("quantity").cast(nw.Int64))
    )


def category_sales(features: KnownDay) -> Frame:
    """Sales of each category in each region and period.

    Parameters
    ----------
    features
        The features of the day.

    Returns
    -------
    nw.LazyFrame
        ``region``, ``currency``, ``category``, ``period`` (0 the newest), ``amount`` (decimal) and ``lines``.
    """
    key = ["region", "currency", "category", "period"]
    products = features.of(regional_sales)
    sums = products.group_by(key).agg(nw.col("amount").sum(), nw.col("lines").sum())
    return sums.with_columns(nw.col("lines").cast(nw.Int64)).sort(key)
