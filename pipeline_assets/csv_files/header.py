"""Where the header of a CSV file is: mostly its first line, in some files below a title, in others over three lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pipeline_assets.csv_files.shape import has_value, unwrapped
from pipeline_assets.datasets.text import clean_column
from pipeline_assets.events.rejection import UnreadableRecord, readable

#: What keeps a header, in lower case, from being a dataset's; empty when nothing does.
HeaderFault = Callable[[Sequence[str]], str]
#: So many lines with something in them are looked at.
_MOST_LINES = 20
#: What Excel takes, and writes, above a header; whether it is true is seen of the header.
_SEPARATOR_LINE = re.compile(r"\W*sep=.?\s*", re.IGNORECASE)
#: The lines of a header that pandas writes of columns with two levels.
_LEVELS = 3
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_SHOWN_CHARACTERS = 200
_LONGEST_NAME = 500


class HeaderError(Exception):
    """Raised when no line is the header; `shown` is the line that was taken for it, `rows` those read after it."""

    def __init__(self, fault: str, shown: str = "", rows: int = 0) -> None:
        super().__init__(fault)
        self.shown = shown
        self.rows = rows


@dataclass(frozen=True, slots=True)
class Header:
    """The names of a file's columns, in lower case; the last ones are of columns whose values are `given` for all rows.

    `shown` is the line as it stands.
    """

    names: tuple[str, ...]
    shown: str
    given: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Line:
    """A line with something in it, from its number in the file."""

    number: int
    fields: list[str]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(readable(clean_column(name)[:_LONGEST_NAME]) for name in self.fields)

    @property
    def shown(self) -> str:
        return readable(",".join(self.fields)[:_SHOWN_CHARACTERS])

    @property
    def is_note(self) -> bool:
        """Whether it can be no row: a comment, or one value alone, such as a title."""
        if isinstance(self.fields, UnreadableRecord):
            return False
        return self.fields[0].lstrip().startswith("#") or sum(has_value([field]) for field in self.fields) <= 1


def found_header(records: Iterator[list[str]], fault: HeaderFault) -> Header:
    """The header among the first records of a file, of which no more are read; raises `HeaderError`.

    Only what can be no row is passed over before it: rows must not be lost because a header comes late.
    """
    lines: list[_Line] = []
    for number, fields in enumerate(records, 1):
        blank = not has_value(fields) and not isinstance(fields, UnreadableRecord)
        if blank or (not lines and _SEPARATOR_LINE.fullmatch(",".join(fields))):
            continue
        lines.append(_Line(number, unwrapped(fields)))
        header, height = _header_at_end(lines, fault)
        if header:
            _refuse_rows_before(lines[:-height], lines[-height], fault)
            return header
        if len(lines) == _MOST_LINES:
            break
    if not lines:
        raise HeaderError("it is empty")
    if len(lines) >= _LEVELS and (side_by_side := _side_by_side(*lines[:_LEVELS])):
        raise HeaderError(side_by_side, lines[0].shown, len(lines) - _LEVELS)
    place = next((place for place, line in enumerate(lines) if _other_separator(line.fields)), None)
    if place is None:
        place = next((place for place, line in enumerate(lines) if not line.is_note), 0)
    raise HeaderError(_fault(lines[place], fault), lines[place].shown, len(lines) - place - 1)


def _header_at_end(lines: Sequence[_Line], fault: HeaderFault) -> tuple[Header | None, int]:
    """The header that the last lines are, if they are one, and how many lines it takes."""
    last = lines[-1]
    if not _fault(last, fault):
        return Header(last.names, last.shown), 1
    header = _stacked(*lines[-_LEVELS:]) if len(lines) >= _LEVELS else None
    return (header, _LEVELS) if header and not fault(header.names) else (None, 1)


def _stacked(first: _Line, second: _Line, third: _Line) -> Header | None:
    """The header that pandas writes of columns with two levels: names, values, and below them the index's own name.

    One level says the same of all columns, as in ``Ticker,AAPL,AAPL``: that is a column which all rows share.
    """
    if _have_levels(first, second, third):
        for names, values in ((first, second), (second, first)):
            if len({*values.fields[1:]}) == 1:
                names_of_rows = (third.names[0], *names.names[1:], values.names[0])
                return Header(names_of_rows, names.shown, (values.fields[1],))
    return None


def _side_by_side(first: _Line, second: _Line, third: _Line) -> str:
    """What is said of a header of two levels in which neither says the same of all columns."""
    if not _have_levels(first, second, third):
        return ""
    # What a refusal says is told everywhere, so nothing of the lines is in it.
    return f"lines {first.number} to {third.number} are a header of two levels, with several of each side by side"


def _have_levels(first: _Line, second: _Line, third: _Line) -> bool:
    index, *empty = third.names
    return bool(index) and not any(empty) and len(first.fields) == len(second.fields) == len(third.fields) > 1


def _refuse_rows_before(before: Sequence[_Line], header: _Line, fault: HeaderFault) -> None:
    rows = [line for line in before if not line.is_note]
    if rows:
        seems = f"{_fault(rows[0], fault)}; the header seems to be line {header.number}"
        raise HeaderError(seems, rows[0].shown, len(rows))


def _fault(line: _Line, fault: HeaderFault) -> str:
    if isinstance(line.fields, UnreadableRecord):
        return f"row 0 has {line.fields.why}"
    return _other_separator(line.fields) or fault(line.names)


def _other_separator(fields: Sequence[str]) -> str:
    for mark, name in _OTHER_SEPARATORS.items():
        if len(fields) == 1 and mark in fields[0]:
            return f"row 0 is separated by {name}, not by commas"
    return ""
