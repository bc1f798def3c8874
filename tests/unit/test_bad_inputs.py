"""A lake that is not as it should be: each set is published as its specs say, or refused in one sentence."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache

import polars as pl
import pytest

from pipeline_assets.analytics.prod_set import ProdSet
from pipeline_assets.analytics.publish import published_faults, read_manifest
from pipeline_assets.analytics.sets import SETS
from pipeline_assets.errors import TerminalError
from pipeline_assets.lake.layout import LoadName, curated_key, load_id_of
from tests.worlds.curated_shop import DAY, days, marker_of, set_of
from tests.worlds.examples import some
from tests.worlds.memory_storage import MemoryBucket
from tests.worlds.steady_shop import FIRST_LOAD, steady_shop

#: A day within, at which something is wrong.
BAD = DAY - days(5)
SOLD = ("market-intelligence-hub", "demand-insights-engine", "global-market-pulse")
ALL = tuple(each.name for each in SETS)


def complete(bucket: MemoryBucket, day: datetime, **rows: int) -> MemoryBucket:
    """Put the completion marker of a load of so many rows."""
    bucket.put(LoadName(f"{day:%Y-%m-%d}", load_id_of(day)).key, marker_of(rows))
    return bucket


def changed(
    bucket: MemoryBucket, dataset: str, change: Callable[[pl.DataFrame], pl.DataFrame], day: object = BAD
) -> MemoryBucket:
    """Write a curated day anew, with other columns or rows."""
    key, content = curated_key(dataset, str(day)), io.BytesIO()
    change(pl.read_parquet(io.BytesIO(bucket.read(key) or b""))).write_parquet(content)
    bucket.put(key, content.getvalue())
    return bucket


def without(bucket: MemoryBucket, *datasets: str, day: object = "") -> MemoryBucket:
    """The lake without some tables, or without a day of them."""
    left = MemoryBucket(bucket.name)
    for each in bucket.objects():
        if not any(each.key.startswith(f"{dataset}/date={day}") for dataset in datasets):
            left.put(each.key, bucket.read(each.key) or b"")
    return left


def noon(day: object) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)


def every(change: Callable[[pl.DataFrame], pl.DataFrame], *of: object) -> MemoryBucket:
    """The lake with a change of some days of all tables that change from day to day."""
    bucket = steady_shop().bucket()
    for dataset in ("orders", "order_lines", "payments", "query_log"):
        for day in of:
            changed(bucket, dataset, change, day)
    return bucket


def missing(day: object, *datasets: str) -> MemoryBucket:
    return complete(without(steady_shop().bucket(), *datasets, day=day), noon(day), **dict.fromkeys(datasets, 2))


def mistyped(dataset: str, column: str, kind: type[pl.DataType] = pl.String) -> MemoryBucket:
    return changed(steady_shop().bucket(), dataset, lambda day: day.cast({column: kind}))


WHOLE = [FIRST_LOAD + days(number) for number in range(8)]
NO_PAYMENTS = {"payment_risk", "risk_scores", "daily_alerts"}
NO_SALES = {
    "sales_forecast",
    "forecast_scores",
    "sales_trends",
    "customer_segments",
    "segment_scores",
    "customer_value",
    "value_scores",
    "customer_churn",
    "churn_scores",
    "regional_growth",
    "regional_index",
    "market_opportunities",
    "index_scores",
}
#: By case: the lake, the tables that are empty beside those that always are, the sets that are refused, and the words.
CASES: dict[str, tuple[Callable[[], MemoryBucket], set[str], tuple[str, ...], str]] = {
    "as-it-should-be": (lambda: steady_shop().bucket(), set(), (), ""),
    "nothing-at-all": (lambda: MemoryBucket("curated"), set(), ALL, "the lake has nothing up to 2026-03-02 of "),
    "a-load-of-nothing": (
        lambda: complete(MemoryBucket("curated"), noon(DAY)),
        NO_SALES | NO_PAYMENTS | {"query_templates"},
        (),
        "",
    ),
    "orders-of-a-day-missing": (
        lambda: missing(BAD, "orders"),
        set(),
        (*SOLD, "compliance-guardian"),
        "the lake lacks curated/orders of 2026-02-25, of which the load 20260225T120000000000Z has 2 accepted rows; ",
    ),
    "stores-of-the-day-missing": (
        lambda: missing(DAY, "stores"),
        set(),
        (*SOLD, "compliance-guardian"),
        "the lake lacks curated/stores of 2026-03-02, ",
    ),
    "log-of-the-day-missing": (
        lambda: missing(DAY, "query_log"),
        set(),
        ("retail-copilot",),
        "the lake lacks curated/query_log of 2026-03-02, ",
    ),
    "day-empty": (lambda: every(lambda day: day.clear(), BAD, DAY), set(), (), ""),
    "all-rows-rejected": (
        lambda: every(lambda day: day.clear(), *WHOLE),
        NO_SALES | NO_PAYMENTS | {"query_templates"},
        (),
        "",
    ),
    "column-missing": (
        lambda: changed(steady_shop().bucket(), "payments", lambda day: day.drop("card_token", "other_columns")),
        set(),
        (),
        "",
    ),
    "column-too-many": (lambda: every(lambda day: day.with_columns(more=pl.lit(1)), BAD), set(), (), ""),
    "amount-as-text": (
        lambda: mistyped("order_lines", "amount"),
        set(),
        SOLD,
        "s3://curated/order_lines/date=2026-02-25/part.parquet has the column amount as varchar; expected decimal",
    ),
    "paid-on-a-date": (
        lambda: mistyped("payments", "paid_at", pl.Date),
        set(),
        ("compliance-guardian",),
        "s3://curated/payments/date=2026-02-25/part.parquet has the column paid_at as date; expected timestamp",
    ),
    "question-without-text": (
        lambda: changed(steady_shop().bucket(), "query_log", lambda day: day.drop("text")),
        set(),
        ("retail-copilot",),
        "s3://curated/query_log/date=2026-02-25/part.parquet has no column text; expected string",
    ),
    "no-parquet": (
        lambda: _cut(steady_shop().bucket(), "orders"),
        set(),
        (*SOLD, "compliance-guardian"),
        "s3://curated/orders/date=2026-02-25/part.parquet is no curated day",
    ),
    "one-customer": (lambda: steady_shop(customers=1).bucket(), set(), (), ""),
    "one-store": (lambda: steady_shop(stores=1).bucket(), set(), (), ""),
    "no-payments": (
        lambda: complete(steady_shop(payments=False).bucket(), noon(DAY)),
        NO_PAYMENTS,
        (),
        "",
    ),
    "always-the-same": (
        lambda: steady_shop(customers=1, stores=1, alike=True).bucket(),
        {"market_opportunities"},
        (),
        "",
    ),
    "a-currency-nobody-knows": (lambda: steady_shop(currency="QQQ").bucket(), set(), (), ""),
}
#: So few customers and regions tell a model nothing, and nobody asks again within minutes.
ALWAYS = {"value_scores", "customer_churn", "churn_scores", "market_opportunities", "query_reformulations"}


def _cut(bucket: MemoryBucket, dataset: str) -> MemoryBucket:
    key = curated_key(dataset, BAD.isoformat())
    bucket.put(key, (bucket.read(key) or b"")[:-9])
    return bucket


@cache
def lake(case: str) -> MemoryBucket:
    return CASES[case][0]()


#: Where sets are refused, the others read nothing of what is wrong.
EACH = some([(case, each) for case, told in CASES.items() for each in SETS if not told[2] or each.name in told[2]])


@pytest.mark.parametrize(("case", "prod_set"), EACH, ids=[f"{case}-{each.name}" for case, each in EACH])
def test_a_set_is_as_its_specs_say_or_refused_in_one_sentence(case: str, prod_set: ProdSet) -> None:
    _, empty, refused, said = CASES[case]
    target = MemoryBucket("target")
    if prod_set.name in refused:
        with pytest.raises(TerminalError) as refusal:
            set_of(prod_set, DAY, lake(case), target)
        assert str(refusal.value).startswith(said)
        assert not set(str(refusal.value)) & set("\n\t")
        assert read_manifest(target, DAY) is None
        assert list(target.objects()) == []
        return
    manifest = set_of(prod_set, DAY, lake(case), target)
    assert published_faults(prod_set, DAY, target) == []
    without_rows = {name for name, table in manifest.tables.items() if not table.rows}
    assert without_rows - ALWAYS == empty & manifest.tables.keys() - ALWAYS
    assert all(manifest.tables[name].note.endswith(".") for name in without_rows)
