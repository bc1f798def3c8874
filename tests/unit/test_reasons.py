"""Reasons of rejected rows as events show them: where and what was expected, and nothing of what was found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.events.rejection import BrokenRuleError, reason_without_values, rejection

EXPECTED = TICKETS.rule("quantity_positive").expected
VALUES = st.text() | st.sampled_from(
    [
        "0",
        "",
        "'",
        "\"'",
        "', expected nothing",
        "\", expected 'x'; before, the file had 'Milk'",
        "a: found 'b', expected c",
        "\\', expected x",
    ]
)


@given(value=VALUES, number=st.integers(1, 10**6), before=st.none() | VALUES)
def test_of_a_csv_row_nothing_that_was_found_is_shown(value: str, number: int, before: str | None) -> None:
    kept = rejection(TICKETS, number, BrokenRuleError("quantity_positive", "quantity", value), ["a", value], "")
    # What `tickets.leaving` adds where a version that stands rejects a row.
    suffix = (
        "" if before is None else f"; before, the file had {before!r} x 2 of this ticket: what no other row has leaves"
    )
    document = {"row": kept.number, "column": kept.column, "reason": f"{kept.reason}{suffix}"}
    place = f"row {number}, column quantity"
    shown = {f"{place}: expected {EXPECTED}"} | ({place} if "expected" in f"{value}{before}" else set())
    assert reason_without_values(document) in shown


@given(value=VALUES)
def test_of_a_row_of_the_lake_nothing_that_was_found_is_shown(value: str) -> None:
    """Its rules are engine-neutral: what they quote has no escapes."""
    document = {"row": 3, "column": "total", "reason": f"row 3, column total: found '{value}'; expected 0 to 100"}
    place = "row 3, column total"
    shown = {f"{place}: expected 0 to 100"} | ({place} if "expected" in value else set())
    assert reason_without_values(document) in shown


@pytest.mark.parametrize(
    ("document", "shown"),
    [
        pytest.param(
            {
                "row": 5,
                "column": "",
                "reason": "row 5: found 3 fields instead of 7, expected as many as the header has",
            },
            "row 5: 3 fields instead of 7",
            id="width",
        ),
        pytest.param(
            {"row": 3, "column": "total", "reason": "row 3, column total: found no value; expected one"},
            "row 3, column total: expected one",
            id="no value",
        ),
        pytest.param(
            {"row": 9, "column": "name", "reason": "Ann Example is no name"}, "row 9, column name", id="another form"
        ),
        pytest.param(
            {"sequence_number": "17", "reason": "Ann Example is no name"}, "record 17", id="record of a stream"
        ),
        pytest.param(
            {"reason": "a.csv: it has no header; expected store and day"},
            "a.csv: it has no header; expected store and day",
            id="refused whole",
        ),
        pytest.param(
            {"reason": "o/1.parquet: row 3, column total: found 'x'; expected a number"},
            "o/1.parquet: row 3, column total: expected a number",
            id="refused for a row",
        ),
    ],
)
def test_reasons_of_other_forms(document: dict[str, str], shown: str) -> None:
    assert reason_without_values(document) == shown
