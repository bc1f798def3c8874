"""Signals of a payment: how far it is from what is ordinary, by itself and by the payments before it.

Definition. Each signal is 0 for an ordinary payment and grows with what is unusual of it; SIGNALS says in words what it
tells, and from which values on it is in its first, second and further step. History is that of the customer, or of the
card where a guest paid with one. A signal of a payment looks at no payment that was made after it, but for what is
ordinary for all: the middle amount of a currency, and how much is paid in each hour of the day.

Assumptions: the clock of the source is right; an order's store is where its payment was made. Limits: hours are of UTC,
for who pays in several zones is rare; payments of the same second are in the order of their ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline_assets.analytics.compliance_guardian.features import NONE, Payments

if TYPE_CHECKING:
    Values = np.ndarray[Any, Any]

_HOUR: Final = 3_600
_DAY: Final = 24 * _HOUR
_MONTH: Final = 30 * _DAY
#: Hours within which a customer is not expected in another region.
_TRAVEL: Final = 6
#: How much of the middle amount counts as small, as where a stolen card is tried out.
_SMALL: Final = 1 / 4
#: As many payments as an own history weighs against that of all, and the least deviation of a customer's amounts.
_PRIOR, _LEAST_DEVIATION = 3, 0.3


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal: what it tells, as a reason that people read, and the values at which its steps begin."""

    words: str
    steps: tuple[float, ...]


SIGNALS: Final[Mapping[str, Signal]] = {
    "amount_high": Signal("the amount is far above the customer's usual", (1.0, 1.5, 2.0, 2.5, 3.0, 4.0)),
    "amount_low": Signal("the amount is far below the customer's usual", (1.0, 1.5, 2.0, 2.5, 3.0, 4.0)),
    "amount_large": Signal("the amount is large for this shop", (1.0, 1.75, 2.5, 3.25)),
    "card_hour": Signal("the card was used several times within an hour", (1, 2, 3, 5)),
    "card_day": Signal("the card was used many times within a day", (1, 2, 3, 5, 8)),
    "customer_day": Signal("the customer paid many times within a day", (1, 2, 3, 5, 8)),
    "stores_day": Signal("the customer paid in several stores within a day", (1, 2, 3)),
    "small_run": Signal("several small amounts were tried with the card within a day", (1, 2, 3, 5)),
    "declined_run": Signal("payments of the card or customer were declined within a day", (1, 2, 3)),
    "new_card": Signal("the customer never paid with this card before", (1,)),
    "many_cards": Signal("the customer began to use several cards within a month", (1, 2, 3)),
    "shared_card": Signal("several customers pay with the same card", (1, 2, 3, 4)),
    "other_region": Signal("shortly before the customer paid in another region", (0.1, 3.0, 5.0)),
    "same_amount": Signal("the same amount was paid several times in the store within a day", (1, 2, 4)),
    "rare_hour": Signal("the hour is unusual for this shop", (0.7, 1.4, 2.1)),
    "refunds": Signal("payments of the customer were refunded within a month", (1, 2, 3)),
}


def signals(made: Payments) -> Values:
    """Work out the signals of payments.

    Parameters
    ----------
    made
        The payments, in any order.

    Returns
    -------
    np.ndarray
        Float64, a row for each payment and a column for each of SIGNALS, none of them below zero.
    """
    actor = np.where(made.customer != NONE, made.customer, np.where(made.card != NONE, made.card + 2**31, NONE))
    of_card, of_actor = History(made, made.card), History(made, actor)
    log = np.log1p(made.amount)
    middle = _middle(log, made.currency)
    small = made.amount < _SMALL * np.expm1(middle)
    unusual = _unusual(made, actor, log, middle)
    first = _first_use(made)
    there, store = of_actor.last(made.store)
    moved = there & (store != made.store) & (made.at - of_actor.last(made.at)[1] <= _DAY)
    cents = np.round(made.amount * 100).astype("int64")
    where_and_what = _pairs(made.store, _pairs(made.currency, cents))
    of_amount = History(made, np.where(made.store == NONE, NONE, where_and_what))
    found = {
        "amount_high": np.maximum(unusual, 0),
        "amount_low": np.maximum(-unusual, 0),
        "amount_large": np.maximum(log - middle, 0),
        "card_hour": of_card.before(_HOUR),
        "card_day": of_card.before(_DAY),
        "customer_day": of_actor.before(_DAY),
        "stores_day": of_actor.before(_DAY, moved) + moved,
        "small_run": of_card.before(_DAY, small) * small,
        "declined_run": np.maximum(of_card.before(_DAY, made.declined), of_actor.before(_DAY, made.declined)),
        "new_card": first & (of_actor.before(None) > 0),
        # The first card of all is no new one.
        "many_cards": of_actor.before(_MONTH, first & (of_actor.before(None) > 0)),
        "shared_card": np.maximum(of_card.before(None, first) + first - 1, 0),
        "other_region": _travel(made, of_actor),
        "same_amount": of_amount.before(_DAY),
        "rare_hour": _rare_hour(made),
        "refunds": of_actor.before(_MONTH, made.refunded),
    }
    return (
        np.stack([found[name].astype(float) for name in SIGNALS], axis=1) if len(made) else np.zeros((0, len(SIGNALS)))
    )


