"""Payments with who paid, where and what with, in the order of their ids."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

if TYPE_CHECKING:
    from pipeline_assets.analytics.day_features import Features
    from pipeline_assets.analytics.known_day import Frame, KnownDay

    Values = np.ndarray[Any, Any]

#: Code of a payment without a card, a guest, an order without a store, and a payment that is made in no region.
NONE = -1


def all_payments(features: KnownDay) -> Frame:
    """All payments of the lake, whatever became of them.

    Parameters
    ----------
    features
        The features of the day.

    Returns
    -------
    nw.LazyFrame
        ``payment_id``, ``paid_at``, ``amount``, ``currency``, ``status``; ``later``, whether its time is after the day;
        ``card`` (its token), ``customer``, ``store`` and ``region``, empty where there is none: without a card, a
        guest, an order that the lake does not have, one that was made online.
    """
    lake = features.lake
    end = nw.lit(features.as_of + timedelta(days=1)).cast(nw.Datetime("us"))
    region = nw.when(nw.col("channel") == "online").then(nw.lit("")).otherwise(nw.col("region"))
    orders = lake.table("orders").select("order_id", "customer_id", "store_id", "channel")
    stores = lake.table("stores").select("store_id", "region")
    placed = orders.join(stores, on="store_id", how="left").select(
        "order_id",
        customer=nw.col("customer_id").cast(nw.String),
        store=nw.col("store_id").cast(nw.String),
        region=region,
    )
    return (
        lake.table("payments")
        .select(
            *("payment_id", "order_id", "paid_at", "amount", "currency", "status"),
            card=nw.col("card_token"),
            later=nw.col("paid_at") >= end,
        )
        .join(placed, on="order_id", how="left")
        .with_columns(nw.col("card", "customer", "store", "region").fill_null(""))
        .drop("order_id")
        .sort("payment_id")
    )


def payments_known(features: KnownDay) -> Frame:
    """How many payments the lake has of a time up to the day.

    Parameters
    ----------
    features
        What is known at the end of the day.

    Returns
    -------
    nw.LazyFrame
        One row with ``payments``.
    """
    end = nw.lit(features.as_of + timedelta(days=1)).cast(nw.Datetime("us"))
    return features.lake.table("payments").filter(nw.col("paid_at") < end).select(nw.len().alias("payments"))


@dataclass(frozen=True, slots=True)
class Payments:
    """Payments, one entry of each array for each.

    Parameters
    ----------
    payment_id, at
        Id, and second it was made at, 0 in 1970.
    amount, currency
        Amount, and code of the currency.
    card, customer, store, region
        Codes from 0; `NONE` where there is none.
    declined, refunded
        What became of it.
    """

    payment_id: Values
    at: Values
    amount: Values
    currency: Values
    card: Values
    customer: Values
    store: Values
    region: Values
    declined: Values
    refunded: Values

    def __len__(self) -> int:
        return len(self.payment_id)

    def of(self, chosen: Values) -> Payments:
        """Those that are chosen, by a mask or by their places."""
        return Payments(*(getattr(self, each.name)[chosen] for each in fields(self)))

    def and_also(self, others: Payments) -> Payments:
        """These, and others behind them."""
        pairs = ((getattr(self, each.name), getattr(others, each.name)) for each in fields(self))
        return Payments(*map(np.concatenate, pairs))


def payments(features: Features) -> tuple[Payments, Values, int]:
    """Payments up to the end of the day of the features.

    Parameters
    ----------
    features
        The features of the day.

    Returns
    -------
    tuple of Payments, np.ndarray and int
        The payments, the names of the currencies by their codes, and how many payments are of a time after the day.
    """
    every = features.arrays(all_payments)
    later = np.asarray(every["later"], dtype=bool)
    found = {name: column[~later] for name, column in every.items()}
    currencies, currency = np.unique(found["currency"].astype(str), return_inverse=True)
    made = Payments(
        payment_id=found["payment_id"].astype("int64"),
        at=found["paid_at"].astype("datetime64[s]").astype("int64"),
        amount=found["amount"].astype(float),
        currency=currency,
        **{name: _codes(found[name]) for name in ("card", "customer", "store", "region")},
        declined=found["status"] == "declined",
        refunded=found["status"] == "refunded",
    )
    return made, currencies, int(later.sum())


def _codes(texts: Values) -> Values:
    names, code = np.unique(texts.astype(str), return_inverse=True)
    first = 1 if len(names) and not names[0] else 0
    return np.asarray(code - first, dtype="int64")
