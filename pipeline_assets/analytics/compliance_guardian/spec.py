"""Tables of the Compliance Guardian."""

from __future__ import annotations

from pipeline_assets.datasets.spec import Between, Column, Dataset, IsIn, NotAfter, Rule

#: Kinds of fraud that are planted, and what they are called together.
KINDS = ("card_testing", "velocity", "amount_outlier", "collusion_ring", "geo_jump")
ALL = "all"

_OWNER = "team:compliance"
_PAID = (
    "payments.paid_at",
    "payments.amount",
    "payments.currency",
    "payments.status",
    "payments.card_token",
    "orders.customer_id",
    "orders.store_id",
    "orders.channel",
    "stores.region",
)

PAYMENT_RISK = Dataset(
    name="payment_risk",
    description="The risk of every payment, with the reasons of its score.",
    owner=_OWNER,
    columns=(
        Column("payment_id", "integer", "the payment", derived_from=("payments.payment_id",)),
        Column(
            "score", "number", "probability of fraud, 0 to 1, where one payment in a hundred is", derived_from=_PAID
        ),
        Column("risk", "text", "low, medium or high, by the score", derived_from=_PAID),
        Column("reasons", "text", "what is unusual of it, the strongest first, with `; ` between", derived_from=_PAID),
        Column("baseline_score", "number", "score of the isolation forest, 0 to 1", derived_from=_PAID),
        Column("paid_at", "datetime", "when it was made", unit="UTC", derived_from=("payments.paid_at",)),
    ),
    key=("payment_id",),
    rules=(
        Rule("score_0_to_1", "halt", "a score of 0 to 1", Between("score", 0, 1)),
        Rule("baseline_0_to_1", "halt", "a score of 0 to 1", Between("baseline_score", 0, 1)),
        Rule("risk_known", "halt", "low, medium or high", IsIn("risk", ("low", "medium", "high"))),
    ),
)
RISK_SCORES = Dataset(
    name="risk_scores",
    description="How well fraud that was planted in the last days is found, by kind; the isolation forest beside it.",
    owner=_OWNER,
    columns=(
        Column("fraud_type", "text", f"kind of the planted fraud, or `{ALL}`"),
        Column("payments", "integer", "payments that were ranked", derived_from=("payments.payment_id",)),
        Column("planted", "integer", "planted ones among them"),
        Column("base_rate", "number", "their share, which is the PR-AUC of chance"),
        *(
            Column(name, "number", meaning, derived_from=_PAID)
            for name, meaning in (
                ("pr_auc", "average precision of the scores"),
                ("baseline_pr_auc", "average precision of the isolation forest"),
                ("precision_at_k", "share of planted among as many with the highest scores as there are planted"),
                ("baseline_precision_at_k", "the same of the isolation forest"),
                ("recall_high", "share of the planted whose risk is high"),
                ("alerts_per_day", "payments a day whose risk is high"),
                ("false_alerts_per_day", "those of them that were not planted"),
            )
        ),
    ),
    key=("fraud_type",),
    rules=(
        Rule("fraud_type_known", "halt", "a kind of fraud, or all", IsIn("fraud_type", (ALL, *KINDS))),
        *(
            Rule(f"{name}_0_to_1", "halt", "a share of 0 to 1", Between(name, 0, 1))
            for name in ("base_rate", "precision_at_k", "recall_high")
        ),
    ),
)
DAILY_ALERTS = Dataset(
    name="daily_alerts",
    description="Payments of each day by their risk.",
    owner=_OWNER,
    columns=(
        Column("day", "date", "the day, UTC", derived_from=("payments.paid_at",)),
        Column("currency", "text", "currency", unit="ISO 4217", derived_from=("payments.currency",)),
        Column("payments", "integer", "payments", derived_from=("payments.payment_id",)),
        Column("high", "integer", "payments whose risk is high: alerts", derived_from=_PAID),
        Column("medium", "integer", "payments whose risk is medium", derived_from=_PAID),
        Column("amount_high", "decimal", "amount of the alerts", unit="of `currency`", derived_from=_PAID),
    ),
    key=("day", "currency"),
    rules=(
        Rule("high_of_payments", "halt", "at most payments", NotAfter("high", "payments")),
        Rule("amount_not_negative", "halt", "at least 0", Between("amount_high", 0)),
    ),
)
