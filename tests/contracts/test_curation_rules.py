"""The row rules and the choice of the latest row, the same on every engine they are run on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import narwhals as nw
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_assets.curation.rules import (
    REJECTED,
    explained,
    judged,
    judgements_of,
    judgements_of_tombstones,
    warnings_of,
)
from pipeline_assets.curation.settle import OUTCOME, settled
from pipeline_assets.datasets.ecommerce import CUSTOMERS, ORDER_LINES, ORDERS, PAYMENTS, QUERY_LOG, STORES
from pipeline_assets.datasets.spec import Column, Dataset
from tests.worlds.curation_rows import DAY, NOON, rows_of
from tests.worlds.examples import examples

ENGINES = ("polars", "polars-lazy", "spark")
Native = Callable[[pl.DataFrame], Any]


@pytest.fixture(params=ENGINES)
def native(request: pytest.FixtureRequest) -> Native:
    """What makes a frame of each engine of a Polars frame."""
    if request.param == "spark":
        session = request.getfixturevalue("spark")
        return lambda frame: session.createDataFrame(frame.to_arrow())
    return (lambda frame: frame.lazy()) if request.param == "polars-lazy" else (lambda frame: frame)


def collected(frame: Any) -> pl.DataFrame:
    """A frame of any engine as a Polars frame, in the order of its rows."""
    found = nw.from_native(frame)
    eager = found.collect("polars") if isinstance(found, nw.LazyFrame) else found
    polars: pl.DataFrame = eager.to_native()
    return polars.sort("_row")


_DATASETS = (ORDERS, STORES, ORDER_LINES, CUSTOMERS, PAYMENTS, QUERY_LOG)
#: A dataset, a change to a sound row, and the rule and column that reject it and what the reason says was found;
#: None where the row stays.
CASES: list[tuple[Dataset, dict[str, Any], tuple[str, str, str] | None]] = [
    (ORDERS, {}, None),
    (ORDERS, {"customer_id": None}, None),
    (ORDERS, {"store_id": None}, ("store_id_given", "store_id", "no value")),
    (ORDERS, {"order_id": 0}, ("order_id_positive", "order_id", "0")),
    (ORDERS, {"order_id": -4111111111111111}, ("order_id_positive", "order_id", "-[not shown]")),
    (ORDERS, {"total": Decimal("-0.01")}, ("total_in_range", "total", "-0.01")),
    (ORDERS, {"total": Decimal("1000000.00")}, None),
    (ORDERS, {"total": Decimal("1000000.01")}, ("total_in_range", "total", "1000000.01")),
    (ORDERS, {"channel": "Store"}, ("channel_known", "channel", "'Store'")),
    (ORDERS, {"channel": "store", "status": "lost"}, ("status_known", "status", "'lost'")),
    (ORDERS, {"currency": "usd"}, ("currency_known", "currency", "'usd'")),
    (ORDERS, {"currency": "card 4111 1111 1111 1111"}, ("currency_known", "currency", "'card [not shown]'")),
    (ORDERS, {"status": "x" * 200}, ("status_known", "status", f"'{'x' * 80}'")),
    (
        ORDERS,
        {"ordered_at": NOON + timedelta(microseconds=1)},
        ("ordered_before_updated", "ordered_at", "2026-03-02T12:00:00Z"),
    ),
    (ORDERS, {"updated_at": datetime(2026, 3, 4, tzinfo=UTC)}, None),
    (
        ORDERS,
        {"updated_at": datetime(2026, 3, 4, 0, 0, 1, tzinfo=UTC)},
        ("updated_in_time", "updated_at", "2026-03-04T00:00:01Z"),
    ),
    # The first thing that is wrong is told: an absent value before a broken rule, the rules in the order of the spec.
    (ORDERS, {"total": Decimal("-1.00"), "currency": None}, ("currency_given", "currency", "no value")),
    (ORDERS, {"total": Decimal("-1.00"), "status": "lost"}, ("status_known", "status", "'lost'")),
    (STORES, {"country": "US\n"}, ("country_known", "country", "'US\n'")),
    (STORES, {"country": "USA"}, ("country_known", "country", "'USA'")),
    (STORES, {"time_zone": "UTC"}, None),
    (STORES, {"time_zone": "CET"}, ("time_zone_named", "time_zone", "'CET'")),
    (ORDER_LINES, {"quantity": 0}, ("quantity_positive", "quantity", "0")),
    (ORDER_LINES, {"line_number": 10_001}, ("line_number_positive", "line_number", "10001")),
    (ORDER_LINES, {"quantity": 5_000}, None),
    (ORDER_LINES, {"is_return": None}, ("is_return_given", "is_return", "no value")),
    (CUSTOMERS, {"first_name": None}, ("first_name_given", "first_name", "no value")),
    (CUSTOMERS, {"country": None, "last_name": "Doe"}, ("country_given", "country", "no value")),
    (PAYMENTS, {"method": "cheque"}, ("method_known", "method", "'cheque'")),
    (QUERY_LOG, {"text": ""}, ("text_given", "text", "[not shown]")),
    (QUERY_LOG, {"text": "line\n" * 800}, None),
    (QUERY_LOG, {"text": "\U0001f600" * 4000}, None),
    (QUERY_LOG, {"text": "x" * 4001}, ("text_given", "text", "[not shown]")),
    (QUERY_LOG, {"seconds": Decimal("-1.00")}, ("seconds_not_negative", "seconds", "-1.00")),
]


@pytest.mark.parametrize("dataset", _DATASETS, ids=lambda each: each.name)
def test_each_engine_rejects_the_same_rows_for_the_same_reason(native: Native, dataset: Dataset) -> None:
    cases = [(change, wanted) for of, change, wanted in CASES if of is dataset]
    judgements = judgements_of(dataset, DAY)
    frame = native(rows_of(dataset, [change for change, _ in cases]))
    found = collected(explained(judged(nw.from_native(frame), judgements), judgements).to_native())
    expected = {rule.name: rule.expected for rule in dataset.rules}
    assert found.select(REJECTED, "rule", "column", "reason").rows() == [
        _told(number, *wanted, expected.get(wanted[0], "a value")) if wanted else (False, None, None, None)
        for number, (_, wanted) in enumerate(cases, 1)
    ]


def _told(number: int, rule: str, column: str, found: str, expected: str) -> tuple[bool, str, str, str]:
    return True, rule, column, f"row {number}, column {column}: found {found}; expected {expected}"


def test_a_row_that_could_not_be_converted_is_rejected_by_its_type_first(native: Native) -> None:
    rows = rows_of(ORDER_LINES, [{"quantity": None}, {"quantity": None}, {"quantity": 3}]).with_columns(
        pl.Series("_mistyped", ["quantity", None, None]), pl.Series("_was_quantity", ["many", None, "3"])
    )
    judgements = judgements_of(ORDER_LINES, DAY, converted=["quantity"])
    found = collected(explained(judged(nw.from_native(native(rows)), judgements), judgements).to_native())
    assert found["rule"].to_list() == ["type", "quantity_given", None]
    assert found["reason"][0] == "row 1, column quantity: found 'many'; expected a whole number of 64 bits"


def test_a_warning_is_counted_and_the_row_stays(native: Native) -> None:
    rows = rows_of(
        ORDERS, [{"total": Decimal("1000.01")}, {"total": Decimal("1000.00")}, {"total": Decimal("5000.00")}]
    )
    warnings = nw.from_native(native(rows)).select(**warnings_of(ORDERS, DAY))
    eager = warnings.collect("polars") if isinstance(warnings, nw.LazyFrame) else warnings
    assert eager.to_native().row(0, named=True) == {"total_usual": 2}


def test_a_tombstone_needs_its_key_and_its_moment(native: Native) -> None:
    rows = pl.DataFrame(
        {"order_id": [1, None, 3], "line_number": [1, 1, 1], "deleted_at": [NOON, NOON, None], "_row": [1, 2, 3]},
        schema_overrides={"deleted_at": pl.Datetime("us", "UTC")},
    )
    judgements = judgements_of_tombstones(ORDER_LINES)
    found = collected(explained(judged(nw.from_native(native(rows)), judgements), judgements).to_native())
    assert found["rule"].to_list() == [None, "order_id_given", "deleted_at_given"]


_VERSIONED = Dataset(
    name="versioned",
    description="",
    owner="",
    columns=(Column("a", "integer", ""), Column("b", "integer", ""), Column("at", "integer", "", nullable=True)),
    key=("a", "b"),
    rules=(),
    order=("at",),
)
Version = tuple[int, int, int | None, str, str, int]
#: The object that holds tombstones.
GONE = "s3"


def oracle(rows: list[Version]) -> list[str]:
    """The outcome of each row, found one by one."""

    def place(row: Version) -> tuple[int, bool, int, str, str, int]:
        gone = max((other[3] for other in rows if other[:2] == row[:2] and other[4] == GONE), default="")
        counts = 0 if row[3] < gone else 1 if row[4] == GONE else 2
        return counts, row[2] is not None, row[2] or 0, row[3], row[4], row[5]

    outcomes = []
    for row in rows:
        latest = max((other for other in rows if other[:2] == row[:2]), key=place)
        lost = "duplicate" if latest[4] == row[4] else "superseded"
        outcomes.append("accepted" if latest == row else lost)
    return outcomes


def versions(rows: list[Version]) -> pl.DataFrame:
    names = ["a", "b", "at", "_load_id", "_source", "_row"]
    kinds = [pl.Int64, pl.Int64, pl.Int64, pl.String, pl.String, pl.Int64]
    frame = pl.DataFrame(rows, schema=dict(zip(names, kinds, strict=True)), orient="row")
    return frame.with_columns((pl.col("_source") == GONE).alias("_deleted"))


_VERSIONS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.integers(0, 1),
        st.one_of(st.none(), st.integers(0, 2)),
        st.sampled_from(["l1", "l2"]),
        st.sampled_from(["s1", "s2", GONE]),
    ),
    max_size=12,
).map(lambda rows: [(*row, number) for number, row in enumerate(rows, 1)])


@settings(max_examples=examples(200), deadline=None)
@given(_VERSIONS)
def test_the_latest_row_of_a_key_is_the_greatest_of_the_total_order(rows: list[Version]) -> None:
    eager = nw.from_native(versions(rows))
    assert collected(settled(eager, _VERSIONED).to_native())[OUTCOME].to_list() == oracle(rows)
    assert collected(settled(eager.lazy(), _VERSIONED).to_native())[OUTCOME].to_list() == oracle(rows)


def test_each_engine_chooses_the_same_latest_row(native: Native) -> None:
    rows: list[Version] = [
        (a, b, at, load, source, number)
        for number, (a, b, at, load, source) in enumerate(
            (
                (a, b, at, load, source)
                for a in (0, 1)
                for b in (0, 1)
                for at in (None, 1, 2)
                for load in ("l1", "l2")
                for source in ("s1", "s2", GONE)
                if (a, b, at, load, source) != (1, 1, 2, "l2", "s2")
            ),
            1,
        )
    ]
    found = collected(settled(nw.from_native(native(versions(rows))), _VERSIONED).to_native())
    assert found[OUTCOME].to_list() == oracle(rows)
    assert found.columns == ["a", "b", "at", "_load_id", "_source", "_row", "_deleted", OUTCOME]
