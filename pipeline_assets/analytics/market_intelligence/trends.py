"""Trends of weekly sales: a local line through the weeks around each one.

Definition. The trend of a week is the value there of the line that fits the weeks around it best, weighted by the
tricube of their distance within SPAN weeks (LOESS of degree one, Cleveland 1979). Growth is the trend over that of
four weeks before, less one. Assumptions: a trend bends slowly against SPAN weeks. Limits: at either end there are weeks
of one side only; a growth from a trend of nothing, or below, has no value. Unit of the amounts: the series' currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline_assets.analytics.market_intelligence.features import daily_series
from pipeline_assets.analytics.prod_set import Made

if TYPE_CHECKING:
    from pipeline_assets.analytics.day_features import Features

    Floats = np.ndarray[Any, Any]

SPAN: Final = 7
_MONTH: Final = 4


def find_trends(features: Features) -> Mapping[str, Made]:
    """Find the trend of each week's sales.

    Parameters
    ----------
    features
        The features of the day.

    Returns
    -------
    Mapping[str, Made]
        Table ``sales_trends``.
    """
    weeks = features.once(daily_series).by_week()
    if not len(weeks.periods):
        return {"sales_trends": Made(None, "No whole week of sales up to the day.")}
    trend = local_lines(weeks.sales)
    number = len(weeks.periods)
    before = np.full_like(trend, np.nan)
    before[_MONTH:] = trend[:-_MONTH] if number > _MONTH else trend[:0]
    growth = np.divide(trend, before, out=np.full_like(trend, np.nan), where=before > 0) - 1
    rows = {
        "level": np.tile(weeks.level, number),
        "key": np.tile(weeks.key, number),
        "currency": np.tile(weeks.currency, number),
        "period": np.repeat(weeks.periods, len(weeks)),
        "sales": weeks.sales.ravel(),
        "trend": trend.ravel(),
        "growth": np.ma.masked_invalid(growth.ravel()),
    }
    return {"sales_trends": Made(rows)}


def local_lines(sales: Floats) -> Floats:
    """Smooth series by local lines.

    Parameters
    ----------
    sales
        Float64, a row for each period and a column for each series.

    Returns
    -------
    np.ndarray
        Float64 of the same shape.
    """
    at = np.arange(len(sales), dtype=float)
    smooth = np.empty_like(sales)
    for place in at.astype(int):
        distance = np.abs(at - place) / (SPAN + 1)
        weight = np.clip(1 - distance**3, 0, None) ** 3
        mean = weight @ at / weight.sum()
        spread = weight @ (at - mean) ** 2
        level = weight @ sales / weight.sum()
        slope = (weight * (at - mean)) @ sales / spread if spread > 0 else 0.0
        smooth[place] = level + slope * (place - mean)
    return smooth
