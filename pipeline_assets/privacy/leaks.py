"""The scan that proves what is not there: card and social security numbers, and planted ones, in anything stored.

What is looked into: text and bytes as they are, gzip and zlib streams, zip archives, and Parquet value by value, since
its pages are compressed. A number counts as found where nothing but its own grouping stands around it, as a token or an
identifier may well hold thirteen digits in a row; a planted one counts wherever it stands, also as a plain hash of it.
A finding says where and what kind, never the value.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import polars as pl

from pipeline_assets.privacy.cards import digits_of, is_card_number
from pipeline_assets.privacy.masking import holds_security_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Kind = Literal["card_number", "ssn", "canary", "security_code_column"]

_NOT_BEFORE = r"(?<![0-9A-Za-z_])(?<![0-9][.,-])"
_NOT_AFTER = r"(?![0-9A-Za-z_])(?![.,-][0-9])"
_GROUPED = r"\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|\d{4}[ -]\d{6}[ -]\d{4,5}|\d{13,19}"
_CARD = re.compile(f"{_NOT_BEFORE}(?:{_GROUPED}){_NOT_AFTER}")
_SSN = re.compile(rf"(?<![0-9A-Za-z-])\d{{3}}-\d{{2}}-\d{{4}}{_NOT_AFTER}")
_LEAST_PLANTED_DIGITS = 9
_PARQUET, _GZIP, _ZIP = b"PAR1", b"\x1f\x8b", b"PK\x03\x04"
#: First bytes of a zlib stream, by how hard it was compressed.
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be there: where, of what kind, and how often."""

    place: str
    kind: Kind
    times: int


@dataclass(frozen=True, slots=True)
class Canaries:
    """Values that were planted in the source and must turn up nowhere else."""

    values: Sequence[str] = ()
    _pattern: re.Pattern[str] | None = field(init=False)

    def __post_init__(self) -> None:
        pattern = "|".join(form for value in self.values for form in _forms(value))
        object.__setattr__(self, "_pattern", re.compile(pattern) if pattern else None)

    def times_in(self, text: str) -> int:
        """How often one of them is in a text, in the clear, with its digits grouped, in base64 or as a plain hash."""
        return len(self._pattern.findall(text)) if self._pattern else 0


NONE_PLANTED = Canaries()


def scan_text(place: str, text: str, canaries: Canaries = NONE_PLANTED) -> list[Finding]:
    """What a text holds."""
    found: Counter[Kind] = Counter()
    found["card_number"] = sum(is_card_number(digits_of(each[0])) for each in _CARD.finditer(text))
    found["ssn"] = len(_SSN.findall(text))
    found["canary"] = canaries.times_in(text)
    return [Finding(place, kind, times) for kind, times in found.items() if times]


def scan_bytes(place: str, content: bytes, canaries: Canaries = NONE_PLANTED) -> list[Finding]:
    """What an object or a file of any kind holds; `place` is what findings call it."""
    return list(_scanned(place, content, canaries, _DEEPEST))


def scan_folder(folder: Path, canaries: Canaries = NONE_PLANTED) -> list[Finding]:
    """What the files below a folder hold, such as Dagster's storage; one that goes meanwhile is passed over."""
    found: list[Finding] = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                continue
            found += scan_bytes(str(path), content, canaries)
    return found


def scan_bucket(s3: S3Client, bucket: str, canaries: Canaries = NONE_PLANTED, prefix: str = "") -> list[Finding]:
    """What every version of every object of a bucket holds, with its key and its own metadata."""
    found: list[Finding] = []
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for version in page.get("Versions", []):
            answer = s3.get_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
            place = f"s3://{bucket}/{version['Key']}"
            found += scan_text(place, f"{version['Key']} {answer['Metadata']}", canaries)
            found += scan_bytes(place, answer["Body"].read(), canaries)
    return found


def _scanned(place: str, content: bytes, canaries: Canaries, depth: int) -> Iterator[Finding]:
    unpacked = _unpacked(content) if depth else ()
    for inner in unpacked:
        yield from _scanned(place, inner, canaries, depth - 1)
    if content.startswith(_PARQUET) and content.endswith(_PARQUET):
        yield from _in_parquet(place, content, canaries)
    # Every byte becomes one character: numbers are ASCII in any encoding that is used.
    yield from scan_text(place, content.decode("latin-1"), canaries)


def _unpacked(content: bytes) -> Iterable[bytes]:
    """What is inside a compressed stream or an archive; nothing for all else, damaged ones included."""
    try:
        if content.startswith(_GZIP):
            return (gzip.decompress(content),)
        if content.startswith(_ZLIB):
            return (zlib.decompress(content),)
        if content.startswith(_ZIP):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                return [archive.read(name) for name in archive.namelist()]
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile):
        pass
    return ()


def _in_parquet(place: str, content: bytes, canaries: Canaries) -> Iterator[Finding]:
    """Column by column, each distinct value once."""
    try:
        frame = pl.read_parquet(io.BytesIO(content))
    except pl.exceptions.PolarsError:
        return
    for column in frame.iter_columns():
        if holds_security_code(column.name, column.dtype):
            yield Finding(f"{place} column {column.name}", "security_code_column", 1)
        yield from scan_text(f"{place} column {column.name}", "\n".join([column.name, *_texts(column)]), canaries)


def _texts(column: pl.Series) -> Iterator[str]:
    # As a list: what a series of nested values gives is shortened when it becomes text.
    distinct = (column if column.dtype.is_nested() else column.unique()).to_list()
    return (f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value) for value in distinct)


def _forms(value: str) -> Iterator[str]:
    """Patterns for a planted value: itself with any grouping, in base64, and its common hashes in hexadecimal."""
    digits = digits_of(value)
    numeric = len(digits) >= _LEAST_PLANTED_DIGITS
    yield "[ ._/-]?".join(digits) if numeric else re.escape(value)
    for text in {value, digits} if numeric else {value}:
        yield re.escape(base64.b64encode(text.encode()).decode().rstrip("="))
        yield from (hashlib.new(name, text.encode()).hexdigest() for name in ("md5", "sha1", "sha256"))
