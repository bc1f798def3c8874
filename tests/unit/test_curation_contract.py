"""The contract of a raw object: what becomes of columns that are unknown, missing, renamed or of another type."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pytest

from pipeline_assets.curation.day import CuratedDay, curate, schema_of
from pipeline_assets.curation.read import RawFile
from pipeline_assets.datasets.ecommerce import CUSTOMERS, ORDER_LINES, ORDERS, PAYMENTS, QUERY_LOG, STORES
from pipeline_assets.datasets.spec import Between, Contract, Dataset, Rule
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.lake.layout import RawObject
from pipeline_assets.storage.documents import to_json
from tests.worlds.curation_rows import DAY, NOON, rows_of

LOAD = "20260302T060000000000Z"


def file_of(directory: Path, dataset: Dataset, content: pl.DataFrame | bytes, part: str = "0001") -> RawFile:
    """A raw object of a dataset as it was downloaded."""
    raw = RawObject(dataset.name, DAY, LOAD, part)
    path = directory / part
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        content.write_parquet(path)
    return RawFile(ObjectVersion("raw", raw.key, f"v-{part}", "e", 1, "2026-03-02T06:00:00.000Z", ""), raw, path)


def curated(directory: Path, dataset: Dataset, content: pl.DataFrame | bytes) -> CuratedDay:
    """The day that one object makes."""
    day = curate(dataset, DAY, [file_of(directory, dataset, content)])
    assert day.account.counts.conserved
    frame = day.rows.collect()
    assert day.account.counts.accepted == frame.height
    assert frame.schema == schema_of(dataset)
    return day


def rows(dataset: Dataset, *changes: dict[str, Any]) -> pl.DataFrame:
    return rows_of(dataset, list(changes)).drop("_row")


def refusal(day: CuratedDay) -> str:
    """Why the only object of a day was refused whole."""
    (source,) = day.account.sources
    (rejected,) = day.rejected.values()
    assert day.rows.collect().is_empty()
    assert source.counts.quarantined == source.counts.received
    assert rejected["row"].to_list() == [0]
    assert rejected["reason"].to_list() == [source.refused]
    return source.refused.removeprefix(f"{source.key}: ")


def contracted(dataset: Dataset, unknown: Literal["evolve", "discard", "freeze"]) -> Dataset:
    return replace(dataset, contract=Contract(unknown=unknown))


class TestUnknownColumns:
    def test_evolve_keeps_them_aside_as_json_without_card_numbers(self, tmp_path: Path) -> None:
        content = rows(STORES, {"store_id": 1}, {"store_id": 2}).with_columns(
            pl.Series("floor", [2, None]),
            pl.Series("note", ["paid with 4111 1111 1111 1111", "none"]),
            pl.Series("tags", [["a", "4111111111111111"], []]),
            pl.Series("raw", [b"\xff", None]),
        )
        day = curated(tmp_path, contracted(STORES, "evolve"), content)
        kept = [json.loads(text) for text in day.rows.collect()["other_columns"]]
        assert kept[0]["floor"] == "2"
        assert kept[0]["raw"] == "ff"
        assert kept[0]["note"] == "paid with [card ending 1111]"
        assert "41111" not in kept[0]["tags"]
        assert kept[1] == {"floor": None, "note": "none", "tags": '{"tags":[]}', "raw": None}
        assert day.account.sources[0].unknown_dropped == ()

    def test_evolve_keeps_long_numbers_that_are_no_card_s(self, tmp_path: Path) -> None:
        content = rows(STORES, {}).with_columns(pl.lit("4006381333938").alias("ean"), pl.lit(1772445600000).alias("at"))
        day = curated(tmp_path, contracted(STORES, "evolve"), content)
        assert json.loads(day.rows.collect()["other_columns"][0]) == {"ean": "4006381333938", "at": "1772445600000"}

    @pytest.mark.parametrize("name", ["_row", "^total$", "^.*$"])
    def test_a_name_that_would_be_taken_for_something_else_refuses_the_object(self, tmp_path: Path, name: str) -> None:
        content = rows(ORDERS, {}).with_columns(pl.lit("x").alias(name))
        assert refusal(curated(tmp_path, ORDERS, content)) == f"it has the column {name}; expected another name"

    @pytest.mark.parametrize("unknown", ["evolve", "discard", "freeze"])
    @pytest.mark.parametrize(("name", "value"), [("4111 1111 1111 1111", "x"), ("card", {"cvc": "737"})])
    def test_numbers_in_names_and_codes_in_nested_values_are_nowhere(
        self, tmp_path: Path, unknown: Literal["evolve", "discard", "freeze"], name: str, value: object
    ) -> None:
        content = rows(STORES, {}).with_columns(pl.Series(name, [value]))
        day = curated(tmp_path, contracted(STORES, unknown), content)
        assert refusal(day)
        (rejected,) = day.rejected.values()
        assert all(number not in f"{day.account}{rejected.write_json()}" for number in ("4111", "737"))

    def test_discard_drops_them_and_says_so(self, tmp_path: Path) -> None:
        day = curated(tmp_path, QUERY_LOG, rows(QUERY_LOG, {}).with_columns(pl.lit(1).alias("mood")))
        assert day.rows.collect()["other_columns"].to_list() == [None]
        assert day.account.sources[0].unknown_dropped == ("mood",)

    def test_freeze_refuses_the_object(self, tmp_path: Path) -> None:
        day = curated(tmp_path, PAYMENTS, rows(PAYMENTS, {}, {"payment_id": 2}).with_columns(pl.lit(1).alias("tip")))
        assert refusal(day).startswith("it has the column tip, which is unknown; expected payment_id, order_id, ")
        assert day.account.counts.as_dict()["quarantined"] == 2

    @pytest.mark.parametrize(
        "name", ["card_number", "Card_Number", "card_security_code", "ssn", "cvv2", "Security Code"]
    )
    @pytest.mark.parametrize("dataset", [STORES, PAYMENTS, CUSTOMERS], ids=lambda each: each.name)
    def test_personal_columns_are_refused_whatever_the_contract_and_nothing_of_them_is_quoted(
        self, tmp_path: Path, dataset: Dataset, name: str
    ) -> None:
        day = curated(tmp_path, dataset, rows(dataset, {}).with_columns(pl.lit("4111111111111111").alias(name)))
        assert f"it has the column {name}, which may be stored nowhere" in refusal(day)
        assert "4111" not in str(day.rejected) + to_json(day.account).decode()


class TestMissingColumns:
    def test_one_that_may_be_null_is_null(self, tmp_path: Path) -> None:
        day = curated(tmp_path, ORDERS, rows(ORDERS, {"customer_id": 5}).drop("customer_id"))
        assert day.rows.collect()["customer_id"].to_list() == [None]

    def test_one_that_may_not_be_null_refuses_the_object(self, tmp_path: Path) -> None:
        assert "it lacks the column currency; expected" in refusal(
            curated(tmp_path, ORDERS, rows(ORDERS, {}).drop("currency"))
        )

    def test_a_frozen_contract_refuses_even_one_that_may_be_null(self, tmp_path: Path) -> None:
        day = curated(tmp_path, PAYMENTS, rows(PAYMENTS, {}).drop("card_issuer"))
        assert "it lacks the column card_issuer" in refusal(day)

    def test_a_renamed_column_is_told_by_both_its_names(self, tmp_path: Path) -> None:
        day = curated(tmp_path, ORDERS, rows(ORDERS, {}).rename({"total": "order_total"}))
        assert refusal(day).startswith("it lacks the column total and it has the column order_total, which is unknown;")

    def test_the_order_and_the_case_of_columns_do_not_matter(self, tmp_path: Path) -> None:
        content = rows(ORDERS, {})
        content = content.select(pl.col(name).alias(name.upper()) for name in reversed(content.columns))
        found = curated(tmp_path, ORDERS, content).rows.collect()
        assert found.select("order_id", "total").rows() == [(1, Decimal("9.99"))]

    def test_a_column_twice_but_for_case_refuses_the_object(self, tmp_path: Path) -> None:
        day = curated(tmp_path, ORDERS, rows(ORDERS, {}).with_columns(pl.lit(1).alias("Total")))
        assert refusal(day) == "it has the column total more than once"


_TEN = datetime(2026, 3, 1, 10, tzinfo=UTC)
CHANGED: list[tuple[str, pl.Series, list[Any]]] = [
    ("order_id", pl.Series([1, 2], dtype=pl.Int32), [1, 2]),
    ("order_id", pl.Series([1, 2**64 - 1], dtype=pl.UInt64), [1, None]),
    ("order_id", pl.Series([1.0, 2.5]), [1, None]),
    ("order_id", pl.Series([1.0, 1e30]), [1, None]),
    ("order_id", pl.Series([1.0, float("nan")]), [1, None]),
    ("order_id", pl.Series([Decimal("7.00"), Decimal("7.10")]), [7, None]),
    ("order_id", pl.Series(["12", "12.0"]), [12, None]),
    ("order_id", pl.Series(["007", "99999999999999999999"]), [7, None]),
    ("order_id", pl.Series(["1", "1e3"]), [1, None]),
    ("total", pl.Series([3, 4]), [Decimal("3.00"), Decimal("4.00")]),
    ("total", pl.Series([0.1, 1.555]), [Decimal("0.10"), None]),
    ("total", pl.Series([Decimal("1.5550"), Decimal("2.5000")]), [None, Decimal("2.50")]),
    ("total", pl.Series(["12.34", "12,34"]), [Decimal("12.34"), None]),
    ("total", pl.Series(["12.345", "1"]), [None, Decimal("1.00")]),
    (
        "ordered_at",
        pl.Series(["2026-03-01T10:00:00Z", "2026-02-30 10:00:00"]),
        [datetime(2026, 3, 1, 10, tzinfo=UTC), None],
    ),
    ("ordered_at", pl.Series(["2026-03-01T10:00:00+02:00", "x"]), [datetime(2026, 3, 1, 8, tzinfo=UTC), None]),
    ("ordered_at", pl.Series([date(2026, 3, 1)] * 2), [datetime(2026, 3, 1, tzinfo=UTC)] * 2),
    ("status", pl.Series(["paid", "paid"], dtype=pl.Categorical), ["paid", "paid"]),
]


# By number: pytest compares parameters with those of other tests, which series do not take.
@pytest.mark.parametrize("case", range(len(CHANGED)))
def test_evolve_takes_what_converts_without_loss_and_rejects_the_row_of_what_does_not(
    tmp_path: Path, case: int
) -> None:
    column, values, wanted = CHANGED[case]
    content = rows(ORDERS, {"order_id": 1}, {"order_id": 2}).with_columns(values.alias(column))
    day = curated(tmp_path, ORDERS, content)
    assert day.rows.collect().sort("_row")[column].to_list() == [value for value in wanted if value is not None]
    (rejected,) = day.rejected.values()
    assert rejected.select("row", "column", "rule").rows() == [
        (number, column, "type") for number, value in enumerate(wanted, 1) if value is None
    ]
    lost = values.cast(pl.String).filter(pl.Series(value is None for value in wanted)).to_list()
    assert [json.loads(text)[column] for text in rejected["fields"]] == [
        "[not shown]" if len(text) > 12 and text.isdigit() else text for text in lost
    ]


def test_flags_as_numbers_become_true_and_false(tmp_path: Path) -> None:
    content = rows(ORDER_LINES, *({"line_number": number} for number in range(1, 4)))
    day = curated(tmp_path, ORDER_LINES, content.with_columns(pl.Series("is_return", [1, 0, 2], dtype=pl.Int8)))
    assert day.rows.collect()["is_return"].to_list() == [True, False]


#: Values of payments as files write them that do not know their types, and those that are taken.
WRITTEN: dict[str, tuple[str, list[Any], list[Any]]] = {
    "numbers": ("amount", [9.5, 12.345, 10.0], [Decimal("9.50"), None, Decimal("10.00")]),
    "text": ("amount", ["9.50", "12.345", "EUR 3"], [Decimal("9.50"), None, None]),
    "zeros": ("amount", ["19.9900", ".50", "-0.000"], [Decimal("19.99"), Decimal("0.50"), Decimal("0.00")]),
    "points": ("amount", [".505", ".", "1."], [None, None, None]),
    "bytes": ("amount", [b"9.50", b"\xff", None], [Decimal("9.50"), None, None]),
    "times": ("paid_at", ["2026-03-02 10:00:00", "0000-00-00 00:00:00", "2026-03-01"], [10, None, None]),
    "zones": ("paid_at", ["2026-03-02 10:00:00+00:00", "2026-03-02T10:00:00 UTC", "2026-03-02 10:00:00Z"], [10] * 3),
    "offsets": (
        "paid_at",
        ["2026-03-02 12:00:00.000+02:00", "2026-03-02T05:30:00-0430", "2026-03-02 11:00:00+01"],
        [10] * 3,
    ),
    "fractions": ("paid_at", ["2026-03-02 10:00:00.0000000", "2026-03-02 10:00:00.0000001", "10:00"], [10, None, None]),
    "numbers for times": ("paid_at", [1772366400, 20260302, 0], [None, None, None]),
    "truths": ("method", [b"cash", b"\xff\xfe", b"card"], ["cash", None, "card"]),
}


@pytest.mark.parametrize("case", WRITTEN)
@pytest.mark.parametrize("dataset", [PAYMENTS, contracted(PAYMENTS, "evolve")], ids=["frozen", "evolving"])
def test_a_value_that_does_not_convert_rejects_its_row_whatever_the_contract(
    tmp_path: Path, dataset: Dataset, case: str
) -> None:
    column, values, wanted = WRITTEN[case]
    wanted = [_TEN + timedelta(days=1) if column == "paid_at" and each else each for each in wanted]
    content = rows(PAYMENTS, *({"payment_id": number} for number in (1, 2, 3))).with_columns(pl.Series(column, values))
    day = curated(tmp_path, dataset, content)
    assert day.rows.collect()[column].to_list() == [each for each in wanted if each is not None]
    (rejected,) = day.rejected.values()
    assert rejected.select("row", "column").rows() == [(n, column) for n, each in enumerate(wanted, 1) if each is None]


def test_a_rejected_value_is_told_with_what_was_expected(tmp_path: Path) -> None:
    content = rows(PAYMENTS, {"payment_id": 1}, {"payment_id": 2}).with_columns(pl.Series("amount", [9.5, 12.345]))
    (rejected,) = curated(tmp_path, PAYMENTS, content).rejected.values()
    (reason,) = rejected["reason"]
    assert reason.startswith(
        "row 2, column amount: found '12.345'; expected decimal(18,2), a number of at most 16 digits"
    )


@pytest.mark.parametrize("value", [[1], {"a": 1}], ids=str)
def test_a_type_of_which_nothing_ever_converts_refuses_the_object(tmp_path: Path, value: object) -> None:
    values = pl.Series("total", [value])
    day = curated(tmp_path, ORDERS, rows(ORDERS, {}).with_columns(values))
    assert refusal(day) == f"it has a column total of type {values.dtype}; expected decimal"


def test_a_column_of_nothing_but_nulls_is_of_any_type(tmp_path: Path) -> None:
    day = curated(tmp_path, PAYMENTS, rows(PAYMENTS, {}).with_columns(pl.lit(None).alias("card_token")))
    assert day.rows.collect()["card_token"].to_list() == [None]


class TestUnreadable:
    @pytest.mark.parametrize(
        "content",
        [b"", b"PAR1", b"PAR1PAR1", b"a,b\n1,2\n", b"\x00" * 100],
        ids=["empty", "magic", "twice", "csv", "zeros"],
    )
    def test_what_is_no_parquet_is_refused(self, tmp_path: Path, content: bytes) -> None:
        assert refusal(curated(tmp_path, ORDERS, content)).endswith("; expected a Parquet file")

    def test_a_truncated_object_is_refused_wherever_it_ends(self, tmp_path: Path) -> None:
        whole = self._bytes(tmp_path, rows(ORDERS, *({"order_id": number} for number in range(1, 500))))
        for length in range(1, len(whole), len(whole) // 15):
            assert "expected a Parquet file" in refusal(curated(tmp_path, ORDERS, whole[:length]))

    def test_flipped_bytes_never_end_otherwise_than_in_rows_or_a_refusal(self, tmp_path: Path) -> None:
        whole = self._bytes(tmp_path, rows(ORDERS, *({"order_id": number} for number in range(1, 200))))
        for place in range(4, len(whole), len(whole) // 60):
            flipped = bytearray(whole)
            flipped[place] ^= 0xFF
            curated(tmp_path, ORDERS, bytes(flipped))

    def test_no_rows_are_fine(self, tmp_path: Path) -> None:
        day = curated(tmp_path, ORDERS, rows(ORDERS, {}).clear())
        assert day.account.counts.received == 0
        assert not day.account.sources[0].refused

    @staticmethod
    def _bytes(directory: Path, content: pl.DataFrame) -> bytes:
        content.write_parquet(directory / "whole")
        return (directory / "whole").read_bytes()


def test_a_rule_that_halts_refuses_the_whole_object(tmp_path: Path) -> None:
    halting = replace(
        ORDERS, rules=(*ORDERS.rules, Rule("total_small", "halt", "a total below 5", Between("total", None, 5)))
    )
    content = rows(ORDERS, {"total": Decimal("1.00")}, {"order_id": 2, "total": Decimal("6.00")})
    day = curated(tmp_path, halting, content)
    assert refusal(day) == "row 2, column total: found 6.00; expected a total below 5"


def test_a_rule_that_halts_does_so_for_a_row_that_breaks_others_too(tmp_path: Path) -> None:
    halting = replace(
        ORDERS, rules=(*ORDERS.rules, Rule("total_small", "halt", "a total below 5", Between("total", None, 5)))
    )
    content = rows(ORDERS, {"total": Decimal("6.00"), "currency": "x"}, {"order_id": 2, "total": Decimal("1.00")})
    assert refusal(curated(tmp_path, halting, content)).startswith("row 1, column total")


@pytest.mark.parametrize("total", [1e17, -1e30, float("nan"), float("inf")])
def test_a_number_that_is_too_great_rejects_its_row_alone(tmp_path: Path, total: float) -> None:
    content = rows(ORDERS, {}, {"order_id": 2}).with_columns(pl.Series("total", [1.5, total]))
    day = curated(tmp_path, ORDERS, content)
    assert day.rows.collect()["total"].to_list() == [Decimal("1.50")]
    assert [rejected["rule"].to_list() for rejected in day.rejected.values()] == [["type"]]


def test_flags_as_numbers_with_a_point_become_true_and_false(tmp_path: Path) -> None:
    content = rows(ORDER_LINES, {}, {"line_number": 2}).with_columns(pl.Series("is_return", [1.0, 0.5]))
    assert curated(tmp_path, ORDER_LINES, content).rows.collect()["is_return"].to_list() == [True]


def test_a_rule_that_fails_every_row_leaves_all_in_the_quarantine_and_says_so(tmp_path: Path) -> None:
    day = curated(tmp_path, ORDERS, rows(ORDERS, {"currency": "x"}, {"order_id": 2, "currency": "y"}))
    (source,) = day.account.sources
    assert source.rules == {"currency_known": 2}
    assert source.refused.endswith("all 2 rows were rejected")


def test_a_rejected_row_shows_nothing_personal(tmp_path: Path) -> None:
    personal = {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.org"}
    row = {**personal, "country": "x", "age_band": "4111 1111 1111 1111"}
    day = curated(tmp_path, CUSTOMERS, rows(CUSTOMERS, row))
    (rejected,) = day.rejected.values()
    shown = rejected.write_json()
    assert all(word not in shown for word in ("Ada", "Lovelace", "ada@", "4111"))
    assert json.loads(rejected["fields"][0])["first_name"] == "[not shown]"
    assert str(NOON.year) in shown
