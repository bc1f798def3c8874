"""Record parser: a quotation mark that is not closed in place costs its own line and no other."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import BinaryIO, cast

from pipeline_assets.csv_files.shape import Shape
from pipeline_assets.events.rejection import UnreadableRecord

#: Errors of reading a gzip file whose data is broken.
BROKEN_GZIP = (EOFError, zlib.error, gzip.BadGzipFile)
_WIDEST_FIELD = 100_000
csv.field_size_limit(_WIDEST_FIELD)
_LONGEST_LINE = 1_000_000
#: The most lines that one record may span; a quotation mark that is never closed would take the rest of the file in.
_MOST_LINES = 100
_CHECKED_RECORDS = 10_000
_LINE_ENDS = ("\n", "\r")
_MARK = "\ufeff"
#: Bytes at the end of a file that are searched where another run has read its last record.
_TAIL = 1 << 20


class Records:
    """Records of a file, from a byte on.

    A record over several lines has to pass `shape`, once that is known. One that does not is an `UnreadableRecord` of
    its first line, and the others are read as if the quotation mark were not there.

    Parameters
    ----------
    binary
        The file, unpacked.
    start
        Byte at which the first record begins.
    check
        Called regularly while records are read; may raise.
    """

    def __init__(self, binary: BinaryIO, start: int, check: Callable[[], None]) -> None:
        self.shape: Shape | None = None
        #: Why the file is truncated; known once all records are read, empty when it is not.
        self.cut = ""
        self._check = check
        self._binary = binary
        self._text = _text(binary, start)
        #: Byte of the unpacked file at which the next record begins.
        self.position = start
        #: Lines of the present record, and lines that are pushed back to be read once more.
        self._span: list[str] = []
        self._again: deque[str] = deque()
        self._break = ""
        self._last_piece = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """Lines of the record that was read last."""
        return tuple(self._span)

    def resume_at(self, position: int) -> None:
        """Resume at the record that begins at byte `position`."""
        self._again.clear()
        self._break = self.cut = self._last_piece = ""
        self.position = position
        try:
            self._text = _text(cast("BinaryIO", self._text.detach()), position)
        except BROKEN_GZIP as error:
            self.cut = _gzip_fault(error)

    def read(self, number: int = 1) -> Iterator[tuple[int, list[str]]]:
        """Iterate over the records that are left; those without any value are skipped once the shape is known.

        Yields
        ------
        (int, list of str)
            Number of the record, from `number` on, and its fields; an `UnreadableRecord` for a line that is not CSV.
        """
        if self.cut:
            return
        span, shape = self._span, self.shape
        span.clear()
        # Fast path: records of the right width that begin with a plain character.
        width = shape.width if shape and not shape.constants else -1
        fields: list[str] = []
        while True:
            try:
                for count, fields in enumerate(csv.reader(self._lines(), strict=True, skipinitialspace=True), 1):
                    if count % _CHECKED_RECORDS == 0:
                        self._check()
                    if len(span) > 1 and shape and (why := shape.multiline_fault(span, fields)):
                        break
                    if (len(fields) == width and "!" <= fields[0] < "\x7f") or not shape:
                        yield number, fields
                        number += 1
                    elif fitted := self._fit(shape, fields):
                        yield number, fitted
                        number += 1
                    span.clear()
                else:
                    break
            except csv.Error as error:
                why = _csv_fault(error)
            self._check()
            fields = self._push_back(why)
            yield number, fields
            number += 1
        if self._break:
            # The rest after the break cannot be read, and what came before it is not read again.
            self.position = self._binary.tell() + 1
            yield number, UnreadableRecord("", self._break)
        self.cut = self._break or self._truncation(fields)

    def _fit(self, shape: Shape, fields: list[str]) -> list[str]:
        """Fit a record to the shape; one at which the file may be truncated is not padded."""
        may_be_cut = not self._span[-1].endswith(_LINE_ENDS) and not shape.is_whole(fields)
        return fields if may_be_cut else shape.fit(fields)

    def _push_back(self, why: str) -> UnreadableRecord:
        """Push all lines but the first back to be read again; the first as an unreadable record."""
        first, *rest = self._span
        self._last_piece = self._span[-1]
        self.position -= sum(map(_length, rest))
        self._again.extendleft(reversed(rest))
        self._span.clear()
        return UnreadableRecord(first, why)

    def _lines(self) -> Iterator[str]:
        span, again = self._span, self._again
        put_back = iter(lambda: again.popleft() if again else "", "")
        # In pieces: a line without an end would otherwise fill the memory.
        fresh = iter(partial(self._text.readline, _LONGEST_LINE), "")
        piece = ""
        try:
            for piece in chain(put_back, () if self._break else fresh):
                if len(span) == _MOST_LINES:
                    again.appendleft(piece)
                    message = f"a quotation mark that is not closed within {_MOST_LINES} lines"
                    raise csv.Error(message)
                self.position += len(piece) if piece.isascii() else _length(piece)
                span.append(piece)
                # Where files were concatenated, a byte-order mark would hide a quotation mark after it.
                yield piece if piece[0] != _MARK else piece.lstrip(_MARK)
            self._last_piece = piece or self._last_piece
        except BROKEN_GZIP as error:
            self._break = _gzip_fault(error)

    def _truncation(self, fields: list[str]) -> str:
        """Why a plain file is truncated within its last record, which has these fields; empty when it is not."""
        last = self._last_piece
        if not last:
            return self._truncation_before()
        if last.rstrip("\r\n").endswith("\x00"):
            return "it ends with NUL characters, where a disk was not written"
        if "\udc80" <= last[-1:] <= "\udcff":
            return "its last line has no end and breaks off within a character"
        if not last or last.endswith(_LINE_ENDS) or not self.shape or self.shape.is_whole(fields):
            return ""
        return "its last line has no end and is no whole row"

    def _truncation_before(self) -> str:
        """Why the file is truncated within its last record, which another run has read; empty when it is not."""
        # Read once more from some way before: only whoever comes from there knows which lines a quotation mark joins.
        start = max(0, self.position - _TAIL)
        before = Records(self._binary, start, self._check)
        before.shape = self.shape
        if start:
            before.position += _length(before._text.readline(_LONGEST_LINE))
        if before.position < self.position:
            deque(before.read(), maxlen=0)
        # Else the file would be closed with it.
        before._text.detach()
        return before.cut


def _text(binary: BinaryIO, start: int) -> io.TextIOWrapper:
    """Text of the file from byte `start` on."""
    binary.seek(start)
    return io.TextIOWrapper(binary, encoding="utf-8", errors="surrogateescape", newline="")


def _length(piece: str) -> int:
    """Length of a piece of the file in bytes."""
    return len(piece.encode("utf-8", "surrogateescape"))


def _gzip_fault(error: Exception) -> str:
    return f"gzip data that breaks off ({error})"


def _csv_fault(error: csv.Error) -> str:
    """Message of the CSV parser, in words that help somebody who has the file open."""
    text = str(error)
    if "expected after" in text:
        return "text after a closing quotation mark"
    if "unexpected end" in text:
        return "a quotation mark that is never closed"
    return f"a value of more than {_WIDEST_FIELD} characters" if "field limit" in text else text
