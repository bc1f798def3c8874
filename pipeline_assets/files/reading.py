"""Opening a CSV file: plain or gzip, UTF-8 with or without a mark, columns in any order, records one by one."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, cast

from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.files.rejection import UnreadableRecord, readable

#: Bytes; the function's temporary storage holds 2 GiB, and what is packed in a small object may be without an end.
LARGEST_OBJECT = 1_500_000_000
_GZIP_MAGIC = b"\x1f\x8b"
_UTF8_MARK = b"\xef\xbb\xbf"
#: Deflate packs no better than this, so a smaller file need not be measured.
_BEST_GZIP_RATIO = 1_032
_BROKEN_GZIP = (EOFError, zlib.error, gzip.BadGzipFile)
#: How files begin that are often taken for CSV.
_OTHER_KINDS = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"PAR1": "Parquet",
    b"%PDF": "PDF",
    b"{": "JSON",
    b"[": "JSON",
    _GZIP_MAGIC: "gzip inside gzip",
}
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_WIDEST_FIELD = 100_000
csv.field_size_limit(_WIDEST_FIELD)
_LONGEST_LINE = 1_000_000
#: The most lines that one record may span; a quotation mark that is never closed would take the rest of the file in.
_MOST_LINES = 100
_SHOWN_CHARACTERS = 200
_LONGEST_NAME = 500
#: The rows of a refused file are counted to here: nobody needs them exactly, and a file may be large.
_MOST_COUNTED = 50_000
_CHECKED_RECORDS = 10_000
_SCANNED_BYTES = 1 << 20


class RefusedFileError(Exception):
    """Raised when no row of a file can be read; the message names the file, what was there and what was expected.

    `rows` is how many records the file has, as far as that can be told and at most 50,000. `shown` is text of the
    file itself, which may be anything: it belongs into the quarantine, never into a receipt or a log.
    """

    def __init__(self, rule: str, message: str, rows: int = 0, shown: str = "") -> None:
        super().__init__(message)
        self.rule = rule
        self.rows = rows
        self.shown = shown


class CsvFile:
    """A CSV file opened for reading; `header` is its first record, stripped and in lower case, `shown` as it stands.

    `check` is called now and then while the file is read, and may raise.
    """

    def __init__(self, name: str, dataset: Dataset, binary: BinaryIO, start: int, check: Callable[[], None]) -> None:
        self.name = name
        self._check = check
        self._text = _text(binary, start)
        self._read = start
        #: The lines of the record that is being read, and those that have to be read once more.
        self._span: list[str] = []
        self._again: deque[str] = deque()
        self._break = ""
        self._width = 0
        self._numbered = self._number()
        _, header = next(self._numbered, (0, None))
        self._width = len(header or ())
        if isinstance(header, UnreadableRecord):
            raise refused(dataset, "header", name, f"row 0 has {header.why}")
        if header is None:
            raise refused(dataset, "header", name, "it is empty")
        self.shown = readable(",".join(header)[:_SHOWN_CHARACTERS])
        self.header = tuple(readable(column.strip().lower()[:_LONGEST_NAME]) for column in header)

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """The records after the header with their numbers from 1; blank lines are no records.

        A line that is no CSV comes as an `UnreadableRecord`. A quotation mark that is not closed in place costs its own
        line: the next ones are read as if it were not there.
        """
        return self._numbered

    @property
    def cut(self) -> str:
        """Why the end of the file was not reached; empty when it was."""
        return self._break

    @property
    def position(self) -> int:
        """The byte of the unpacked file at which the record begins that comes after the last one."""
        return self._read - sum(map(_length, self._again))

    def go_on(self, row: int, position: int) -> None:
        """Go on with record `row`, which begins at `position`: what comes before it is not read again."""
        try:
            self._text = _text(cast("BinaryIO", self._text.detach()), position)
        except _BROKEN_GZIP:
            self._numbered = iter(())
            return
        self._read = position
        self._numbered = self._number(row)

    def _number(self, number: int = 0) -> Iterator[tuple[int, list[str]]]:
        for count, fields in enumerate(self._parse(), 1):
            if count % _CHECKED_RECORDS == 0:
                self._check()
            if fields:
                yield number, fields
                number += 1
        if self._break:
            self._read += 1  # what comes after the break cannot be reached
            yield number, UnreadableRecord("", self._break)

    def _parse(self) -> Iterator[list[str]]:
        span = self._span
        while True:
            try:
                for fields in csv.reader(self._lines(), strict=True, skipinitialspace=True):
                    if len(span) > 1 and self._width and len(fields) != self._width:
                        why = f"a quotation mark that is closed {len(span) - 1} lines below, in a row of {len(fields)}"
                        break
                    span.clear()
                    yield fields
                else:
                    return
            except csv.Error as error:
                why = _complaint(error)
            first, *rest = span
            self._again.extendleft(reversed(rest))
            span.clear()
            yield UnreadableRecord(first, why)

    def _lines(self) -> Iterator[str]:
        span, again = self._span, self._again
        put_back = iter(lambda: again.popleft() if again else "", "")
        try:
            for piece in chain(put_back, () if self._break else self._fresh()):
                if len(span) == _MOST_LINES:
                    again.appendleft(piece)
                    message = f"a quotation mark that is not closed within {_MOST_LINES} lines"
                    raise csv.Error(message)
                span.append(piece)
                yield piece
        except _BROKEN_GZIP as error:
            self._break = f"gzip data that breaks off ({error})"

    def _fresh(self) -> Iterator[str]:
        # In pieces: a line without an end would otherwise be held in memory whole.
        for piece in iter(partial(self._text.readline, _LONGEST_LINE), ""):
            self._read += _length(piece)
            yield piece


def _text(binary: BinaryIO, start: int) -> io.TextIOWrapper:
    """The text from byte `start` on."""
    binary.seek(start)
    return io.TextIOWrapper(binary, encoding="utf-8", errors="surrogateescape", newline="")


def _length(piece: str) -> int:
    """The bytes of a piece in the file."""
    return len(piece) if piece.isascii() else len(piece.encode("utf-8", "surrogateescape"))


@contextmanager
def open_csv(
    path: Path,
    name: str,
    dataset: Dataset,
    check: Callable[[], None] = lambda: None,
    *,
    header_fault: Callable[[Sequence[str]], str] | None = None,
    measure: bool = True,
) -> Iterator[CsvFile]:
    """Open a file of a dataset that lies at `path` and is called `name`; raises `RefusedFileError`.

    `check` is called now and then while it is read, and may raise. `header_fault` tells what keeps a header from being
    the dataset's, where the dataset itself cannot. `measure` makes sure that what is packed is not too large; it may be
    left out for a file that was opened before.
    """
    if not name.lower().endswith((".csv", ".csv.gz")):
        found = name.rsplit("/", 1)[-1]
        raise refused(dataset, "readable", name, f"its name is {found!r}")
    with path.open("rb") as raw:
        packed = raw.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        raw.seek(0)
        binary = cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if packed else raw
        if packed and measure and path.stat().st_size * _BEST_GZIP_RATIO > LARGEST_OBJECT:
            _refuse_huge(path, name, dataset, check)
        try:
            start = cast("io.BufferedReader", binary).peek(4096)[:4096]
        except _BROKEN_GZIP as error:
            raise refused(dataset, "readable", name, f"its gzip data is broken ({error})") from error
        _refuse_other_kinds(start, name, dataset)
        file = CsvFile(name, dataset, binary, len(_UTF8_MARK) if start.startswith(_UTF8_MARK) else 0, check)
        if fault := _other_separator(file.header) or (header_fault or dataset.header_fault)(file.header):
            rows = sum(1 for _ in islice(file.records(), _MOST_COUNTED))
            raise refused(dataset, "header", name, fault, rows=rows, shown=file.shown)
        yield file


def _refuse_huge(path: Path, name: str, dataset: Dataset, check: Callable[[], None]) -> None:
    unpacked = 0
    with gzip.open(path) as file:
        try:
            while piece := file.read(_SCANNED_BYTES):
                check()
                unpacked += len(piece)
                if unpacked > LARGEST_OBJECT:
                    raise refused(dataset, "size", name, f"its gzip data unpacks to more than {LARGEST_OBJECT} bytes")
        except _BROKEN_GZIP:
            return  # the rows before the break are read all the same


def _refuse_other_kinds(start: bytes, name: str, dataset: Dataset) -> None:
    for magic, kind in _OTHER_KINDS.items():
        if start.startswith(magic):
            raise refused(dataset, "readable", name, f"it begins as {kind} does")
    header = start.split(b"\n", 1)[0]
    if b"\x00" in header:
        raise refused(dataset, "readable", name, f"byte {header.index(0) + 1} is NUL, as in UTF-16 or a binary file")


def _other_separator(header: Sequence[str]) -> str:
    for mark, name in _OTHER_SEPARATORS.items():
        if len(header) == 1 and mark in header[0]:
            return f"row 0 is separated by {name}, not by commas"
    return ""


def _complaint(error: csv.Error) -> str:
    """What the CSV reader did not like, in words that help somebody with the file open."""
    text = str(error)
    if "expected after" in text:
        return "text after a closing quotation mark"
    if "unexpected end" in text:
        return "a quotation mark that is never closed"
    return f"a value of more than {_WIDEST_FIELD} characters" if "field limit" in text else text


def refused(dataset: Dataset, rule: str, name: str, found: str, *, rows: int = 0, shown: str = "") -> RefusedFileError:
    """The refusal of a file by a rule of its dataset; `found` completes "<file>: ..."."""
    return RefusedFileError(rule, f"{name}: {found}; expected {dataset.rule(rule).expected}", rows, shown)
