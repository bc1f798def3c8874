"""CSV reader: plain or gzip, UTF-8 with or without byte-order marks, columns in any order, records one by one."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

from pipeline_assets.csv_files.header import HeaderError, HeaderFault, find_header
from pipeline_assets.csv_files.records import BROKEN_GZIP, Records
from pipeline_assets.csv_files.shape import has_value, shape_of
from pipeline_assets.datasets.spec import Dataset

#: Bytes, unpacked too: a function's temporary storage holds 2 GiB, and a small object may be a gzip bomb.
LARGEST_OBJECT = 1_500_000_000
_GZIP_MAGIC = b"\x1f\x8b"
_UTF8_MARK = b"\xef\xbb\xbf"
#: Best ratio of deflate: a file that is smaller by this need not be measured.
_BEST_GZIP_RATIO = 1_032
#: First bytes of other formats that are often taken for CSV.
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
#: Rows of a refused file are counted up to here.
_MOST_COUNTED = 50_000
_SCANNED_BYTES = 1 << 20


class RefusedFileError(Exception):
    """Raised when no row of a file can be read; the message names the file, what was found and what was expected.

    Parameters
    ----------
    rule
        Rule of the dataset that it breaks.
    message
        One sentence that quotes nothing of the file.
    rows
        Records of the file as far as they can be counted, from 0 to 50,000.
    shown
        Text of the file itself: for the quarantine, never for a receipt or a log.
    """

    def __init__(self, rule: str, message: str, rows: int = 0, shown: str = "") -> None:
        super().__init__(message)
        self.rule = rule
        self.rows = rows
        self.shown = shown


class CsvFile:
    """CSV file that is open for reading; `header` has the names of its columns, clean and in lower case.

    Parameters
    ----------
    name
        Name of the file, in errors.
    dataset
        Its dataset.
    binary
        The file, unpacked.
    start
        Byte at which the header begins.
    check
        Called regularly while the file is read; may raise.
    fault
        Validates the header.
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
            header = find_header((fields for _, fields in self._records.read()), fault)
        except HeaderError as error:
            rows = min(error.rows + self._rows_left(), _MOST_COUNTED)
            raise refusal(dataset, "header", name, str(error), rows=rows, shown=error.shown) from None
        self.header = header.names
        shape = shape_of(dataset, header.names, header.constants)
        lines = self._records.lines
        if len(lines) > 1 and (why := shape.multiline_fault(lines, list(header.names[: shape.width]))):
            rows = min(len(lines) - 1 + self._rows_left(), _MOST_COUNTED)
            raise refusal(dataset, "header", name, f"row 0 has {why}", rows=rows, shown=header.shown)
        self._records.shape = shape
        self._numbered = self._records.read()

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Iterate over the records after the header; lines without any value are skipped.

        A quotation mark that is not closed in place costs its own line: the next ones are read as if it were not there.

        Returns
        -------
        iterator of (int, list of str)
            Number of the record from 1, and its fields; an `UnreadableRecord` for a line that is not CSV.
        """
        return self._numbered

    def peek(self, most: int) -> list[list[str]]:
        """Read at most so many records from the present position, and go back to it."""
        position = self.position
        found = [fields for _, fields in islice(self._numbered, most)]
        self.resume_at(1, position)
        return found

    def _rows_left(self) -> int:
        """Count the records that are left, up to 50,000."""
        left = (fields for _, fields in self._records.read() if has_value(fields))
        return sum(1 for _ in islice(left, _MOST_COUNTED))

    @property
    def cut(self) -> str:
        """Why the file is truncated, in words; empty when it is not, and until all records are read."""
        return self._records.cut

    @property
    def position(self) -> int:
        """Byte of the unpacked file at which the next record begins."""
        return self._records.position

    def resume_at(self, row: int, position: int) -> None:
        """Resume at record `row`, which begins at byte `position`."""
        self._records.resume_at(position)
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
    """Open a CSV file.

    Parameters
    ----------
    path
        The file.
    name
        Its key, in errors; ends with ``.csv`` or ``.csv.gz``.
    dataset
        Its dataset.
    check
        Called regularly while the file is read; may raise.
    header_fault
        Validates the header; None for the dataset's own validator.
    measure
        Unpack a gzip file once to refuse one that is too large; not needed for a file that was opened before.

    Yields
    ------
    CsvFile
        The file, before its first record.

    Raises
    ------
    RefusedFileError
        No row of it can be read: its name, format, size or header.
    """  # noqa: DOC501 - `refusal` makes the error
    if not name.lower().endswith((".csv", ".csv.gz")):
        found = name.rsplit("/", 1)[-1]
        raise refusal(dataset, "readable", name, f"its name is {found!r}")
    with path.open("rb") as raw:
        packed = raw.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        raw.seek(0)
        binary = cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if packed else raw
        if packed and measure and path.stat().st_size * _BEST_GZIP_RATIO > LARGEST_OBJECT:
            _refuse_huge(path, name, dataset, check)
        try:
            start = cast("io.BufferedReader", binary).peek(4096)[:4096]
        except BROKEN_GZIP as error:
            raise refusal(dataset, "readable", name, f"its gzip data is broken ({error})") from error
        _refuse_other_kinds(start, name, dataset)
        yield CsvFile(name, dataset, binary, _marks(start), check=check, fault=header_fault or dataset.header_fault)


def _marks(start: bytes) -> int:
    """Length in bytes of the UTF-8 byte-order marks at the beginning; a file written in two steps may have two."""
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
                    raise refusal(dataset, "size", name, f"its gzip data unpacks to more than {LARGEST_OBJECT} bytes")
        except BROKEN_GZIP:
            return  # the rows before the break are read nevertheless


def _refuse_other_kinds(start: bytes, name: str, dataset: Dataset) -> None:
    for magic, kind in _OTHER_KINDS.items():
        if start.startswith(magic):
            raise refusal(dataset, "readable", name, f"it begins as {kind} does")
    header = start.split(b"\n", 1)[0]
    if b"\x00" in header:
        raise refusal(dataset, "readable", name, f"byte {header.index(0) + 1} is NUL, as in UTF-16 or a binary file")


def refusal(dataset: Dataset, rule: str, name: str, found: str, *, rows: int = 0, shown: str = "") -> RefusedFileError:
    """Refusal of a file by a rule of its dataset.

    Parameters
    ----------
    dataset
        Dataset of the file.
    rule
        Name of the rule, which says what was expected.
    name
        Name of the file.
    found
        What was found, without the file's own text.
    rows
        Records of the file, from 0 to 50,000.
    shown
        Text of the file, for the quarantine alone.

    Returns
    -------
    RefusedFileError
        To be raised.
    """
    return RefusedFileError(rule, f"{name}: {found}; expected {dataset.rule(rule).expected}", rows, shown)
