"""Rows of the prod sets' tables, put there by hand for two as-of days, and what each query answers over the newer one.

The rows of the older day would change every answer, were they read.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from pipeline_assets.analytics.tables import MANIFESTS, PROD_CATALOGS, prod_tables
from pipeline_assets.datasets.spec import Column
from tests.worlds.frames import made, parquet
from tests.worlds.lake_days import at, default

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

OLDER, NEWER = "2026-03-01", "2026-03-02"
#: Of every set the bucket.
PROD_BUCKETS: Final = {catalog.name: f"sql-{catalog.name}" for catalog in PROD_CATALOGS}
_DAY, _MOMENT, _D = date.fromisoformat, datetime.fromisoformat, Decimal


def _forecast(level: str, key: str, grain: str, period: str, amount: str) -> dict[str, Any]:
    bounds = {name: _D(amount) for name in ("lower_80", "upper_80", "lower_95", "upper_95", "baseline")}
    told = {"level": level, "key": key, "grain": grain, "period": _DAY(period), "currency": "USD"}
    return {**told, "forecast": _D(amount), **bounds}


def _trend(key: str, period: str, growth: float | None, **more: Any) -> dict[str, Any]:
    amounts = {"sales": _D("10.00"), "trend": _D("9.00"), "currency": "USD"}
    return {"level": "store", "key": key, "period": _DAY(period), "growth": growth, **amounts, **more}


def _score(level: str, key: str, fold: int, rmsse: float) -> dict[str, Any]:
    measures = {"baseline_rmsse": 1.0, "coverage_80": 0.75, "coverage_95": 1.0, "currency": "USD"}
    return {"level": level, "key": key, "grain": "day", "fold": fold, "rmsse": rmsse, **measures}


def _segment(customer: int, segment: str, spent: str, **more: Any) -> dict[str, Any]:
    told = {"customer_id": customer, "segment": segment, "monetary": _D(spent), "currency": "USD", "recency_days": 3}
    return {**told, "frequency": 2, "r_score": 5, "f_score": 3, "m_score": 2, **more}


def _churn(customer: int, probability: float) -> dict[str, Any]:
    return {"customer_id": customer, "churn_probability": probability, "baseline_score": 0.5, "horizon_days": 28}


def _value(customer: int, expected: str) -> dict[str, Any]:
    amounts = {"expected_value": _D(expected), "baseline_value": _D("1.00"), "currency": "USD"}
    return {"customer_id": customer, "horizon_days": 28, "expected_purchases": 1.5, **amounts}


def _risk(payment: int, score: float, risk: str, paid: str) -> dict[str, Any]:
    told = {"payment_id": payment, "score": score, "risk": risk, "paid_at": at(paid)}
    return {**told, "reasons": f"reason {payment}", "baseline_score": 0.25}


def _alerts(day: str, high: int, amount: str) -> dict[str, Any]:
    told = {"day": _DAY(day), "currency": "USD", "payments": 9, "medium": 1}
    return {**told, "high": high, "amount_high": _D(amount)}


def _fraud(kind: str, precision: float) -> dict[str, Any]:
    counts = {"fraud_type": kind, "payments": 100, "planted": 4}
    return {**counts, "pr_auc": precision, "baseline_pr_auc": 0.1, "recall_high": 0.5, "false_alerts_per_day": 0.25}


def _growth(region: str, period: str, sales: str, before: str, effects: tuple[str, str, str]) -> dict[str, Any]:
    names = ("price_effect", "volume_effect", "mix_effect")
    told = {"region": region, "period": _DAY(period), "previous_period": _DAY("2026-01-05"), "currency": "USD"}
    return {**told, "sales": _D(sales), "previous_sales": _D(before), **dict(zip(names, map(_D, effects), strict=True))}


def _index(region: str, category: str, shrunk: float) -> dict[str, Any]:
    told = {"region": region, "category": category, "currency": "USD", "lines": 7}
    return {**told, "share": 0.25, "index": 2.0, "shrunk_index": shrunk}


def _opportunity(region: str, category: str, rank: int, currency: str = "USD") -> dict[str, Any]:
    told = {"region": region, "category": category, "rank": rank, "currency": currency}
    return {**told, "size": _D("120.50"), "confidence": 0.9}


def _template(text: str, queries: int, nothing: float | None, seconds: float | None) -> dict[str, Any]:
    told = {"template": text, "queries": queries, "zero_result_share": nothing, "p95_seconds": seconds}
    return {**told, "example": "my card question"}


def _pair(first: str, then: str, pairs: int) -> dict[str, Any]:
    return {"template": first, "next_template": then, "pairs": pairs}


#: By table, the rows of the newer day; the older one has the first of them alone.
ROWS: Final[Mapping[str, list[dict[str, Any]]]] = {
    "sales_forecast": [
        _forecast("total", "all", "day", "2026-03-04", "12.00"),
        _forecast("total", "all", "day", "2026-03-03", "99999999.99"),
        _forecast("total", "all", "week", "2026-03-02", "70.00"),
        _forecast("store", "7", "day", "2026-03-03", "5.00"),
    ],
    "sales_trends": [
        _trend("7", "2026-02-23", 0.5),
        _trend("7", "2026-02-16", 9.0),
        _trend("8", "2026-02-23", -0.25),
        _trend("9", "2026-02-23", None),
        _trend("10", "2026-02-23", 0.5),
        _trend("all", "2026-02-23", 3.0, level="total"),
    ],
    "forecast_scores": [
        _score("store", "8", 1, 0.75),
        _score("store", "7", 1, 0.875),
        _score("store", "7", 2, 2.0),
        _score("total", "all", 1, 0.5),
    ],
    "customer_segments": [
        _segment(1, "loyal", "10.00"),
        _segment(2, "loyal", "5.01"),
        _segment(3, "lost", "15.01"),
        _segment(4, "lost", "8.00", currency="EUR"),
    ],
    "customer_churn": [_churn(1, 0.25), _churn(2, 0.75), _churn(3, 0.75), _churn(4, 0.5)],
    "customer_value": [_value(1, "3.00"), _value(2, "7.50"), _value(3, "7.50"), _value(4, "1.00")],
    "payment_risk": [
        _risk(1, 0.5, "medium", "2026-03-01 10:00"),
        _risk(2, 0.875, "high", "2026-03-01 23:59:59.999"),
        _risk(3, 0.875, "high", "2026-03-02 00:00"),
        _risk(4, 0.0, "low", "2026-03-01 10:00"),
    ],
    "daily_alerts": [_alerts("2026-02-28", 2, "20.00"), _alerts("2026-03-01", 1, "7.25")],
    "risk_scores": [_fraud("velocity", 0.5), _fraud("all", 0.75), _fraud("geo_jump", 0.625)],
    "regional_growth": [
        _growth("North", "2026-02-02", "10.00", "12.50", ("-1.00", "-2.00", "0.50")),
        _growth("South", "2026-02-02", "20.00", "12.50", ("5.00", "2.00", "0.50")),
    ],
    "regional_index": [_index("North", "Toys", 0.5), _index("South", "Toys", 1.5), _index("North", "Food", 1.5)],
    "market_opportunities": [
        _opportunity("South", "Toys", 2),
        _opportunity("North", "Toys", 1),
        _opportunity("North", "Toys", 1, "EUR"),
    ],
    "query_templates": [
        _template("top ? products", 5, 0.5, 1.5),
        _template("sales of ?", 8, 0.5, None),
        _template("weather", 2, None, 2.5),
        _template("stores", 3, 0.0, 0.5),
    ],
    "query_reformulations": [_pair("weather", "sales of ?", 2), _pair("stores", "weather", 4)],
}
#: Parameters and rows, worked out by hand.
PROD_ANSWERS: Final[Mapping[str, tuple[dict[str, Any], list[tuple[Any, ...]]]]] = {
    "sales_outlook": (
        {},
        [
            (1, "total", "all", _DAY("2026-03-03"), "USD", *[_D("99999999.99")] * 6),
            (2, "total", "all", _DAY("2026-03-04"), "USD", *[_D("12.00")] * 6),
        ],
    ),
    "sales_growth": (
        {"order": "worst", "currency": "USD"},
        [
            (1, "store", "8", _DAY("2026-02-23"), "USD", _D("10.00"), _D("9.00"), -0.25),
            # The same growth: by their keys, which are text.
            (2, "store", "10", _DAY("2026-02-23"), "USD", _D("10.00"), _D("9.00"), 0.5),
            (3, "store", "7", _DAY("2026-02-23"), "USD", _D("10.00"), _D("9.00"), 0.5),
        ],
    ),
    "forecast_errors": (
        {"level": "store", "as_of": _DAY(NEWER), "limit": 2},
        [(1, "store", "7", "USD", 1, 0.875, 1.0, 0.75, 1.0), (2, "store", "8", "USD", 1, 0.75, 1.0, 0.75, 1.0)],
    ),
    "segment_sizes": (
        {},
        [
            # Both spent 15.01 of 30.02.
            (1, "lost", "USD", 1, _D("15.01"), _D("15.01"), 0.5),
            (2, "loyal", "USD", 2, _D("15.01"), _D("7.51"), 0.5),
            (3, "lost", "EUR", 1, _D("8.00"), _D("8.00"), 1.0),
        ],
    ),
    "customers_leaving": (
        {"after": 1},
        [
            (2, 2, 0.75, 0.5, 28, "loyal", 3, _D("5.01"), "USD"),
            (3, 4, 0.5, 0.5, 28, "lost", 3, _D("8.00"), "EUR"),
            (4, 1, 0.25, 0.5, 28, "loyal", 3, _D("10.00"), "USD"),
        ],
    ),
    "valuable_customers": (
        {"limit": 2},
        [
            (1, 2, _D("7.50"), _D("1.00"), "USD", 1.5, 28, "loyal", _D("5.01")),
            (2, 3, _D("7.50"), _D("1.00"), "USD", 1.5, 28, "lost", _D("15.01")),
        ],
    ),
    "riskiest_payments": (
        {"day": _DAY("2026-03-01")},
        [
            (1, 2, _MOMENT("2026-03-01 23:59:59.999"), 0.875, "high", "reason 2", 0.25),
            (2, 1, _MOMENT("2026-03-01 10:00"), 0.5, "medium", "reason 1", 0.25),
            (3, 4, _MOMENT("2026-03-01 10:00"), 0.0, "low", "reason 4", 0.25),
        ],
    ),
    "alerts_by_day": (
        {},
        [
            (1, _DAY("2026-03-01"), "USD", 9, 1, 1, _D("7.25")),
            (2, _DAY("2026-02-28"), "USD", 9, 2, 1, _D("20.00")),
        ],
    ),
    "fraud_found": (
        {},
        [
            (1, "all", 100, 4, 0.75, 0.1, 0.5, 0.25),
            (2, "geo_jump", 100, 4, 0.625, 0.1, 0.5, 0.25),
            (3, "velocity", 100, 4, 0.5, 0.1, 0.5, 0.25),
        ],
    ),
    "growth_by_region": (
        {},
        [
            (
                *(1, "South", "USD", _DAY("2026-02-02")),
                *map(_D, ("20.00", "12.50", "7.50", "5.00", "2.00", "0.50")),
            ),
            (
                *(2, "North", "USD", _DAY("2026-02-02")),
                *map(_D, ("10.00", "12.50", "-2.50", "-1.00", "-2.00", "0.50")),
            ),
        ],
    ),
    "regional_preferences": (
        {"category": "Toys"},
        [(1, "South", "Toys", "USD", 0.25, 2.0, 1.5, 7), (2, "North", "Toys", "USD", 0.25, 2.0, 0.5, 7)],
    ),
    "opportunities": (
        {"currency": "USD"},
        [
            (1, 1, "North", "Toys", "USD", _D("120.50"), 0.9),
            (2, 2, "South", "Toys", "USD", _D("120.50"), 0.9),
        ],
    ),
    "questions_without_results": (
        {},
        [(1, "sales of ?", 8, 0.5, None), (2, "top ? products", 5, 0.5, 1.5), (3, "stores", 3, 0.0, 0.5)],
    ),
    "questions_asked_next": ({"template": "weather"}, [(1, "weather", "sales of ?", 2)]),
    "slowest_questions": (
        {},
        [(1, "weather", 2, 2.5, None), (2, "top ? products", 5, 1.5, 0.5), (3, "stores", 3, 0.5, 0.0)],
    ),
}


def put_prod_sets(s3: S3Client) -> None:
    """Put the sets of both days into their buckets, which are made."""
    for bucket in PROD_BUCKETS.values():
        s3.create_bucket(Bucket=bucket)
        for day in (OLDER, NEWER):
            s3.put_object(Bucket=bucket, Key=f"{MANIFESTS}as_of={day}.json", Body=b"{}")
    for table in prod_tables():
        rows = ROWS.get(table.name, [])
        for day, some in ((OLDER, rows[:1]), (NEWER, rows)):
            key = f"{table.prefix}as_of={day}/part.parquet"
            columns = [column for column in table.columns if isinstance(column, Column)]
            body = parquet(made(columns, some, default))
            s3.put_object(Bucket=PROD_BUCKETS[table.bucket], Key=key, Body=body)
