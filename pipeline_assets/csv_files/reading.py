"""Opening a CSV file: plain or gzip, UTF-8 with or without marks, columns in any order, records one by one."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

from pipeline_assets.csv_files.header import HeaderError, HeaderFault, found_header
from pipeline_assets.csv_files.records import BROKEN_GZIP, Records
from pipeline_assets.csv_files.shape import has_value, shape_of
from pipeline_assets.datasets.spec import Dataset

#: Bytes; the function's temporary storage holds 2 GiB, and what is packed in a small object may be without an end.
LARGEST_OBJECT = 1_500_000_000
_GZIP_MAGIC = b"\x1f\x8b"
_UTF8_MARK = b"\xef\xbb\xbf"
#: Deflate packs no better than this, so a smaller file need not be measured.
_BEST_GZIP_RATIO = 1_032
#: How files begin that are often taken for CSV.
_OTHER_KINDS = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"PAR1": "Parquet",
    b"%PDF": "PDF",
    b"{": "JSON",
    **dict.fromkeys((b"[{", b"[[", b'["', b"[\n", b"[\r", b"[ "), "JSON"),
    _GZIP_MAGIC: "gzip inside gzip",
}
#: The rows of a refused file are counted to here: nobody needs them exactly, and a file may be large.
_MOST_COUNTED = 50_000
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
    """A CSV file opened for reading; `header` are the names of its columns, clean and in lower case.

    `check` is called now and then while the file is read, and may raise. `fault` tells what keeps a header from being
    the dataset's.
    """

    def __init__(
        self,
        name: str,
        dataset: Dataset,
        binary: BinaryIO,
        start: int,
        *,
        check: Callable[[], None],
        fault: HeaderFault,
    ) -> None:
        self.name = name
        self._records = Records(binary, start, check)
        try:
            header = found_header((fields for _, fields in self._records.read()), fault)
        except HeaderError as error:
            rows = min(error.rows + self._rows_left(), _MOST_COUNTED)
            raise refused(dataset, "header", name, str(error), rows=rows, shown=error.shown) from None
        self.header = header.names
        shape = shape_of(dataset, header.names, header.given)
        lines = self._records.lines
        if len(lines) > 1 and (why := shape.doubt(lines, list(header.names[: shape.width]))):
            rows = min(len(lines) - 1 + self._rows_left(), _MOST_COUNTED)
            raise refused(dataset, "header", name, f"row 0 has {why}", rows=rows, shown=header.shown)
        self._records.shape = shape
        self._numbered = self._records.read()

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """The records after the header with their numbers from 1; lines without any value are no records.

        A line that is no CSV comes as an `UnreadableRecord`. A quotation mark that is not closed in place costs its own
        line: the next ones are read as if it were not there.
        """
        return self._numbered

    def first(self, most: int) -> list[list[str]]:
        """At most so many records from where the file stands, which are read again by whoever reads on."""
        position = self.position
        found = [fields for _, fields in islice(self._numbered, most)]
        self.go_on(1, position)
        return found

    def _rows_left(self) -> int:
        """How many records are left, counted as far as anybody needs it."""
        left = (fields for _, fields in self._records.read() if has_value(fields))
        return sum(1 for _ in islice(left, _MOST_COUNTED))

    @property
    def cut(self) -> str:
        """Why the end of the file was not reached, in words; empty when it was, and until all records are read."""
        return self._records.cut

    @property
    def position(self) -> int:
        """The byte of the unpacked file at which the record begins that comes after the last one."""
        return self._records.position

    def go_on(self, row: int, position: int) -> None:
        """Go on with record `row`, which begins at `position`: what comes before it is not read again."""
        self._records.go_on(position)
        self._numbered = self._records.read(row)


@contextmanager
def open_csv(
    path: Path,
    name: str,
    dataset: Dataset,
    check: Callable[[], None] = lambda: None,
    *,
    header_fault: HeaderFault | None = None,
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
        except BROKEN_GZIP as error:
            raise refused(dataset, "readable", name, f"its gzip data is broken ({error})") from error
        _refuse_other_kinds(start, name, dataset)
        yield CsvFile(name, dataset, binary, _marks(start), check=check, fault=header_fault or dataset.header_fault)


def _marks(start: bytes) -> int:
    """The bytes of the marks of UTF-8 at the beginning; what was written in two steps may have two."""
    rest = start
    while rest.startswith(_UTF8_MARK):
        rest = rest[len(_UTF8_MARK) :]
    return len(start) - len(rest)


def _refuse_huge(path: Path, name: str, dataset: Dataset, check: Callable[[], None]) -> None:
    unpacked = 0
    with gzip.open(path) as file:
        try:
            while piece := file.read(_SCANNED_BYTES):
                check()
                unpacked += len(piece)
                if unpacked > LARGEST_OBJECT:
                    raise refused(dataset, "size", name, f"its gzip data unpacks to more than {LARGEST_OBJECT} bytes")
        except BROKEN_GZIP:
            return  # the rows before the break are read all the same


def _refuse_other_kinds(start: bytes, name: str, dataset: Dataset) -> None:
    for magic, kind in _OTHER_KINDS.items():
        if start.startswith(magic):
            raise refused(dataset, "readable", name, f"it begins as {kind} does")
    header = start.split(b"\n", 1)[0]
    if b"\x00" in header:
        raise refused(dataset, "readable", name, f"byte {header.index(0) + 1} is NUL, as in UTF-16 or a binary file")


def refused(dataset: Dataset, rule: str, name: str, found: str, *, rows: int = 0, shown: str = "") -> RefusedFileError:
    """The refusal of a file by a rule of its dataset; `found` completes "<file>: ..."."""
    return RefusedFileError(rule, f"{name}: {found}; expected {dataset.rule(rule).expected}", rows, shown)
