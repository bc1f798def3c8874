"""Series of sales by day: of the whole shop, of each store and of each category."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from pipeline_assets.analytics.features import sold_lines

if TYPE_CHECKING:
    from pipeline_assets.analytics.day_features import Features
    from pipeline_assets.analytics.known_day import Frame, KnownDay

_DAY = np.timedelta64(1, "D")


def daily_sales(features: KnownDay) -> Frame:
    """Sales of each day on which something was sold, by level.

    Parameters
    ----------
    features
        The features of the day.

    Returns
    -------
    nw.LazyFrame
        ``level``, ``key``, ``currency``, ``day`` and ``sales`` (of the currency, returns taken off).
    """
    sold = features.of(sold_lines)
    keys = {
        "total": nw.lit("all"),
        "store": nw.col("store_id").cast(nw.String),
        "category": nw.col("category"),
    }
    levels = [
        sold.with_columns(level=nw.lit(level), key=key)
        .group_by("level", "key", "currency", "day")
        .agg(sales=nw.col("amount").sum())
        for level, key in keys.items()
    ]
    return nw.concat(levels).sort("level", "key", "currency", "day")


def stores_that_sold(features: KnownDay) -> Frame:
    """The stores of which any sale is known.

    Parameters
    ----------
    features
        What is known at the end of the day.

    Returns
    -------
    nw.LazyFrame
        ``store_id``, one row for each.
    """
    return features.of(sold_lines).group_by("store_id").agg(lines=nw.len()).select("store_id").sort("store_id")


@dataclass(frozen=True, slots=True)
class Series:
    """Series of sales, one column of `sales` each.

    Parameters
    ----------
    level, key, currency
        Which series it is, one entry for each.
    periods
        First dates of the periods, the same for all series, without a gap; datetime64[D].
    sales
        Float64, one row for each period; 0 where nothing was sold.
    """

    level: np.ndarray[Any, Any]
    key: np.ndarray[Any, Any]
    currency: np.ndarray[Any, Any]
    periods: np.ndarray[Any, Any]
    sales: np.ndarray[Any, Any]

    def __len__(self) -> int:
        return len(self.level)

    def until(self, period: int) -> Series:
        """The series with their first periods only."""
        return Series(self.level, self.key, self.currency, self.periods[:period], self.sales[:period])

    def by_week(self) -> Series:
        """The series by whole weeks from Monday on; parts of a week at either end are left out."""
        # Day 0 was a Thursday.
        weekday = (self.periods.astype("int64") + 3) % 7
        first = int(np.argmax(weekday == 0)) if (weekday == 0).any() else len(self.periods)
        weeks = (len(self.periods) - first) // 7
        days = slice(first, first + 7 * weeks)
        sums = self.sales[days].reshape(weeks, 7, len(self)).sum(axis=1)
        return Series(self.level, self.key, self.currency, self.periods[days][::7], sums)


def daily_series(features: Features) -> Series:
    """Series of sales by day, from the first day on which anything was sold up to the day of the features.

    Parameters
    ----------
    features
        The features of the day.

    Returns
    -------
    Series
        In the order of level, key and currency; no series and no period where nothing was sold.
    """
    found = features.arrays(daily_sales)
    day = found["day"].astype("datetime64[D]")
    names = np.stack([found[name].astype(str) for name in ("level", "key", "currency")], axis=1)
    if not len(day):
        none = np.array([], dtype=str)
        return Series(none, none, none, np.array([], dtype="datetime64[D]"), np.zeros((0, 0)))
    periods = np.arange(day.min(), np.datetime64(features.as_of + timedelta(days=1)), _DAY)
    series, place = np.unique(names, axis=0, return_inverse=True)
    sales = np.zeros((len(periods), len(series)))
    sales[(day - periods[0]).astype(int), place.ravel()] = found["sales"].astype(float)
    return Series(series[:, 0], series[:, 1], series[:, 2], periods, sales)
