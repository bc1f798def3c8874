"""What the records below a header look like, and which of those that look otherwise are records all the same."""

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
    """The shape of the records of a file.

    A record has `width` fields. It may end after `least`, when only columns follow that may be empty, and is known to
    be whole after `named`, when only columns without a name follow. `given` are the values that the header has for all
    records, `counted` the places of times and numbers.
    """

    width: int
    least: int
    named: int
    counted: tuple[int, ...] = ()
    given: tuple[str, ...] = ()

    def fitted(self, fields: list[str]) -> list[str]:
        """A record with the fields of the header where it differs from that by empty ones or by marks around the line.

        No fields where it has no value at all; any other record as it is.
        """
        if isinstance(fields, UnreadableRecord):
            return fields
        if not has_value(fields):
            return []
        bare = unwrapped(fields)
        if len(bare) > self.width and not has_value(bare[self.width :]):
            bare = bare[: self.width]
        elif self.least <= len(bare) < self.width:
            bare = [*bare, *[""] * (self.width - len(bare))]
        return [*bare, *self.given] if len(bare) == self.width else fields

    def is_whole(self, fields: list[str]) -> bool:
        """Whether nothing is missing at the end of the last record of a file."""
        if isinstance(fields, UnreadableRecord):
            return False
        return not has_value(fields) or len(unwrapped(fields)) >= self.named

    def doubt(self, lines: Sequence[str], fields: list[str]) -> str:
        """Why a record over several lines is not believed; empty when it is.

        Its number of fields is right also where a mark was opened by mistake and closed in the same column of a row
        below. The lines between are rows of their own then. Where there are none, what ends with the line of the mark
        is a whole row without it, and the last lines are one; the lines of a value are not.
        """
        between = lines[1:-1]
        where = f"a quotation mark that is closed {len(lines) - 1} line{'s' * bool(between)} below"
        fitted = self.fitted(fields)
        if fitted and not self._has_shape(fitted):
            return f"{where}, in a row of {len(fields)}"
        if any(self._is_row([line]) for line in between) or self._ends_as_row(lines):
            return f"{where}, in another row"
        return ""

    def _ends_as_row(self, lines: Sequence[str]) -> bool:
        """Whether some first lines would be a row but for a mark that is left open, and some last ones are a row."""
        opened = (place for place, line in enumerate(lines[:-1], 1) if '"' in line)
        below = next((place for place in opened if self._has_shape(self._without_mark(lines[:place]))), len(lines))
        if any(self._is_row(lines[place:]) for place in range(below, len(lines))):
            return True
        # What closes may stand alone in its field, where it opens one when its line is read by itself.
        return below < len(lines) and self._has_digits(self._without_mark(lines[-1:]))

    def _is_row(self, lines: Sequence[str]) -> bool:
        """Whether lines are a record by themselves; where all times and numbers lack digits, they are of some text."""
        try:
            records = [self.fitted(fields) for fields in csv.reader(lines, strict=True, skipinitialspace=True)]
        except csv.Error:
            return False
        return len(records) == 1 and self._has_digits(records[0])

    def _without_mark(self, lines: Sequence[str]) -> list[str]:
        """The record that lines would be without the mark that is left open in the last one; no fields if none is."""
        try:
            *closed, opened = next(csv.reader(lines, skipinitialspace=True), [""])
        except csv.Error:
            return []
        opened = opened.rstrip("\r\n")
        if "\n" in opened or "\r" in opened:
            return []
        return self.fitted([*closed, *(next(csv.reader([opened], quoting=csv.QUOTE_NONE)) or [""])])

    def _has_shape(self, fields: list[str]) -> bool:
        return len(fields) == self.width + len(self.given)

    def _has_digits(self, fields: list[str]) -> bool:
        values = [fields[place] for place in self.counted] if self._has_shape(fields) else [""]
        return not values or any(map(_has_digit, values))


def shape_of(dataset: Dataset, header: Sequence[str], given: Sequence[str] = ()) -> Shape:
    """The shape of records below a header; the last names are those of the columns that are `given`."""
    names = header[: len(header) - len(given)]
    places = {place: dataset.column(name) for name, place in dataset.places(header).items() if place < len(names)}
    named = _end(names, {place for place, name in enumerate(names) if not name})
    least = _end(names, {place for place, name in enumerate(names) if not name or _may_be_empty(place, places)})
    counted = tuple(sorted(place for place, column in places.items() if column.type != "text"))
    return Shape(len(names), least, named, counted, tuple(given))


def has_value(fields: Sequence[str]) -> bool:
    """Whether any field is more than blanks and invisible characters."""
    return any(map(clean, fields))


def unwrapped(fields: list[str]) -> list[str]:
    """The fields of a line that was put into quotation marks as a whole; any other record as it is."""
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
    """The number of names without those at the end that may be lacking; at least one."""
    end = len(names)
    while end > 1 and end - 1 in may_lack:
        end -= 1
    return end


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))
