"""The isolation forest: how easily a payment is told from all others by cuts at random, without knowing any fraud.

Reference: Liu, Ting and Zhou (2008), Isolation forest, IEEE ICDM. The score is that of the paper, 0 to 1; from about
0.5 on a payment is easier to isolate than most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np

    Values = np.ndarray[Any, Any]

_TREES: Final = 50
_SEED: Final = 7


def isolation(learned: Values, scored: Values) -> Values:
    """Score payments by an isolation forest.

    Parameters
    ----------
    learned
        Signals of the payments that the forest is made of.
    scored
        Signals of the payments that are scored.

    Returns
    -------
    np.ndarray
        Float64, 0 to 1, one for each scored payment.
    """
    from sklearn.ensemble import IsolationForest  # noqa: PLC0415 - see `analytics.prod_set`

    forest = IsolationForest(n_estimators=_TREES, random_state=_SEED).fit(learned)
    score: Values = -forest.score_samples(scored)
    return score
