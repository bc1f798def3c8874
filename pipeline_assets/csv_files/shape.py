"""Record shape: the fields that a header calls for, and the deviations that are repaired."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline_assets.datasets.spec import Column, Dataset
from pipeline_assets.datasets.text import clean
from pipeline_assets.events.rejection import UnreadableRecord


@dataclass(frozen=True, slots=True)
class Shape:
    """Shape of the records of a file.

    Parameters
    ----------
    width
        Fields of a record, from 1.
    least
        Fields after which a record may end, since only columns follow that may be empty.
    named
        Fields after which a record is known to be complete, since only columns without a name follow.
    counted
        Indexes of the columns of times and numbers.
    constants
        Values that the header has for all records.
    """

    width: int
    least: int
    named: int
    counted: tuple[int, ...] = ()
    constants: tuple[str, ...] = ()

    def fit(self, fields: list[str]) -> list[str]:
        """Pad, cut or unquote a record that differs from the header by empty fields or by quotes around the line.

        Returns
        -------
        list of str
            The fields of the header, its constants last; none where the record has no value at all; any other record
            unchanged.
        """
        if isinstance(fields, UnreadableRecord):
            return fields
        if not has_value(fields):
            return []
        bare = unquote_line(fields)
        if len(bare) > self.width and not has_value(bare[self.width :]):
            bare = bare[: self.width]
        elif self.least <= len(bare) < self.width:
            bare = [*bare, *[""] * (self.width - len(bare))]
        return [*bare, *self.constants] if len(bare) == self.width else fields

    def is_whole(self, fields: list[str]) -> bool:
        """Whether the last record of a file is complete."""
        if isinstance(fields, UnreadableRecord):
            return False
        return not has_value(fields) or len(unquote_line(fields)) >= self.named

    def multiline_fault(self, lines: Sequence[str], fields: list[str]) -> str:
        """Validate a record over several lines: a stray quotation mark may have swallowed other rows.

        The number of fields is right, too, where a stray mark is closed in the same column of a row below. Then the
        lines between are rows of their own; or, where there are none, the first lines are a row without the mark and
        the last ones are a row. Lines of a quoted value are neither.

        Returns
        -------
        str
            Why it is not one record; empty when it is.
        """
        between = lines[1:-1]
        where = f"a quotation mark that is closed {len(lines) - 1} line{'s' * bool(between)} below"
        fitted = self.fit(fields)
        if fitted and not self._has_shape(fitted):
            return f"{where}, in a row of {len(fields)}"
        if any(self._is_row([line]) for line in between) or self._ends_as_row(lines):
            return f"{where}, in another row"
        return ""

    def _ends_as_row(self, lines: Sequence[str]) -> bool:
        """Whether the first lines are a row without the mark that they leave open, and the last ones are a row."""
        opened = (place for place, line in enumerate(lines[:-1], 1) if '"' in line)
        below = next((place for place in opened if self._has_shape(self._without_mark(lines[:place]))), len(lines))
        if any(self._is_row(lines[place:]) for place in range(below, len(lines))):
            return True
        # The closing mark may stand alone in its field, where it opens one when its line is read by itself.
        return below < len(lines) and self._has_digits(self._without_mark(lines[-1:]))

    def _is_row(self, lines: Sequence[str]) -> bool:
        """Whether lines are a record by themselves, with a digit in a time or number; without one they are text."""
        try:
            records = [self.fit(fields) for fields in csv.reader(lines, strict=True, skipinitialspace=True)]
        except csv.Error:
            return False
        return len(records) == 1 and self._has_digits(records[0])

    def _without_mark(self, lines: Sequence[str]) -> list[str]:
        """Parse lines without the mark that the last one leaves open; no fields where none is open."""
        try:
            *closed, opened = next(csv.reader(lines, skipinitialspace=True), [""])
        except csv.Error:
            return []
        opened = opened.rstrip("\r\n")
        if "\n" in opened or "\r" in opened:
            return []
        return self.fit([*closed, *(next(csv.reader([opened], quoting=csv.QUOTE_NONE)) or [""])])

    def _has_shape(self, fields: list[str]) -> bool:
        return len(fields) == self.width + len(self.constants)

    def _has_digits(self, fields: list[str]) -> bool:
        values = [fields[place] for place in self.counted] if self._has_shape(fields) else [""]
        return not values or any(map(_has_digit, values))


def shape_of(dataset: Dataset, header: Sequence[str], constants: Sequence[str] = ()) -> Shape:
    """Shape of the records below a header.

    Parameters
    ----------
    dataset
        Dataset of the file.
    header
        Names of the columns, in lower case; those of `constants` last.
    constants
        Values that the header has for all records.

    Returns
    -------
    Shape
        What a record has to look like.
    """
    names = header[: len(header) - len(constants)]
    places = {place: dataset.column(name) for name, place in dataset.places(header).items() if place < len(names)}
    named = _end(names, {place for place, name in enumerate(names) if not name})
    least = _end(names, {place for place, name in enumerate(names) if not name or _may_be_empty(place, places)})
    counted = tuple(sorted(place for place, column in places.items() if column.type != "text"))
    return Shape(len(names), least, named, counted, tuple(constants))


def has_value(fields: Sequence[str]) -> bool:
    """Whether any field has more than blanks and invisible characters."""
    return any(map(clean, fields))


def unquote_line(fields: list[str]) -> list[str]:
    """Fields of a line that was quoted as a whole; any other record unchanged."""
    if len(fields) != 1 or "," not in fields[0]:
        return fields
    try:
        records = list(csv.reader(io.StringIO(fields[0], newline=""), strict=True, skipinitialspace=True))
    except csv.Error:
        return fields
    return records[0] if len(records) == 1 else fields


def _may_be_empty(place: int, places: dict[int, Column]) -> bool:
    return place in places and places[place].nullable


def _end(names: Sequence[str], may_lack: set[int]) -> int:
    """Number of names without those at the end that may be lacking, from 1."""
    end = len(names)
    while end > 1 and end - 1 in may_lack:
        end -= 1
    return end


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))
