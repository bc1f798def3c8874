"""Detection and masking of card numbers, social security numbers and security codes in free text.

Between the digits of a number there may be anything short that is neither letter nor digit. What then holds false
alarms down is the check digit, the network, and how the digits are grouped:

- a number on its own, in whatever groups, or among other digits in groups that cards are printed in, or with one and
  the same mark between its groups and another one around them, is replaced;
- so are digits with nothing between them that are a card number as a whole, unless they are a bar code, a time, a
  telephone number, or part of an IBAN, a UUID, a hash or a decimal fraction;
- where a word nearby, or the name of the column, says that there is a card, these exceptions do not hold, and a card
  number is replaced within a longer stretch of digits as well.

A social security number is three, two and four digits, or nine in whatever groups where something says that it is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from pipeline_assets.privacy.context import (
    MASKED,
    Stretch,
    expires,
    is_fraction,
    names_card,
    names_ssn,
    says_card,
    says_ssn,
    something_else,
    within,
)
from pipeline_assets.privacy.digits import (
    LEAST_DIGITS,
    MOST_DIGITS,
    SSN_DIGITS,
    is_card_number,
    is_moment,
    is_rather_else,
    last_four,
    may_be_card_number,
)
from pipeline_assets.privacy.security_codes import security_codes
from pipeline_assets.privacy.spellings import views

Kind: TypeAlias = Literal["card", "ssn", "code"]

#: What may stand between two digits of a number: anything but letters and digits, and not much of it.
_BETWEEN = r"[\W_]{0,24}"
_RUN = re.compile(rf"\d(?:{_BETWEEN}\d){{{SSN_DIGITS - 1},}}")
_GROUP, _MASKED = re.compile(r"\d+"), re.compile(MASKED)
#: How the digits of cards are grouped where they are printed, asked for or shown.
_PRINTED = frozenset(
    {(4, 4, 4, 4, rest) for rest in (1, 2, 3)}
    | {(4, 4, 4, last) for last in (1, 2, 3, 4, 5)}
    | {(4, 6, 5), (4, 6, 4), (4, 3, 3, 3), (4, 4, 5), (4, 5, 6), (6, 10)}
)
#: How bar codes are.
_BARS = frozenset({(1, 6, 6), (2, 5, 5, 1), (3, 4, 5, 1), (7, 5, 1), (12, 1), (13, 1), (1, 2, 5, 5, 1), (2, 6, 6)})
#: What the stripe of a card and its chip have behind its number: when it ends, and what is worth as much as its code.
_TRACK = re.compile(r"[=Dd]\d{7,}[Ff]?(?![^\W_])|\^[^^\n]{2,26}\^\d{7,}")
_SSN_GROUPS = (3, 2, 4)
_BRACKETS = str.maketrans(
    dict.fromkeys("()[]{}", "") | dict.fromkeys("-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u00ad", "-")
)
_POINTS = frozenset({".", ",", ":", ";"})


@dataclass(frozen=True, slots=True)
class Span:
    """Stretch of a text that holds a number.

    Parameters
    ----------
    begin, end
        Where it is, in characters; `end` is not included.
    digits
        Its digits as ASCII; empty for a security code.
    kind
        What it is a number of.
    """

    begin: int
    end: int
    digits: str
    kind: Kind = "card"

    @property
    def mask(self) -> str:
        """What stands in its place."""
        return "[security code]" if self.kind == "code" else f"[{self.kind} ending {last_four(self.digits)}]"


@dataclass(frozen=True, slots=True)
class Where:
    """Hints that the column of a text gives.

    Parameters
    ----------
    card, ssn
        Its name says that it holds such numbers.
    identifiers
        It holds identifiers: a number with nothing between its digits is one of them.
    """

    card: bool = False
    ssn: bool = False
    identifiers: bool = False

    @classmethod
    def of(cls, name: str, *, identifiers: bool = False) -> Where:
        """Hints of a column by its name."""
        return cls(names_card(name) and not identifiers, names_ssn(name) and not identifiers, identifiers)


ANYWHERE = Where()


def without_numbers(text: str, where: Where = ANYWHERE) -> str:
    """Mask the numbers of a text.

    Returns
    -------
    str
        The text with ``[card ending 1111]`` for card numbers, likewise ``[ssn ending 6789]`` and ``[security code]``.

    Examples
    --------
    >>> without_numbers("paid with 4111-1111-1111-1111, thanks")
    'paid with [card ending 1111], thanks'
    """
    for span in reversed(numbers_in(text, where)):
        text = f"{text[: span.begin]}{span.mask}{text[span.end :]}"
    return text


def holds_number(text: str) -> bool:
    """Whether a text, such as a name, holds a card or social security number."""
    return any(span.kind != "code" for span in numbers_in(text))


def card_numbers(text: str, where: Where = ANYWHERE) -> list[Span]:
    """Card numbers of a text, from the left; those that overlap come as one."""
    return [span for span in numbers_in(text, where) if span.kind == "card"]


def numbers_in(text: str, where: Where = ANYWHERE) -> list[Span]:
    """Stretches of a text that are to be masked, from the left, found in the text as it is and decoded."""
    found: list[Span] = []
    for view in views(text):
        # What was replaced before is no part of a number, and a word before it speaks of no other one.
        shown = _MASKED.sub(lambda masked: "x0000".ljust(len(masked[0]), "x"), view.text)
        for span in _in_view(shown, where):
            begin, end = view.origin(span.begin, span.end)
            found.append(Span(begin, end, span.digits, span.kind))
    return _merge_overlapping(found)


def _merge_overlapping(spans: list[Span]) -> list[Span]:
    """One span for all that overlap: cards before social security numbers, and both before codes."""
    order: dict[Kind, int] = {"card": 0, "ssn": 1, "code": 2}
    apart: list[Span] = []
    for span in sorted(spans, key=lambda each: (each.begin, -each.end)):
        last = apart[-1] if apart else None
        if last is None or span.begin >= last.end:
            apart.append(span)
            continue
        chief = min(last, span, key=lambda each: order[each.kind])
        digits = max(last, span, key=lambda each: each.end).digits if last.kind == span.kind == "card" else chief.digits
        apart[-1] = Span(last.begin, max(last.end, span.end), digits, chief.kind)
    return apart


def _in_view(text: str, where: Where) -> Iterator[Span]:
    other = _Other(text)
    for run in _RUN.finditer(text):
        for span in _in_run(_Run(text, run.span(), where, other)):
            yield span
            if span.kind == "card" and (track := _TRACK.match(text, span.end)):
                yield Span(*track.span(), "", "code")
    yield from (Span(begin, end, "", "code") for begin, end in security_codes(text))


class _Other:
    """What of a text is something else by its form: looked for once, and only where that is asked."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _stretches(self) -> list[Stretch]:
        return something_else(self._text)

    def holds(self, begin: int, end: int) -> bool:
        """Whether one of them holds all from `begin` to `end`."""
        return within(self._stretches, begin, end)


