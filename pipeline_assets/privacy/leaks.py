"""Leak scan: proof that nothing stored holds card numbers, social security numbers or planted canaries.

What is looked into: text and bytes as they are and decoded, gzip and zlib streams, zip archives, and Parquet value by
value, since its pages are compressed. What a number is, is said in `digits`, for this and for the masking alike; how
one is found is not, so that a hole in the masking is seen here. A number counts where nothing but its own grouping
stands around it, as a token or an identifier may well hold thirteen digits in a row. A planted one counts wherever it
stands: all digits of a text in a row are looked through, whatever is between them, and its base64, its hexadecimal and
its plain hashes.
A finding says where and what kind, never the value.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import io
import quopri
import re
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import unquote_plus

import polars as pl

from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.privacy.context import MASKED, something_else, within
from pipeline_assets.privacy.digits import as_ascii, digits_of, is_card_number, is_rather_else
from pipeline_assets.privacy.suspicion import holds_security_code
from pipeline_assets.storage.bucket import Bucket

Kind = Literal["card_number", "ssn", "canary", "security_code_column"]

# Each begins with what it looks for and looks back from there: so Python goes to the next one at once.
_BARE = re.compile(r"\d(?<![0-9A-Za-z_]\d)(?<![0-9][.,-]\d)\d{12,18}(?![0-9A-Za-z_])(?![.,-][0-9])")
_MARK = r"[\W_]{1,24}?"
#: As cards are printed, or every digit by itself.
_GROUPED = re.compile(
    rf"(?<!\d)(?=((?:\d{{4}}{_MARK}){{3}}\d{{4}}(?!\d)|(?:\d{{4}}{_MARK}){{3}}\d{{1,5}}(?!\d)|\d{{4}}{_MARK}\d{{6}}{_MARK}\d{{4,5}}(?!\d)))"
    rf"|(?<!\d)(?<!\d[\W_])(\d(?:{_MARK}\d){{12,18}})(?!\d)(?![\W_]{{1,24}}\d)"
)
#: Where such numbers can be: as many digits as the shortest has, with no more between them than any may have.
_DIGITS = re.compile(r"\d(?:[\W_]{0,24}\d){12,}")
#: So far `_GROUPED` looks beyond a number.
_BEYOND = 25
_SSN = re.compile(
    r"\d(?<![0-9A-Za-z_-]\d)(?<![0-9][\W_]\d)\d{2}([^\w\s]|[_\u00a0])\d{2}\1\d{4}(?![0-9A-Za-z_])(?![\W_][0-9])"
)
_MASKED, _TAG = re.compile(MASKED), re.compile(r"<[A-Za-z/!][^<>]*>")
_ESCAPED = re.compile(
    r"\\(?<!\\\\)\\*(?:u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\}|x([0-9A-Fa-f]{2})|[nrtfvb]|0(?![0-7]))"
)
_BYTES = re.compile(r"(?:\\(?<!\\\\)\\*(?:x[0-9A-Fa-f]{2}|[0-3][0-7]{2}))+")
_NAMED = re.compile(r"\\N\{([^{}]{1,80})\}|_x([0-9A-Fa-f]{4})_|\x1b\[[0-9;]*[A-Za-z]")
#: A blank whose end is not marked.
_OPEN_BLANK = re.compile(r"&#0*(?:32|160|8201)(?=\d)")
_IDENTIFIERS = frozenset(name for dataset in ECOMMERCE for name in dataset.identifiers)
_BETWEEN = r"[\W_]{0,24}"
_LEAST_PLANTED_DIGITS, _LONG = 9, 12
_PARQUET, _GZIP, _ZIP = b"PAR1", b"\x1f\x8b", b"PK\x03\x04"
#: First bytes of a zlib stream, by how hard it was compressed.
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """Finding of the scan: something that must not be there; the value itself is in none.

    Parameters
    ----------
    place
        Address of the object or file, and the column in it.
    kind
        What was found.
    times
        How often, at least 1.
    """

    place: str
    kind: Kind
    times: int


@dataclass(frozen=True, slots=True)
class Canaries:
    """Values that were planted in the source and must turn up nowhere else."""

    values: Sequence[str] = ()
    _pattern: re.Pattern[str] | None = field(init=False)
    _numbers: tuple[str, ...] = field(init=False)
    _literal: tuple[str, ...] = field(init=False)
    _hexadecimal: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        numbers = tuple(d for d in map(digits_of, self.values) if len(d) >= _LEAST_PLANTED_DIGITS)
        words = [value for value in self.values if len(digits_of(value)) < _LEAST_PLANTED_DIGITS]
        encoded = [text.encode() for text in {*self.values, *numbers}]
        literal = (*words, *(form for content in encoded for form in (*_in_base64(content), *_hashes(content))))
        hexadecimal = tuple(content.hex() for content in encoded)
        forms = (
            *map(_BETWEEN.join, numbers),
            *map(re.escape, literal),
            *(f"(?i:{each})" for each in hexadecimal),
        )
        object.__setattr__(self, "_numbers", numbers)
        object.__setattr__(self, "_literal", literal)
        object.__setattr__(self, "_hexadecimal", hexadecimal)
        object.__setattr__(self, "_pattern", re.compile("|".join(forms)) if forms else None)

    def times_in(self, text: str) -> int:
        """How often one of them is in a text, in the clear, with its digits grouped, in base64 or as a plain hash."""
        if not self._pattern:
            return 0
        row = digits_of(text)
        # The pattern finds nothing where none of these is, which is known far sooner.
        if not (
            _any_in(row, self._numbers) or _any_in(text, self._literal) or _any_in(text.lower(), self._hexadecimal)
        ):
            return 0
        long = (number for number in self._numbers if len(number) >= _LONG)
        return max(len(self._pattern.findall(text)), sum(map(row.count, long)))


NONE_PLANTED = Canaries()


def scan_text(place: str, text: str, canaries: Canaries = NONE_PLANTED, *, identifiers: bool = False) -> list[Finding]:
    """Scan a text.

    Parameters
    ----------
    place
        What the findings call it.
    text
        The text, encoded or not.
    canaries
        Planted values that count wherever they stand.
    identifiers
        The text holds identifiers: a number with nothing between its digits is one of them.

    Returns
    -------
    list of Finding
        One for each kind that was found; empty where there is nothing.
    """
    found: Counter[Kind] = Counter()
    for read in _readings(text):
        counts: dict[Kind, int] = {
            "card_number": _cards_in(read, bare=not identifiers),
            "ssn": len(_SSN.findall(read)),
            "canary": canaries.times_in(read),
        }
        found |= Counter(counts)
    return [Finding(place, kind, times) for kind, times in found.items() if times]


def scan_bytes(place: str, content: bytes, canaries: Canaries = NONE_PLANTED) -> list[Finding]:
    """Scan an object or a file of any kind, with what is packed in it.

    Parameters
    ----------
    place
        What the findings call it.
    content
        Its bytes: text, gzip, zlib, zip, Parquet, or anything else.
    canaries
        Planted values that count wherever they stand.

    Returns
    -------
    list of Finding
        One for each place and kind; empty where there is nothing.
    """
    return list(_scan(place, content, canaries, _DEEPEST))


def scan_folder(folder: Path, canaries: Canaries = NONE_PLANTED) -> list[Finding]:
    """Scan the files below a folder, such as Dagster's storage; one that goes meanwhile is passed over."""
    found: list[Finding] = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                continue
            found += scan_bytes(str(path), content, canaries)
    return found


