"""Numbers of persons: read, replaced, and found where they must not be."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import random
import zipfile
import zlib
from pathlib import Path

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from deploy.samples.shop_rows import PLANTED_CARD
from pipeline_assets.datasets.ecommerce import CUSTOMERS, ECOMMERCE, PAYMENTS, QUERY_LOG
from pipeline_assets.datasets.spec import stored_columns
from pipeline_assets.privacy.cards import without_numbers
from pipeline_assets.privacy.digits import is_card_number, is_rather_else, issuer, luhn
from pipeline_assets.privacy.leaks import Canaries, scan_bytes, scan_folder, scan_text
from pipeline_assets.privacy.masking import UnmaskableError, mask
from pipeline_assets.privacy.readings import card_digits, ssn_digits
from pipeline_assets.privacy.suspicion import SUSPICIOUS
from pipeline_assets.privacy.tokens import TokenKey, TokenKeyError

KEY = TokenKey("k1", bytes(range(32)))
VISA, MASTERCARD, AMEX, DISCOVER = "4111111111111111", "5555555555554444", "378282246310005", "6011111111111117"
OTHERS = ("3530111333300000", "30569309025904", "6200000000000005")
SSN = "666-45-6789"
GROUPED = (
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "4111.1111.1111.1111",
    "4111\u00a01111\u20131111 1111",
    "4 1 1 1" + " 1" * 12,
    "4111\t1111\t1111\t1111",
    "4111 1111\r\n1111 1111",
    "4111 - 1111 - 1111 - 1111",
    "4111\u202f1111\u200b1111\u20091111",
)
FULL_WIDTH = "".join(chr(ord(digit) + 0xFEE0) for digit in VISA)

begins = st.sampled_from(
    [("4", 16), ("51", 16), ("2221", 16), ("37", 15), ("6011", 16), ("4", 13), ("4", 19), ("36", 14)]
)


@st.composite
def card_numbers(draw: st.DrawFn) -> str:
    begin, length = draw(begins)
    rest = draw(st.text("0123456789", min_size=length - len(begin) - 1, max_size=length - len(begin) - 1))
    number = next(number for digit in "0123456789" if luhn(number := begin + rest + digit))
    assume(not is_rather_else(number))  # a bar code as well: only what stands beside it can tell
    return number


@st.composite
def typed(draw: st.DrawFn) -> str:
    """A card number as somebody may type it, among other words."""
    between = st.sampled_from(["", "", " ", "-", ".", "  ", "\u2013"])
    number = "".join(digit + draw(between) for digit in draw(card_numbers()))
    around = st.text("abc ,:;()é\n", max_size=8)
    return draw(around) + number.strip(" -.\u2013") + draw(around)


class TestCards:
    @pytest.mark.parametrize(
        ("number", "network"),
        [
            (VISA, "visa"),
            (MASTERCARD, "mastercard"),
            (AMEX, "amex"),
            (DISCOVER, "discover"),
            *((n, "other") for n in OTHERS),
        ],
    )
    def test_a_number_is_known_by_its_network(self, number: str, network: str) -> None:
        assert (issuer(number), is_card_number(number)) == (network, True)

    def test_one_wrong_digit_is_no_card_number(self) -> None:
        for place in range(16):
            wrong = f"{VISA[:place]}{(int(VISA[place]) + 1) % 10}{VISA[place + 1 :]}"
            assert not is_card_number(wrong)

    @pytest.mark.parametrize("text", [VISA, *GROUPED, FULL_WIDTH, " 4111-1111 1111 1111x"])
    def test_its_digits_are_read_however_it_is_written(self, text: str) -> None:
        assert card_digits(text) == VISA

    @pytest.mark.parametrize("text", ["", "none", "1234 5678", "4" * 20])
    def test_what_is_no_card_number_has_none(self, text: str) -> None:
        assert card_digits(text) is None

    def test_a_social_security_number_has_nine_digits(self) -> None:
        assert (ssn_digits(SSN), ssn_digits("666456789"), ssn_digits("66-45-6789")) == ("666456789", "666456789", None)


class TestTexts:
    @pytest.mark.parametrize("text", [VISA, *GROUPED, FULL_WIDTH])
    def test_a_card_number_is_replaced_in_every_writing(self, text: str) -> None:
        assert without_numbers(f"was {text}, twice") == "was [card ending 1111], twice"

    def test_what_follows_without_a_gap_hides_nothing(self) -> None:
        assert VISA not in without_numbers(f"card {VISA}123")
        assert "1111 1111" not in without_numbers("4111 1111 1111 1111 12/27 123")
        assert VISA not in without_numbers(f"visa 7{VISA}")

    @pytest.mark.parametrize(
        ("text", "left"),
        [
            (f"I am {SSN}.", "I am [ssn ending 6789]."),
            ("cvv: 123 ok", "[security code] ok"),
            ("Security code is 9876", "[security code]"),
            ('{"card_security_code": "123"}', '{"card_[security code]"}'),
            ('{"key": "cvv", "value": "123"}', '{"key": "[security code]"}'),
            ("cardCvc=123", "card[security code]"),
        ],
    )
    def test_other_numbers_of_persons_are_replaced_too(self, text: str, left: str) -> None:
        assert without_numbers(text) == left

    @pytest.mark.parametrize(
        "text",
        [
            "order 31198570044",
            "a code 1234",
            "recv2 1234",
            "since 2026-11-21 19:15",
            "call 555-123-4567",
            "4111 1111",
            "",
        ],
    )
    def test_other_numbers_stay(self, text: str) -> None:
        assert without_numbers(text) == text

    @given(typed())
    def test_no_card_number_survives(self, text: str) -> None:
        left = without_numbers(text)
        assert "[card ending " in left
        assert scan_text("text", left) == []
        assert pl.Series([text]).str.contains(SUSPICIOUS).all()  # or the frame would never have been looked at

    @given(st.text("0123456789 -.cvabé/", max_size=60))
    def test_what_is_changed_is_suspicious_to_the_frame_as_well(self, text: str) -> None:
        if without_numbers(text) != text:
            assert pl.Series([text]).str.contains(SUSPICIOUS).all()
        assert scan_text("text", without_numbers(text)) == []


class TestTokens:
    def test_a_token_says_its_key_and_depends_on_key_kind_and_digits(self) -> None:
        token = KEY.token("card_number", VISA)
        assert token == KEY.token("card_number", VISA)
        assert token.startswith("k1:")
        assert len(token) == 35
        others = {
            KEY.token("ssn", VISA),
            KEY.token("card_number", AMEX),
            TokenKey("k1", bytes(32)).token("card_number", VISA),
        }
        assert len({token, *others}) == 4

    @pytest.mark.parametrize(
        "text", [bytes(range(32)).hex(), base64.b64encode(bytes(range(32))).decode(), " " + "ab" * 40]
    )
    def test_a_key_is_hexadecimal_or_base64(self, text: str) -> None:
        assert len(TokenKey.from_text("2026-q4", text).secret) >= 32

    @pytest.mark.parametrize(
        ("key_id", "text"),
        [("k1", "secret!"), ("k1", "ab" * 31), ("k1", "\u00e9" * 40), ("", "ab" * 32), ("a:b", "ab" * 32)],
    )
    def test_what_is_no_key_is_refused_without_quoting_it(self, key_id: str, text: str) -> None:
        with pytest.raises(TokenKeyError) as raised:
            TokenKey.from_text(key_id, text)
        assert text not in str(raised.value)

    def test_a_key_does_not_show_itself(self) -> None:
        assert "secret" not in repr(KEY)


#: Text with a card number in it, in the types that writers other than the export give it.
TYPED = {
    "categorical": pl.Series([f"my card {VISA}", "hello"], dtype=pl.Categorical),
    "enum": pl.Series(["a", "b"], dtype=pl.Enum(["a", "b", VISA])),
    "binary": pl.Series([f"my card {VISA}".encode(), b"hello"]),
    "list": pl.Series([[VISA], []]),
    "integer": pl.Series([int(VISA), 7]),
}


class TestMasking:
    @pytest.mark.parametrize("dataset", ECOMMERCE, ids=lambda dataset: dataset.name)
    def test_the_columns_are_those_that_are_stored(self, dataset) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        source = pl.DataFrame(schema=dict.fromkeys(dataset.column_names, pl.String))
        assert mask(source, dataset, KEY).columns == [column.name for column in stored_columns(dataset)]

    def test_numbers_become_last_digits_and_tokens(self) -> None:
        numbers = [VISA, "4111-1111 1111-1111", AMEX, "n/a", "", None]
        frame = mask(pl.DataFrame({"payment_id": range(6), "card_number": numbers}), PAYMENTS, KEY)
        assert frame["payment_id"].to_list() == list(range(6))
        assert frame["card_last_four"].to_list() == ["1111", "1111", "0005", None, None, None]
        assert frame["card_issuer"].to_list() == ["visa", "visa", "amex", "unreadable", None, None]
        token = KEY.token("card_number", VISA)
        assert frame["card_token"].to_list() == [token, token, KEY.token("card_number", AMEX), None, None, None]

    def test_security_codes_are_dropped_under_any_name(self) -> None:
        names = ["card_security_code", "CVV2", "card cvc", "Security-Code", "verificationValue", "cardCvc", "cv2"]
        frame = pl.DataFrame({"payment_id": [1], **{name: ["123"] for name in names}})
        assert mask(frame, PAYMENTS, KEY).columns == ["payment_id"]

    def test_texts_and_columns_nobody_knows_lose_their_numbers(self) -> None:
        frame = pl.DataFrame(
            {
                "text": [f"my card {VISA}", "hello"],
                "asked_by": [VISA, None],
                "a": [int(VISA), 7],
                "b": [float(VISA), 0.5],
                "c": [[VISA], []],
                "d": [VISA.encode(), b""],
                "e": [3.25, None],
            }
        )
        masked = mask(frame, QUERY_LOG, KEY)
        assert masked["text"].to_list() == ["my card [card ending 1111]", "hello"]
        assert masked["asked_by"].to_list() == ["[card ending 1111]", None]
        assert masked["e"].equals(frame["e"])
        assert scan_bytes("frame", str(masked.to_dicts()).encode(), Canaries([VISA])) == []

    @pytest.mark.parametrize("kind", TYPED)
    @pytest.mark.parametrize("column", ["text", "unknown"])
    def test_text_of_another_type_loses_its_numbers(self, column: str, kind: str) -> None:
        masked = mask(pl.DataFrame({column: TYPED[kind]}), QUERY_LOG, KEY)
        assert scan_bytes("frame", self.stored(masked), Canaries([VISA])) == []
        assert VISA not in str(masked.schema)
        assert masked.height == 2

    def test_identifiers_are_no_card_numbers(self) -> None:
        frame = pl.DataFrame({"query_id": [int(VISA)], "text": ["x"]})
        assert mask(frame, QUERY_LOG, KEY).equals(frame)

    def test_fields_within_values_lose_their_security_codes(self) -> None:
        cards = [{"holder": "A", "cvc": "K9X7", "more": [{"cardSecurityCode": "K9X7", "year": 27}]}, None]
        masked = mask(pl.DataFrame({"card": cards}), PAYMENTS, KEY)
        assert masked["card"].to_list() == ['{"holder": "A", "more": [{"year": 27}]}', None]

    @pytest.mark.parametrize(
        ("columns", "why"),
        [({f"card {VISA}": "x"}, "whose name holds"), ({"card_token": "x", "card_number": VISA}, "both")],
    )
    def test_columns_that_cannot_be_stored_so_are_refused(self, columns: dict[str, str], why: str) -> None:
        with pytest.raises(UnmaskableError, match=why) as raised:
            mask(pl.DataFrame(columns), PAYMENTS, KEY)
        assert VISA not in str(raised.value)

    @pytest.mark.parametrize("number", [12345678, 12345678.0])
    def test_a_social_security_number_that_lost_its_zeros_has_its_token(self, number: float) -> None:
        masked = mask(pl.DataFrame({"ssn": [number, None]}), CUSTOMERS, KEY)
        assert masked["ssn_token"].to_list() == [KEY.token("ssn", "012345678"), None]

    def test_numbers_of_few_kinds_are_read(self) -> None:
        masked = mask(pl.DataFrame({"card_number": pl.Series([VISA], dtype=pl.Enum([VISA]))}), PAYMENTS, KEY)
        assert masked["card_last_four"].to_list() == ["1111"]

    @staticmethod
    def stored(frame: pl.DataFrame) -> bytes:
        content = io.BytesIO()
        frame.write_parquet(content)
        return content.getvalue()

    def test_what_holds_no_numbers_as_text_is_refused_without_a_value(self) -> None:
        with pytest.raises(UnmaskableError, match="it has the column ssn as List") as raised:
            mask(pl.DataFrame({"ssn": [[SSN]]}), CUSTOMERS, KEY)
        assert SSN not in str(raised.value)

    @given(st.lists(st.one_of(st.none(), card_numbers(), st.text(max_size=25))))
    def test_rows_keep_their_place_and_no_number_is_left(self, numbers: list[str | None]) -> None:
        frame = pl.DataFrame({"payment_id": range(len(numbers)), "card_number": pl.Series(numbers, dtype=pl.String)})
        masked = mask(frame, PAYMENTS, KEY)
        assert masked["payment_id"].to_list() == list(range(len(numbers)))
        for number, token in zip(numbers, masked["card_token"], strict=True):
            digits = card_digits(number or "")
            assert token == (KEY.token("card_number", digits) if digits else None)


class TestLeaks:
    @staticmethod
    def parquet(**columns: object) -> bytes:
        content = io.BytesIO()
        pl.DataFrame(columns).write_parquet(content, compression="zstd")
        return content.getvalue()

    @staticmethod
    def zipped(content: bytes) -> bytes:
        archived = io.BytesIO()
        with zipfile.ZipFile(archived, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("inside", content)
        return archived.getvalue()

    @pytest.mark.parametrize("number", [VISA, AMEX, *OTHERS, "4111 1111 1111 1111", "3782-822463-10005"])
    def test_a_card_number_is_found_wherever_it_lies(self, number: str) -> None:
        said = f'{{"a": "{number}"}}'.encode()
        frame = self.parquet(a=[f"said {number}."] * 3)
        for content in (said, gzip.compress(said), zlib.compress(said), self.zipped(gzip.compress(said)), frame):
            assert {finding.kind for finding in scan_bytes("x", content)} == {"card_number"}

    def test_a_number_that_is_no_text_is_found_in_a_frame(self) -> None:
        for values in ([int(VISA)], [float(VISA)], [[int(VISA)]], [{"a": VISA}], [[0] * 30 + [int(VISA)] + [0] * 30]):
            assert "card_number" in {finding.kind for finding in scan_bytes("x", self.parquet(a=values))}

    def test_social_security_numbers_and_columns_of_codes_are_found(self) -> None:
        assert [finding.kind for finding in scan_text("x", f"ssn={SSN}")] == ["ssn"]
        for columns in ({"card_security_code": ["1"]}, {"card": [[{"cvc": "1"}]]}):
            assert {f.kind for f in scan_bytes("x", self.parquet(**columns))} == {"security_code_column"}

    def test_a_finding_does_not_quote(self) -> None:
        assert VISA not in str(scan_text("x", f"{VISA} {SSN}", Canaries([VISA])))

    @pytest.mark.parametrize(
        "hidden",
        [
            f"aa{PLANTED_CARD}bb",
            " ".join(PLANTED_CARD[place : place + 4] for place in range(0, 16, 4)),
            hashlib.sha256(PLANTED_CARD.encode()).hexdigest(),
            base64.b64encode(PLANTED_CARD.encode()).decode(),
        ],
    )
    def test_a_planted_number_is_found_in_any_guise(self, hidden: str) -> None:
        assert "canary" in {finding.kind for finding in scan_text("x", f"<{hidden}>", Canaries([PLANTED_CARD]))}

    def test_identifiers_times_and_tokens_are_no_findings(self) -> None:
        rng = random.Random(7)
        tokens = [KEY.token("card_number", str(n)) for n in range(2_000)]
        fractions = [str(rng.random()) for _ in range(2_000)]
        times = ["2026-11-21T19:15:00.123456Z", "20261121T191500123456Z-0001", "1763752000000"]
        uuids = ["".join(rng.choices("0123456789abcdef", k=32)) for _ in range(2_000)]
        assert scan_text("x", "\n".join([*tokens, *fractions, *times, *uuids])) == []

    def test_a_folder_is_scanned_with_all_below_it(self, tmp_path: Path) -> None:
        (tmp_path / "a" / "b").mkdir(parents=True)
        (tmp_path / "a" / "b" / "log").write_text(f"card {VISA}")
        (finding,) = scan_folder(tmp_path)
        assert (finding.place, finding.times) == (str(tmp_path / "a" / "b" / "log"), 1)

    @given(card_numbers(), st.sampled_from(["{}", "a {} b", '"{}"', "\t{}\n", "({})"]))
    def test_every_card_number_on_its_own_is_found(self, number: str, around: str) -> None:
        assert scan_text("x", around.format(number))