class History:
    """Payments by something that they share, each after those before it.

    Parameters
    ----------
    made
        The payments.
    key
        What they share, as a number; `NONE` where a payment shares nothing.
    """

    def __init__(self, made: Payments, key: Values) -> None:
        code = np.unique(key, return_inverse=True)[1].astype("int64")
        self.order = np.lexsort((made.payment_id, made.at, code))
        code, at = code[self.order], made.at[self.order]
        self._shared = key[self.order] != NONE
        self._place = np.arange(len(made))
        self._begin = np.searchsorted(code, code)
        # One number that grows with key and time; the keys are farther apart than any time.
        since = at - (at.min() if len(at) else 0)
        self._apart = 2 * (int(since.max()) + 1 if len(at) else 1) + _MONTH
        self._moment = code * self._apart + since

    def before(self, seconds: int | None, counted: Values | None = None) -> Values:
        """Count the payments before each one that share its key.

        Parameters
        ----------
        seconds
            At most so long before; None is ever before.
        counted
            Which of them count; None is all.

        Returns
        -------
        np.ndarray
            Float64, in the order of the payments; 0 for those that share nothing.
        """
        begin = self._begin
        if seconds is not None:
            begin = np.maximum(begin, np.searchsorted(self._moment, self._moment - seconds))
        if counted is None:
            number = self._place - begin
        else:
            until = np.concatenate([[0.0], np.cumsum(counted[self.order].astype(float))])
            number = until[self._place] - until[begin]
        return self._back(np.where(self._shared, number, 0.0))

    def sum_before(self, values: Values) -> Values:
        """Add up the values of all payments before each one that share its key."""
        until = np.concatenate([[0.0], np.cumsum(values[self.order])])
        return self._back(np.where(self._shared, until[self._place] - until[self._begin], 0.0))

    def last(self, values: Values) -> tuple[Values, Values]:
        """Whether there is a payment just before each one, and its value."""
        there = self._shared & (self._place > self._begin)
        previous = values[self.order][np.maximum(self._place - 1, 0)]
        return self._back(there), self._back(previous)

    def _back(self, values: Values) -> Values:
        result = np.empty_like(values)
        result[self.order] = values
        return result


def _pairs(one: Values, other: Values) -> Values:
    """A code for each pair of values."""
    code: Values = one.astype("int64") * (int(other.max()) + 2 if len(other) else 1) + other + 1
    return np.unique(code, return_inverse=True)[1]


def _middle(log: Values, currency: Values) -> Values:
    """Median of the logarithms of a currency's amounts."""
    middle = np.zeros(len(log))
    for code in np.unique(currency):
        middle[currency == code] = np.median(log[currency == code])
    return middle


def _unusual(made: Payments, actor: Values, log: Values, middle: Values) -> Values:
    """Deviations of an amount from those before it, which the amounts of all stand in for while there are few."""
    history = History(made, np.where(actor == NONE, NONE, _pairs(actor, made.currency)))
    from_middle = log - middle
    spread = float(from_middle.var()) if len(log) else 0.0
    number = history.before(None) + _PRIOR
    mean = history.sum_before(from_middle) / number
    square = (history.sum_before(from_middle**2) + _PRIOR * spread) / number
    deviation = np.sqrt(np.maximum(square - mean**2, 0.0))
    result: Values = (from_middle - mean) / np.maximum(deviation, _LEAST_DEVIATION)
    return result


def _first_use(made: Payments) -> Values:
    """Whether a customer uses a card for the first time."""
    both = (made.card != NONE) & (made.customer != NONE)
    history = History(made, np.where(both, _pairs(made.customer, made.card), NONE))
    first: Values = both & (history.before(None) == 0)
    return first


def _travel(made: Payments, of_actor: History) -> Values:
    """Hours that are missing of `_TRAVEL` since a payment in another region."""
    there, region = of_actor.last(made.region)
    _, at = of_actor.last(made.at)
    jumped = there & (region != made.region) & (region != NONE) & (made.region != NONE)
    return np.where(jumped, np.maximum(_TRAVEL - (made.at - at) / _HOUR, 0.0), 0.0)


def _rare_hour(made: Payments) -> Values:
    """How many times rarer than even the hour is, as a logarithm."""
    hour = made.at // _HOUR % 24
    share = (np.bincount(hour, minlength=24) + 1) / (len(hour) + 24)
    rare: Values = np.maximum(-np.log(share * 24), 0.0)[hour]
    return rare
