"""Sales forecasts by a weighted ridge regression on the weekday and a line, with intervals from its own errors.

Definition. Each series of daily sales y is fitted by y(t) = a + b t + c(weekday of t), the squares weighted by
w(t) = 2 ** (-age / HALF_LIFE) and punished by the ridge ALPHA, which holds line and weekdays of short series back.
Weeks have no weekday. All series share t, w and the punishment, so one solution serves all.

Intervals. The model forecasts periods that it has not seen, from some origins before the end of the series. The errors,
as shares of the scale of their series (the root mean square of its steps from period to period), are pooled over the
series of a level; their quantiles times the scale are the ends of an interval (split conformal prediction, Lei and
others 2018, with errors pooled over series). A series that never fell below zero is not forecast below it.

Scores. RMSSE as of the M5 competition (Makridakis, Spiliotis and Assimakopoulos 2022): the root of the mean squared
error of the held-out periods over the mean squared step before them. The intervals of a fold are made of the errors of
the others.

Assumptions: seasons other than the week are too slow to matter within a horizon; errors of the future are as those of
the origins. Limits: no holidays, no prices, no weather; what begins or ends within the horizon is not foreseen; fewer
than MINIMUM periods give the baseline's forecast, and intervals from the steps of the series alone. Unit: that of the
series' currency.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from pipeline_assets.analytics.market_intelligence.baseline import SEASON, seasonal_naive
from pipeline_assets.analytics.market_intelligence.features import Series, daily_series, stores_that_sold
from pipeline_assets.analytics.prod_set import Coverage, Made, Score

if TYPE_CHECKING:
    from pipeline_assets.analytics.day_features import Features

    Floats = np.ndarray[Any, Any]

Grain = Literal["day", "week"]
#: By grain: how many periods are forecast, how many the fit wants, the age at which a period weighs half, and the
#: periods between two origins of the back-test.
HORIZON: Final = {"day": 28, "week": 8}
MINIMUM: Final = {"day": 28, "week": 6}
HALF_LIFE: Final = {"day": 56.0, "week": 16.0}
SPACING: Final = {"day": 14, "week": 4}
FOLDS: Final = 4
ALPHA: Final = 1.0
SHARES: Final = (80, 95)
_NOTHING: Final = "Nothing was sold up to the day."


@dataclass(frozen=True, slots=True)
class Fold:
    """One back-test: what was forecast, by the baseline too, and what came; `scale` is one number for each series."""

    forecast: Floats
    baseline: Floats
    actual: Floats
    scale: Floats


def forecast_sales(features: Features) -> Mapping[str, Made]:
    """Forecast the sales of the days and weeks to come, and score the forecasts of those that were.

    Parameters
    ----------
    features
        The features of the day.

    Returns
    -------
    Mapping[str, Made]
        Tables ``sales_forecast`` and ``forecast_scores``.
    """
    days = features.once(daily_series)
    forecasts: list[dict[str, Floats]] = []
    scores: list[dict[str, Floats]] = []
    grains: tuple[tuple[Grain, Series], ...] = (("day", days), ("week", days.by_week()))
    for grain, series in grains:
        if len(series.periods):
            folds = list(back_test(series, grain))
            forecasts.append(_forecast_table(series, grain, folds))
            scores += _score_tables(series, grain, folds)
    return {
        "sales_forecast": Made(
            _stacked(forecasts), "" if forecasts else _NOTHING, coverage=(_coverage(features, days),)
        ),
        "forecast_scores": Made(
            _stacked(scores), "" if scores else "Too few periods for a back-test.", tuple(_summary(scores))
        ),
    }


def _coverage(features: Features, days: Series) -> Coverage:
    """The stores with a series, of those that sold anything."""
    sold = features.arrays(stores_that_sold)["store_id"]
    return Coverage("stores", len(np.unique(days.key[days.level == "store"])), len(sold))


def fitted_forecast(sales: Floats, horizon: int, grain: Grain) -> Floats:
    """Forecast the periods after the last one.

    Parameters
    ----------
    sales
        Float64, a row for each period and a column for each series, the newest period last.
    horizon
        How many periods are forecast.
    grain
        What a period is.

    Returns
    -------
    np.ndarray
        Float64, `horizon` rows and a column for each series.
    """
    from sklearn.linear_model import Ridge  # noqa: PLC0415 - see `analytics.prod_set`

    known = len(sales)
    if known < MINIMUM[grain]:
        return seasonal_naive(sales, horizon, SEASON[grain])
    design = _design(np.arange(known + horizon) - known + 1, grain)
    weights = 0.5 ** (np.arange(known)[::-1] / HALF_LIFE[grain])
    ridge = Ridge(alpha=ALPHA).fit(design[:known], sales, sample_weight=weights)
    forecast = ridge.predict(design[known:]).reshape(horizon, -1)
    kept: Floats = np.where(sales.min(axis=0) >= 0, np.maximum(forecast, 0.0), forecast)
    return kept


def _design(at: Floats, grain: Grain) -> Floats:
    """A line, in units of the half-life, and the place in the week; `at` is 0 at the newest known period."""
    line = (at / HALF_LIFE[grain])[:, None]
    if grain == "week":
        return line
    return np.hstack([line, np.eye(SEASON["day"])[at % SEASON["day"]]])


def back_test(series: Series, grain: Grain) -> Iterator[Fold]:
    """Forecast held-out periods from earlier origins, the newest first.

    Parameters
    ----------
    series
        The series.
    grain
        What their periods are.

    Yields
    ------
    Fold
        At most `FOLDS`; fewer, or none, where the series are short.
    """
    horizon = HORIZON[grain]
    for number in range(FOLDS):
        origin = len(series.periods) - horizon - number * SPACING[grain]
        if origin < MINIMUM[grain]:
            return
        before = series.sales[:origin]
        yield Fold(
            fitted_forecast(before, horizon, grain),
            seasonal_naive(before, horizon, SEASON[grain]),
            series.sales[origin : origin + horizon],
            _scale(before),
        )


def _scale(sales: Floats) -> Floats:
    """Root mean square of the steps of each series; 1 where it has none."""
    steps = np.diff(sales, axis=0)
    scale = np.sqrt((steps**2).mean(axis=0)) if len(steps) else np.zeros(sales.shape[1])
    return np.where(scale > 0, scale, 1.0)


def _widths(series: Series, folds: list[Fold]) -> dict[int, Floats]:
    """Half the widths of intervals by share, one for each series as a multiple of its scale, the same within a level.

    Where there is no fold they are those of a normal distribution, whose error is as a step of the series.

    Returns
    -------
    dict[int, Floats]
        By the share of 100 periods that should fall into the interval.
    """
    widths = {}
    for share in SHARES:
        width = np.full(len(series), {80: 1.2816, 95: 1.96}[share])
        for level in np.unique(series.level) if folds else ():
            mine = series.level == level
            errors = [np.abs(fold.actual - fold.forecast)[:, mine] / fold.scale[mine] for fold in folds]
            width[mine] = np.quantile(np.concatenate(errors), share / 100)
        widths[share] = width
    return widths


def _forecast_table(series: Series, grain: Grain, folds: list[Fold]) -> dict[str, Floats]:
    horizon = HORIZON[grain]
    forecast = fitted_forecast(series.sales, horizon, grain)
    step = np.timedelta64(7 if grain == "week" else 1, "D")
    first = series.periods[-1] + step
    table = {
        **_named(series, horizon, grain),
        "period": np.repeat(first + step * np.arange(horizon), len(series)),
        "forecast": forecast.ravel(),
        "baseline": seasonal_naive(series.sales, horizon, SEASON[grain]).ravel(),
    }
    scale = _scale(series.sales)
    never_below = series.sales.min(axis=0) >= 0
    for share, width in _widths(series, folds).items():
        lower = forecast - width * scale
        table[f"lower_{share}"] = np.where(never_below, np.maximum(lower, 0.0), lower).ravel()
        table[f"upper_{share}"] = (forecast + width * scale).ravel()
    return table


def _score_tables(series: Series, grain: Grain, folds: list[Fold]) -> Iterator[dict[str, Floats]]:
    for number, fold in enumerate(folds):
        others = [other for place, other in enumerate(folds) if place != number]
        table = {
            **_named(series, 1, grain),
            "fold": np.full(len(series), number + 1),
            "rmsse": _rmsse(fold.forecast, fold),
            "baseline_rmsse": _rmsse(fold.baseline, fold),
        }
        for share, width in _widths(series, others).items():
            inside = np.abs(fold.actual - fold.forecast) <= width * fold.scale
            table[f"coverage_{share}"] = inside.mean(axis=0)
        yield table


def _summary(scores: list[dict[str, Floats]]) -> Iterator[Score]:
    """Means over all series and back-tests, by grain."""
    for grain in HORIZON:
        mine = [table for table in scores if table["grain"][0] == grain]
        if mine:
            means = [
                float(np.mean(np.concatenate([table[name] for table in mine]))) for name in ("rmsse", "baseline_rmsse")
            ]
            yield Score(f"rmsse_{grain}", means[0], means[1], lower_is_better=True)


def _rmsse(forecast: Floats, fold: Fold) -> Floats:
    error: Floats = np.sqrt(((fold.actual - forecast) ** 2).mean(axis=0)) / fold.scale
    return error


def _named(series: Series, times: int, grain: Grain) -> dict[str, Floats]:
    return {
        "level": np.tile(series.level, times),
        "key": np.tile(series.key, times),
        "currency": np.tile(series.currency, times),
        "grain": np.full(times * len(series), grain),
    }


def _stacked(tables: list[dict[str, Floats]]) -> dict[str, Floats] | None:
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]} if tables else None
