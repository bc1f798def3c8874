"""Records that broke a rule: which one, where, what was there and what was expected."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline_assets.datasets.spec import Dataset

#: What is kept of a rejected record, which may be anything: enough to see what it is; the file itself is in its bucket.
_KEPT_FIELDS, _KEPT_CHARACTERS, _KEPT_OF_ALL = 50, 1_000, 4_000
#: What follows "found" in a reason, by how it is written, with what is no value of a row in the group: the value as
#: Python quotes it, a number of fields, and the lake's, which quotes without escapes and has nothing behind the rule.
_BEFORE = r"(?:; before, the file had .*)?"
_FORMS = (
    re.compile(rf"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"), (expected .*?){_BEFORE}""", re.DOTALL),
    re.compile(rf"(\d+ fields instead of \d+), expected .*?{_BEFORE}", re.DOTALL),
    re.compile(r"(?:'.*'|[\w ]+); (expected .*)", re.DOTALL),
)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that broke a rule: its number (the first after the header is 1), the rule, the place and the sentence.

    `day` is the day that the record is about where it could be read, else empty.
    """

    number: int
    rule: str
    column: str
    reason: str
    fields: tuple[str, ...]
    day: str = ""


@dataclass(frozen=True, slots=True)
class RejectedChange:
    """A record of a stream that broke a rule: the change of one item of the table.

    `event_name` is ``INSERT``, ``MODIFY`` or ``REMOVE``; `old` and `new` are the images of the item before and after,
    None where there is none. Keys and images come masked: what must not be kept is replaced before. `event_id`,
    `region` and `at`, when the change was made, are those of the record, for whoever replays it.
    """

    sequence_number: str
    event_name: str
    keys: Mapping[str, Any]
    old: Mapping[str, Any] | None
    new: Mapping[str, Any] | None
    rule: str
    reason: str
    event_id: str = ""
    region: str = ""
    at: str = ""


class UnreadableRecord(list[str]):
    """A line that is no CSV: its beginning as the only field, and in `why` what is wrong with it."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__([text[:_KEPT_CHARACTERS]])
        self.why = why


class BrokenRuleError(Exception):
    """Raised by a row rule; `value` was found in `column` or, where that is empty, in the record as a whole."""

    def __init__(self, rule: str, column: str, value: str) -> None:
        super().__init__(rule)
        self.rule = rule
        self.column = column
        self.value = value


def misshapen(fields: Sequence[str], width: int) -> BrokenRuleError:
    """What is wrong with a record that has not `width` fields."""
    if isinstance(fields, UnreadableRecord):
        return BrokenRuleError("row_readable", "", fields.why)
    return BrokenRuleError("columns", "", f"{len(fields)} fields instead of {width}")


def rejection(dataset: Dataset, number: int, broken: BrokenRuleError, fields: Sequence[str], day: str) -> Rejection:
    """Rejection of a record by a rule of its dataset, with a reason for people.

    Parameters
    ----------
    dataset
        The dataset that has the rule.
    number
        Number of the record; the first one after the header is 1.
    broken
        The rule that it broke, and the value.
    fields
        Fields of the record, which are kept shortened.
    day
        Day that the record is about; empty where it could not be read.

    Returns
    -------
    Rejection
        Its reason says where the value is, what was found and what was expected.
    """
    place = f"row {number}, column {broken.column}" if broken.column else f"row {number}"
    value = broken.value[:_KEPT_CHARACTERS]
    # Bytes that are no UTF-8 are shown as bytes: as letters of another encoding they would look right.
    found = ascii(value) if broken.rule == "encoding" else repr(value) if broken.column else value
    reason = f"{place}: found {found}, expected {dataset.rule(broken.rule).expected}"
    return Rejection(number, broken.rule, broken.column, reason, _kept(fields), day)


def reason_without_values(document: Mapping[str, Any]) -> str:
    """The reason of a document of the quarantine without what was found: for whoever may see rules, but no data.

    Parameters
    ----------
    document
        With its ``reason`` and, of a rejected row, its ``row`` and ``column``.

    Returns
    -------
    str
        Where it is and what was expected there, such as "row 3, column quantity: expected a number above zero"; only
        where it is, if the reason is not built as those of rows are.
    """
    reason = str(document["reason"])
    place, found, rest = reason.partition(": found ")
    if "row" in document:
        column = document.get("column")
        place = f"row {document['row']}, column {column}" if column else f"row {document['row']}"
    elif "sequence_number" in document:
        place = f"record {document['sequence_number']}"
    elif not found:
        return reason
    known = [match[1] for form in _FORMS if (match := form.fullmatch(rest))]
    # What can be read in two ways is of a value that looks like a rule.
    return f"{place}: {known[0]}" if len(known) == 1 else place


def _kept(fields: Sequence[str]) -> tuple[str, ...]:
    left, kept = _KEPT_OF_ALL, []
    for field in fields[:_KEPT_FIELDS]:
        kept.append(readable(field[: min(left, _KEPT_CHARACTERS)]))
        left = max(0, left - len(field))
    return tuple(kept)


def readable(text: str) -> str:
    """Text that can be written anywhere: bytes that were no UTF-8 are shown as hexadecimal escapes."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
