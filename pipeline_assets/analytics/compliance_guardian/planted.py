"""Planted fraud: payments that are made up, put among those that were made, to learn from and to measure by.

Nobody has told which payments were fraud, so fraud of KINDS is made up: each episode begins at a real payment, its
victim, and differs at random in size, speed and amounts, so that some of it looks like what honest customers do. Which
payments are planted is kept apart from the payments: nothing that works on payments can see it.

Limits: measured is how well fraud like this is found. Real fraud may be otherwise, and real fraud among the payments
counts as honest here. What is found of the kinds is therefore no promise; that a kind is not found is a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from pipeline_assets.analytics.compliance_guardian.features import NONE, Payments
from pipeline_assets.analytics.compliance_guardian.spec import KINDS

if TYPE_CHECKING:
    Values = np.ndarray[Any, Any]

_MINUTE: Final = 60
_HOUR: Final = 3_600
#: Planted payments of each kind as a share of the payments, and at least so many episodes of it.
SHARE, EPISODES = 0.002, 5


@dataclass(frozen=True, slots=True)
class Fraud:
    """One planted payment; what is not said is the victim's."""

    after: float
    amount: float
    card: int
    customer: int
    store: int
    region: int
    declined: bool = False


class Scene:
    """Where fraud is planted: the payments of a period, and the chance by which it differs.

    Parameters
    ----------
    made
        The payments.
    cards
        Codes of cards below this one are in use.
    chance
        The source of chance.
    """

    def __init__(self, made: Payments, cards: int, chance: np.random.Generator) -> None:
        self.made = made
        self.chance = chance
        self.middle = {
            int(code): float(np.median(made.amount[made.currency == code])) for code in np.unique(made.currency)
        }
        self._cards = cards

    def new_card(self) -> int:
        """A card that nobody used."""
        self._cards += 1
        return self._cards - 1

    def between(self, least: float, most: float) -> float:
        """A number between two."""
        return float(self.chance.uniform(least, most))

    def wait(self, days: int) -> float:
        """Seconds until some time within so many days: mostly about the same hour, in a third of cases any hour."""
        hours = 24 if self.between(0, 3) < 1 else 2
        return int(self.chance.integers(days)) * 24 * _HOUR + self.between(0, hours) * _HOUR

    def several(self, least: int, most: int) -> range:
        """So many times, at least and at most."""
        return range(int(self.chance.integers(least, most + 1)))

    def someone(self) -> int:
        """The place of any payment."""
        return int(self.chance.integers(len(self.made)))

    def as_of(self, victim: int) -> Fraud:
        """A payment like that of the victim, at the same time."""
        made = self.made
        middle = self.middle[int(made.currency[victim])]
        card, customer, store, region = (
            int(code[victim]) for code in (made.card, made.customer, made.store, made.region)
        )
        return Fraud(0.0, max(float(made.amount[victim]), middle), card, customer, store, region)

    def elsewhere(self, victim: int) -> tuple[int, int] | None:
        """A store and its region, other than the victim's; None where there is no other."""
        made = self.made
        others = np.flatnonzero((made.region != NONE) & (made.region != made.region[victim]))
        if made.region[victim] == NONE or not len(others):
            return None
        place = self.chance.choice(others)
        return int(made.store[place]), int(made.region[place])


def _card_testing(scene: Scene, victim: int) -> Iterator[Fraud]:
    """A stolen card is tried out online with small amounts, some of them declined."""
    like, middle = scene.as_of(victim), scene.middle[int(scene.made.currency[victim])]
    stolen = scene.new_card() if scene.between(0, 2) < 1 or like.card == NONE else like.card
    after, pause = scene.wait(2), scene.between(1, 60) * _MINUTE
    for _ in scene.several(2, 9):
        after += pause * scene.between(0.2, 1.8)
        declined = scene.between(0, 4) < 1
        amount = middle * scene.between(0.01, 0.3)
        yield replace(like, after=after, amount=amount, card=stolen, region=NONE, declined=declined)


