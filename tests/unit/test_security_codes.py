"""Security codes and PINs under every name: columns that are not kept, and texts without them."""

from __future__ import annotations

import re
from itertools import permutations

import polars as pl
import pytest

from pipeline_assets.datasets.ecommerce import CUSTOMERS, ECOMMERCE, QUERY_LOG
from pipeline_assets.datasets.spec import stored_columns
from pipeline_assets.privacy import masking
from pipeline_assets.privacy.cards import without_numbers
from pipeline_assets.privacy.masking import mask
from pipeline_assets.privacy.security_codes import says_security_code
from pipeline_assets.privacy.tokens import TokenKey

KEY = TokenKey("k1", bytes(range(32)))

CODE_NAMES = [
    "cvv",
    "CVV2",
    "cvc",
    "cvc2",
    "cid",
    "csc",
    "cvd",
    "cav",
    "cav2",
    "cvx2",
    "cvn",
    "cve",
    "cvvs",
    "ccv",
    "icvv",
    "card_verification_number",
    "cardVerificationCode",
    "card-validation-code",
    "security_code",
    "security_number",
    "securityNo",
    "sec_code",
    "card_check_digits",
    "card_security_no",
    "pin",
    "pin_block",
    "pin_code",
    "pincode",
    "PINs",
    "customer_cvv",
    "payment.cid",
    "CustomerCVV",
    "CVV2Code",
    "cardcvv",
    "cvvcode",
    "cardsecuritycode",
    "cv2",
    "verificationValue",
    "number_verification_card",
    "code_security",
    "Security-Code",
    "cardCvc",
    "card_code",
    "track2",
    "track_2_data",
    "CIDs",
    "digits_card_verification",
    "cvv_2",
    "card_pin",
    "PinNumber",
    "cardPIN",
    "atm_pin",
    "code_validation_card",
    "securitycode2",
    "codigo_seguridad",
    "codigoDeSeguridad",
    "kartenpr\u00fcfnummer",
    "Pruefziffer",
    "code_securite",
    "Sicherheitscode",
    "sicherheits_nummer",
    "geheimzahl",
    "codice_di_sicurezza",
    "codiceSicurezza",
    "c\u00f3digo_de_seguran\u00e7a",
    "codigo_seguranca",
    "codigo_de_verificacion",
    "codigoVerificador",
    "beveiligingscode",
    "s\u00e4kerhetskod",
    "sikkerhedskode",
    "sikkerhetskode",
    "turvakoodi",
    "kod_bezpiecze\u0144stwa",
    "bezpe\u010dnostn\u00ed_k\u00f3d",
    "g\u00fcvenlik_kodu",
    "код_безопасности",
    "セキュリティコード",
    "安全码",
    "보안코드",
    "mag_stripe",
    "magneticStripe",
    "track_data",
    "trackData",
    "Track2EquivalentData",
    "full_track",
    "track_two",
    "secure_code",
    "secureCode",
    "cv_code",
    "cvNumber",
    "pvv",
    "security_cd",
    "verif_code",
    "card_verif_code",
    "three_digit_code",
    "threeDigitCode",
    "last_three_digits_on_back",
    "signature_panel_code",
    "personal_identification_number",
    "mpin",
    "codepin",
    "C.V.V.",
    "c_v_c",
    "\uff23\uff36\uff36",
]
OTHER_NAMES = [
    "pinned",
    "mapping",
    "spinning",
    "product_pin",
    "pin_color",
    "shipping_pincode",
    "postal_pin_code",
    "social_security_number",
    "customer_id",
    "card_number",
    "card_type",
    "card_last_four",
    "incident",
    "valid_code",
    "recvd",
    "placid",
    "code",
    "number",
    "check_digit",
    "sec_value",
    "ean",
    "zip",
    "opinion",
    "pinterest",
    "spin",
    "cavity",
    "security_type",
    "verification_status",
    "card_token",
    "card_issuer",
    "accident",
    "seconds",
    "track_id",
    "soundtrack",
    "tracking_number",
    "stripe_id",
    "personal_id",
    "digits",
    "back_order",
    "sicherheitsgurt",
    "verified_at",
    "secure",
    "cv",
    "a_b_c",
    "turnover_code",
]


