"""What is expected of customers without a model: that they go on as they did, and leave the longer they stay away.

Reference: Wübben and von Wangenheim (2008), Instant customer base analysis: managerial heuristics often get it right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pipeline_assets.analytics.demand_insights.features import Standing

    Values = np.ndarray[Any, Any]


def historical_rate(known: Standing, days: int) -> Values:
    """Expect as many purchases a day as there were since the first one; none of who bought on one day only.

    Parameters
    ----------
    known
        The customers.
    days
        The horizon.

    Returns
    -------
    np.ndarray
        Float64, days with a purchase within the horizon.
    """
    rate: Values = (known.frequency - 1) / np.maximum(known.tenure, 1)
    return rate * days


def recency_alone(known: Standing, days: int) -> Values:
    """Score who leaves by the days since the last purchase alone.

    Parameters
    ----------
    known
        The customers.
    days
        Days without a purchase that count as having left; who has been away for so long scores a half.

    Returns
    -------
    np.ndarray
        Float64, 0 to 1; only the order means anything.
    """
    score: Values = known.recency / (known.recency + days)
    return score