def scan_bucket(bucket: Bucket, canaries: Canaries = NONE_PLANTED, prefix: str = "") -> list[Finding]:
    """Scan every version of every object of a bucket, with its key and its own metadata.

    Parameters
    ----------
    bucket
        The bucket, which may keep versions or not.
    canaries
        Planted values that count wherever they stand.
    prefix
        Beginning of the keys that are scanned.

    Returns
    -------
    list of Finding
        One for each place and kind; empty where there is nothing.
    """
    found: list[Finding] = []
    for version in bucket.versions(prefix):
        if not version.marker and (head := bucket.head(version)):
            place = f"s3://{bucket.name}/{version.key}"
            found += scan_text(place, f"{version.key} {dict(head.metadata)}", canaries)
            found += scan_bytes(place, b"".join(bucket.chunks(version)), canaries)
    return found


def _scan(place: str, content: bytes, canaries: Canaries, depth: int) -> Iterator[Finding]:
    unpacked = _unpack(content) if depth else ()
    for inner in unpacked:
        yield from _scan(place, inner, canaries, depth - 1)
    frame = _parquet(content)
    yield from _in_columns(place, frame, canaries)
    identifiers = not _IDENTIFIERS.isdisjoint(frame.columns)
    # Every byte becomes one character; what is no ASCII in a text has its meaning only in its own encoding.
    for encoding in ("latin-1",) if content.isascii() else ("latin-1", "utf-8"):
        yield from scan_text(place, content.decode(encoding, "replace"), canaries, identifiers=identifiers)


