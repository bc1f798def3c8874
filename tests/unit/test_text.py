"""What looks the same is the same: texts, ids and column names once they are clean, and what must not change."""

from __future__ import annotations

import unicodedata

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline_assets.curation.read import reading_of
from pipeline_assets.datasets.ecommerce import PRODUCTS, QUERY_LOG
from pipeline_assets.datasets.text import (
    PLACEHOLDERS,
    clean,
    clean_column,
    clean_id,
    clean_name,
    clean_text,
    lost_its_digits,
)

INVISIBLE = [chr(code) for code in (*range(1, 9), 0xE, 0x1B, 0x7F, 0x80, 0x9F, 0xAD, 0x34F, 0x61C, 0x200B, 0x200E)]
INVISIBLE += list("\u200f\u202a\u202e\u2060\u2066\u2069\ufeff\ufe0f\ufff9\U000e0001\U000e0100\u200c\u200d")
BLANKS = list("\t\u00a0\u1680\u2000\u2003\u2007\u2009\u202f\u205f\u3000\u2800")
LINE_BREAKS = ["\n", "\r\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029"]


class TestWhatLooksTheSame:
    @pytest.mark.parametrize("character", INVISIBLE, ids=ascii)
    def test_invisible_characters_are_gone_wherever_they_are(self, character: str) -> None:
        assert clean(f"{character}Pan{character} B{character}imbo{character}") == "Pan Bimbo"

    @pytest.mark.parametrize("character", BLANKS, ids=ascii)
    def test_blanks_are_one_plain_blank(self, character: str) -> None:
        assert clean(f" {character}Pan{character} {character}Bimbo{character}") == "Pan Bimbo"

    @pytest.mark.parametrize("character", LINE_BREAKS, ids=ascii)
    def test_a_line_break_is_seen_so_it_stays_and_is_of_one_kind(self, character: str) -> None:
        assert clean(f"two {character} lines{character}") == "two\nlines"

    @pytest.mark.parametrize("text", ["Cafe\u0301", "Cafe\u200b\u0301", "Caf\u00e9"], ids=ascii)
    def test_letters_with_accents_have_one_spelling(self, text: str) -> None:
        assert clean(text) == "Caf\u00e9"

    @given(st.one_of(st.text(max_size=30), st.text("'\"=0.E+a \u00a0\u200d\u0301\u0915\n<*", max_size=12)))
    def test_cleaning_again_changes_nothing(self, text: str) -> None:
        for make in (clean, clean_text, clean_name, clean_id, clean_column):
            assert make(make(text)) == make(text)

    @given(st.lists(st.tuples(st.text(max_size=4), st.sampled_from(INVISIBLE)), max_size=6))
    def test_texts_that_differ_by_invisible_characters_alone_are_one(self, parts: list[tuple[str, str]]) -> None:
        seen = "".join(part for part, _ in parts)
        # Between letters that they join, joiners are seen.
        assume(all(ord(character) < 0x600 for character in seen) and "\r" not in seen)
        assert clean("".join(part + hidden for part, hidden in parts)) == clean(seen)

    @given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20))
    def test_plain_text_without_runs_of_blanks_stays(self, text: str) -> None:
        assume("  " not in text and text == text.strip() and text[:1] not in {"'", "="})
        assert clean(text) == text


class TestWhatIsSeenStays:
    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("BREAD", id="capitals"),
            pytest.param("\uff11\uff12\uff13", id="full-width digits"),
            pytest.param("\u00bd l", id="a fraction"),
            pytest.param("10\u00b2", id="a power"),
            pytest.param("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", id="a non-joiner in Persian"),
            pytest.param("\u0915\u094d\u200d\u0937", id="a joiner in Hindi"),
            pytest.param("\U0001f468\u200d\U0001f469\u200d\U0001f467", id="a family of one picture"),
            pytest.param("\u0600123", id="an Arabic number sign"),
            pytest.param('TV 40"', id="inches"),
            pytest.param("two\nlines", id="two lines"),
            pytest.param("'s-Hertogenbosch", id="an apostrophe of a name"),
            pytest.param("'90s Mix", id="an apostrophe before a number of a name"),
            pytest.param("=Bread", id="an equals sign"),
            pytest.param("Nan", id="naan, without its second a"),
            pytest.param("NA", id="Namibia"),
            pytest.param("Nullarbor", id="what begins like a placeholder"),
        ],
    )
    def test_of_a_name(self, text: str) -> None:
        assert clean_name(text) == text

    @pytest.mark.parametrize(
        "text", ["T-1", "0123", "12E4", "1E5", "1E-5", "E+12", "1.10", "10.00", "A.0", "12.E4", "'s-Hertogenbosch"]
    )
    def test_of_an_id(self, text: str) -> None:
        assert (clean_id(text), lost_its_digits(text)) == (text, False)


