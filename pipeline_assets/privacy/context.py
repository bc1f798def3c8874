"""Context of a number: words and forms around digits that make them a card number, or something else."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from operator import itemgetter
from typing import TypeAlias

from pipeline_assets.privacy.digits import has_check_digit

Stretch: TypeAlias = tuple[int, int]

#: How far from a number a word still speaks of it, in characters.
_NEAR = 64
_CARD = (
    r"(?<![^\W\d_])(?:[a-z]{0,8}cards?(?:n(?:o|r|um|umbers?)|holders?)?|carte|cart[aã]o?|kredit[a-z]{0,8}|kart[aey][a-z]{0,7}"
    r"|tarjeta|[a-z]{0,8}(?:kort|kaart)(?:n(?:r|ummer))?|(?-i:PAN)|pan(?=[\W_]{0,2}[:=])|ccn?(?:o|um(?:ber)?)?|visa|amex|american[\W_]express|discover|diners|jcb|maestro"
    r"|mastercard|union[\W_]?pay|rupay)(?![^\W\d_])"
    r"|カ[ー-]ド|卡号|카드|карт[аоуы]"
)
_CARD_BEFORE = re.compile(
    rf"(?:(?i:{_CARD})|(?:card|Card|pan|Pan)(?:No|Num|Number|Nr))(?:\D|(?<!\d)\d{{1,3}}(?!\d)){{0,40}}$"
)
#: A word behind a number speaks of it unless another one follows.
_CARD_BEHIND = re.compile(rf"\D{{0,12}}?(?i:{_CARD})(?!\D{{0,12}}\d{{4}})")
_CARD_NAME = re.compile(rf"(?i:{_CARD}|(?<![^\W\d_])pan(?![^\W\d_]))|(?<![a-z])[cC]ard(?=[A-Z])|[a-z]Card(?![a-z])")
_EXPIRES = re.compile(r"[\W_]{1,4}(?i:exp[a-z.:]{0,8}\s?)?(?:0[1-9]|1[0-2])\s?/\s?(?:20)?\d\d(?![\d/])")
_SSN = (
    r"(?<![^\W\d_])(?:[a-z]{0,8}ssns?|itin|(?-i:TIN)|tax(?:payer)?[\W_]{0,2}id[a-z]*|social[\W_]{0,2}sec[a-z]*"
    r"|soc[\W_]{1,2}sec[a-z]*|ss[\W_]?(?:#|no|num[a-z]*))"
)
_SSN_BEFORE = re.compile(rf"(?i:{_SSN})\D{{0,32}}$")
_SSN_BEHIND = re.compile(rf"\D{{0,10}}?(?i:{_SSN})(?!\D{{0,12}}\d{{3}})")
_SSN_NAME = re.compile(rf"(?i:{_SSN})")
#: One of these is in every text in which a word says that there is a number; in the syntax of Rust.
SAYS_SO = (
    r"(?i)card|cart[eaã]|kredit|kart|tarjeta|kort|kaart|pan|cc|visa|amex|american|discover|diners|jcb|maestro|union|rupay"
    r"|カード|卡号|카드|карт|[\uff21-\uff5a]"
    r"|ssn|ss[^\p{L}\p{N}]?(?:#|n)|tin|tax|soc"
)
#: What this package itself puts in the place of a number.
MASKED = r"\[(?:card|ssn) ending \d{4}\]"
_YEAR, _MONTH, _DAY = r"(?:19|20)\d\d", r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
_ELSE = re.compile(
    # account numbers of banks and of parcels (their check digits are looked at), UUIDs and hashes, days, times of a
    # day, telephone numbers as they are called from abroad, addresses in the internet, decimal fractions longer than
    # amounts, and order numbers of a large market
    r"(?P<iban>(?<![^\W_])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?(?![^\W_]))"
    r"|(?<![^\W_])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![^\W_])"
    r"|(?<![^\W_])(?=\d*[A-Fa-f])(?!\d{12,19}[Dd]\d{7})[0-9A-Fa-f]{32,128}(?![^\W_])"
    rf"|(?<!\d)(?:{_YEAR}[-./]{_MONTH}[-./]{_DAY}|{_DAY}[-./]{_MONTH}[-./]{_YEAR}|{_MONTH}/{_DAY}/{_YEAR})(?!\d)"
    r"|(?P<parcel>(?<!\d)9[1-5]\d\d(?: \d{4}){4} \d\d(?!\d))"
    r"|(?<!\d)(?<!\d\.)(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?::\d{1,5})?(?!\d|\.\d)"
    r"|(?<!\d)(?<!\d\.)\d{1,3}\.\d{5,17}(?!\d|\.\d|[eE]\+?\d)"
    r"|(?<![\d-])\d{3}-\d{7}-\d{7}(?![\d-])"
    r"|(?<!\d)(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d{1,9})?)?(?!\d)"
    r"|(?<![\d+])\+\d(?:[ ()./-]{0,3}\d){6,13}(?![ ()./+-]{0,3}\d)"
)
#: What a decimal fraction has before its digits.
_WHOLE = re.compile(r"(?<![\d.,])[-+]?(?:0[.,]|\d{1,4}\.)$")


def names_card(name: str) -> bool:
    """Whether a column's name says that there are card numbers in it."""
    return _CARD_NAME.search(unicodedata.normalize("NFKC", name)) is not None


