"""Queries over prod sets that were really made, against the same worked out with Polars from the tables' Parquet."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import polars as pl
import pytest

from pipeline_assets.analytics.sets import SETS
from pipeline_assets.analytics.tables import PROD_CATALOGS, prod_tables
from pipeline_assets.queries.duckdb_engine import DuckDbEngine
from pipeline_assets.queries.function import answer_request
from pipeline_assets.queries.named_query import NamedQuery
from pipeline_assets.queries.sql import queries, query
from tests.worlds.curated_shop import DAY, CuratedShop, MadeSet, days, noon

REGIONS, CATEGORIES = {1: "North", 2: "South"}, {1: "Dairy", 2: "Toys", 3: "Bread"}
QUESTIONS = (("top 5 products", 0), ("sales of march", 3), ("top 9 products", 2), ("weather today", 0))
Frames = Mapping[str, pl.DataFrame]


def shop_of_everything() -> CuratedShop:
    """Ten weeks of two regions that buy other things, with payments and questions."""
    shop = CuratedShop()
    begin, chance = DAY - days(70), random.Random(1)
    for store, region in REGIONS.items():
        shop.put("stores", begin, store_id=store, region=region)
    for product, category in CATEGORIES.items():
        shop.put("products", begin, product_id=product, category=category)
    for ago in range(70, -1, -1):
        day = DAY - days(ago)
        for number in range(6):
            order, store = 10 * ago + number + 1, 1 + number % 2
            told = {"order_id": order, "currency": "USD"}
            amount = Decimal(20 + 7 * ((ago * 3 + number) % 11)) + Decimal("0.37")
            customer = int(chance.paretovariate(0.8) * 3) % 90
            bought = {"customer_id": customer, "store_id": store, "ordered_at": noon(day)}
            shop.put("orders", day, **told, **bought, status="paid", total=amount)
            sold = {
                "line_number": 1,
                "product_id": 1 + min(2, (ago + number) % (2 + store)),
                "quantity": Decimal(1 + ago % 4),
            }
            shop.put("order_lines", day, **told, **sold, amount=amount)
            paid = {"payment_id": order, "paid_at": noon(day), "amount": amount, "card_token": f"k1:{order % 9}"}
            shop.put("payments", day, **told, **paid)
    for number, (text, results) in enumerate(QUESTIONS * 3):
        asked = {"asked_at": noon(DAY) + timedelta(minutes=number), "asked_by": "p1", "system": "hub"}
        seconds = Decimal(number) / 4 if "weather" not in text else None
        shop.put("query_log", DAY, query_id=number, **asked, text=text, results=results, seconds=seconds)
    return shop


@pytest.fixture(scope="module")
def made() -> dict[str, MadeSet]:
    curated = shop_of_everything().bucket()
    return {each.name: MadeSet(each, curated) for each in SETS}


@pytest.fixture(scope="module")
def engine(made: dict[str, MadeSet]) -> DuckDbEngine:
    return DuckDbEngine({name: each.bucket for name, each in made.items()})


@pytest.fixture(scope="module")
def frames(made: dict[str, MadeSet]) -> Frames:
    return {table.name: made[catalog.name].frame(table.name) for catalog in PROD_CATALOGS for table in catalog}


def _grown(f: Frames) -> pl.DataFrame:
    newest = f["sales_trends"].filter(level="store").sort("period").group_by("key", "currency").last()
    return newest.drop_nulls("growth").sort("growth", "key", "currency", descending=[True, False, False])


def _cents(row: Mapping[str, Any]) -> Decimal:
    mean: Decimal = row["spend"] / row["customers"]
    return mean.quantize(Decimal("0.01"), ROUND_HALF_UP)


def _segments(f: Frames) -> pl.DataFrame:
    found = (
        f["customer_segments"]
        .group_by("segment", "currency")
        .agg(customers=pl.len(), spend=pl.col("monetary").sum().cast(pl.Decimal(38, 2)))
    )
    of_all = pl.col("spend").cast(pl.Float64)
    return found.with_columns(
        mean_spend=pl.struct("spend", "customers").map_elements(_cents, return_dtype=pl.Decimal(15, 2)),
        share=(of_all / of_all.sum().over("currency")).round(4),
    ).sort("spend", "segment", "currency", descending=[True, False, False])


def _with_segments(f: Frames, table: str, *by: str) -> pl.DataFrame:
    known = f["customer_segments"].select("customer_id", "segment", "recency_days", "monetary", pl.col("currency"))
    joined = f[table].join(known.drop("currency") if "currency" in f[table].columns else known, on="customer_id")
    return joined.sort(*by, descending=[name != "customer_id" for name in by])


#: By query, parameters and the same rows as Polars has them.
ORACLES: dict[str, tuple[dict[str, Any], Callable[[Frames], pl.DataFrame]]] = {
    "sales_outlook": (
        {"currency": "USD"},
        lambda f: f["sales_forecast"].filter(level="total", grain="day", currency="USD").sort("period").head(28),
    ),
    "sales_growth": ({}, _grown),
    "forecast_errors": (
        {"level": "category"},
        lambda f: (
            f["forecast_scores"]
            .filter(level="category", grain="day")
            .sort("fold", "rmsse", "key", "currency", descending=[False, True, False, False])
            .head(20)
        ),
    ),
    "segment_sizes": ({}, _segments),
    "customers_leaving": (
        {},
        lambda f: _with_segments(f, "customer_churn", "churn_probability", "monetary", "customer_id").head(20),
    ),
    "valuable_customers": (
        {"currency": "USD", "limit": 5},
        lambda f: _with_segments(f, "customer_value", "expected_value", "customer_id").filter(currency="USD").head(5),
    ),
    "riskiest_payments": (
        {"limit": 30},
        lambda f: (
            f["payment_risk"]
            .with_columns(pl.col("paid_at").dt.replace_time_zone(None))
            .sort("score", "payment_id", descending=[True, False])
            .head(30)
        ),
    ),
    "alerts_by_day": (
        {"limit": 200},
        lambda f: f["daily_alerts"].sort("day", "currency", descending=[True, False]),
    ),
    "fraud_found": ({}, lambda f: f["risk_scores"].sort(pl.col("fraud_type") != "all", "fraud_type")),
    "growth_by_region": (
        {"region": "North"},
        lambda f: (
            f["regional_growth"]
            .filter(region="North")
            .with_columns(difference=pl.sum_horizontal("price_effect", "volume_effect", "mix_effect"))
            .sort("period", "difference", "currency", descending=[True, True, False])
            .head(20)
        ),
    ),
    "regional_preferences": (
        {"category": "Toys"},
        lambda f: (
            f["regional_index"]
            .filter(category="Toys")
            .sort("shrunk_index", "region", "currency", descending=[True, False, False])
        ),
    ),
    "opportunities": ({}, lambda f: f["market_opportunities"].sort("rank", "currency", "region", "category").head(20)),
    "questions_without_results": (
        {},
        lambda f: (
            f["query_templates"]
            .drop_nulls("zero_result_share")
            .sort("zero_result_share", "queries", "template", descending=[True, True, False])
        ),
    ),
    "questions_asked_next": (
        {},
        lambda f: f["query_reformulations"].sort("pairs", "template", "next_template", descending=[True, False, False]),
    ),
    "slowest_questions": (
        {},
        lambda f: (
            f["query_templates"]
            .drop_nulls("p95_seconds")
            .sort("p95_seconds", "queries", "template", descending=[True, True, False])
        ),
    ),
}
OVER_SETS = [each for each in queries() if any(f"FROM {table.name}" in each.statement for table in prod_tables())]


@pytest.mark.parametrize("asked", OVER_SETS, ids=lambda asked: asked.name)
def test_a_query_answers_what_the_tables_hold(engine: DuckDbEngine, frames: Frames, asked: NamedQuery) -> None:
    parameters, oracle = ORACLES[asked.name]
    answer = engine.run(asked, parameters)
    assert answer.parameters["as_of"] == DAY
    expected = oracle(frames).select(list(asked.columns)[1:]).rows()
    assert [row[1:] for row in answer.rows] == expected
    assert [row[0] for row in answer.rows] == [*range(1, len(expected) + 1)]
    assert expected, "the shop has nothing to say of it"


@pytest.mark.parametrize(("name", "rows"), [("riskiest_payments", 50), ("sales_outlook", 9)])
def test_pages_of_a_made_set_add_up_to_it(engine: DuckDbEngine, frames: Frames, name: str, rows: int) -> None:
    ids, request = [], {"name": name, "limit": rows}
    while request:
        answer = answer_request(request, engine)
        ids += [tuple(row.values())[1:] for row in answer["rows"]]
        request = {"name": name, "limit": rows, "page": answer["next_page"]} if answer["next_page"] else {}
    assert len(set(ids)) == len(ids)
    whole = {
        "riskiest_payments": frames["payment_risk"],
        "sales_outlook": frames["sales_forecast"].filter(level="total", grain="day"),
    }
    assert len(ids) == len(whole[name])


def test_effects_of_a_region_add_up_to_its_difference_to_the_cent(engine: DuckDbEngine) -> None:
    answer = engine.run(query("growth_by_region"), {"limit": 100})
    place = {name: number for number, name in enumerate(answer.columns)}
    for row in answer.rows:
        effects = [row[place[name]] for name in ("price_effect", "volume_effect", "mix_effect")]
        assert sum(map(Decimal, map(str, effects))) == row[place["difference"]]
