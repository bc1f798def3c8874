"""Values of columns of numbers, read as the numbers they are, or known to have lost digits."""

from __future__ import annotations

from typing import ClassVar

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_assets.datasets.ecommerce import CUSTOMERS, PAYMENTS
from pipeline_assets.privacy.masking import mask
from pipeline_assets.privacy.readings import card_digits, ssn_digits
from pipeline_assets.privacy.tokens import TokenKey

KEY = TokenKey("k1", bytes(range(32)))
VISA, SSN = "4111111111111111", "123456789"


class TestReadings:
    @pytest.mark.parametrize(
        "text",
        [
            "4111111111111111.0",
            "4.111111111111111E+15",
            "4111111111111111,00",
            "4,111,111,111,111,111.00",
            "4.111.111.111.111.111,00",
            "4111.1111.1111.1111",
            "4111111111111111.",
            "4111111111111111E0",
            "41111111111111110e-1",
            "'4111111111111111",
            "4111 1111 1111 1111 123",
            "4111111111111111 12/27",
            "4111%201111%201111%201111",
            "4111&nbsp;1111&nbsp;1111&nbsp;1111",
            "0004111111111111111",
            "000000004111111111111111",
        ],
    )
    def test_a_spelling_of_a_card_has_the_token_of_the_plain_one(self, text: str) -> None:
        (row,) = mask(pl.DataFrame({"card_number": [text]}), PAYMENTS, KEY).rows()
        assert row == ("1111", "visa", KEY.token("card_number", VISA))

    @pytest.mark.parametrize(
        "text",
        [
            "4.11111111111111E+15",
            "4.1E+15",
            "4111111111111111.5",
            "41111111111111115555555555554444",
            "x",
            "4111111111111110",
            "4111111111111110000",
            "0000000000000000",
            "4111111111111110.0",
        ],
    )
    def test_one_that_lost_digits_has_no_token(self, text: str) -> None:
        assert mask(pl.DataFrame({"card_number": [text]}), PAYMENTS, KEY).rows() == [(None, "unreadable", None)]

    TYPED: ClassVar = {
        "whole fraction": (pl.Series([4111111111111111.0]), VISA),
        "decimal": (pl.Series(["4111111111111111.00"]).cast(pl.Decimal(20, 2)), VISA),
        "integer": (pl.Series([4111111111111111]), VISA),
        "unsigned": (pl.Series([4111111111111111], dtype=pl.UInt64), VISA),
        "kinds": (pl.Series([VISA], dtype=pl.Categorical), VISA),
        "too great": (pl.Series([6200000000000000005.0]), None),
        "half": (pl.Series([4111111111111111.0], dtype=pl.Float32), None),
        "part": (pl.Series([411111111111111.5]), None),
        "no end": (pl.Series([float("inf")]), None),
        "decimal part": (pl.Series(["4111111111111111.50"]).cast(pl.Decimal(20, 2)), None),
    }

    @pytest.mark.parametrize(("values", "number"), TYPED.values(), ids=TYPED)
    def test_a_value_is_read_by_its_type(self, values: pl.Series, number: str | None) -> None:
        masked = mask(pl.DataFrame({"card_number": values}), PAYMENTS, KEY)
        assert masked["card_token"].to_list() == [number and KEY.token("card_number", number)]
        assert masked["card_issuer"].to_list() == ["visa" if number else "unreadable"]

    def test_what_is_no_number_at_all_is_null(self) -> None:
        masked = mask(pl.DataFrame({"card_number": [float("nan"), None]}), PAYMENTS, KEY)
        assert masked.rows() == [(None, None, None)] * 2

    @pytest.mark.parametrize("given", ["123456789.0", "123456789,00", "1.23456789E8", "123.45.6789", 123456789.0])
    def test_a_social_security_number_is_read_likewise(self, given: object) -> None:
        masked = mask(pl.DataFrame({"ssn": [given]}), CUSTOMERS, KEY)
        assert masked.rows() == [("6789", KEY.token("ssn", SSN))]

    @pytest.mark.parametrize("given", ["1.2E8", "n/a", "000-00-0000", 123456789.5, "66-45-6789", 1e17])
    def test_one_that_is_none_leaves_a_trace_and_no_token(self, given: object) -> None:
        assert mask(pl.DataFrame({"ssn": [given]}), CUSTOMERS, KEY).rows() == [("unreadable", None)]

    def test_zeros_that_a_number_lost_come_back(self) -> None:
        assert {ssn_digits("12345678.0"), ssn_digits("012345678")} == {"012345678"}
        assert ssn_digits("12345678") is None

    @given(st.integers(10**12, 10**16 - 1))
    def test_a_number_and_its_text_are_the_same(self, number: int) -> None:
        if number < 1 << 53:
            frame = pl.DataFrame({"card_number": [float(number)]})
            text = pl.DataFrame({"card_number": [str(number)]})
            assert mask(frame, PAYMENTS, KEY).equals(mask(text, PAYMENTS, KEY))
        assert card_digits(f"{number}.0") == card_digits(f"{number},00") == card_digits(str(number))
