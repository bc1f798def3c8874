"""Opening a ticket file: plain or gzip, UTF-8 with or without a mark, columns in any order, records one by one."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.tickets.rows import LONGEST_KEY, readable

_GZIP_MAGIC = b"\x1f\x8b"
_BROKEN_GZIP = (EOFError, zlib.error, gzip.BadGzipFile)
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
#: The widest field that is read; a quotation mark that is never closed would otherwise swallow the rest of the file.
csv.field_size_limit(100_000)
_LONGEST_LINE = 1_000_000


class RefusedFileError(Exception):
    """Raised when no row of a file can be read; the message names the file, what was there and what was expected.

    `rows` is how many records the file has, as far as that can be told. `shown` is text of the file itself, which may
    be anything: it belongs into the quarantine, never into a receipt or a log.
    """

    def __init__(self, rule: str, message: str, rows: int = 0, shown: str = "") -> None:
        super().__init__(message)
        self.rule = rule
        self.rows = rows
        self.shown = shown


class TicketFile:
    """A ticket file opened for reading; `header` is its first record, stripped."""

    def __init__(self, name: str, records: Iterator[list[str]], header: Sequence[str]) -> None:
        self.name = name
        self.header = tuple(readable(column[:LONGEST_KEY]) for column in header)
        self._records = records

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """The records after the header with their numbers from 1; blank lines are no records.

        A record that the CSV reader gives up on comes as a single field with the reader's complaint.
        """
        number = 0
        while True:
            try:
                fields = next(self._records)
            except StopIteration:
                return
            except csv.Error as error:
                fields = [f"unreadable: {error}"]
            except _BROKEN_GZIP as error:
                fields = [f"compressed data broken off: {error}"]
                yield number + 1, fields
                return
            if fields:
                number += 1
                yield number, fields


@contextmanager
def open_tickets(path: Path, name: str) -> Iterator[TicketFile]:
    """Open a ticket file that lies at `path` and is called `name`; raises `RefusedFileError`."""
    if not name.lower().endswith((".csv", ".csv.gz")):
        found = name.rsplit("/", 1)[-1]
        raise _refused("readable", name, f"its name is {found!r}")
    with path.open("rb") as raw:
        binary = _uncompressed(raw)
        try:
            start = cast("io.BufferedReader", binary).peek(4096)[:4096]
        except _BROKEN_GZIP as error:
            raise _refused("readable", name, f"its gzip data is broken ({error})") from error
        _refuse_other_encodings(start, name)
        text = io.TextIOWrapper(binary, encoding="utf-8-sig", errors="surrogateescape", newline="")
        # In pieces: a line without an end would otherwise be held in memory whole.
        records = csv.reader(iter(partial(text.readline, _LONGEST_LINE), ""))
        header = _header(records, name)
        file = TicketFile(name, records, header)
        if fault := _header_fault(header):
            shown = readable(",".join(header)[:200])
            raise _refused("header", name, fault, rows=sum(1 for _ in file.records()), shown=shown)
        yield file


def _uncompressed(raw: BinaryIO) -> BinaryIO:
    magic = raw.read(2)
    raw.seek(0)
    return cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if magic == _GZIP_MAGIC else raw


def _refuse_other_encodings(start: bytes, name: str) -> None:
    if start.startswith(_UTF16_MARKS):
        raise _refused("readable", name, "it begins with the mark of UTF-16")
    if b"\x00" in start:
        raise _refused("readable", name, f"byte {start.index(0) + 1} is NUL, as in UTF-16 or a binary file")


def _header(records: Iterator[list[str]], name: str) -> list[str]:
    try:
        header = [field.strip() for field in next(records, [])]
    except csv.Error as error:
        raise _refused("header", name, f"row 0 cannot be read ({error})") from error
    except _BROKEN_GZIP as error:
        raise _refused("readable", name, f"its gzip data is broken ({error})") from error
    if not header:
        raise _refused("header", name, "it is empty")
    return header


def _header_fault(header: Sequence[str]) -> str:
    missing = [column for column in TICKETS.column_names if column not in header]
    if missing:
        return f"row 0 lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}, of {len(header)} it has"
    repeated = [column for column in TICKETS.column_names if header.count(column) > 1]
    return f"row 0 has {', '.join(repeated)} more than once" if repeated else ""


def _refused(rule: str, name: str, found: str, rows: int = 0, shown: str = "") -> RefusedFileError:
    return RefusedFileError(rule, f"{name}: {found}; expected {TICKETS.rule(rule).expected}", rows, shown)
