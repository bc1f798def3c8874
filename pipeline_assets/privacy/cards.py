"""Card and social security numbers: their digits, the network of a card, and texts without them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

#: What stands for the network of a card number that is none: something was given, and what it was is not kept.
UNREADABLE = "unreadable"
_LEAST_DIGITS, _MOST_DIGITS = 12, 19
SSN_DIGITS = 9
_LAST = 4
#: The networks, by how their numbers begin and how many digits those have (ISO/IEC 7812).
_NETWORKS = {
    "visa": r"4\d{12}(?:\d{3}(?:\d{3})?)?",
    "mastercard": r"(?:5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}",
    "amex": r"3[47]\d{13}",
    "discover": r"(?:6011|64[4-9]\d|65\d{2})\d{12,15}",
    # JCB, UnionPay, Diners Club, Maestro
    "other": r"(?:35(?:2[89]|[3-8]\d)\d{12}|62\d{14}|3(?:0[0-5]|[689]\d)\d{11}|(?:50|5[678]|6[37])\d{14})",
}
_OF_NETWORK = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _NETWORKS.items()))

#: Between the digits as people type and paste them: white space, hyphens and dashes, dots, underscores, slashes.
_BETWEEN = "[ \t\r\n\u00a0\u2000-\u200b\u2010-\u2015\u202f._/-]{0,3}"
_RUN = rf"\d(?:{_BETWEEN}\d){{{_LEAST_DIGITS},}}"
_SSN = r"\d{3}[- \u2010-\u2015]\d{2}[- \u2010-\u2015]\d{4}"
#: Also as the name of a field in a text that is JSON, or the key of a pair.
_CODE = r"(?i:cv[vcn]|\bcsc|\bcv2|security[ _-]?code|verification[ _-]?(?:code|value))2?\D{0,16}?\d{3,4}\b"
_RUNS, _SSNS = re.compile(_RUN), re.compile(rf"(?<!\d){_SSN}(?!\d)")
_CODES, _NO_DIGIT = re.compile(_CODE), re.compile("[^0-9]")
#: Matches somewhere in every text that `without_numbers` changes, in the syntax that Rust shares.
SUSPICIOUS = f"{_RUN}|{_SSN}|{_CODE}"


@dataclass(frozen=True, slots=True)
class Span:
    """Where in a text something is, and the digits of it."""

    begin: int
    end: int
    digits: str


def digits_of(text: str) -> str:
    """The decimal digits of a text, of whatever script, as ASCII."""
    if text.isascii():
        return text if text.isdigit() else _NO_DIGIT.sub("", text)
    return "".join(str(unicodedata.decimal(character)) for character in text if character.isdecimal())


def card_digits(text: str) -> str | None:
    """The digits of what was given as a card number; None for what has not 12 to 19 of them and so is none.

    The check digit is not asked for: a number with a wrong digit is nearly somebody's, and treated like one.
    """
    digits = digits_of(text)
    return digits if _LEAST_DIGITS <= len(digits) <= _MOST_DIGITS else None


def ssn_digits(text: str) -> str | None:
    """The nine digits of what was given as a social security number; None for what has not nine."""
    digits = digits_of(text)
    return digits if len(digits) == SSN_DIGITS else None


def last_four(digits: str) -> str:
    """The last four digits."""
    return digits[-_LAST:]


def issuer(digits: str) -> str:
    """The network of a card by its digits: visa, mastercard, amex, discover or other."""
    found = _OF_NETWORK.fullmatch(digits)
    return (found and found.lastgroup) or "other"


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of those before it (ISO/IEC 7812-1, annex B)."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def is_card_number(digits: str) -> bool:
    """Whether digits are a card number: of a network, and with the right check digit."""
    return _OF_NETWORK.fullmatch(digits) is not None and luhn(digits)


def card_numbers(text: str) -> list[Span]:
    """Every stretch of a text that holds a card number, however its digits are grouped, from the left.

    Numbers that overlap, as in digits with nothing between them, come as one stretch.
    """
    return [span for run in _RUNS.finditer(text) for span in _in_run(run)]


def without_numbers(text: str) -> str:
    """The text with ``[card ending 1111]`` for card numbers, likewise ``[ssn ending 6789]`` and ``[security code]``."""
    for span in reversed(card_numbers(text)):
        text = f"{text[: span.begin]}[card ending {last_four(span.digits)}]{text[span.end :]}"
    text = _SSNS.sub(lambda found: f"[ssn ending {last_four(digits_of(found[0]))}]", text)
    return _CODES.sub("[security code]", text)


def _in_run(run: re.Match[str]) -> list[Span]:
    places = [run.start() + place for place, character in enumerate(run[0]) if character.isdecimal()]
    digits = digits_of(run[0])
    spans: list[tuple[int, int]] = []
    for begin in range(len(digits) - _LEAST_DIGITS):
        ends = range(min(begin + _MOST_DIGITS, len(digits)), begin + _LEAST_DIGITS, -1)
        end = next((end for end in ends if is_card_number(digits[begin:end])), 0)
        if end and spans and begin < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        elif end:
            spans.append((begin, end))
    return [Span(places[begin], places[end - 1] + 1, digits[begin:end]) for begin, end in spans]
