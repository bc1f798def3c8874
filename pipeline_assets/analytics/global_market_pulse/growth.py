"""Growth of regions, split into price, volume and mix.

Definition. For a region and two periods of four weeks, with q and s the pieces and the sales of a product i in the
period (1) and in the one before (0), Q and S those of a category c, and p = s / q:

- price: the sum over products sold in both periods of (p1 - p0) q1;
- volume: the sum over categories of (Q1 - Q0) S0 / Q0; a category that was not sold before brings all its sales;
- mix: what is left of S1 - S0: other products within the categories, new ones and those that are gone.

Price and volume are rounded to the cent, mix is the exact rest, so the three add up to the difference. Pieces are
summed within a category only, since those of others may be of another measure. Reference: the price-volume-mix analysis
of controlling, e.g. Marn and Rosiello 1992. Assumptions: a product's price is its sales by its pieces. Limits: a
product of which more came back than was sold has no price; both periods have to lie whole within what the lake knows.
Unit of all: the region's currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from pipeline_assets.analytics.features import sold_lines
from pipeline_assets.analytics.global_market_pulse.features import PERIODS, first_day, regional_sales
from pipeline_assets.analytics.prod_set import Made

if TYPE_CHECKING:
    from pipeline_assets.analytics.day_features import Features
    from pipeline_assets.analytics.known_day import Frame, KnownDay

_SIDE = ["region", "currency", "period"]


def split_growth(features: Features) -> Mapping[str, Made]:
    """Split the growth of each region from period to period.

    Parameters
    ----------
    features
        The features of the day.

    Returns
    -------
    Mapping[str, Made]
        Table ``regional_growth``.
    """
    begins = np.array([first_day(features.as_of, period) for period in range(PERIODS)], dtype="datetime64[D]")
    found = features.arrays(growth_effects)
    whole = begins[found["period"].astype(int) + 1] >= first_known_day(features)
    found = {name: values[whole] for name, values in found.items()}
    period = found["period"].astype(int)
    if not len(period):
        return {"regional_growth": Made(None, "The lake does not know two whole periods of four weeks up to the day.")}
    cents = {name: np.rint(found[name].astype(float) * 100) for name in ("sales", "previous_sales", "price", "volume")}
    mix = cents["sales"] - cents["previous_sales"] - cents["price"] - cents["volume"]
    rows = {
        "region": found["region"],
        "period": begins[period],
        "previous_period": begins[period + 1],
        "sales": _in_units(cents["sales"]),
        "previous_sales": _in_units(cents["previous_sales"]),
        "price_effect": _in_units(cents["price"]),
        "volume_effect": _in_units(cents["volume"]),
        "mix_effect": _in_units(mix),
        "currency": found["currency"],
    }
    return {"regional_growth": Made(rows)}


def first_known_day(features: Features) -> np.datetime64:
    """The first day on which anything was sold; the day after the features' own where nothing was."""
    first = features.of(first_sale).to_native().fetchall()[0][0]
    return np.datetime64(first or features.as_of + timedelta(days=1))


def first_sale(features: KnownDay) -> Frame:
    """The first day of which anything is known to be sold.

    Parameters
    ----------
    features
        What is known at the end of the day.

    Returns
    -------
    nw.LazyFrame
        One row with ``day``, null where nothing was sold.
    """
    return features.of(sold_lines).select(nw.col("day").min())


def growth_effects(features: KnownDay) -> Frame:
    """Sales of regions in each pair of periods, with the effects of price and volume.

    Parameters
    ----------
    features
        The features of the day.

    Returns
    -------
    nw.LazyFrame
        ``region``, ``currency``, ``period`` (0 the newest), ``sales``, ``previous_sales``, ``price``, ``volume``.
    """
    products = features.of(regional_sales)
    categories = products.group_by(*_SIDE, "category").agg(nw.col("quantity").sum(), nw.col("amount").sum())
    regions = products.group_by(*_SIDE).agg(nw.col("amount").sum())
    sold_twice = _paired(products.filter(nw.col("quantity") > 0), "category", "product_id").filter(
        ~nw.col("quantity").is_null(), ~nw.col("quantity_before").is_null()
    )
    # What decimals and whole numbers come to when they are divided is another number on each engine.
    amount, amount_before = (nw.col(name).cast(nw.Float64) for name in ("amount", "amount_before"))
    price = sold_twice.group_by(*_SIDE).agg(
        price=(amount - amount_before / nw.col("quantity_before") * nw.col("quantity")).sum()
    )
    change = nw.col("quantity").fill_null(0) - nw.col("quantity_before").fill_null(0)
    volume = (
        _paired(categories, "category")
        .with_columns(
            volume=nw.when(nw.col("quantity_before") > 0)
            .then(change * amount_before / nw.col("quantity_before"))
            .otherwise(amount.fill_null(0.0))
        )
        .group_by(*_SIDE)
        .agg(nw.col("volume").sum())
    )
    return (
        _paired(regions)
        .filter(~nw.col("amount").is_null() | ~nw.col("amount_before").is_null())
        .join(price, on=_SIDE, how="left")
        .join(volume, on=_SIDE, how="left")
        .select(
            *_SIDE,
            sales=nw.col("amount").fill_null(0),
            previous_sales=nw.col("amount_before").fill_null(0),
            price=nw.col("price").fill_null(0.0),
            volume=nw.col("volume").fill_null(0.0),
        )
        .sort("currency", "region", "period")
    )


def _paired(sales: Frame, *within: str) -> Frame:
    """Sales of periods beside those of the periods before; null where nothing was sold in one of the two."""
    key = [*_SIDE, *within]
    before = sales.select(
        "region",
        "currency",
        *within,
        period=nw.col("period") - 1,
        **{f"{name}_before": nw.col(name) for name in ("quantity", "amount") if name != "quantity" or within},
    )
    both = sales.select(*key, *(["quantity"] if within else []), "amount").join(
        before, on=key, how="full", suffix="_right"
    )
    return both.with_columns(nw.coalesce(name, f"{name}_right").alias(name) for name in key).filter(
        nw.col("period") >= 0, nw.col("period") < PERIODS - 1
    )


def _in_units(cents: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Whole cents as amounts that a decimal of two digits holds exactly."""
    return cents / 100
