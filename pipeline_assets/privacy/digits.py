"""Card numbers, bar codes and times by their digits alone: networks, lengths and check digits."""

from __future__ import annotations

import re
import unicodedata

LEAST_DIGITS, MOST_DIGITS = 12, 19
SSN_DIGITS = 9
_LAST = 4
#: The networks, by how their numbers begin and how many digits those have (ISO/IEC 7812).
_NETWORKS = {
    "visa": r"4\d{12}(?:\d{3}(?:\d{3})?)?",
    "mastercard": r"(?:5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}",
    "amex": r"3[47]\d{13}",
    "discover": r"(?:6011|64[4-9]\d|65\d{2})\d{12,15}",
    # JCB, UnionPay, Diners Club, Maestro, RuPay, Mir, Troy, Uzcard, Humo, Napas
    "other": (
        r"(?:35(?:2[89]|[3-8]\d)\d{12,15}|62\d{14,17}|3(?:0[0-5]|[689]\d)\d{11}|3[689]\d{14}(?:\d{3})?"
        r"|(?:50|5[678]|6[0379]|8[12])\d{14}|(?:50[1-3]8|5020|5893|6304|67[56]\d)\d{14,15}"
        r"|220[0-4]\d{12,15}|9792\d{12}|(?:8600|9860|9704)\d{12})"
    ),
}
_OF_NETWORK = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _NETWORKS.items()))
#: The same for a whole text, with a sign or without, in the syntax that Rust shares.
OF_NETWORK = "^-?(?:" + "|".join(_NETWORKS.values()).replace(r"\d", "[0-9]") + ")$"
#: Lengths that only Maestro has, and seldom: such a number is a card where something says that it is one.
_SELDOM = re.compile(r"(?:50|5[678]|6\d)\d{10,17}")
#: Each digit as the sum of the digits of twice itself.
_DOUBLED = str.maketrans("0123456789", "0246813579")
_FULL_WIDTH = {0xFEE0 + ordinary: ordinary for ordinary in range(0x21, 0x7F)}
#: Letters by their category that are marks to the eye: long vowels of Japanese, which stand for hyphens, modifiers, and
#: fillers of Korean, which nobody sees. In the syntax that Rust and Java share within brackets.
MARKS = "\\p{Lm}\u115f\u1160\u3164\uffa0"
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")
_NO_DIGITS = re.compile("[^0-9]+")
#: From so many characters on it is quicker to look which ones there are than to translate each.
_LONG = 1_000
_BAR_CODES = frozenset({8, 12, 13, 14, 18})
_YEAR, _MONTH, _OF_MONTH = r"(?:19[7-9]\d|20\d\d)", r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_TIME = r"(?:[01]\d|2[0-3])[0-5]\d[0-5]\d"
#: A time from the year down to at least the second, one that begins with the day of the month, or seconds, milli-,
#: micro- or nanoseconds since 1970.
_MOMENT = re.compile(
    rf"{_YEAR}{_MONTH}{_OF_MONTH}{_TIME}\d{{0,9}}|{_OF_MONTH}{_MONTH}{_YEAR}{_TIME}|(?:1\d|20)\d{{8}}(?:\d{{3}}){{0,3}}"
)
#: A telephone number of Germany with its country but without a plus: as long as the oldest numbers of Visa.
_MOBILE = re.compile(r"491[567]\d{9}")


def as_ascii(text: str) -> str:
    """Transliterate the digits of every script to ASCII, character by character.

    Returns
    -------
    str
        As long as `text`. Letters of full width, as keyboards of East Asia write them, are ASCII as well, and what is a
        letter by its category and a mark to the eye is a hyphen.
    """
    if text.isascii():
        return text
    if len(text) < _LONG:
        return text.translate(_ASCII)
    for character in set(text):
        if (found := _ASCII[ord(character)]) != character:
            text = text.replace(character, found)
    return text


class _Ascii(dict[int, str]):
    """What each character becomes, worked out the first time that it is met."""

    def __missing__(self, code: int) -> str:
        found = self[code] = _as_ascii(chr(code).translate(_FULL_WIDTH))
        return found


_ASCII = _Ascii()


def _as_ascii(character: str) -> str:
    if character.isascii():
        return character
    if unicodedata.category(character) == "Lm" or character in _FILLERS:
        return "-"
    digit = unicodedata.digit(character, -1)
    return character if digit < 0 else str(digit)


def digits_of(text: str) -> str:
    """ASCII digits of a text, whatever their script and whatever stands between them.

    Returns
    -------
    str
        Digits 0 to 9 alone.

    Examples
    --------
    >>> digits_of("4111-1111")
    '41111111'
    """
    text = as_ascii(text)
    return text if text.isascii() and text.isdigit() else _NO_DIGITS.sub("", text)


def last_four(digits: str) -> str:
    """The last four digits."""
    return digits[-_LAST:]


def issuer(digits: str) -> str:
    """Network of a card by its digits: visa, mastercard, amex, discover or other."""
    found = _OF_NETWORK.fullmatch(digits)
    return (found and found.lastgroup) or "other"


def luhn(digits: str) -> bool:
    """Luhn check: whether the last digit is the check digit of those before it (ISO/IEC 7812-1, annex B)."""
    return (sum(map(int, digits[-1::-2])) + sum(map(int, digits[-2::-2].translate(_DOUBLED)))) % 10 == 0


def is_card_number(digits: str) -> bool:
    """Whether digits are a card number: of a network, and with the right check digit."""
    return _OF_NETWORK.fullmatch(digits) is not None and luhn(digits)


def may_be_card_number(digits: str) -> bool:
    """The same where something else says that there is a card: of a length, too, that hardly any card has."""
    return is_card_number(digits) or (_SELDOM.fullmatch(digits) is not None and luhn(digits))


def is_bar_code(digits: str) -> bool:
    """Whether digits have the length and the check digit of a bar code (GS1: EAN, UPC, ISBN, GTIN, SSCC)."""
    return len(digits) in _BAR_CODES and has_check_digit(digits)


def has_check_digit(digits: str) -> bool:
    """Whether the last digit is the check digit of those before it as in a bar code, of goods or of a parcel."""
    return (sum(map(int, digits[-1::-2])) + 3 * sum(map(int, digits[-2::-2]))) % 10 == 0


def is_moment(digits: str) -> bool:
    """Whether digits are a time written without anything between them, or a time since 1970."""
    return _MOMENT.fullmatch(digits) is not None


def is_rather_else(digits: str) -> bool:
    """Whether digits that make up a card number are, for all they say by themselves, rather something else."""
    return is_bar_code(digits) or is_moment(digits) or _MOBILE.fullmatch(digits) is not None
