"""RFM segments: customers by how lately, how often and for how much they bought.

Definition. Recency is the days since the last purchase, frequency the days with one, monetary the net spend. Each gives
a score of 1 to 5: the customers stand in a row, the worst first, and the row is cut into five parts as even as can be,
larger parts first (NTILE of SQL). Ties: customers with the same value all have the score of the first of them, so that
no score depends on an id. Spend is compared among customers of the same currency only. A segment is the first of RULES
(`spec`) that the scores meet; one of them always is met. Reference: Hughes, Strategic Database Marketing (1994).

Scores of the segments. Customers are put into segments as of SPAN days ago, or a third of what is known if that is
less; what they spent since, against the mean of all, says whether the segments tell who spends.

Assumptions: how people bought says how they will. Limits: scores are relative to the customers there are, so one with
the same purchases may change segment when others change; spend in a currency other than a customer's main one is left
out of monetary. Units: days; amounts in the customer's currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline_assets.analytics.demand_insights.features import Purchases, Standing, day_number, purchases
from pipeline_assets.analytics.demand_insights.spec import RULES
from pipeline_assets.analytics.prod_set import Made

if TYPE_CHECKING:
    from pipeline_assets.analytics.day_features import Features

    Values = np.ndarray[Any, Any]

PARTS: Final = 5
#: Days after a split over which predictions are compared with what came; whole weeks.
SPAN: Final = 91
NOBODY: Final = "No customer bought anything up to the day."


def segment_customers(features: Features) -> Mapping[str, Made]:
    """Put customers into segments, and measure whether the segments of an earlier day told who would spend.

    Parameters
    ----------
    features
        The features of the day.

    Returns
    -------
    Mapping[str, Made]
        Tables ``customer_segments`` and ``segment_scores``.
    """
    bought = features.once(purchases)
    if not len(bought.customers):
        return {"customer_segments": Made(None, NOBODY), "segment_scores": Made(None, NOBODY)}
    known = bought.standing(day_number(features.as_of))
    currency = bought.currency[known.place]
    r, f, m, segment = _scored(known, currency)
    rows = {
        "customer_id": bought.customers[known.place],
        "recency_days": known.recency,
        "frequency": known.frequency,
        "monetary": known.spend,
        "currency": currency,
        "r_score": r,
        "f_score": f,
        "m_score": m,
        "segment": segment,
    }
    return {"customer_segments": Made(rows, bought.note), "segment_scores": _separation(bought, known.at)}


def quintiles(values: Values) -> Values:
    """Score values from 1, the lowest, to 5.

    Parameters
    ----------
    values
        Numbers, the better the greater.

    Returns
    -------
    np.ndarray
        Int64; equal for equal values.

    Examples
    --------
    >>> quintiles(np.array([30, 10, 20, 20, 50, 40])).tolist()
    [3, 1, 1, 1, 5, 4]
    """
    number = len(values)
    if not number:
        return np.array([], dtype="int64")
    worse = np.searchsorted(np.sort(values), values)
    size, larger = divmod(number, PARTS)
    in_larger = larger * (size + 1)
    part = np.where(worse < in_larger, worse // (size + 1), larger + (worse - in_larger) // max(size, 1))
    return part.astype("int64") + 1


def segments_of(r_score: Values, f_score: Values, m_score: Values) -> Values:
    """Name the segment of each customer, by the scores.

    Parameters
    ----------
    r_score, f_score, m_score
        Scores of recency, frequency and spend, 1 to 5.

    Returns
    -------
    np.ndarray
        Text, one of RULES.
    """
    scores = np.stack([r_score, f_score, m_score])
    least, most = np.array(list(RULES.values())).transpose(2, 0, 1)[..., None]
    fits = ((scores >= least) & (scores <= most)).all(axis=1)
    named: Values = np.array(list(RULES))[fits.argmax(axis=0)]
    return named


def hold_out_days(bought: Purchases, at: int) -> int:
    """Days that are held out of what is known up to a day, to compare predictions with; 0 where that is too little."""
    third = (at - int(bought.day.min()) + 1) // 3 if len(bought.day) else 0
    return min(SPAN, third - third % 7)


def _scored(known: Standing, currency: Values) -> tuple[Values, Values, Values, Values]:
    r, f = quintiles(-known.recency), quintiles(known.frequency)
    m = np.zeros(len(known), dtype="int64")
    # What was added up is compared to the cent.
    spend = np.round(known.spend, 2)
    for name in np.unique(currency):
        m[currency == name] = quintiles(spend[currency == name])
    return r, f, m, segments_of(r, f, m)


def _separation(bought: Purchases, at: int) -> Made:
    days = hold_out_days(bought, at)
    known = bought.standing(at - days)
    if not days or not len(known):
        return Made(None, "Too few days for segments of an earlier day.")
    currency = bought.currency[known.place]
    segment = _scored(known, currency)[-1]
    later = bought.later(at - days, at)[1][known.place]
    names, who = np.unique(np.stack([segment, currency], axis=1), axis=0, return_inverse=True)
    number = np.bincount(who.ravel())
    mean = np.bincount(who.ravel(), later) / number
    of_all = np.array([later[currency == name].mean() for name in names[:, 1]])
    return Made(
        {
            "segment": names[:, 0],
            "currency": names[:, 1],
            "horizon_days": np.full(len(names), days),
            "customers": number,
            "later_spend": mean,
            "lift": np.ma.masked_invalid(np.divide(mean, of_all, out=np.full(len(mean), np.nan), where=of_all > 0)),
        }
    )
