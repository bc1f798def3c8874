"""Tables of the Demand Insights Engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pipeline_assets.datasets.spec import Between, Column, Dataset, IsIn, Rule

BUYERS, GUESTS, NO_SALE = "buyers", "guests", "no sale"
#: By segment, the least and the greatest score of recency, frequency and spend; the first that fits counts.
RULES: Final[Mapping[str, tuple[tuple[int, int], tuple[int, int], tuple[int, int]]]] = {
    "champions": ((4, 5), (4, 5), (4, 5)),
    "loyal": ((3, 5), (4, 5), (1, 5)),
    "at risk": ((1, 2), (4, 5), (1, 5)),
    "new": ((4, 5), (1, 1), (1, 5)),
    "promising": ((4, 5), (2, 3), (1, 5)),
    "need attention": ((3, 3), (1, 3), (1, 5)),
    "hibernating": ((2, 2), (1, 3), (1, 5)),
    "lost": ((1, 1), (1, 3), (1, 5)),
}

_OWNER = "team:analytics"
_SOLD = ("orders.status", "orders.ordered_at", "order_lines.quantity", "order_lines.is_return")
_SPENT = (*_SOLD, "order_lines.amount", "order_lines.currency")
_CUSTOMER = Column("customer_id", "integer", "the customer", derived_from=("orders.customer_id",))
_CURRENCY = Column(
    "currency",
    "text",
    "currency of the amounts: that which the customer bought in on most days",
    unit="ISO 4217",
    derived_from=("order_lines.currency",),
)
_SEGMENT = Column("segment", "text", "name of the segment, by the scores", derived_from=_SPENT)
_SEGMENTS = Rule("segment_known", "halt", f"a segment of {', '.join(RULES)}", IsIn("segment", tuple(RULES)))


def _amount(name: str, meaning: str) -> Column:
    return Column(name, "decimal", meaning, unit="of `currency`", derived_from=_SPENT)


def _days(name: str, meaning: str) -> Column:
    return Column(name, "integer", meaning, unit="days", derived_from=_SOLD)


def _measures(*meanings: tuple[str, str]) -> tuple[Column, ...]:
    """Measures of the model, each beside that of the baseline."""
    return tuple(
        Column(f"{begin}{name}", "number", f"{meaning}{of}", nullable=name not in {"rmse", "mae"}, derived_from=_SPENT)
        for name, meaning in meanings
        for begin, of in (("", ", of the model"), ("baseline_", ", of the historical rate"))
    )


CUSTOMER_SEGMENTS = Dataset(
    name="customer_segments",
    description="Every customer who bought, with recency, frequency, spend, their scores and the segment.",
    owner=_OWNER,
    columns=(
        _CUSTOMER,
        _days("recency_days", "days since the last purchase, at the end of the day"),
        _days("frequency", "days with a purchase"),
        _amount("monetary", "net spend, returns taken off"),
        _CURRENCY,
        Column("r_score", "integer", "score of the recency, 5 the latest fifth", derived_from=_SOLD),
        Column("f_score", "integer", "score of the frequency, 5 the fifth who bought most often", derived_from=_SOLD),
        Column("m_score", "integer", "score of the spend, 5 the fifth who spent most", derived_from=_SPENT),
        _SEGMENT,
    ),
    key=("customer_id",),
    rules=(
        _SEGMENTS,
        *(
            Rule(f"{name}_1_to_5", "halt", f"a {name} of 1 to 5", Between(name, 1, 5))
            for name in ("r_score", "f_score", "m_score")
        ),
    ),
)
SEGMENT_SCORES = Dataset(
    name="segment_scores",
    description="Whether segments of an earlier day told who would spend: what their customers spent since.",
    owner=_OWNER,
    columns=(
        _SEGMENT,
        _CURRENCY,
        _days("horizon_days", "days since the earlier day"),
        Column("customers", "integer", "customers of the segment on the earlier day", derived_from=_SOLD),
        _amount("later_spend", "mean net spend of a customer since"),
        Column("lift", "number", "that over the mean of all of the currency", nullable=True, derived_from=_SPENT),
    ),
    key=("segment", "currency"),
    rules=(_SEGMENTS,),
)
CUSTOMER_VALUE = Dataset(
    name="customer_value",
    description="What every customer who bought is expected to buy and spend within the horizon.",
    owner=_OWNER,
    columns=(
        _CUSTOMER,
        _days("horizon_days", "the horizon, from the day after on"),
        Column(
            "expected_purchases", "number", "days with a purchase that are expected", unit="days", derived_from=_SOLD
        ),
        _amount("expected_value", "net spend that is expected"),
        _amount("baseline_value", "net spend at the historical rate"),
        _CURRENCY,
    ),
    key=("customer_id",),
    rules=(Rule("purchases_not_negative", "halt", "at least none", Between("expected_purchases", 0)),),
)
VALUE_SCORES = Dataset(
    name="value_scores",
    description="How well purchases and spend of a part that is known already were predicted from what is before it.",
    owner=_OWNER,
    columns=(
        Column("target", "text", "what was predicted: purchases, or value"),
        _CURRENCY,
        _days("horizon_days", "days of the part that was held out"),
        Column("customers", "integer", "customers who had bought before", derived_from=_SOLD),
        *_measures(
            ("rmse", "root mean squared error"),
            ("mae", "mean absolute error"),
            ("correlation", "correlation of predicted and actual"),
            ("bias", "error of the sum, as a share of it"),
            ("top_lift", "actual mean of the tenth with the highest prediction, over that of all"),
        ),
    ),
    key=("target", "currency"),
    rules=(Rule("target_known", "halt", "purchases or value", IsIn("target", ("purchases", "value"))),),
)
CUSTOMER_CHURN = Dataset(
    name="customer_churn",
    description="How likely every customer who bought is to buy nothing within the horizon.",
    owner=_OWNER,
    columns=(
        _CUSTOMER,
        Column("churn_probability", "number", "probability of no purchase within the horizon", derived_from=_SOLD),
        Column(
            "baseline_score", "number", "score by the days since the last purchase alone, 0 to 1", derived_from=_SOLD
        ),
        _days("horizon_days", "days without a purchase that count as having left"),
    ),
    key=("customer_id",),
    rules=(
        Rule("probability_0_to_1", "halt", "a probability of 0 to 1", Between("churn_probability", 0, 1)),
        Rule("baseline_0_to_1", "halt", "a score of 0 to 1", Between("baseline_score", 0, 1)),
    ),
)
CHURN_SCORES = Dataset(
    name="churn_scores",
    description="How well those who left were told before, on days that the model had not seen.",
    owner=_OWNER,
    columns=(
        Column("fold", "integer", "which earlier day, 1 the newest"),
        _days("horizon_days", "days without a purchase that count as having left"),
        Column("customers", "integer", "customers who had bought by the day", derived_from=_SOLD),
        *(
            Column(name, "number", meaning, derived_from=_SOLD)
            for name, meaning in (
                ("churned", "share of them that left"),
                ("auc", "area under the ROC curve, of the model"),
                ("baseline_auc", "area under the ROC curve, of recency alone"),
                ("average_precision", "average precision, of the model"),
                ("baseline_average_precision", "average precision, of recency alone"),
                ("brier", "mean squared error of the probability"),
            )
        ),
    ),
    key=("fold",),
    rules=tuple(
        Rule(f"{name}_0_to_1", "halt", "a share of 0 to 1", Between(name, 0, 1)) for name in ("churned", "brier")
    ),
)
CUSTOMER_COVERAGE = Dataset(
    name="customer_coverage",
    description="All customers and orders of the lake, by whether the set speaks of them; each is in one group.",
    owner=_OWNER,
    columns=(
        Column("group", "text", "buyers, whom the set speaks of; guests; or no sale"),
        Column("customers", "integer", "customers", derived_from=("customers.customer_id", "orders.customer_id")),
        Column("orders", "integer", "orders", derived_from=("orders.order_id", "orders.customer_id", *_SOLD)),
    ),
    key=("group",),
    rules=(Rule("group_known", "halt", "a group of the three", IsIn("group", (BUYERS, GUESTS, NO_SALE))),),
)