def _unpack(content: bytes) -> Iterable[bytes]:
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


def _parquet(content: bytes) -> pl.DataFrame:
    """The frame of a Parquet file; one without columns for all else."""
    if content.startswith(_PARQUET) and content.endswith(_PARQUET):
        try:
            return pl.read_parquet(io.BytesIO(content))
        except pl.exceptions.PolarsError:
            pass
    return pl.DataFrame()


def _in_columns(place: str, frame: pl.DataFrame, canaries: Canaries) -> Iterator[Finding]:
    """Column by column, each distinct value once."""
    for column in frame.iter_columns():
        if holds_security_code(column.name, column.dtype):
            yield Finding(f"{place} column {column.name}", "security_code_column", 1)
        # A letter between two values keeps the digits of one from those of the next.
        text = "\nvalue\n".join([column.name, *_texts(column)])
        known = column.name in _IDENTIFIERS
        yield from scan_text(f"{place} column {column.name}", text, canaries, identifiers=known)


def _texts(column: pl.Series) -> Iterator[str]:
    # As a list: what a series of nested values gives is shortened when it becomes text.
    distinct = (column if column.dtype.is_nested() else column.unique()).to_list()
    return (f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value) for value in distinct)


def _readings(text: str) -> Iterator[str]:
    """A text as it is, and each other way it reads: encoded for URLs, for HTML, in a program's text or for mail."""
    text = _MASKED.sub(" masked ", as_ascii(text))
    yield text
    seen = {text}
    for read in (text, quopri.decodestring(text.encode()).decode("utf-8", "replace") if "=" in text else text):
        before = text
        while (inner := as_ascii(_undone(read))) != before:
            if inner not in seen:
                seen.add(inner)
                yield inner
            before, read = inner, inner  # noqa: PLW2901 - deeper, until nothing is encoded


def _undone(text: str) -> str:
    text = unquote_plus(text) if "%" in text else text
    text = html.unescape(_OPEN_BLANK.sub(" ", text)) if "&" in text else text
    text = _TAG.sub(" ", text) if "<" in text else text
    text = _NAMED.sub(_called, text)
    return _ESCAPED.sub(_unescaped, _BYTES.sub(_read_bytes, text)) if "\\" in text else text


def _called(found: re.Match[str]) -> str:
    if found[2]:
        return chr(int(found[2], 16))
    try:
        return unicodedata.lookup(found[1] or "")
    except KeyError:
        return " "


def _read_bytes(found: re.Match[str]) -> str:
    codes = [each.lstrip("\\") for each in re.findall(r"\\+x?[0-9A-Fa-f]+", found[0])]
    content = bytes(int(code[1:], 16) if code[0] == "x" else int(code, 8) for code in codes)
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _unescaped(found: re.Match[str]) -> str:
    number = int(next(filter(None, found.groups()), "20"), 16)
    return chr(number) if number <= 0x10FFFF else " "  # noqa: PLR2004 - the last character


def _cards_in(text: str, *, bare: bool) -> int:
    """How many card numbers stand on their own in a text."""
    found = [each.span() for each in _BARE.finditer(text) if not is_rather_else(each[0])] if bare else []
    for digits in _DIGITS.finditer(text):
        near = _GROUPED.finditer(text, digits.start(), digits.end() + _BEYOND)
        found += [each.span(each.lastindex or 0) for each in near if each.start() < digits.end()]
    numbers = {span for span in found if is_card_number(digits_of(text[slice(*span)]))}
    other = something_else(text) if numbers else []
    return sum(not within(other, *span) for span in numbers)


def _any_in(text: str, words: Iterable[str]) -> bool:
    return any(word in text for word in words)


def _hashes(content: bytes) -> Iterator[str]:
    return (hashlib.new(name, content).hexdigest() for name in ("md5", "sha1", "sha256"))


def _in_base64(content: bytes) -> Iterator[str]:
    """What base64 makes of it wherever it begins within a text: the characters that depend on nothing else."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + content).decode().rstrip("=")
        last = len(encoded) - bool((before + len(content)) % 3)
        yield encoded[-(-before * 8 // 6) : last]
