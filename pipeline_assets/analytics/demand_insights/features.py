"""What customers bought, day by day, and what is known of each of them at the end of a day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from pipeline_assets.analytics.features import sold_lines

if TYPE_CHECKING:
    from datetime import date

    from pipeline_assets.analytics.day_features import Features
    from pipeline_assets.analytics.known_day import Frame, KnownDay

    Values = np.ndarray[Any, Any]


def customer_days(features: KnownDay) -> Frame:
    """Net spend of each customer by day and currency; guests are nobody's and left out.

    Parameters
    ----------
    features
        The features of the day.

    Returns
    -------
    nw.LazyFrame
        ``customer_id``, ``currency``, ``day``, ``spend`` (of the currency, returns taken off) and ``most``, the
        greatest quantity of a line, which is negative where goods only came back.
    """
    return (
        features.of(sold_lines)
        .filter(~nw.col("customer_id").is_null())
        .group_by("customer_id", "currency", "day")
        .agg(spend=nw.col("amount").sum(), most=nw.col("quantity").max())
        .sort("customer_id", "currency", "day")
    )


@dataclass(frozen=True, slots=True)
class Purchases:
    """Days on which customers bought or brought back, in the order of customer and day.

    Parameters
    ----------
    customers, currency
        Ids ascending, and the currency that each bought in on most days (the first by name of several).
    who, day
        One entry for each customer and day: the place among the customers, and the day as a number, 0 in 1970.
    spend, bought
        Net spend of the day in the customer's currency, and whether anything was bought.
    mixed
        How many customers bought in other currencies too, the spend in which is left out.
    """

    customers: Values
    currency: Values
    who: Values
    day: Values
    spend: Values
    bought: Values
    mixed: int

    def later(self, after: int, until: int) -> tuple[Values, Values]:
        """Days with a purchase, and net spend, of every customer after one day and until another."""
        meant = (self.day > after) & (self.day <= until)
        number = len(self.customers)
        days = np.bincount(self.who[meant & self.bought], minlength=number)
        return days, np.bincount(self.who[meant], self.spend[meant], number)

    @property
    def note(self) -> str:
        """What people have to know of the spend."""
        return (
            f"Of {self.mixed} customers the spend in currencies but their main one is left out." if self.mixed else ""
        )

    def gaps(self) -> Values:
        """Days from each day with a purchase to the customer's next."""
        who, day = self.who[self.bought], self.day[self.bought]
        gaps: Values = np.diff(day)[np.diff(who) == 0]
        return gaps

    def standing(self, at: int) -> Standing:
        """What is known of each customer who had bought by the end of a day."""
        number = len(self.customers)
        meant = self.bought & (self.day <= at)
        frequency, spend = self.later(-(2**40), at)
        first = np.full(number, at)
        last = np.full(number, at)
        # Rows are in the order of the days: of those written to one place the last one stays.
        last[self.who[meant]] = self.day[meant]
        first[self.who[meant][::-1]] = self.day[meant][::-1]
        place = np.flatnonzero(frequency)
        return Standing(at, place, first[place], last[place], frequency[place], spend[place])


@dataclass(frozen=True, slots=True)
class Standing:
    """Customers who had bought by the end of a day.

    Parameters
    ----------
    at
        The day, as a number.
    place
        Their places among all customers, ascending.
    first, last
        Days of their first and last purchase.
    frequency
        Days with a purchase.
    spend
        Net spend, of the customer's currency.
    """

    at: int
    place: Values
    first: Values
    last: Values
    frequency: Values
    spend: Values

    def __len__(self) -> int:
        return len(self.place)

    @property
    def recency(self) -> Values:
        """Days since the last purchase."""
        return self.at - self.last

    @property
    def tenure(self) -> Values:
        """Days since the first purchase."""
        return self.at - self.first

    @property
    def usual(self) -> Values:
        """Mean net spend of a day with a purchase."""
        usual: Values = self.spend / self.frequency
        return usual


def day_number(day: date) -> int:
    """A day as a number, 0 on the first of 1970."""
    return int(np.datetime64(day, "D").astype(int))


def purchases(features: Features) -> Purchases:
    """What customers bought up to the day of the features.

    Parameters
    ----------
    features
        The features of the day.

    Returns
    -------
    Purchases
        Customers who bought at least once; none where nobody did.
    """
    found = features.arrays(customer_days)
    bought = found["most"] > 0
    buyers = np.isin(found["customer_id"], found["customer_id"][bought])
    customers, who = np.unique(found["customer_id"][buyers].astype("int64"), return_inverse=True)
    names, code = np.unique(found["currency"][buyers].astype(str), return_inverse=True)
    bought, day = bought[buyers], found["day"][buyers].astype("datetime64[D]").astype("int64")
    if not len(customers):
        none = np.array([], dtype="int64")
        return Purchases(customers, names, none, none, none.astype(float), none.astype(bool), 0)
    days_in = np.bincount((who * len(names) + code)[bought], minlength=len(customers) * len(names))
    main = days_in.reshape(len(customers), len(names)).argmax(axis=1)
    spend = np.where(code == main[who], found["spend"][buyers].astype(float), 0.0)
    order = np.lexsort((day, who))
    begins = np.flatnonzero(np.diff(who[order], prepend=-1).astype(bool) | np.diff(day[order], prepend=-1).astype(bool))
    return Purchases(
        customers,
        names[main],
        who[order][begins],
        day[order][begins],
        np.add.reduceat(spend[order], begins),
        np.logical_or.reduceat(bought[order], begins),
        len(np.unique(who[code != main[who]])),
    )
