"""The seasonal naive forecast: a period is as the last known one of the same season was.

Of days the season is the week; weeks have none that some months of sales could show, so a week is as the last one was.
Reference: Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd edition, section 5.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

#: Periods of one season.
SEASON = {"day": 7, "week": 1}


def seasonal_naive(sales: np.ndarray[Any, Any], horizon: int, season: int) -> np.ndarray[Any, Any]:
    """Forecast by the last season.

    Parameters
    ----------
    sales
        Float64, a row for each period and a column for each series, the newest period last.
    horizon
        How many periods are forecast.
    season
        Periods of one season; fewer where there are fewer periods.

    Returns
    -------
    np.ndarray
        Float64, `horizon` rows and a column for each series.

    Examples
    --------
    >>> seasonal_naive(np.array([[9.0], [1.0], [2.0]]), horizon=3, season=2).ravel().tolist()
    [1.0, 2.0, 1.0]
    """
    last = sales[-season:]
    return last[np.arange(horizon) % len(last)]
