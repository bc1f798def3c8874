"""A scorecard: points for each step of each signal, which add up to the odds of fraud.

Definition. Every signal is cut into the steps of SIGNALS; a logistic regression on which step each signal is in, with
ridge penalty 1 / C, gives each step its points (logarithms of odds). The score is the probability that their sum and
the intercept make, where one payment in a hundred is fraud: the intercept is moved there from the share of fraud that
the scorecard learned from (prior correction, King and Zeng 2001). The reasons of a payment are the signals whose points
are most above those of an ordinary step 0, at most REASONS of them, each at least LEAST; so a reason always is
something unusual of the payment. Reference: Thomas, Edelman and Crook (2002), Credit scoring and its applications,
chapter 4.

Assumptions: signals add up and do not depend on one another. Limits: learned from planted fraud alone. Unit:
probability, 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline_assets.analytics.compliance_guardian.signals import SIGNALS

if TYPE_CHECKING:
    Values = np.ndarray[Any, Any]

C: Final = 1.0
#: Share of fraud that the scores are probabilities at.
RATE: Final = 0.01
REASONS: Final = 3
LEAST: Final = 0.7
ORDINARY: Final = "nothing unusual"
_STEPS: Final = [len(signal.steps) + 1 for signal in SIGNALS.values()]
#: Where the steps of each signal begin among all.
_BEGIN: Final = np.concatenate([[0], np.cumsum(_STEPS)[:-1]])


@dataclass(frozen=True, slots=True)
class Scorecard:
    """A fitted scorecard: the points of each step of each signal, one after the other, and the intercept."""

    points: Values
    intercept: float

    def scores(self, found: Values) -> Values:
        """Score payments by their signals; float64, 0 to 1."""
        from scipy.special import expit  # noqa: PLC0415 - see `analytics.prod_set`

        return np.asarray(expit(self.points[steps_of(found)].sum(axis=1) + self.intercept))

    def reasons(self, found: Values) -> Values:
        """Say in words why payments have their scores.

        Parameters
        ----------
        found
            Signals of the payments.

        Returns
        -------
        np.ndarray
            Text, the strongest reason first; `ORDINARY` where there is none.
        """
        steps = steps_of(found)
        above = np.where(steps > _BEGIN, self.points[steps] - self.points[_BEGIN], 0.0)
        strongest = np.argsort(-above, axis=1, kind="stable")[:, :REASONS]
        told = np.where(np.take_along_axis(above, strongest, axis=1) >= LEAST, strongest, -1)
        # Few combinations are among many payments.
        combinations, place = np.unique(told, axis=0, return_inverse=True)
        words = [signal.words for signal in SIGNALS.values()]
        texts = ["; ".join(words[each] for each in those if each >= 0) or ORDINARY for those in combinations]
        of_each: Values = np.array(texts, dtype=object)[place.ravel()]
        return of_each


def steps_of(found: Values) -> Values:
    """The step that each signal of each payment is in, counted over the steps of all signals."""
    pairs = zip(found.T, SIGNALS.values(), strict=True)
    steps: Values = np.stack([np.digitize(column, signal.steps) for column, signal in pairs], axis=1) + _BEGIN
    return steps


def fit_scorecard(found: Values, planted: Values) -> Scorecard:
    """Fit the points.

    Parameters
    ----------
    found
        Signals of the payments.
    planted
        Bool, which of them are fraud; some are, and some are not.

    Returns
    -------
    Scorecard
        The fitted scorecard.
    """
    from scipy.sparse import csr_matrix  # noqa: PLC0415 - see `analytics.prod_set`
    from scipy.special import logit  # noqa: PLC0415 - see `analytics.prod_set`
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - see `analytics.prod_set`

    steps = steps_of(found)
    # Many payments are in the same steps: one row stands for all of them, with their number as its weight.
    alike = np.ravel_multi_index((steps - _BEGIN).T, _STEPS) * 2 + planted
    _, first, number = np.unique(alike, return_index=True, return_counts=True)
    steps, labels = steps[first], planted[first]
    ends = np.arange(0, steps.size + 1, steps.shape[1])
    design = csr_matrix((np.ones(steps.size), steps.ravel(), ends), shape=(len(steps), sum(_STEPS)))
    fitted = LogisticRegression(C=C, max_iter=500).fit(design, labels, sample_weight=number)
    intercept = float(fitted.intercept_[0]) - logit(planted.mean()) + logit(RATE)
    return Scorecard(fitted.coef_[0], float(intercept))
