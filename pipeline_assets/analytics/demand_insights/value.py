"""Lifetime value: the purchases expected within the horizon, times what the customer is expected to spend on each.

Definition. A purchase is a day with one. Purchases come of the BG/NBD model (`purchase_rate`), fitted on all customers;
spend of the Gamma-Gamma model (`spend`), fitted for each currency. Baseline: the historical rate, times the customer's
own mean spend. Reference: Fader, Hardie and Lee (2005), RFM and CLV: using iso-value curves, Journal of Marketing
Research 42(4).

Scores. Both predict a last part of what is known from what is before it; the mean absolute error alone would reward
predicting nothing for everybody, so there are the root of the mean squared one, the correlation, the error of the sum,
and what the tenth with the highest prediction spent against the mean.

Assumptions: those of the two models; what is left of a customer's life after the horizon counts for nothing. Limits: no
margins and no discounting; with fewer than MINIMUM customers who came back the historical rate stands for the model.
Units: days with a purchase within HORIZON days; amounts in the customer's currency.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline_assets.analytics.demand_insights.baseline import historical_rate
from pipeline_assets.analytics.demand_insights.features import Purchases, Standing, day_number, purchases
from pipeline_assets.analytics.demand_insights.purchase_rate import fit_purchase_rate
from pipeline_assets.analytics.demand_insights.segments import NOBODY, SPAN, hold_out_days
from pipeline_assets.analytics.demand_insights.spend import fit_spend
from pipeline_assets.analytics.prod_set import Made, Score

if TYPE_CHECKING:
    from pipeline_assets.analytics.day_features import Features

    Values = np.ndarray[Any, Any]

HORIZON: Final = SPAN
#: Customers who came back, of whom a model is fitted.
MINIMUM: Final = 20
_WEEK: Final = 7
_NO_MODEL: Final = (
    f"Fewer than {MINIMUM} customers came back, or all spend the same, so the historical rate and the own mean spend"
    " stand for the model of {what}."
)


@dataclass(frozen=True, slots=True)
class Prediction:
    """Days with a purchase and spend of each customer within a horizon, by the model and by the baseline.

    `plain` names what the data were too few to model.
    """

    purchases: Values
    value: Values
    baseline_purchases: Values
    baseline_value: Values
    plain: tuple[str, ...]

    @property
    def note(self) -> str:
        """What people have to know of it."""
        return _NO_MODEL.format(what=" and of ".join(self.plain)) if self.plain else ""


def value_customers(features: Features) -> Mapping[str, Made]:
    """Predict what each customer will be worth, and score the predictions of an earlier day.

    Parameters
    ----------
    features
        The features of the day.

    Returns
    -------
    Mapping[str, Made]
        Tables ``customer_value`` and ``value_scores``.
    """
    bought = features.once(purchases)
    if not len(bought.customers):
        return {"customer_value": Made(None, NOBODY), "value_scores": Made(None, NOBODY)}
    known = bought.standing(day_number(features.as_of))
    predicted = predict(known, bought.currency[known.place], HORIZON)
    rows = {
        "customer_id": bought.customers[known.place],
        "horizon_days": np.full(len(known), HORIZON),
        "expected_purchases": predicted.purchases,
        "expected_value": predicted.value,
        "baseline_value": predicted.baseline_value,
        "currency": bought.currency[known.place],
    }
    return {
        "customer_value": Made(rows, " ".join(filter(None, (bought.note, predicted.note)))),
        "value_scores": _scores(bought, known.at),
    }


def predict(known: Standing, currency: Values, days: int) -> Prediction:
    """Predict purchases and spend of customers.

    Parameters
    ----------
    known
        The customers as of the day after which the horizon begins.
    currency
        The currency of each.
    days
        The horizon.

    Returns
    -------
    Prediction
        An entry for each customer.
    """
    again, usual = known.frequency - 1, np.maximum(known.usual, 0.0)
    baseline = historical_rate(known, days)
    expected, spend, plain = baseline, usual.copy(), []
    lasting = (known.last - known.first) / _WEEK, known.tenure / _WEEK
    rate = fit_purchase_rate(again, *lasting) if (again > 0).sum() >= MINIMUM else None
    if rate:
        expected = rate.expected(days / _WEEK, again, *lasting)
    else:
        plain.append("purchases")
    for name in np.unique(currency):
        mine = currency == name
        enough = (mine & (again > 0)).sum() >= MINIMUM
        fitted = fit_spend(known.frequency[mine], usual[mine]) if enough else None
        if fitted:
            spend[mine] = fitted.expected(known.frequency[mine], usual[mine])
        else:
            plain.append(f"spend in {name}")
    return Prediction(expected, expected * spend, baseline, baseline * usual, tuple(plain))


def _scores(bought: Purchases, at: int) -> Made:
    days = hold_out_days(bought, at)
    known = bought.standing(at - days)
    if not days or len(known) < MINIMUM:
        return Made(None, f"Fewer than {MINIMUM} customers, or too few days, to predict a part that is known already.")
    currency = bought.currency[known.place]
    predicted = predict(known, currency, days)
    came, spent = (values[known.place] for values in bought.later(at - days, at))
    rows = []
    for name in np.unique(currency):
        mine = currency == name
        rows += [
            {
                "target": target,
                "currency": name,
                "horizon_days": days,
                "customers": int(mine.sum()),
                **dict(_measures(model[mine], actual[mine], "")),
                **dict(_measures(baseline[mine], actual[mine], "baseline_")),
            }
            for target, model, baseline, actual in (
                ("purchases", predicted.purchases, predicted.baseline_purchases, came),
                ("value", predicted.value, predicted.baseline_value, spent),
            )
        ]
    table = {column: np.array([row[column] for row in rows]) for column in rows[0]}
    known_only = {column: np.ma.masked_invalid(v) if v.dtype.kind == "f" else v for column, v in table.items()}
    return Made(known_only, predicted.note, tuple(_summary(rows)))


def _summary(rows: list[dict[str, Any]]) -> Iterator[Score]:
    """Mean over currencies."""
    for target in ("purchases", "value"):
        mine = [each for each in rows if each["target"] == target]
        error, baseline = (float(np.mean([each[name] for each in mine])) for name in ("rmse", "baseline_rmse"))
        yield Score(f"{target}_rmse", error, baseline, lower_is_better=True)


def _measures(predicted: Values, actual: Values, begin: str) -> Iterator[tuple[str, float]]:
    """Measures of a prediction; nan where the customers are all alike and there is none."""
    error = predicted - actual
    varied = np.ptp(predicted) > 0 and np.ptp(actual) > 0
    best = np.argsort(-predicted, kind="stable")[: max(1, len(predicted) // 10)]
    total = float(actual.sum())
    yield f"{begin}rmse", float(np.sqrt((error**2).mean()))
    yield f"{begin}mae", float(np.abs(error).mean())
    yield f"{begin}correlation", float(np.corrcoef(predicted, actual)[0, 1]) if varied else np.nan
    yield f"{begin}bias", float(error.sum()) / total if total > 0 else np.nan
    yield f"{begin}top_lift", float(actual[best].mean() / actual.mean()) if total > 0 else np.nan
