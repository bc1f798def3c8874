"""Documents as rows: numbers as decimals of SQL, exact where they fit and as Athena reads them where they do not."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_UP, Context, Decimal

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline_assets.lake.json_documents import json_rows, read_parallel

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("number", pa.decimal128(38, 9)),
        ("lines", pa.list_(pa.struct([("price", pa.decimal128(38, 9)), ("name", pa.string())]))),
    ]
)
EXACT = Context(prec=400, rounding=ROUND_HALF_UP)
NUMBERS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**20), max_value=10**20),
    st.builds(
        lambda digits, exponent: Decimal(digits).scaleb(exponent),
        st.integers(-(10**38) + 1, 10**38 - 1),
        st.integers(-60, 60),
    ),
)


def as_sql(number: Decimal) -> Decimal | None:
    rounded = EXACT.quantize(number, Decimal("1e-9"))
    return rounded if abs(rounded) < 10**29 else None


@settings(max_examples=60, deadline=None)
@given(st.lists(NUMBERS, max_size=6))
@example([Decimal("1.000E+29")])
@example([Decimal("2.07E+33")])
def test_a_number_is_the_same_or_rounded_half_up_or_null_and_that_is_told(numbers: list[Decimal]) -> None:
    documents = [f'{{"id":"{n}","number":{value},"lines":[{{"price":{value}}}]}}' for n, value in enumerate(numbers)]
    read = json_rows([each.encode() for each in documents], SCHEMA)
    expected = [as_sql(value) for value in numbers]
    assert read.table["number"].to_pylist() == expected
    assert [line[0]["price"] for line in read.table["lines"].to_pylist()] == expected
    assert read.inexact == tuple(
        n for n, (value, row) in enumerate(zip(numbers, expected, strict=True)) if row != value
    )
    assert read.unreadable == ()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5), st.booleans())
def test_a_text_is_the_same_whatever_is_in_it(texts: list[str], escaped: bool) -> None:  # noqa: FBT001 - drawn
    documents = [json.dumps({"id": text, "lines": None}, ensure_ascii=escaped).encode() for text in texts]
    assert json_rows(documents, SCHEMA).table["id"].to_pylist() == texts


@pytest.mark.parametrize(
    "wrong", [b"", b"no", b"[1]", b'{"id":1}', b'{"id":"a"', b'{"number":"x"}', b"\xff\xfe", b"1 2"]
)
def test_what_is_no_document_is_told_by_its_place_and_the_others_are_rows(wrong: bytes) -> None:
    good = b'{"id":"a","number":1}'
    read = json_rows([good, wrong, good, wrong], SCHEMA)
    assert read.table["id"].to_pylist() == ["a", "a"]
    assert read.unreadable == (1, 3)


def test_a_document_over_several_lines_is_one_row_and_many_are_read_in_parts() -> None:
    documents = [json.dumps({"id": str(n), "more": {"x": [1]}}, indent=2).encode() for n in range(5)]
    documents += [f'{{"id":"{n}"}}'.encode() for n in range(5, 5_000)]
    documents[4_500] = b'{"id":"4500","number":1e99}'
    read = json_rows(documents, SCHEMA)
    assert read.table["id"].to_pylist() == [str(n) for n in range(5_000)]
    assert read.inexact == (4_500,)


@pytest.mark.parametrize("count", [0, 1, 7, 100])
def test_objects_come_in_the_order_of_their_keys(count: int) -> None:
    keys = [str(n) for n in range(count)]
    assert read_parallel(lambda key: None if key == "3" else key.encode(), keys, 4) == [
        None if key == "3" else key.encode() for key in keys
    ]
