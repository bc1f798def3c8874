"""How much customers spend when they buy: the Gamma-Gamma model.

Definition. What a customer spends on a purchase is Gamma(p, n) distributed, and the rate n of a customer is
Gamma(q, v) distributed over customers. With x purchases of the mean m,

    ln L = ln G(p x + q) - ln G(p x) - ln G(q) + q ln v + (p x - 1) ln m + p x ln x - (p x + q) ln (x m + v)

and the mean spend expected of the customer is p (v + x m) / (p x + q - 1): the own mean, drawn to that of all, p v /
(q - 1), the more the fewer purchases there are. Reference: Fader and Hardie (2013), The Gamma-Gamma model of monetary
value.

Assumptions: what customers spend does not depend on how often they buy, and does not change. Limits: amounts above zero
only; who brought back more than they bought counts as having spent nothing. Unit: that of the amounts, one currency.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    Values = np.ndarray[Any, Any]

_BOUNDS: Final = (-9.0, 9.0)
#: For q of at most one the mean of all is infinite.
_Q_BOUNDS: Final = (float(np.log(1.01)), 9.0)


@dataclass(frozen=True, slots=True)
class Spend:
    """Parameters of a fitted Gamma-Gamma model, as in the module's formula."""

    p: float
    q: float
    v: float

    def log_likelihood(self, x: Values, mean: Values) -> Values:
        """Log-likelihood of each customer.

        Parameters
        ----------
        x
            Purchases, at least one.
        mean
            Their mean amount, above zero.

        Returns
        -------
        np.ndarray
            Float64.
        """
        from scipy.special import gammaln  # noqa: PLC0415 - see `analytics.prod_set`

        p, q, v = self.p, self.q, self.v
        of_x = gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(v)
        result: Values = of_x + (p * x - 1) * np.log(mean) + p * x * np.log(x) - (p * x + q) * np.log(x * mean + v)
        return result

    def expected(self, x: Values, mean: Values) -> Values:
        """Mean amount expected of each customer's purchases to come; `x` and `mean` as for the likelihood, or zero."""
        expected: Values = self.p * (self.v + x * np.maximum(mean, 0.0)) / (self.p * x + self.q - 1)
        return expected


def fit_spend(x: Values, mean: Values) -> Spend | None:
    """Fit the model by maximum likelihood, of the customers whose mean is above zero.

    Parameters
    ----------
    x
        Purchases of each customer.
    mean
        Their mean amount.

    Returns
    -------
    Spend or None
        None where the data determine no parameters, as where everybody spends the same.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 - see `analytics.prod_set`

    paid = (mean > 0) & (x > 0)
    if not paid.any() or np.ptp(mean[paid]) == 0:
        return None
    unit = float(mean[paid].mean())
    x, scaled = x[paid], mean[paid] / unit

    def loss(logs: Values) -> float:
        return -float(Spend(*np.exp(logs)).log_likelihood(x, scaled).mean())

    bounds = [_BOUNDS, _Q_BOUNDS, _BOUNDS]
    begin = np.array([0.0, 1.0, 0.0])
    found = minimize(loss, begin, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-12, "gtol": 1e-7})
    if not np.isfinite(found.fun):
        return None
    p, q, v = np.exp(found.x)
    return Spend(float(p), float(q), float(v * unit))
