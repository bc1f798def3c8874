"""Numbers of persons in every spelling, what is taken for none, and the scan that does not rely on the masking."""

from __future__ import annotations

import io
import re
import time
from itertools import islice

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_assets.datasets.ecommerce import CUSTOMERS, PRODUCTS, QUERY_LOG
from pipeline_assets.privacy import cards, digits, leaks, masking
from pipeline_assets.privacy.cards import without_numbers
from pipeline_assets.privacy.leaks import Canaries, scan_bytes, scan_text
from pipeline_assets.privacy.masking import mask
from pipeline_assets.privacy.spellings import View
from pipeline_assets.privacy.suspicion import SUSPICIOUS
from pipeline_assets.privacy.tokens import TokenKey
from tests.worlds.number_spellings import DIGITS, SEPARATORS, false_hits, missed, others, spelled
from tests.worlds.number_spellings import cards as cards_spelled

KEY = TokenKey("k1", bytes(range(32)))
VISA, SSN = "4111111111111111", "123456789"
PLANTED = Canaries([VISA])


def stored(frame: pl.DataFrame) -> bytes:
    content = io.BytesIO()
    frame.write_parquet(content)
    return content.getvalue()


class TestCards:
    def test_none_is_left_in_any_network_length_spelling_and_context(self) -> None:
        assert missed(step=11)[1] == []

    def test_a_frame_looks_at_every_text_that_changes(self) -> None:
        texts = [text for _, text, _ in islice(cards_spelled(), 0, None, 7)]
        texts += [f"{word} {SSN[:-1]}8" for word in ("SSN", "ss#", "TIN", "tax id", "Social Security", "soc sec")]
        texts += [f"{word} 4305615418711" for word in ("PAN", "Kreditkarte", "carte", "cc", "UnionPay", "cardNo")]
        texts += [f"{word}: 501800000009" for word in ("card", "Maestro")]
        series = pl.Series(texts)
        assert masking.mask_text(series, QUERY_LOG).to_list() == [without_numbers(text) for text in texts]

    def test_numbers_that_are_no_cards_stay(self) -> None:
        looked, hits = false_hits(60)
        assert looked > 2_500
        assert hits == []

    @pytest.mark.parametrize("separator", SEPARATORS.values(), ids=SEPARATORS)
    def test_what_stands_between_its_digits_is_found_in_a_frame_as_well(self, separator: str) -> None:
        text = f"paid with {spelled(VISA, (4, 4, 4, 4), separator, '{}')} again"
        masked = mask(pl.DataFrame({"text": [text], "x": [text.encode()]}), QUERY_LOG, KEY)
        assert masked["text"].to_list() == ["paid with [card ending 1111] again"]
        assert scan_bytes("", stored(masked), PLANTED) == []

    @pytest.mark.parametrize("form", DIGITS.values(), ids=DIGITS)
    def test_digits_of_every_script_and_encoding_are_read(self, form: str) -> None:
        assert "[card ending 1111]" in without_numbers(f"was {spelled(VISA, (4, 4, 4, 4), '-', form)} twice")

    @given(st.text(st.characters(exclude_categories=("L", "N", "Cs")), max_size=6), st.sampled_from(["{}", "a {} b"]))
    def test_anything_short_that_is_no_letter_and_no_digit_may_stand_between(self, mark: str, around: str) -> None:
        left = without_numbers(around.format(mark.join(["4111", "1111", "1111", "1111"])))
        assert PLANTED.times_in(left) == 0

    @given(st.text("0123456789%&#;x\\u=<> -.cvpin", max_size=80))
    def test_nothing_that_looks_encoded_breaks_it(self, text: str) -> None:
        left = without_numbers(text)
        assert masking.mask_text(pl.Series([text]), QUERY_LOG).to_list() == [left]

    def test_what_looks_like_an_encoding_hides_no_digit(self) -> None:
        for text in (f"card=%41{VISA}", f"pan={VISA}", f"%{VISA}", f"\\x41{VISA}", f"&#65;{VISA}", f"a={VISA}&b"):
            assert VISA not in without_numbers(text)

    @pytest.mark.parametrize(
        "said", ["card 4305615418711", "4305615418711 (visa)", '{"cardNumber": 4305615418711}', "PAN: 4305615418711"]
    )
    def test_a_bar_code_that_may_be_a_card_is_one_where_a_word_says_so(self, said: str) -> None:
        assert "4305615418711" not in without_numbers(said)
        assert without_numbers("4305615418711") == "4305615418711"

    @pytest.mark.parametrize("sizes", [(8, 8), (2,) * 8, (4, 12), (4, 6, 6), (5, 5, 6)], ids=str)
    @pytest.mark.parametrize("month", [" 12/27", ", 03/2029", " exp. 12 / 27"])
    def test_in_whatever_groups_it_is_found_where_its_month_follows(self, sizes: tuple[int, ...], month: str) -> None:
        text = f"7 items, {spelled(VISA, sizes, ' ', '{}')}{month}"
        assert without_numbers(text) == f"7 items, [card ending 1111]{month}"

    def test_a_fraction_stays_and_a_number_with_a_great_exponent_goes(self) -> None:
        for text in ("4.083875130689307e-05", "64.61276399232375", "-46.734328,61.237124"):
            assert without_numbers(text) == text
        for text in ("4.111111111111111E+15", "4.111111111111111e15"):
            assert "[card ending 1111]" in without_numbers(text)

    def test_within_a_longer_number_it_is_found_where_a_word_says_so(self) -> None:
        assert VISA not in without_numbers(f"my card 00{VISA}1227")
        for text in (
            f"00{VISA}1227",
            "card charged at 20261121191500123456",
            "[card ending 1111] 20261121191500123456",
        ):
            assert without_numbers(text) == text

    @pytest.mark.parametrize(
        "unit", [f"{VISA} x ", "4111 1111 1111 1111 and ", f"card {VISA} ", "4305615418711 2026-11-21 a "]
    )
    def test_a_text_that_is_twice_as_long_takes_about_twice_as_long(self, unit: str) -> None:
        def looked_at(times: int) -> float:
            begun = time.process_time()
            without_numbers(unit * times)
            return time.process_time() - begun

        looked_at(10)
        assert looked_at(4_000) < 30 * looked_at(400) + 0.2

    def test_replacing_twice_changes_nothing_more(self) -> None:
        once = without_numbers(f"card {VISA} and 4305615418711, ssn {SSN}, cvv 123")
        assert without_numbers(once) == once