def _velocity(scene: Scene, victim: int) -> Iterator[Fraud]:
    """A card is used up quickly, in one store after the other."""
    like = scene.as_of(victim)
    card = like.card if like.card != NONE else scene.new_card()
    after, pause = scene.wait(2), scene.between(10, 120) * _MINUTE
    for _ in scene.several(2, 6):
        after += pause * scene.between(0.2, 1.8)
        store = scene.someone()
        there = replace(like, store=int(scene.made.store[store]), region=int(scene.made.region[store]))
        yield replace(there, after=after, amount=like.amount * scene.between(0.5, 2), card=card)


def _amount_outlier(scene: Scene, victim: int) -> Iterator[Fraud]:
    """One purchase for many times of what is usual."""
    like = scene.as_of(victim)
    yield replace(like, after=scene.wait(3), amount=like.amount * scene.between(3, 12))


def _ring(scene: Scene, victim: int) -> Iterator[Fraud]:
    """Some customers share one or two cards, in one store, for amounts that are much the same."""
    like = scene.as_of(victim)
    members = [int(scene.made.customer[scene.someone()]) for _ in scene.several(2, 5)]
    cards = [scene.new_card() for _ in scene.several(1, 2)]
    amount, even = like.amount * scene.between(1, 3), scene.between(0, 2) < 1
    for _ in scene.several(3, 8):
        card, member = int(scene.chance.choice(cards)), int(scene.chance.choice(members))
        paid = float(round(amount)) if even else amount * scene.between(0.8, 1.2)
        yield replace(like, after=scene.wait(7), amount=paid, card=card, customer=member)


def _geo_jump(scene: Scene, victim: int) -> Iterator[Fraud]:
    """A copied card is used in another region, soon after its owner used it."""
    like, there = scene.as_of(victim), scene.elsewhere(victim)
    if there:
        store, region = there
        after, amount = scene.between(5, 240) * _MINUTE, like.amount * scene.between(0.7, 3)
        yield replace(like, after=after, amount=amount, store=store, region=region)


Episode: TypeAlias = Callable[[Scene, int], Iterator[Fraud]]
#: By kind of fraud, what an episode of it is.
EPISODE: Final[Mapping[str, Episode]] = dict(
    zip(KINDS, (_card_testing, _velocity, _amount_outlier, _ring, _geo_jump), strict=True)
)


def plant(made: Payments, begin: int, end: int, seed: int) -> tuple[Payments, Values]:
    """Plant fraud among payments.

    Parameters
    ----------
    made
        The payments that were made.
    begin, end
        Seconds, 0 in 1970: victims paid from the first on and before the second, and so are the planted payments.
    seed
        Number that decides all chance.

    Returns
    -------
    tuple of Payments and np.ndarray
        The payments and those that are planted behind them, and of each the kind: text, empty for what was made.
    """
    within = made.of((made.at >= begin) & (made.at < end))
    frauds: list[tuple[int, str, Fraud]] = []
    if len(within):
        scene = Scene(within, int(made.card.max()) + 1, np.random.default_rng(seed))
        for kind, episode in EPISODE.items():
            planted, episodes = 0, 0
            # A kind that a shop of one region cannot have ends as well.
            while episodes < EPISODES or (planted < SHARE * len(within) and episodes < SHARE * len(within) * 4):
                victim, episodes = scene.someone(), episodes + 1
                found = [(victim, kind, fraud) for fraud in episode(scene, victim)]
                kept = [each for each in found if within.at[victim] + each[2].after < end]
                frauds += kept
                planted += len(kept)
    kinds = np.array([""] * len(made) + [kind for _, kind, _ in frauds])
    if not frauds:
        return made, kinds
    victims = np.array([victim for victim, _, _ in frauds])
    told = [fraud for _, _, fraud in frauds]
    added = Payments(
        payment_id=int(made.payment_id.max()) + 1 + np.arange(len(told)),
        at=within.at[victims] + np.array([fraud.after for fraud in told]).astype("int64"),
        amount=np.round([fraud.amount for fraud in told], 2),
        currency=within.currency[victims],
        card=np.array([fraud.card for fraud in told]),
        customer=np.array([fraud.customer for fraud in told]),
        store=np.array([fraud.store for fraud in told]),
        region=np.array([fraud.region for fraud in told]),
        declined=np.array([fraud.declined for fraud in told]),
        refunded=np.zeros(len(told), dtype=bool),
    )
    return made.and_also(added), kinds
