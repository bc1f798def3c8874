"""Header detection: mostly the first line, in some files below a title, in others over three lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pipeline_assets.csv_files.shape import has_value, unquote_line
from pipeline_assets.datasets.text import clean_column
from pipeline_assets.events.rejection import UnreadableRecord, readable

#: Validator: why a header, in lower case, is not that of a dataset; empty when it is.
HeaderFault = Callable[[Sequence[str]], str]
#: Non-empty lines that are searched for a header.
_MOST_LINES = 20
#: Separator line that Excel reads and writes above a header; the header itself shows whether it is true.
_SEPARATOR_LINE = re.compile(r"\W*sep=.?\s*", re.IGNORECASE)
#: Lines of a header that pandas writes for columns with two levels.
_LEVELS = 3
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_SHOWN_CHARACTERS = 200
_LONGEST_NAME = 500


class HeaderError(Exception):
    """Raised when no line is the header.

    Parameters
    ----------
    fault
        Why.
    shown
        Line that was taken for the header.
    rows
        Number of lines read after it.
    """

    def __init__(self, fault: str, shown: str = "", rows: int = 0) -> None:
        super().__init__(fault)
        self.shown = shown
        self.rows = rows


@dataclass(frozen=True, slots=True)
class Header:
    """Header of a file.

    Parameters
    ----------
    names
        Names of the columns, in lower case; the last ones are those of `constants`.
    shown
        The line as it stands.
    constants
        Values that the header has for all rows.
    """

    names: tuple[str, ...]
    shown: str
    constants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Line:
    """Non-empty line, with its number in the file."""

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
        """Whether it cannot be a row: a comment, or one value alone, such as a title."""
        if isinstance(self.fields, UnreadableRecord):
            return False
        return self.fields[0].lstrip().startswith("#") or sum(has_value([field]) for field in self.fields) <= 1


def find_header(records: Iterator[list[str]], fault: HeaderFault) -> Header:
    """Find the header among the first records of a file; no record after it is read.

    Only lines that cannot be rows are skipped: no row is lost because a header comes late.

    Returns
    -------
    Header
        Its columns.

    Raises
    ------
    HeaderError
        There is none among the first 20 lines, or rows come before it.
    """
    lines: list[_Line] = []
    for number, fields in enumerate(records, 1):
        blank = not has_value(fields) and not isinstance(fields, UnreadableRecord)
        if blank or (not lines and _SEPARATOR_LINE.fullmatch(",".join(fields))):
            continue
        lines.append(_Line(number, unquote_line(fields)))
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
    """Header in the last lines, if there is one, and its height.

    Returns
    -------
    tuple of (Header or None, int)
        None where the last lines are no header; the height is in lines.
    """
    last = lines[-1]
    if not _fault(last, fault):
        return Header(last.names, last.shown), 1
    header = _stacked(*lines[-_LEVELS:]) if len(lines) >= _LEVELS else None
    return (header, _LEVELS) if header and not fault(header.names) else (None, 1)


def _stacked(first: _Line, second: _Line, third: _Line) -> Header | None:
    """Header of three lines, as pandas writes columns of two levels: names, values, the name of the index.

    One level is the same in all columns, as in ``Ticker,AAPL,AAPL``: that is a column with one value for all rows.

    Returns
    -------
    Header or None
        None where the lines are no such header.
    """
    if _have_levels(first, second, third):
        for names, values in ((first, second), (second, first)):
            if len({*values.fields[1:]}) == 1:
                names_of_rows = (third.names[0], *names.names[1:], values.names[0])
                return Header(names_of_rows, names.shown, (values.fields[1],))
    return None


def _side_by_side(first: _Line, second: _Line, third: _Line) -> str:
    """Fault of a header of two levels in which neither is the same in all columns; empty for any other."""
    if not _have_levels(first, second, third):
        return ""
    # A refusal is logged and shown everywhere, so it quotes nothing of the lines.
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