SPELLED_SSN = {
    **{name: spelled(SSN, (3, 2, 4), separator, "{}") for name, separator in SEPARATORS.items() if separator},
    "brackets": "(123) 45 6789",
    "mixed": "123-45 6789",
    "full-width": spelled(SSN, (3, 2, 4), "-", "\uff10"),
}


class TestSocialSecurityNumbers:
    @pytest.mark.parametrize("written", SPELLED_SSN.values(), ids=SPELLED_SSN)
    def test_it_is_found_in_every_spelling(self, written: str) -> None:
        for around in ("I am {}", "ssn {} x", '{{"a": "{}"}}'):
            left = without_numbers(around.format(written))
            assert "[ssn ending 6789]" in left
            assert Canaries([SSN]).times_in(left) == 0

    @pytest.mark.parametrize(
        "said",
        [
            "ssn {}",
            "SSN: {}",
            "social security number: {}",
            "my Social Security No. is {}",
            "tax id {}",
            "{} (ssn)",
            '{{"customer_ssn": "{}"}}',
            "TIN {}",
            "ss# {}",
            "soc. sec. {}",
        ],
    )
    def test_nine_digits_are_one_where_a_word_says_so(self, said: str) -> None:
        for written in (SSN, "12 3456789", "123 456 789"):
            assert SSN[:5] not in re.sub(r"\W", "", without_numbers(said.format(written)))

    @pytest.mark.parametrize(
        "text", [SSN, "order 123456789", "call 555-123-4567", "it was 100.00 2026", "a tin 123456789", "12-3456789"]
    )
    def test_other_nine_digits_stay(self, text: str) -> None:
        assert without_numbers(text) == text

    @pytest.mark.parametrize("values", [[SSN], [123456789], ["123-45-6789"], [123456789.0]])
    def test_a_column_that_is_named_for_them_loses_them(self, values: list[object]) -> None:
        for name in ("social_security_number", "tax_id", "ssn_2"):
            frame = mask(pl.DataFrame({name: values}), CUSTOMERS, KEY)
            assert frame[name].to_list() == ["[ssn ending 6789]"]