class _Run:
    """Digits with nothing but gaps between them: their groups, and what is known of them."""

    def __init__(self, text: str, place: Stretch, where: Where, other: _Other) -> None:
        self.text, self._place, self._where, self.other = text, place, where, other
        self.groups = [found.span() for found in _GROUP.finditer(text, *place)]
        self.sizes = [end - begin for begin, end in self.groups]
        self.identifiers = where.identifiers

    @cached_property
    def card(self) -> bool:
        """Whether something says that it is a card."""
        return self._where.card or says_card(self.text, *self._place)

    @cached_property
    def ssn(self) -> bool:
        """Whether something says that it is a social security number."""
        return self._where.ssn or says_ssn(self.text, *self._place)

    def gap(self, place: int) -> str:
        """What stands before a group, and nothing before the first."""
        if not 0 < place < len(self.groups):
            return ""
        between = self.text[self.groups[place - 1][1] : self.groups[place][0]]
        return re.sub(r"\s+", " ", between.translate(_BRACKETS))

    def digits(self, first: int, last: int) -> str:
        """The digits of the groups from `first` to `last`, the latter not included."""
        return "".join([self.text[begin:end] for begin, end in self.groups[first:last]])

    def span(self, first: int, last: int, kind: Kind) -> Span:
        """The groups from `first` to `last`, the latter not included."""
        return Span(self.groups[first][0], self.groups[last - 1][1], self.digits(first, last), kind)