class TestWhatStandsForNothing:
    @pytest.mark.parametrize("text", sorted(PLACEHOLDERS))
    def test_placeholders_are_no_text_no_name_and_no_id(self, text: str) -> None:
        for written in (text, f" {text}\u00a0", f'="{text}"'):
            assert (clean_text(written), clean_name(written), clean_id(written)) == ("", "", "")

    @pytest.mark.parametrize(
        "text",
        ["(NULL)", "<NULL>", "[NULL]", "#N/A N/A", "-NaN", "1.#QNAN", "-1.#IND", "#SPILL!", "#ERROR!", "#N/D", "#NV"],
    )
    def test_more_than_one_program_writes_them(self, text: str) -> None:
        assert (clean_text(text), clean_name(text), clean_id(text)) == ("", "", "")

    @pytest.mark.parametrize("text", ["Null", "NONE", "Nan", "n/A"])
    def test_how_it_is_capitalised_counts_for_names_alone(self, text: str) -> None:
        assert (clean_text(text), clean_id(text), clean_name(text)) == ("", "", text)

    @pytest.mark.parametrize("text", ["None of these", "NULL-1", "nan bread", "N/A 1"])
    def test_only_whole_values_are_placeholders(self, text: str) -> None:
        assert clean_text(text) == clean_id(text) == clean_name(text) == text


class TestArmour:
    @pytest.mark.parametrize(
        "text",
        ['="0123"', "'0123", ' ="0123" ', '="\'0123"', '="=""0123"""', '\ufeff="0123"', "'\u200e0123"],
        ids=ascii,
    )
    def test_it_is_taken_off(self, text: str) -> None:
        assert clean(text) == clean_id(text) == "0123"

    def test_marks_doubled_in_a_formula_are_one(self) -> None:
        assert clean('="a ""b"" c"') == 'a "b" c'

    @pytest.mark.parametrize(("text", "bare"), [("'T-1", "T-1"), ("'0123'", "0123"), ("1234.0", "1234")])
    def test_of_an_id_more_is_armour(self, text: str, bare: str) -> None:
        assert clean_id(text) == bare

    @pytest.mark.parametrize(
        "text",
        ["1.23457E+12", "1,23E+12", "1.23457e12", "1E+05", "1.2e-7", "-1.5E+10", "1e+300", "1.E+12", "########", "##"],
    )
    def test_an_id_in_exponent_form_has_lost_its_digits(self, text: str) -> None:
        assert lost_its_digits(text)


@pytest.mark.parametrize(
    "name",
    [
        "\ufeff\ufeffstore",
        "\u200bStore",
        "\u201cstore\u201d",
        "\u00absto\u00adre\u00bb",
        "'store'",
        "<STORE>",
        "[store]",
    ],
    ids=ascii,
)
def test_names_of_columns_lose_marks_and_brackets(name: str) -> None:
    assert clean_column(name) == "store"


def test_names_of_columns_keep_what_tells_them_apart() -> None:
    assert list(map(clean_column, ["Close*", "Adj Close**", "Close/Last", "Vol."])) == [
        "close*",
        "adj close**",
        "close/last",
        "vol.",
    ]


class TestTextsOfTheLake:
    def test_they_are_clean_and_placeholders_are_null_where_there_may_be_none(self) -> None:
        values = ["Pan\u00a0Bimbo", "  Oat\u200bs", "NULL", "nan", "NA", "", None, "Cafe\u0301", "two\r\nlines"]
        read = _read({"product_id": range(9), "name": values, "category": values, "updated_at": [None] * 9})
        whole = ["NA", "", None, "Caf\u00e9", "two\nlines"]
        assert read["category"].to_list() == ["Pan Bimbo", "Oats", None, None, *whole]
        assert read["name"].to_list() == ["Pan Bimbo", "Oats", "NULL", "nan", *whole]

    def test_columns_are_known_by_their_clean_names(self) -> None:
        read = _read({"\ufeffproduct_id": [1], "\u200bName": ["a"], "updated_at": [None]})
        assert (read["product_id"].item(), read["name"].item()) == (1, "a")

    def test_what_people_wrote_in_their_own_words_stays(self) -> None:
        names = ("query_id", "asked_at", "system", "text", "updated_at")
        frame = pl.DataFrame({key: [None] for key in names} | {"text": ["how  much\u00a0is it?"]})
        assert frame.select(reading_of(QUERY_LOG, frame.schema).columns)["text"].item() == "how  much\u00a0is it?"


def _read(values: dict[str, object]) -> pl.DataFrame:
    frame = pl.DataFrame(values)
    return frame.select(reading_of(PRODUCTS, frame.schema).columns)


@given(st.text(max_size=12))
def test_clean_texts_are_composed(text: str) -> None:
    assert unicodedata.is_normalized("NFC", clean(text))