class TestIdentifiers:
    CODES = ("4305615418711", VISA)

    @pytest.mark.parametrize("name", PRODUCTS.identifiers)
    def test_bare_digits_of_a_declared_column_stay(self, name: str) -> None:
        for values in (pl.Series(self.CODES), pl.Series(map(int, self.CODES))):
            frame = pl.DataFrame({name: values})
            assert mask(frame, PRODUCTS, KEY).equals(frame)
            assert scan_bytes("", stored(frame)) == []

    def test_a_card_in_a_declared_column_goes_where_it_is_grouped_or_said(self) -> None:
        values = ["4111 1111 1111 1111", f"card {VISA}", "4111-1111-1111-1111"]
        masked = mask(pl.DataFrame({"ean": values}), PRODUCTS, KEY)
        assert masked["ean"].to_list() == ["[card ending 1111]", "card [card ending 1111]", "[card ending 1111]"]

    def test_an_undeclared_column_keeps_bar_codes_and_times_and_loses_cards(self) -> None:
        values = ["4305615418711", "20261121191500123456", "4684847513501", VISA]
        for name in ("erp_ref", "package_size"):
            masked = mask(pl.DataFrame({name: values}), PRODUCTS, KEY)
            assert masked[name].to_list() == [*values[:3], "[card ending 1111]"]

    @pytest.mark.parametrize(
        "number", [int(VISA), -int(VISA), float(VISA), [int(VISA)], {"n": int(VISA)}, VISA.encode()]
    )
    def test_a_card_of_any_type_goes(self, number: object) -> None:
        for encoding in ("utf-8", "utf-16"):
            value = number.decode().encode(encoding) if isinstance(number, bytes) else number
            (masked,) = mask(pl.DataFrame({"a": [value]}), PRODUCTS, KEY)["a"]
            assert "[card ending 1111]" in masked

    def test_a_column_that_is_named_for_cards_loses_all_that_may_be_one(self) -> None:
        names = ("pan", "cc_number", "cardNo", "card_nr", "kortnummer", "ccn", "ccNumber", "bankkaart", "numero_carta")
        for name in (*names, "カード番号", "卡号", "номер_карты", "카드번호", "\uff30\uff21\uff2e"):
            assert mask(pl.DataFrame({name: ["4305615418711"]}), PRODUCTS, KEY)[name].to_list() == [
                "[card ending 8711]"
            ]


class TestScan:
    #: Between digits, as far as the masking once knew.
    OLD = re.compile("\\d(?:[ \t\r\n\u00a0\u2000-\u200b\u2010-\u2015\u202f._/-]{0,3}\\d){8,}")

    @pytest.mark.parametrize("planted", [True, False], ids=["planted", "any"])
    @pytest.mark.parametrize("separator", SEPARATORS.values(), ids=SEPARATORS)
    def test_it_finds_what_a_masking_with_a_hole_leaves(
        self, monkeypatch: pytest.MonkeyPatch, separator: str, *, planted: bool
    ) -> None:
        text = f"paid with {spelled(VISA, (4, 4, 4, 4), separator, '{}')} again"
        frame = pl.DataFrame({"text": [text]})
        with monkeypatch.context() as crippled:
            crippled.setattr(cards, "_RUN", self.OLD)
            crippled.setattr(cards, "views", lambda text: [View(text)])
            left = mask(frame, QUERY_LOG, KEY)
        kinds = {finding.kind for finding in scan_bytes("", stored(left), PLANTED if planted else Canaries())}
        assert ("canary" if planted else "card_number") in kinds or left["text"][0] != text
        assert scan_bytes("", stored(mask(frame, QUERY_LOG, KEY)), PLANTED) == []

    def test_the_hole_is_wide(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cards, "_RUN", self.OLD)
        monkeypatch.setattr(cards, "views", lambda text: [View(text)])
        texts = [spelled(VISA, (4, 4, 4, 4), separator, "{}") for separator in SEPARATORS.values()]
        assert sum(without_numbers(text) == text for text in texts) > 40

    @pytest.mark.parametrize("form", DIGITS.values(), ids=DIGITS)
    def test_a_planted_number_is_found_in_digits_of_every_kind(self, form: str) -> None:
        for separator in ("", " ", " and then ", "<b>"):
            assert PLANTED.times_in("") == 0
            found = scan_text("", spelled(VISA, (4, 4, 4, 4), separator, form), PLANTED)
            assert "canary" in {finding.kind for finding in found}

    def test_both_say_the_same_of_what_a_number_is(self) -> None:
        for name in ("is_card_number", "is_rather_else"):
            assert vars(leaks)[name] is vars(cards)[name] is vars(digits)[name]

    def test_other_numbers_are_no_findings(self) -> None:
        found = [text for what, text in others(40) if scan_text("", text) and "amounts" not in what]
        assert found == []


def test_what_is_hidden_in_reasons_leaves_no_number() -> None:
    plain = [mark for mark in SEPARATORS.values() if not any(each.isalnum() for each in mark)]
    texts = pl.Series([f"a {spelled(VISA, (4, 4, 4, 4), mark, '{}')} b cvv 123" for mark in plain])
    hidden = texts.str.replace_all(SUSPICIOUS, "[not shown]")
    assert set(hidden) == {"a [not shown] b [not shown]"}
    times = pl.Series(["2026-02-30 10:00:00", "2026-11-21T19:15:00Z"])
    assert times.str.replace_all(SUSPICIOUS, "[not shown]").equals(times)
