"""How often customers will buy: the BG/NBD model.

Definition. While active a customer buys at a rate of their own, which is Gamma(r, alpha) distributed over customers;
after each purchase a customer leaves for good with a probability of their own, Beta(a, b) distributed. With x repeat
purchases, the last one t_x after the first, and T since the first,

    ln L = ln G(r + x) - ln G(r) + r ln alpha + ln B(a, b + x) - ln B(a, b)
           + ln [(alpha + T)^-(r + x) + (x > 0) a / (b + x - 1) (alpha + t_x)^-(r + x)]

and the purchases expected in the time t to come are, with z = t / (alpha + T + t),

    E = (a + b + x - 1) / (a - 1) [1 - (1 - z)^(a - 1) F(a + b - 1 - r, a - 1; a + b + x - 1; z)]
        / [1 + (x > 0) a / (b + x - 1) ((alpha + T) / (alpha + t_x))^(r + x)]

where F is the hypergeometric function, by Euler's transformation of the published one, which overflows for customers
who buy every day. Reference: Fader, Hardie and Lee (2005), "Counting your customers" the easy way, Marketing Science
24(2).

Assumptions: rates neither change nor follow seasons; rate and leaving are independent. Limits: who bought once counts
as active, so the probability of being active tells nothing of them; purchases before the first known one are unknown.
Unit of time: that of the data, here weeks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    Values = np.ndarray[Any, Any]

#: Logarithms of the parameters stay within these, where nothing overflows.
_BOUNDS: Final = (-9.0, 9.0)
#: The expectation has no value at a = 1, and is smooth around it.
_NEAR_ONE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class PurchaseRate:
    """Parameters of a fitted BG/NBD model, as in the module's formula."""

    r: float
    alpha: float
    a: float
    b: float

    def log_likelihood(self, x: Values, last: Values, known: Values) -> Values:
        """Log-likelihood of each customer.

        Parameters
        ----------
        x
            Repeat purchases.
        last, known
            Time from the first purchase to the last one, and to the end of what is known.

        Returns
        -------
        np.ndarray
            Float64.
        """
        from scipy.special import betaln, gammaln  # noqa: PLC0415 - see `analytics.prod_set`

        r, alpha, a, b = self.r, self.alpha, self.a, self.b
        begin = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + betaln(a, b + x) - betaln(a, b)
        active = -(r + x) * np.log(alpha + known)
        left = np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + last)
        result: Values = begin + np.logaddexp(active, np.where(x > 0, left, -np.inf))
        return result

    def expected(self, time: float, x: Values, last: Values, known: Values) -> Values:
        """Purchases expected of each customer in the time to come.

        Parameters
        ----------
        time
            How long.
        x, last, known
            As for the likelihood.

        Returns
        -------
        np.ndarray
            Float64, not negative.
        """
        from scipy.special import hyp2f1  # noqa: PLC0415 - see `analytics.prod_set`

        r, alpha, b = self.r, self.alpha, self.b
        a = self.a if abs(self.a - 1) > _NEAR_ONE else 1 + _NEAR_ONE
        z = time / (alpha + known + time)
        stay = (1 - z) ** (a - 1) * hyp2f1(a + b - 1 - r, a - 1, a + b + x - 1, z)
        odds = np.log(a) - np.log(b + np.maximum(x, 1) - 1) + (r + x) * np.log((alpha + known) / (alpha + last))
        active = np.where(x > 0, 1 / (1 + np.exp(np.minimum(odds, 700.0))), 1.0)
        expected: Values = np.maximum((a + b + x - 1) / (a - 1) * (1 - stay) * active, 0.0)
        return expected


def fit_purchase_rate(x: Values, last: Values, known: Values) -> PurchaseRate | None:
    """Fit the model by maximum likelihood.

    Parameters
    ----------
    x
        Repeat purchases of each customer.
    last, known
        Time from the first purchase to the last one, and to the end of what is known.

    Returns
    -------
    PurchaseRate or None
        None where the data determine no parameters.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 - see `analytics.prod_set`

    unit = float(known.mean()) if len(known) else 0.0
    if unit <= 0 or not (x > 0).any():
        return None
    scaled = last / unit, known / unit

    def loss(logs: Values) -> float:
        mean = PurchaseRate(*np.exp(logs)).log_likelihood(x, *scaled).mean()
        return -float(mean)

    found = minimize(loss, np.zeros(4), method="L-BFGS-B", bounds=[_BOUNDS] * 4, options={"ftol": 1e-12, "gtol": 1e-7})
    if not np.isfinite(found.fun):
        return None
    r, alpha, a, b = np.exp(found.x)
    return PurchaseRate(float(r), float(alpha * unit), float(a), float(b))
