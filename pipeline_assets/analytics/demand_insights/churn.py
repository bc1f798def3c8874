"""Churn: the probability that a customer buys nothing within the next H days.

Definition. H is the 90th percentile of the days between two days with a purchase of the same customer, in whole weeks,
7 to 182 days; the table tells it. Nobody says that they leave, so a customer has churned by a day who bought nothing in
the H days after it. The model is a logistic regression on how lately, how often and how regularly a customer bought,
and on the purchases of the last H, 2 H and 4 H days. It is fitted on what was known of the customers at the ends of
earlier days, H days apart, of which it is known by now who came back. Baseline: the days since the last purchase alone.
Reference: Buckinx and Van den Poel (2005), European Journal of Operational Research 164(1).

Scores. For each of FOLDS days, the newest H days ago, the model is fitted on what was known by that day alone, and
ranks the customers as of it; who bought nothing in the H days after it, was not known then.

Assumptions: customers behave in the next H days as in those before. Limits: no seasons; of who bought once there is
little to tell by; fewer than MINIMUM customers, or none that churned, give no model. Unit: probability, 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from pipeline_assets.analytics.demand_insights.baseline import recency_alone
from pipeline_assets.analytics.demand_insights.features import Purchases, Standing, day_number, purchases
from pipeline_assets.analytics.demand_insights.segments import NOBODY
from pipeline_assets.analytics.prod_set import Made, Score

if TYPE_CHECKING:
    from pipeline_assets.analytics.day_features import Features

    Values = np.ndarray[Any, Any]

#: Probabilities of customers as they stand at the end of a day.
Fitted: TypeAlias = "Callable[[Standing], Values]"

FOLDS: Final = 3
#: Earlier days that the model is fitted on, at most.
SPLITS: Final = 6
#: Customers, or customers at the ends of several days, that the fit wants.
MINIMUM: Final = 50
_QUANTILE: Final = 0.9
_LEAST, _MOST = 7, 182
_TOO_FEW: Final = f"Fewer than {MINIMUM} customers of whom it is known by now whether they came back, or all alike."


def churn_customers(features: Features) -> Mapping[str, Made]:
    """Predict who will not come back, and score the predictions of earlier days.

    Parameters
    ----------
    features
        The features of the day.

    Returns
    -------
    Mapping[str, Made]
        Tables ``customer_churn`` and ``churn_scores``.
    """
    bought = features.once(purchases)
    if not len(bought.customers):
        return {"customer_churn": Made(None, NOBODY), "churn_scores": Made(None, NOBODY)}
    at = day_number(features.as_of)
    days = days_to_churn(bought)
    scores = list(_scores(bought, at, days))
    table = {column: np.array([score[column] for score in scores]) for column in scores[0]} if scores else None
    known = bought.standing(at)
    fitted = fit_churn(bought, at, days)
    rows = {
        "customer_id": bought.customers[known.place],
        "churn_probability": fitted(known),
        "baseline_score": recency_alone(known, days),
        "horizon_days": np.full(len(known), days),
    } if fitted else None  # fmt: skip
    return {
        "customer_churn": Made(rows, "" if fitted else _TOO_FEW),
        "churn_scores": Made(table, "" if scores else _TOO_FEW, tuple(_summary(scores))),
    }


def _summary(scores: list[dict[str, float]]) -> Iterator[Score]:
    """Mean over the folds."""
    if scores:
        auc, baseline = (float(np.mean([each[name] for each in scores])) for name in ("auc", "baseline_auc"))
        yield Score("churn_auc", auc, baseline)


def days_to_churn(bought: Purchases) -> int:
    """Days without a purchase after which a customer counts as having left; whole weeks."""
    gaps = bought.gaps()
    usual = float(np.quantile(gaps, _QUANTILE)) if len(gaps) else 0.0
    return int(np.clip(np.ceil(usual / 7) * 7, _LEAST, _MOST))


def fit_churn(bought: Purchases, at: int, days: int) -> Fitted | None:
    """Fit the model on what is known by a day.

    Parameters
    ----------
    bought
        What customers bought; what they did after `at` is not looked at.
    at
        The day, as a number.
    days
        Days without a purchase that count as having left.

    Returns
    -------
    Fitted or None
        Gives the probabilities of customers; None where there is too little to learn from.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - see `analytics.prod_set`
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415 - see `analytics.prod_set`
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415 - see `analytics.prod_set`

    design, left = [], []
    for split in range(at - days, at - (SPLITS + 1) * days, -days):
        known = bought.standing(split)
        design.append(_design(bought, known, days))
        left.append(bought.later(split, split + days)[0][known.place] == 0)
    labels = np.concatenate(left)
    if len(labels) < MINIMUM or labels.all() or not labels.any():
        return None
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    model.fit(np.concatenate(design), labels)

    def probabilities(known: Standing) -> Values:
        found: Values = model.predict_proba(_design(bought, known, days))[:, 1]
        return found

    return probabilities


def _design(bought: Purchases, known: Standing, days: int) -> Values:
    """What the model knows of each customer, on scales on which a line fits."""
    gap = known.tenure / np.maximum(known.frequency - 1, 1)
    lately = [bought.later(known.at - times * days, known.at)[0][known.place] for times in (1, 2, 4)]
    return np.stack(
        [
            np.log1p(known.recency),
            np.log(known.frequency),
            np.log1p(known.tenure),
            np.log1p(gap),
            np.log1p(known.recency / np.maximum(gap, 1)),
            *map(np.log1p, lately),
        ],
        axis=1,
    )


def _scores(bought: Purchases, at: int, days: int) -> Iterator[dict[str, float]]:
    from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score  # noqa: PLC0415 - see `analytics.prod_set`

    for fold in range(FOLDS):
        split = at - (fold + 1) * days
        known = bought.standing(split)
        left = bought.later(split, split + days)[0][known.place] == 0
        fitted = fit_churn(bought, split, days)
        if fitted is None or left.all() or not left.any():
            return
        ours, baseline = fitted(known), recency_alone(known, days)
        yield {
            "fold": fold + 1,
            "horizon_days": days,
            "customers": len(known),
            "churned": float(left.mean()),
            "auc": float(roc_auc_score(left, ours)),
            "baseline_auc": float(roc_auc_score(left, baseline)),
            "average_precision": float(average_precision_score(left, ours)),
            "baseline_average_precision": float(average_precision_score(left, baseline)),
            "brier": float(brier_score_loss(left, ours)),
        }