def names_ssn(name: str) -> bool:
    """Whether a column's name says that there are social security numbers in it."""
    return _SSN_NAME.search(name) is not None


def says_card(text: str, begin: int, end: int) -> bool:
    """Whether a word beside a stretch of a text says that it is a card number.

    Parameters
    ----------
    text
        Text that holds the number.
    begin, end
        Stretch of the number in it, in characters; `end` is not included.

    Returns
    -------
    bool
        True where it is found within 64 characters before or behind.
    """
    return bool(_CARD_BEFORE.search(text[max(0, begin - _NEAR) : begin]) or _CARD_BEHIND.match(text[end : end + _NEAR]))


def expires(text: str, end: int) -> bool:
    """Whether the month in which a card ends, such as 12/27, stands behind what ends here."""
    return _EXPIRES.match(text, end) is not None


def says_ssn(text: str, begin: int, end: int) -> bool:
    """Whether a word beside a stretch of a text says that it is a social security number.

    Parameters
    ----------
    text
        Text that holds the number.
    begin, end
        Stretch of the number in it, in characters; `end` is not included.

    Returns
    -------
    bool
        True where it is found within 64 characters before or behind.
    """
    return bool(_SSN_BEFORE.search(text[max(0, begin - _NEAR) : begin]) or _SSN_BEHIND.match(text[end : end + _NEAR]))


def something_else(text: str) -> list[Stretch]:
    """The stretches of a text that are something else by their form: see `_ELSE`."""
    return [found.span() for found in _ELSE.finditer(text) if _has_its_check_digits(found)]


def is_fraction(text: str, begin: int) -> bool:
    """Whether digits that begin here are the decimals of a number."""
    return _WHOLE.search(text[max(0, begin - 8) : begin]) is not None


def within(stretches: Sequence[Stretch], begin: int, end: int) -> bool:
    """Whether one of several stretches holds another one whole.

    Parameters
    ----------
    stretches
        Sorted, and none overlaps the next.
    begin, end
        Stretch that is looked for, in characters.

    Returns
    -------
    bool
        True where one of them holds all from `begin` to `end`.
    """
    place = bisect_right(stretches, begin, key=itemgetter(0)) - 1
    return place >= 0 and end <= stretches[place][1]


def _has_its_check_digits(found: re.Match[str]) -> bool:
    if found.lastgroup == "iban":
        return _is_iban(found["iban"])
    return found.lastgroup != "parcel" or has_check_digit(found["parcel"].replace(" ", ""))


def _is_iban(written: str) -> bool:
    """By its check digits (ISO 13616)."""
    plain = re.sub("[ -]", "", written)
    return int("".join(str(int(each, 36)) for each in plain[4:] + plain[:4])) % 97 == 1
