"""The models of customers against the published figures of CDNOW's: 2,357 customers, 39 weeks known and 39 to foretell.

Figures: Fader, Hardie and Lee (2005), "Counting your customers" the easy way; Fader and Hardie (2013), The Gamma-Gamma
model of monetary value. The purchases are in a wheel that is for nothing else.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pipeline_assets.analytics.demand_insights.features import Purchases
from pipeline_assets.analytics.demand_insights.purchase_rate import PurchaseRate, fit_purchase_rate
from pipeline_assets.analytics.demand_insights.segments import quintiles, segments_of
from pipeline_assets.analytics.demand_insights.spend import fit_spend
from pipeline_assets.analytics.demand_insights.value import predict

Values = np.ndarray[Any, Any]
_SPLIT = int(np.datetime64("1997-09-30", "D").astype(int))
_END = int(np.datetime64("1998-06-30", "D").astype(int))
_WEEKS = 39


@cache
def cdnow() -> Purchases:
    package = find_spec("lifetimes")
    assert package is not None
    assert package.origin is not None
    lines = (Path(package.origin).parent / "datasets" / "CDNOW_sample.txt").read_text().splitlines()
    rows = [line.split() for line in lines if line.strip()]
    customers, who = np.unique([int(row[1]) for row in rows], return_inverse=True)
    day = np.array([f"{row[2][:4]}-{row[2][4:6]}-{row[2][6:]}" for row in rows], "datetime64[D]").astype(int)
    days, place = np.unique(np.stack([who, day], axis=1), axis=0, return_inverse=True)
    spend = np.bincount(place.ravel(), [float(row[4]) for row in rows])
    currency = np.full(len(customers), "USD")
    return Purchases(customers, currency, days[:, 0], days[:, 1], spend, np.ones(len(days), dtype=bool), 0)


@cache
def lasting() -> tuple[Values, Values, Values]:
    known = cdnow().standing(_SPLIT)
    return known.frequency - 1, (known.last - known.first) / 7, known.tenure / 7


@cache
def fitted() -> PurchaseRate:
    rate = fit_purchase_rate(*lasting())
    assert rate is not None
    return rate


@cache
def came() -> Values:
    return cdnow().later(_SPLIT, _END)[0]


def test_the_purchases_are_those_of_the_papers() -> None:
    assert len(cdnow().standing(_SPLIT)) == 2_357
    assert (lasting()[0].sum(), came().sum()) == (2_457, 1_882)


def test_the_rate_of_purchases_has_the_published_parameters() -> None:
    rate = fitted()
    assert [rate.r, rate.alpha, rate.a, rate.b] == pytest.approx([0.243, 4.414, 0.793, 2.426], rel=0.005)
    assert rate.log_likelihood(*lasting()).sum() == pytest.approx(-9_582.4, abs=0.05)


def test_the_held_out_weeks_are_foretold_as_published_and_better_than_by_the_rate_before() -> None:
    expected = fitted().expected(_WEEKS, *lasting())
    assert np.corrcoef(expected, came())[0, 1] == pytest.approx(0.626, abs=0.002)
    assert expected.sum() == pytest.approx(1_653, abs=5)
    assert np.sqrt(((expected - came()) ** 2).mean()) == pytest.approx(1.608, abs=0.005)
    days = _WEEKS * 7
    predicted = predict(cdnow().standing(_SPLIT), cdnow().currency, days)
    assert predicted.purchases == pytest.approx(expected)
    naive = np.sqrt(((predicted.baseline_purchases - came()) ** 2).mean())
    assert naive == pytest.approx(2.212, abs=0.005)


def test_the_spend_has_the_published_parameters() -> None:
    """Published are those of repeat purchases alone, as the summaries that come with the purchases have them."""
    package = find_spec("lifetimes")
    assert package is not None
    assert package.origin is not None
    path = Path(package.origin).parent / "datasets" / "cdnow_customers_summary_with_transactions.csv"
    _, x, _, _, mean = np.loadtxt(path, delimiter=",", skiprows=1).T
    again = x > 0
    spend = fit_spend(x[again], mean[again])
    assert again.sum() == 946
    assert spend is not None
    assert [spend.p, spend.q, spend.v] == pytest.approx([6.25, 3.74, 15.44], rel=0.005)
    assert spend.expected(np.zeros(1), np.zeros(1)) == pytest.approx(35.17, abs=0.1)


def test_who_is_expected_to_buy_least_is_who_does_not_come_back() -> None:
    away = came() == 0
    assert away.mean() == pytest.approx(0.710, abs=0.001)
    assert roc_auc_score(away, -fitted().expected(_WEEKS, *lasting())) == pytest.approx(0.773, abs=0.002)


def test_segments_tell_who_will_spend() -> None:
    known = cdnow().standing(_SPLIT)
    scores = quintiles(-known.recency), quintiles(known.frequency), quintiles(np.round(known.spend, 2))
    segment = segments_of(*scores)
    later = cdnow().later(_SPLIT, _END)[1]
    assert later[segment == "champions"].mean() >= 3 * later.mean()
    assert later[segment == "champions"].mean() > later[segment == "loyal"].mean() > later[segment == "lost"].mean()