def _in_run(run: _Run) -> Iterator[Span]:
    first = 0
    while first < len(run.groups):
        last, kind = _beginning(run, first)
        if kind:
            yield run.span(first, last, kind)
        first = last
    if max(run.sizes) > LEAST_DIGITS and run.card:
        for begin, end in run.groups:
            yield from _within_group(run, begin, end)


def _beginning(run: _Run, first: int) -> tuple[int, Kind | None]:
    """The group behind the longest number that begins with `first`, and its kind; or else the next group."""
    size, card, ssn = 0, 0, 0
    for place in range(first, len(run.sizes)):
        size += run.sizes[place]
        if size > MOST_DIGITS:
            break
        if size >= LEAST_DIGITS and _is_card(run, first, place + 1):
            card = place + 1
        elif size == SSN_DIGITS and _is_ssn(run, first, place + 1):
            ssn = place + 1
    return (card, "card") if card else (ssn, "ssn") if ssn else (first + 1, None)


def _is_card(run: _Run, first: int, last: int) -> bool:
    digits = run.digits(first, last)
    if not may_be_card_number(digits) or not (is_card_number(digits) or run.card):
        return False
    if last - first == 1:
        return run.card or not (run.identifiers or _is_something_else(run, first, digits))
    if run.card:
        return True
    sizes = tuple(run.sizes[first:last])
    if all(run.other.holds(*group) for group in run.groups[first:last]):
        return False
    if (sizes in _BARS and is_rather_else(digits)) or (sizes not in _PRINTED and _has_bar_code(run, first, last)):
        return False
    alone = first == 0 and last == len(run.groups)
    return alone or sizes in _PRINTED or _is_set_apart(run, first, last) or expires(run.text, run.groups[last - 1][1])


def _is_something_else(run: _Run, place: int, digits: str) -> bool:
    begin, end = run.groups[place]
    return is_rather_else(digits) or is_fraction(run.text, begin) or run.other.holds(begin, end)


def _has_bar_code(run: _Run, first: int, last: int) -> bool:
    """Whether one of the groups is a bar code or a time as a whole, and so what is beside it is no part of it."""
    # The first twelve digits of sixteen may look like one by chance.
    least = LEAST_DIGITS + (last - first == 2)  # noqa: PLR2004 - two groups
    return any(
        run.sizes[place] >= least and is_rather_else(run.digits(place, place + 1)) for place in range(first, last)
    )


def _is_set_apart(run: _Run, first: int, last: int) -> bool:
    # One and the same mark stands between the groups, and another one, or none, around them; or every digit stands by
    # itself, and none of those around them does.
    around = [run.sizes[place] for place in (first - 1, last) if 0 <= place < len(run.sizes)]
    if set(run.sizes[first:last]) == {1} and 1 not in around:
        return True
    inner = {run.gap(place) for place in range(first + 1, last)}
    return len(inner) == 1 and not inner & {run.gap(first), run.gap(last)}


def _is_ssn(run: _Run, first: int, last: int) -> bool:
    sizes = tuple(run.sizes[first:last])
    if sizes != _SSN_GROUPS:
        return run.ssn
    if run.ssn:
        return True
    if all(run.other.holds(*group) for group in run.groups[first:last]):
        return False
    left, right = run.gap(first + 1), run.gap(first + 2)
    if {left.strip(), right.strip()} <= {"", "-"}:
        return True
    if left.strip() != right.strip():
        # An amount and a year, or the like, have a point and a blank.
        return not {left.strip(), right.strip()} & _POINTS or " " not in left + right
    return left not in {run.gap(first), run.gap(last)}


def _within_group(run: _Run, begin: int, end: int) -> Iterator[Span]:
    """Card numbers within digits with nothing between them; what is a time as a whole has none."""
    digits = run.text[begin:end]
    if len(digits) <= LEAST_DIGITS or is_moment(digits) or run.other.holds(begin, end):
        return
    for at in range(len(digits) - LEAST_DIGITS):
        sizes = range(min(MOST_DIGITS, len(digits) - at), LEAST_DIGITS, -1)
        size = next((size for size in sizes if is_card_number(digits[at : at + size])), 0)
        if size:
            yield Span(begin + at, begin + at + size, digits[at : at + size])
