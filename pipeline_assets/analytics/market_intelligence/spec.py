"""Tables of the Market Intelligence Hub."""

from __future__ import annotations

from pipeline_assets.datasets.spec import Between, Column, Dataset, IsIn, NotAfter, Rule

_OWNER = "team:analytics"
_SOLD = ("order_lines.amount", "order_lines.is_return", "orders.status", "orders.ordered_at")
_LEVEL = Column(
    "level",
    "text",
    "what the series is of: total, store or category",
    derived_from=("orders.store_id", "products.category"),
)
_KEY = Column(
    "key",
    "text",
    "which one: `all`, the id of the store, or the category",
    derived_from=("orders.store_id", "products.category"),
)
_GRAIN = Column("grain", "text", "day, or week from Monday on")
_CURRENCY = Column(
    "currency", "text", "currency of the amounts", unit="ISO 4217", derived_from=("order_lines.currency",)
)
_LEVELS = Rule("level_known", "halt", "total, store or category", IsIn("level", ("total", "store", "category")))
_GRAINS = Rule("grain_known", "halt", "day or week", IsIn("grain", ("day", "week")))


def _amount(name: str, meaning: str, *, nullable: bool = False) -> Column:
    return Column(name, "decimal", meaning, unit="of `currency`", nullable=nullable, derived_from=_SOLD)


SALES_FORECAST = Dataset(
    name="sales_forecast",
    description="Sales of days and weeks to come, returns taken off, with the intervals they should fall into.",
    owner=_OWNER,
    columns=(
        _LEVEL,
        _KEY,
        _GRAIN,
        Column("period", "date", "the day, or the first day of the week"),
        _amount("forecast", "what is expected to be sold"),
        *(
            _amount(f"{side}_{share}", f"{side} end of the interval that {share} of 100 periods should fall into")
            for share in (80, 95)
            for side in ("lower", "upper")
        ),
        _amount("baseline", "the seasonal naive forecast: what was sold in the last period of the same season"),
        _CURRENCY,
    ),
    key=("level", "key", "currency", "grain", "period"),
    rules=(
        _LEVELS,
        _GRAINS,
        *(
            Rule(f"{one}_not_after_{other}", "halt", f"at most {other}", NotAfter(one, other))
            for one, other in (
                ("lower_95", "lower_80"),
                ("lower_80", "forecast"),
                ("forecast", "upper_80"),
                ("upper_80", "upper_95"),
            )
        ),
    ),
)
FORECAST_SCORES = Dataset(
    name="forecast_scores",
    description="How well the forecast would have done before: its error and that of the baseline on periods held out.",
    owner=_OWNER,
    columns=(
        _LEVEL,
        _KEY,
        _GRAIN,
        Column("fold", "integer", "which back-test, 1 the newest"),
        Column("rmsse", "number", "root mean squared error, scaled by that of the naive one-step forecast before"),
        Column("baseline_rmsse", "number", "the same of the seasonal naive forecast"),
        Column("coverage_80", "number", "share of the periods that fell into the interval of 80 of 100"),
        Column("coverage_95", "number", "share of the periods that fell into the interval of 95 of 100"),
        _CURRENCY,
    ),
    key=("level", "key", "currency", "grain", "fold"),
    rules=(
        _LEVELS,
        _GRAINS,
        Rule("rmsse_not_negative", "halt", "at least 0", Between("rmsse", 0)),
        *(
            Rule(f"coverage_{share}_0_to_1", "halt", "a share of 0 to 1", Between(f"coverage_{share}", 0, 1))
            for share in (80, 95)
        ),
    ),
)
SALES_TRENDS = Dataset(
    name="sales_trends",
    description="What was sold in each week, its trend without the noise, and how fast that grows.",
    owner=_OWNER,
    columns=(
        _LEVEL,
        _KEY,
        Column("period", "date", "the first day of the week, a Monday"),
        _amount("sales", "what was sold, returns taken off"),
        _amount("trend", "the trend of the sales: a local line through the weeks around"),
        Column("growth", "number", "growth of the trend in four weeks, as a share of it", nullable=True),
        _CURRENCY,
    ),
    key=("level", "key", "currency", "period"),
    rules=(_LEVELS,),
)
