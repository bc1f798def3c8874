"""What regions buy more or less of than all do, shrunk by how little is known, and what could be sold there.

Definition. Over the last twelve weeks the index of a category in a region is its share of the region's sales over its
share of all sales (the location quotient). With e the lines that the region would have of the category, if it bought as
all do, the shrunk index is 1 + z (index - 1) with the credibility z = e / (e + k); k is the ratio of what one line
varies to what regions vary, estimated over all cells of a currency (Buehlmann and Straub 1970). The baseline is the
share in all regions: an index of 1.

Opportunities. Where the shrunk index is below 1, the size is what the region would have to sell besides to have the
share of all; the confidence is the chance that its lines are fewer than e not by accident, as of a normal approximation
of Poisson counts. They are ranked by size times confidence.

Scores. The indexes of the twelve weeks before the last four times the shares of all in the last four weeks, against the
region's own shares in them: mean absolute error over categories, beside that of the index as it is and of the baseline.

Assumptions: regions differ in taste, not in what they are offered. Limits: a category that a region does not buy at all
has an index of 0; a region of less than some hundred lines tells little. Unit of amounts: the row's currency.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline_assets.analytics.global_market_pulse.features import category_sales
from pipeline_assets.analytics.prod_set import Made, Score

if TYPE_CHECKING:
    from pipeline_assets.analytics.day_features import Features

    Floats = np.ndarray[Any, Any]

#: Periods of four weeks that an index is made of, and that it is held against.
_SPAN: Final = 3
_NOTHING: Final = "Nothing was sold in the twelve weeks up to the day."
_ALIKE: Final = "Of no region is it known that it buys less of a category than all regions do."


@dataclass(frozen=True, slots=True)
class Cells:
    """Regions by categories of one currency: sales and lines, each a matrix of float64."""

    regions: Floats
    categories: Floats
    sales: Floats
    lines: Floats


@dataclass(frozen=True, slots=True)
class Indexes:
    """Indexes of all cells; `all_shares` is one number for each category."""

    all_shares: Floats
    shares: Floats
    index: Floats
    shrunk: Floats
    expected_lines: Floats


def compare_regions(features: Features) -> Mapping[str, Made]:
    """Compare what regions buy, find what could be sold there, and score the comparison on weeks held out.

    Parameters
    ----------
    features
        The features of the day.

    Returns
    -------
    Mapping[str, Made]
        Tables ``regional_index``, ``market_opportunities`` and ``index_scores``.
    """
    found = features.arrays(category_sales)
    tables: dict[str, list[dict[str, Floats]]] = {"regional_index": [], "market_opportunities": [], "index_scores": []}
    for currency in np.unique(found["currency"].astype(str)):
        now = cells_of(found, currency, range(_SPAN))
        if now.sales.sum() > 0:
            indexes = indexes_of(now)
            tables["regional_index"].append(_index_table(now, indexes, currency))
            tables["market_opportunities"].append(_opportunities(now, indexes, currency))
        before, last = cells_of(found, currency, range(1, _SPAN + 1)), cells_of(found, currency, range(1))
        if before.sales.sum() > 0 and last.sales.sum() > 0:
            tables["index_scores"].append(_scores(before, last, currency))
    scores = {"index_scores": tuple(_summary(tables["index_scores"]))}
    return {name: Made(_stacked(made), _note(name, tables), scores.get(name, ())) for name, made in tables.items()}


def _note(name: str, tables: Mapping[str, list[dict[str, Floats]]]) -> str:
    """Why a table has no rows, where it has none."""
    if any(len(each["region"]) for each in tables[name]):
        return ""
    if name == "index_scores":
        return "The lake knows too little to hold four weeks out."
    return _ALIKE if tables[name] else _NOTHING


def _summary(scores: list[dict[str, Floats]]) -> Iterator[Score]:
    """Mean error over all regions."""
    if scores:
        means = [
            float(np.mean(np.concatenate([each[name] for each in scores]))) for name in ("error", "baseline_error")
        ]
        yield Score("share_error", means[0], means[1], lower_is_better=True)


def cells_of(found: Mapping[str, Floats], currency: str, periods: range) -> Cells:
    """Sum sales and lines of some periods by region and category.

    Parameters
    ----------
    found
        Columns of the feature `category_sales`.
    currency
        The currency.
    periods
        Which periods.

    Returns
    -------
    Cells
        All regions and categories of the currency, in their order, also those that sold nothing in the periods.
    """
    mine = found["currency"] == currency
    regions, region = np.unique(found["region"][mine].astype(str), return_inverse=True)
    categories, category = np.unique(found["category"][mine].astype(str), return_inverse=True)
    within = np.isin(found["period"][mine], list(periods))
    sales, lines = np.zeros((len(regions), len(categories))), np.zeros((len(regions), len(categories)))
    np.add.at(sales, (region[within], category[within]), found["amount"][mine][within].astype(float))
    np.add.at(lines, (region[within], category[within]), found["lines"][mine][within].astype(float))
    return Cells(regions, categories, np.maximum(sales, 0.0), lines)


def indexes_of(cells: Cells) -> Indexes:
    """Compare the shares of each region with those of all.

    Parameters
    ----------
    cells
        Sales and lines of one currency, some above zero.

    Returns
    -------
    Indexes
        Of a category that nobody bought the index is 1.
    """
    of_category, of_region = cells.sales.sum(axis=0), cells.sales.sum(axis=1, keepdims=True)
    all_shares = of_category / of_category.sum()
    shares = np.divide(cells.sales, of_region, out=np.zeros_like(cells.sales), where=of_region > 0)
    index = np.divide(shares, all_shares, out=np.ones_like(shares), where=(all_shares > 0) & (of_region > 0))
    expected = cells.lines.sum(axis=1, keepdims=True) * cells.lines.sum(axis=0) / max(cells.lines.sum(), 1.0)
    spread = expected + _ratio_of_variances(index, expected)
    credibility = np.divide(expected, spread, out=np.zeros_like(expected), where=spread > 0)
    return Indexes(all_shares, shares, index, 1 + credibility * (index - 1), expected)


def _ratio_of_variances(index: Floats, expected: Floats) -> float:
    """What one line varies over what regions vary, by moments: the squared deviation of a cell is b + w / lines."""
    known = expected > 0
    squares, inverse = (index[known] - 1) ** 2, 1 / expected[known]
    if not known.any():
        return 1.0
    weight = expected[known]
    mean_inverse = np.average(inverse, weights=weight)
    spread = np.average((inverse - mean_inverse) ** 2, weights=weight)
    slope = np.average((inverse - mean_inverse) * (squares - np.average(squares, weights=weight)), weights=weight)
    within = max(slope / spread, 0.0) if spread > 0 else 0.0
    between = max(float(np.average(squares, weights=weight)) - within * mean_inverse, 1e-9)
    return max(within / between, 0.0)


def _index_table(cells: Cells, indexes: Indexes, currency: str) -> dict[str, Floats]:
    bought = cells.sales.sum(axis=0) > 0
    sold = cells.sales.sum(axis=1) > 0
    kept = np.ix_(sold, bought)
    return {
        **_named(cells, sold, bought, currency),
        "share": indexes.shares[kept].ravel(),
        "index": indexes.index[kept].ravel(),
        "shrunk_index": indexes.shrunk[kept].ravel(),
        "lines": cells.lines[kept].ravel().astype("int64"),
    }


def _named(cells: Cells, regions: Floats, categories: Floats, currency: str) -> dict[str, Floats]:
    names, kinds = cells.regions[regions], cells.categories[categories]
    return {
        "region": np.repeat(names, len(kinds)),
        "category": np.tile(kinds, len(names)),
        "currency": np.full(len(names) * len(kinds), currency),
    }


def _opportunities(cells: Cells, indexes: Indexes, currency: str) -> dict[str, Floats]:
    from scipy.stats import norm  # noqa: PLC0415 - see `analytics.prod_set`

    of_region = cells.sales.sum(axis=1, keepdims=True)
    size = np.round((1 - indexes.shrunk) * indexes.all_shares * of_region, 2)
    expected = np.maximum(indexes.expected_lines, 1e-9)
    confidence = norm.cdf((expected - cells.lines) / np.sqrt(expected))
    lacking = (size > 0) & (of_region > 0)
    region, category = np.nonzero(lacking)
    worth = size[lacking] * confidence[lacking]
    # The same rank in every run: of equals the one that comes first by name.
    order = np.lexsort((category, region, -worth))
    rank = np.empty(len(worth), dtype="int64")
    rank[order] = np.arange(1, len(worth) + 1)
    return {
        "region": cells.regions[region],
        "category": cells.categories[category],
        "size": size[lacking],
        "confidence": confidence[lacking],
        "rank": rank,
        "currency": np.full(len(worth), currency),
    }


def _scores(before: Cells, last: Cells, currency: str) -> dict[str, Floats]:
    indexes = indexes_of(before)
    of_all = last.sales.sum(axis=0) / last.sales.sum()
    there = last.sales.sum(axis=1) > 0
    shares = last.sales[there] / last.sales[there].sum(axis=1, keepdims=True)

    def error(index: Floats) -> Floats:
        foretold = index[there] * of_all
        whole = foretold.sum(axis=1, keepdims=True)
        foretold = np.divide(foretold, whole, out=np.zeros_like(foretold), where=whole > 0)
        mean: Floats = np.abs(foretold - shares).mean(axis=1)
        return mean

    return {
        "region": before.regions[there],
        "error": error(indexes.shrunk),
        "raw_error": error(indexes.index),
        "baseline_error": error(np.ones_like(indexes.index)),
        "currency": np.full(int(there.sum()), currency),
    }


def _stacked(tables: list[dict[str, Floats]]) -> dict[str, Floats] | None:
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]} if tables else None
