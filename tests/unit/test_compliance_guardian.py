"""The Compliance Guardian: signals, planted fraud, scores and their reasons."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from pipeline_assets.analytics.compliance_guardian.features import NONE, Payments
from pipeline_assets.analytics.compliance_guardian.model import HIGH, MEDIUM, MINIMUM, measure
from pipeline_assets.analytics.compliance_guardian.planted import plant
from pipeline_assets.analytics.compliance_guardian.prod_set import COMPLIANCE_GUARDIAN
from pipeline_assets.analytics.compliance_guardian.scorecard import ORDINARY, REASONS, C, fit_scorecard, steps_of
from pipeline_assets.analytics.compliance_guardian.signals import SIGNALS, History, signals
from pipeline_assets.analytics.compliance_guardian.spec import KINDS
from pipeline_assets.errors import TerminalError
from tests.worlds.curated_shop import DAY, CuratedShop, MadeSet, days, noon
from tests.worlds.examples import examples

Values = np.ndarray[Any, Any]
_HOUR, _A_DAY = 3_600, 86_400
_BEGIN = 20_000 * _A_DAY
#: Signals that compare with what is ordinary for all, and so with what comes later as well.
_OF_ALL = {"amount_high", "amount_low", "amount_large", "small_run", "rare_hour"}


def payments_of(*rows: Mapping[str, float]) -> Payments:
    """Payments that differ from one of 10 by a guest in cash as the rows say; `hour` counts from a midnight."""
    told = {"amount": 10.0, "currency": 0, "card": NONE, "customer": NONE, "store": 1, "region": 1}
    columns = {name: np.array([row.get(name, default) for row in rows]) for name, default in told.items()}
    return Payments(
        payment_id=np.arange(len(rows)),
        at=_BEGIN + np.array([int(row.get("hour", 0) * _HOUR) for row in rows]),
        declined=np.array([bool(row.get("declined")) for row in rows]),
        refunded=np.array([bool(row.get("refunded")) for row in rows]),
        **columns,
    )


def signal(name: str, *rows: Mapping[str, float]) -> list[float]:
    """One signal of each payment."""
    found: list[float] = signals(payments_of(*rows))[:, list(SIGNALS).index(name)].tolist()
    return found


@cache
def honest(number: int = 6_000, seed: int = 11) -> Payments:
    """Payments of a shop without any fraud, 120 days long: 150 customers, two cards each, six stores of two regions."""
    chance = np.random.default_rng(seed)
    customer = chance.integers(0, 150, number)
    store = (customer + (chance.random(number) < 0.1) * 3) % 6
    made = Payments(
        payment_id=np.arange(number) + 1,
        at=_BEGIN + (chance.integers(0, 120, number) * 24 + chance.normal(14, 3, number)).astype(int) * _HOUR,
        amount=np.round(np.exp(2 + customer % 7 / 5 + chance.normal(0, 0.5, number)), 2),
        currency=np.zeros(number, dtype=int),
        card=np.where(chance.random(number) < 0.7, customer * 2 + (chance.random(number) < 0.2), NONE),
        customer=customer,
        store=store,
        region=store // 3,
        declined=chance.random(number) < 0.01,
        refunded=chance.random(number) < 0.02,
    )
    return made.of(np.argsort(made.at, kind="stable"))


def test_what_came_shortly_before_is_counted_by_card_and_by_customer() -> None:
    with_card = [{"card": 1, "hour": hour} for hour in (0, 0.5, 1, 2.5, 30)]
    assert signal("card_hour", *with_card) == [0, 1, 2, 0, 0]
    assert signal("card_day", *with_card, {"card": 2, "hour": 1}) == [0, 1, 2, 3, 0, 0]
    assert signal("customer_day", {"customer": 1}, {"customer": 1, "hour": 24}, {"customer": 1, "hour": 49}) == [
        0,
        1,
        0,
    ]
    assert signal("card_day", {}, {}, {}) == [0, 0, 0]
    by = {"customer": 1}
    assert signal("stores_day", by, by | {"store": 2, "hour": 1}, by | {"hour": 2}, by | {"hour": 3}) == [0, 1, 2, 2]


def test_cards_and_who_pays_with_them() -> None:
    rows = [{"customer": 1, "card": 1}, {"customer": 1, "card": 2, "hour": 1}, {"customer": 1, "card": 2, "hour": 2}]
    assert signal("new_card", *rows) == [0, 1, 0]
    assert signal("many_cards", *rows, {"customer": 1, "card": 3, "hour": 3}) == [0, 0, 1, 1]
    shared = ({"customer": each, "card": 5, "hour": hour} for hour, each in enumerate((1, 2, 2, 3, 1)))
    assert signal("shared_card", *shared) == [0, 1, 1, 2, 2]


def test_what_was_declined_refunded_or_small_before() -> None:
    no = {"customer": 1, "card": 1, "declined": 1}
    assert signal("declined_run", no, no | {"hour": 1}, {"customer": 1, "hour": 2}, {"customer": 1, "hour": 26}) == [
        *(0, 1, 2, 0)
    ]
    back = {"customer": 1, "refunded": 1}
    assert signal("refunds", back, {"customer": 1, "hour": 700}, {"customer": 1, "hour": 721}) == [0, 1, 0]
    small = {"card": 1, "amount": 0.5}
    assert signal("small_run", small, small, small, {"card": 1}, {}, {}, {}) == [0, 1, 2, 0, 0, 0, 0]


def test_another_region_counts_the_more_the_sooner() -> None:
    by = {"customer": 1}
    elsewhere = {"region": 2, "store": 2}
    assert signal("other_region", by, by | elsewhere | {"hour": 1}, by | {"hour": 9}) == [0, 5, 0]
    assert signal("other_region", by, by | {"region": NONE, "hour": 1}) == [0, 0]
    assert signal("same_amount", {}, {"hour": 1}, {"store": 2, "hour": 2}, {"amount": 11, "hour": 2}) == [0, 1, 0, 0]


def test_an_amount_is_compared_with_those_of_the_customer() -> None:
    usual = [{"customer": 1, "amount": amount, "hour": hour} for hour, amount in enumerate([10, 11, 9, 10] * 5)]
    others = [{"customer": 2, "amount": 40, "hour": hour} for hour in range(20)]
    high = signal("amount_high", *usual, *others, {"customer": 1, "amount": 100, "hour": 50})
    assert high[-1] > 3
    assert max(high[5:20]) < 1
    same_for_another = signal("amount_high", *usual, *others, {"customer": 2, "amount": 40, "hour": 50})
    assert same_for_another[-1] == 0


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(st.tuples(st.integers(-1, 2), st.integers(0, 12), st.booleans()), min_size=1, max_size=25),
    st.sampled_from([None, 1, 3, 10_000]),
)
def test_payments_before_are_those_that_one_by_one_are_found(
    rows: list[tuple[int, int, bool]], window: int | None
) -> None:
    made = payments_of(*({"card": card, "hour": at / _HOUR} for card, at, _ in rows))
    counted = np.array([counts for *_, counts in rows])
    expected = [
        sum(
            counts and other == card and (then, place) < (at, own) and (window is None or at - then <= window)
            for place, (other, then, counts) in enumerate(rows)
        )
        if card != NONE
        else 0
        for own, (card, at, _) in enumerate(rows)
    ]
    assert History(made, made.card).before(window, counted).tolist() == expected


def test_a_signal_looks_at_no_payment_that_was_made_after_it() -> None:
    made = honest()
    early = made.at < _BEGIN + 60 * _A_DAY
    columns = [place for place, name in enumerate(SIGNALS) if name not in _OF_ALL]
    assert np.array_equal(signals(made)[early][:, columns], signals(made.of(early))[:, columns])
    assert (signals(made)[:, columns] > 0).any(axis=0).sum() >= len(columns) - 1
    mixed = np.random.default_rng(1).permutation(len(made))
    assert signals(made.of(mixed)) == pytest.approx(signals(made)[mixed])


def test_planted_fraud_leaves_the_payments_as_they_are_and_is_the_same_again() -> None:
    made, begin, end = honest(), _BEGIN + 30 * _A_DAY, _BEGIN + 60 * _A_DAY
    both, kind = plant(made, begin, end, seed=5)
    again, _ = plant(made, begin, end, seed=5)
    other, _ = plant(made, begin, end, seed=6)
    planted = both.of(kind != "")
    for column in fields(Payments):
        assert np.array_equal(getattr(both, column.name)[: len(made)], getattr(made, column.name))
        assert np.array_equal(getattr(both, column.name), getattr(again, column.name))
    assert len(other) != len(both) or not np.array_equal(other.amount, both.amount)
    assert set(kind[len(made) :]) == set(KINDS)
    assert not set(kind[: len(made)]) - {""}
    assert begin <= planted.at.min() <= planted.at.max() < end
    assert len(np.unique(both.payment_id)) == len(both)
    assert (planted.amount >= 0).all()


def test_planted_fraud_is_found_better_than_by_the_baseline_and_by_chance() -> None:
    found = measure(honest())
    assert found.rows is not None
    assert not found.note
    assert isinstance(found.rows, dict)
    rows = {name: {k: v[place] for k, v in found.rows.items()} for place, name in enumerate(found.rows["fraud_type"])}
    assert set(rows) == {"all", *KINDS}
    of_all = rows.pop("all")
    assert of_all["planted"] == sum(row["planted"] for row in rows.values())
    assert of_all["base_rate"] == of_all["planted"] / of_all["payments"]
    assert of_all["pr_auc"] > of_all["baseline_pr_auc"] > of_all["base_rate"]
    assert of_all["precision_at_k"] > of_all["baseline_precision_at_k"]
    assert all(row["pr_auc"] > 3 * row["base_rate"] for row in rows.values())


def test_shuffled_labels_cannot_be_learned() -> None:
    both, kind = plant(honest(), _BEGIN, _BEGIN + 120 * _A_DAY, seed=5)
    others, other_kind = plant(honest(seed=12), _BEGIN, _BEGIN + 120 * _A_DAY, seed=6)
    shuffle = np.random.default_rng(2).permutation
    truth, other_truth = kind != "", other_kind != ""
    found, other_found = signals(both), signals(others)
    by_chance = average_precision_score(shuffle(other_truth), fit_scorecard(found, shuffle(truth)).scores(other_found))
    learned = average_precision_score(other_truth, fit_scorecard(found, truth).scores(other_found))
    assert by_chance < 3 * other_truth.mean() < learned / 5


def test_payments_in_the_same_steps_count_as_often_as_there_are() -> None:
    both, kind = plant(honest(), _BEGIN, _BEGIN + 120 * _A_DAY, seed=5)
    found, truth = signals(both), kind != ""
    card = fit_scorecard(found, truth)
    steps = steps_of(found)
    design = np.zeros((len(steps), steps.max() + 1))
    np.put_along_axis(design, steps, 1.0, axis=1)
    one_by_one = LogisticRegression(C=C, max_iter=500).fit(design, truth)
    moved = one_by_one.predict_log_proba(design) @ [-1, 1] - (card.points[steps].sum(axis=1) + card.intercept)
    # The intercept is that of another share of fraud; all else is the same.
    assert np.ptp(moved) < 0.02


def test_reasons_are_the_unusual_signals_that_weigh_most() -> None:
    both, kind = plant(honest(), _BEGIN, _BEGIN + 120 * _A_DAY, seed=5)
    found = signals(both)
    card = fit_scorecard(found, kind != "")
    words = {signal.words: place for place, signal in enumerate(SIGNALS.values())}
    told = card.reasons(found).tolist()
    assert told.count(ORDINARY) > len(told) / 3
    for reasons, values in zip(told, found, strict=True):
        each = [] if reasons == ORDINARY else reasons.split("; ")
        assert len(each) <= REASONS
        assert all(values[words[one]] > 0 for one in each)
    assert card.reasons(np.zeros((1, len(SIGNALS)))).tolist() == [ORDINARY]


def test_a_card_that_is_tried_out_is_told_with_its_reasons() -> None:
    both, kind = plant(honest(), _BEGIN, _BEGIN + 120 * _A_DAY, seed=5)
    tried = payments_of(*({"customer": 3, "card": 999, "amount": 0.3, "hour": 2_500 + n / 60} for n in range(8)))
    found = signals(honest().and_also(tried))[-8:]
    card = fit_scorecard(signals(both), kind != "")
    assert (card.scores(found)[3:] >= HIGH).all()
    assert np.diff(card.scores(found))[:3].min() > 0
    assert "several small amounts were tried with the card within a day" in "; ".join(card.reasons(found))


def shop_of(made: Payments) -> CuratedShop:
    """A shop with these payments."""
    shop = CuratedShop()
    first = DAY - days(120)
    for store in range(6):
        shop.put("stores", DAY, store_id=store + 1, region=f"Region {store // 3}")
    for place, payment in enumerate(made.payment_id.tolist()):
        at = noon(first) - timedelta(hours=12) + timedelta(seconds=int(made.at[place] - _BEGIN))
        customer, card = int(made.customer[place]) + 1 or None, int(made.card[place])
        shop.put("orders", DAY, order_id=payment, customer_id=customer, store_id=int(made.store[place]) + 1)
        shop.put(
            "payments",
            DAY,
            payment_id=payment,
            order_id=payment,
            paid_at=at,
            amount=Decimal(str(made.amount[place])),
            card_token=f"token-{card:08d}" if card != NONE else None,
            currency="USD",
        )
    return shop


def test_every_payment_has_a_score_a_risk_and_reasons_without_a_number() -> None:
    made = honest(800)
    found = MadeSet(COMPLIANCE_GUARDIAN, shop_of(made).bucket())
    rows = found.rows("payment_risk", "payment_id", "score", "risk", "reasons", "baseline_score")
    assert [row[0] for row in rows] == sorted(made.payment_id.tolist())
    for _, score, risk, reasons, baseline in rows:
        assert risk == ("high" if score >= HIGH else "medium" if score >= MEDIUM else "low")
        assert 0 <= baseline <= 1
        assert not re.search(r"\d|token", reasons)
    alerts = found.frame("daily_alerts")
    assert alerts["payments"].sum() == len(made)
    assert alerts["high"].sum() == sum(row[2] == "high" for row in rows)
    assert alerts["medium"].sum() == sum(row[2] == "medium" for row in rows)


def test_what_comes_later_changes_no_earlier_set() -> None:
    before = MadeSet(COMPLIANCE_GUARDIAN, shop_of(honest(300)).bucket())
    shop = shop_of(honest(300))
    told = {"order_id": 1, "currency": "USD"}
    shop.put("payments", DAY + days(1), payment_id=9_000, paid_at=noon(DAY - days(9)), **told)
    shop.put("payments", DAY + days(1), payment_id=1, paid_at=noon(DAY - days(9)), amount=Decimal(900), **told)
    shop.delete("payments", DAY + days(2), payment_id=2)
    shop.put("payments", DAY, payment_id=9_001, paid_at=noon(DAY + days(1)), **told)
    again = MadeSet(COMPLIANCE_GUARDIAN, shop.bucket())
    assert again.same_as(before)
    assert again.note("payment_risk") == "1 payments of a time after the day have no score."
    assert not MadeSet(COMPLIANCE_GUARDIAN, shop.bucket(), DAY + days(2)).same_as(before)


@pytest.mark.parametrize(("number", "note"), [(0, "There is no payment"), (MINIMUM - 1, "Fewer than 50 payments")])
def test_of_no_or_few_payments_the_tables_are_empty_and_say_so(number: int, note: str) -> None:
    shop = shop_of(honest(300).of(np.arange(number)))
    found = MadeSet(COMPLIANCE_GUARDIAN, shop.bucket())
    for name, table in found.tables.items():
        assert table.rows == 0
        assert table.note.startswith(note)
        assert found.frame(name).columns == list(COMPLIANCE_GUARDIAN.tables[name].column_names)


def test_one_store_and_one_customer_who_always_pays_the_same_in_cash() -> None:
    shop = CuratedShop()
    for number in range(120):
        at = DAY - days(number)
        shop.put("orders", at, order_id=number + 1, customer_id=1, store_id=1)
        told = {"payment_id": number + 1, "order_id": number + 1, "currency": "ZZZ"}
        shop.put("payments", at, **told, paid_at=noon(at), amount=Decimal(5))
    found = MadeSet(COMPLIANCE_GUARDIAN, shop.bucket())
    assert {risk for (risk,) in found.rows("payment_risk", "risk")} == {"low"}
    assert found.tables["payment_risk"].rows == 120
    assert {currency for (currency,) in found.rows("daily_alerts", "currency")} == {"ZZZ"}
    assert found.note("risk_scores").startswith("Fewer than 50 payments before the last days")


def test_fraud_that_the_payments_give_no_occasion_for_is_named() -> None:
    made = honest()
    nowhere = Payments(**{each.name: getattr(made, each.name) for each in fields(made)} | {"region": made.region * 0})
    found = measure(nowhere)
    assert found.note == "None was planted of geo_jump: the payments give no occasion."


def test_a_lake_without_any_day_is_refused() -> None:
    with pytest.raises(TerminalError, match="the lake has nothing up to 2026-03-02 of payments, orders, stores"):
        MadeSet(COMPLIANCE_GUARDIAN, CuratedShop().bucket())