class TestSecurityCodes:
    @pytest.mark.parametrize("name", CODE_NAMES)
    def test_a_column_under_any_name_is_not_kept(self, name: str) -> None:
        for spelling in (name, name.upper() if "_" in name else name, f" {name.replace('_', ' ')} "):
            assert says_security_code(spelling)
            frame = pl.DataFrame({"customer_id": [1], spelling: ["123"], "card": [[{spelling: "123", "year": 27}]]})
            masked = mask(frame, CUSTOMERS, KEY)
            assert masked.columns == ["customer_id", "card"]
            assert masked["card"].to_list() == ['[{"year": 27}]']

    def test_words_count_in_any_order(self) -> None:
        for words in permutations(("card", "verification", "digits")):
            assert says_security_code("_".join(words))

    @pytest.mark.parametrize("name", OTHER_NAMES)
    def test_other_columns_are_kept(self, name: str) -> None:
        assert not says_security_code(name)

    def test_no_column_of_a_spec_that_is_stored_is_taken_for_one(self) -> None:
        names = [column.name for dataset in ECOMMERCE for column in stored_columns(dataset)]
        assert [name for name in names if says_security_code(name)] == []

    @pytest.mark.parametrize(
        "said",
        [
            "cvd 123",
            "card verification number 123",
            "cvv: 123",
            "cvv is 123",
            "cvv (3 digits): 123",
            "PIN is 1234",
            "pin: 123456",
            "cvc2 321",
            "csc=123",
            "123 is my cvv",
            "security code on the back is 123",
            "cvv 1 2 3",
            "card check digits 123",
            "c\u00f3digo de seguridad: 123",
            "Kartenpr\u00fcfnummer 123",
            "code de s\u00e9curit\u00e9 : 123",
            "validation code: 123",
            "code for verification 123",
            '"cid":"1234"',
            "cvv=123x",
            "cav2 999",
            "pin_block=1234",
            "pin code 1234",
            "cvv%3A%20123",
            "cvv&#58;&nbsp;123",
            "cvv\\u003a123",
            "CVV \uff11\uff12\uff13",
            "\uff23\uff36\uff36 123",
            "Sicherheitscode: 123",
            "codice di sicurezza 123",
            "c\u00f3digo de seguran\u00e7a: 123",
            "beveiligingscode 123",
            "s\u00e4kerhetskod 123",
            "код безопасности 123",
            "セキュリティコード\uff1a123",
            "Geheimzahl 1234",
            '{"pinBlock":"0412AC89ABCDEF67"}',
            "PVV 1234",
        ],
    )
    def test_one_in_a_text_goes(self, said: str) -> None:
        left = without_numbers(f"hello {said} bye")
        assert "[security code]" in left
        assert not re.search(r"\d{3}", left)
        assert masking.mask_text(pl.Series([f"hello {said} bye"]), QUERY_LOG)[0] == left

    @pytest.mark.parametrize(
        "said",
        [
            "%B4111111111111111^DOE/JOHN^2712101123?",
            ";4111111111111111=27121011234567890?",
            "4111111111111111D27121011234567890F",
            "57:4111111111111111D2712101:9F",
        ],
    )
    def test_what_a_stripe_has_behind_the_number_goes(self, said: str) -> None:
        left = without_numbers(f"read {said} ok")
        assert "[card ending 1111][security code]" in left
        assert "2712101" not in left
        assert masking.mask_text(pl.Series([f"read {said} ok"]), QUERY_LOG)[0] == left

    @pytest.mark.parametrize(
        "text",
        [
            "pin code 560001",
            "CVE-2024-1234",
            "mapping 1234",
            "spinning 1234",
            "order 1234",
            "recv2 1234",
            "check digits 123",
            "cavity 123",
            "customer id 1234",
            "incident 1234",
            "pin 3 screws 1234",
        ],
    )
    def test_other_numbers_stay(self, text: str) -> None:
        assert without_numbers(text) == text
