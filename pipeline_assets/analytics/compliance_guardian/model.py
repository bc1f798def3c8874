"""Risk of payments by a scorecard that learns from planted fraud, measured on fraud that it has not seen.

Definition. Fraud is planted among the payments (`planted`), the signals of all are worked out (`signals`), and the
scorecard (`scorecard`) is fitted. The payments as they are, without what was planted, then get signals and scores
anew. Risk is high from HIGH on, medium from MEDIUM on. Baseline: the isolation forest on the same signals.

Scores. The scorecard is fitted on the payments before the last HELD_OUT days, or the last third if that is less, and
ranks those of the last days, among which other fraud was planted. PR-AUC is the average precision; that of chance is
the share of planted payments. k is their number. Of one kind of fraud, the other kinds are left out.

Assumptions: payments were honest but for what was planted. Limits: see `planted`; fewer than MINIMUM payments give no
scores. Unit: probability, 0 to 1, where one payment in a hundred is fraud.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline_assets.analytics.compliance_guardian.baseline import isolation
from pipeline_assets.analytics.compliance_guardian.features import Payments, payments, payments_known
from pipeline_assets.analytics.compliance_guardian.planted import plant
from pipeline_assets.analytics.compliance_guardian.scorecard import fit_scorecard
from pipeline_assets.analytics.compliance_guardian.signals import signals
from pipeline_assets.analytics.compliance_guardian.spec import ALL, KINDS
from pipeline_assets.analytics.prod_set import Coverage, Made, Score

if TYPE_CHECKING:
    from pipeline_assets.analytics.day_features import Features

    Values = np.ndarray[Any, Any]

HIGH, MEDIUM = 0.5, 0.1
MINIMUM: Final = 50
HELD_OUT: Final = 28
_DAY: Final = 86_400
_SEED, _OTHER_SEED = 1, 2
_NOTHING: Final = "There is no payment up to the day."
_TOO_FEW: Final = f"Fewer than {MINIMUM} payments up to the day: no model was fitted, and none has a score."
_LATER: Final = "{later} payments of a time after the day have no score."


def score_payments(features: Features) -> Mapping[str, Made]:
    """Score the risk of every payment, measure the scores, and count the alerts of each day.

    Parameters
    ----------
    features
        The features of the day.

    Returns
    -------
    Mapping[str, Made]
        Tables ``payment_risk``, ``risk_scores`` and ``daily_alerts``.
    """
    made, currencies, later = payments(features)
    if len(made) < MINIMUM:
        none = Made(None, _TOO_FEW if len(made) else _NOTHING)
        return {"payment_risk": none, "risk_scores": none, "daily_alerts": none}
    with_planted, kind = plant(made, int(made.at.min()), int(made.at.max()) + 1, _SEED)
    card = fit_scorecard(signals(with_planted), kind != "")
    found = signals(made)
    score = card.scores(found)
    risk = np.where(score >= HIGH, "high", np.where(score >= MEDIUM, "medium", "low"))
    rows = {
        "payment_id": made.payment_id,
        "score": score,
        "risk": risk,
        "reasons": card.reasons(found),
        "baseline_score": isolation(found, found),
        "paid_at": made.at.astype("datetime64[s]"),
    }
    return {
        "payment_risk": Made(rows, _LATER.format(later=later) if later else "", coverage=(_coverage(features, made),)),
        "risk_scores": measure(made),
        "daily_alerts": Made(_alerts(made, currencies, risk)),
    }


def _coverage(features: Features, made: Payments) -> Coverage:
    """The payments with a score, of those that were made up to the day."""
    return Coverage("payments", len(made), int(features.arrays(payments_known)["payments"][0]))


def measure(made: Payments) -> Made:
    """Measure the model and the baseline on fraud that is planted in the last days.

    Parameters
    ----------
    made
        The payments.

    Returns
    -------
    Made
        Rows of ``risk_scores``; none where the payments are too few.
    """
    begin, end = int(made.at.min()), int(made.at.max()) + 1
    split = end - min(HELD_OUT * _DAY, (end - begin) // 3)
    if min((made.at < split).sum(), (made.at >= split).sum()) < MINIMUM:
        return Made(None, f"Fewer than {MINIMUM} payments before the last days, or in them, to measure by.")
    before, kind_before = plant(made.of(made.at < split), begin, split, _SEED)
    learned = signals(before)
    card = fit_scorecard(learned, kind_before != "")
    after, kind = plant(made, split, end, _OTHER_SEED)
    held_out = after.at >= split
    found, kind = signals(after)[held_out], kind[held_out]
    score, baseline = card.scores(found), isolation(learned, found)
    rows = list(_measures(score, baseline, kind, (end - split) / _DAY))
    missing = [name for name in KINDS if name not in kind]
    note = f"None was planted of {', '.join(missing)}: the payments give no occasion." if missing else ""
    table = {column: np.array([row[column] for row in rows]) for column in rows[0]}
    of_all = next(row for row in rows if row["fraud_type"] == ALL)
    return Made(table, note, (Score("pr_auc", of_all["pr_auc"], of_all["baseline_pr_auc"]),))


def _measures(score: Values, baseline: Values, kind: Values, days: float) -> Iterator[dict[str, Any]]:
    from sklearn.metrics import average_precision_score  # noqa: PLC0415 - see `analytics.prod_set`

    for name in (ALL, *(each for each in KINDS if each in kind)):
        meant = (kind == "") | (kind == name) if name != ALL else np.full(len(kind), fill_value=True)
        planted = kind[meant] != ""
        k = int(planted.sum())
        high = score[meant] >= HIGH
        yield {
            "fraud_type": name,
            "payments": len(planted),
            "planted": k,
            "base_rate": k / len(planted),
            "pr_auc": float(average_precision_score(planted, score[meant])),
            "baseline_pr_auc": float(average_precision_score(planted, baseline[meant])),
            "precision_at_k": _precision(planted, score[meant], k),
            "baseline_precision_at_k": _precision(planted, baseline[meant], k),
            "recall_high": float(high[planted].mean()),
            "alerts_per_day": float(high.sum() / days),
            "false_alerts_per_day": float(high[~planted].sum() / days),
        }


def _precision(planted: Values, score: Values, k: int) -> float:
    """Share of planted payments among the k with the highest scores."""
    return float(planted[np.argsort(-score, kind="stable")[:k]].mean())


def _alerts(made: Payments, currencies: Values, risk: Values) -> dict[str, Values]:
    names, place = np.unique(np.stack([made.at // _DAY, made.currency], axis=1), axis=0, return_inverse=True)
    place = place.ravel()
    high = risk == "high"
    return {
        "day": names[:, 0].astype("datetime64[D]"),
        "currency": currencies[names[:, 1]],
        "payments": np.bincount(place),
        "high": np.bincount(place[high], minlength=len(names)),
        "medium": np.bincount(place[risk == "medium"], minlength=len(names)),
        "amount_high": np.bincount(place, made.amount * high, minlength=len(names)),
    }
