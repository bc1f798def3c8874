"""Tables of the Global Market Pulse."""

from __future__ import annotations

from decimal import Decimal

from pipeline_assets.datasets.spec import Between, Column, Dataset, Rule

_OWNER = "team:analytics"
_SOLD = ("order_lines.amount", "order_lines.is_return", "orders.status", "orders.ordered_at")
_REGION = Column(
    "region", "text", "sales region of the store, `(none)` where it has none", derived_from=("stores.region",)
)
_CATEGORY = Column("category", "text", "product category", derived_from=("products.category",))
_CURRENCY = Column(
    "currency", "text", "currency of the amounts", unit="ISO 4217", derived_from=("order_lines.currency",)
)


def _amount(name: str, meaning: str, *derived_from: str) -> Column:
    return Column(name, "decimal", meaning, unit="of `currency`", derived_from=derived_from or _SOLD)


_PRICED = (*_SOLD, "order_lines.quantity", "order_lines.product_id", "products.category")
REGIONAL_GROWTH = Dataset(
    name="regional_growth",
    description="What a region sold in four weeks and in the four before, and what of the difference is price, volume "
    "and mix; the three add up to it, to the cent.",
    owner=_OWNER,
    columns=(
        _REGION,
        Column("period", "date", "first day of the four weeks"),
        Column("previous_period", "date", "first day of the four weeks before"),
        _amount("sales", "what was sold in the period, returns taken off"),
        _amount("previous_sales", "the same of the period before"),
        _amount("price_effect", "what other prices of the products sold in both periods brought", *_PRICED),
        _amount("volume_effect", "what more or less pieces of each category brought, at its earlier price", *_PRICED),
        _amount("mix_effect", "what is left: other products within the categories", *_PRICED),
        _CURRENCY,
    ),
    key=("region", "currency", "period"),
    rules=(),
)
REGIONAL_INDEX = Dataset(
    name="regional_index",
    description="Share of a category in what a region buys, against its share in what all regions buy.",
    owner=_OWNER,
    columns=(
        _REGION,
        _CATEGORY,
        Column("share", "number", "share of the category in the sales of the region", derived_from=_SOLD),
        Column("index", "number", "that share over the one in all regions; 1 is as everywhere", derived_from=_SOLD),
        Column("shrunk_index", "number", "the index, drawn to 1 by how little was bought", derived_from=_SOLD),
        Column("lines", "integer", "order lines that the index rests on", unit="lines"),
        _CURRENCY,
    ),
    key=("region", "category", "currency"),
    rules=(
        Rule("share_0_to_1", "halt", "a share of 0 to 1", Between("share", 0, 1)),
        Rule("index_not_negative", "halt", "at least 0", Between("index", 0)),
        Rule("shrunk_index_not_negative", "halt", "at least 0", Between("shrunk_index", 0)),
    ),
)
MARKET_OPPORTUNITIES = Dataset(
    name="market_opportunities",
    description="Categories of which a region buys less than all regions do: what could be sold besides.",
    owner=_OWNER,
    columns=(
        _REGION,
        _CATEGORY,
        _amount("size", "sales of twelve weeks that the region lacks to the share of all regions, by the shrunk index"),
        Column("confidence", "number", "chance that the region's share is truly below that of all", unit="0 to 1"),
        Column("rank", "integer", "its place by size times confidence within its currency, from 1"),
        _CURRENCY,
    ),
    key=("region", "category", "currency"),
    rules=(
        Rule("size_positive", "halt", "more than nothing", Between("size", Decimal("0.01"))),
        Rule("confidence_0_to_1", "halt", "a chance of 0 to 1", Between("confidence", 0, 1)),
        Rule("rank_from_1", "halt", "at least 1", Between("rank", 1)),
    ),
)
INDEX_SCORES = Dataset(
    name="index_scores",
    description="How well the shares of the twelve weeks before foretold those of the last four, in each region.",
    owner=_OWNER,
    columns=(
        _REGION,
        Column("error", "number", "mean absolute error of a category's share, by the shrunk index"),
        Column("raw_error", "number", "the same by the index as it is"),
        Column("baseline_error", "number", "the same by the share in all regions"),
        _CURRENCY,
    ),
    key=("region", "currency"),
    rules=(),
)
