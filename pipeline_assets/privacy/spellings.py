"""Decoded views of a text: URL, HTML, JSON and mail encodings undone, digits of every script as ASCII.

Every view knows which stretch of the text each of its characters comes from, so what is found in a view is replaced in
the text. Nothing is looked for in a decoded view alone: what looks like an encoding may be none.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from pipeline_assets.privacy.digits import as_ascii

#: Somewhere in every text that has another view than itself.
ENCODED = "[%&\\\\=<\u20e3\u001b]|_x[0-9A-Fa-f]{4}_"
_ENCODED = re.compile(ENCODED)
#: Each time, what is encoded becomes shorter.
_DEEPEST = 12
_PERCENT = r"(?:%[0-9A-Fa-f]{2})+|%u[0-9A-Fa-f]{4}"
_ENTITY = r"&#[xX]0{0,8}[0-9A-Fa-f]{1,6};?|&#0{0,8}[0-9]{1,7};?|&[A-Za-z]{2,31};?"
_PAIR = r"\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}"
#: Bytes as Python, C, Postgres and Git write them, and characters by their names, in spreadsheets and in terminals.
_BYTES = r"(?:\\x[0-9A-Fa-f]{2})+|(?:\\[0-3][0-7]{2})+"
_OF_BYTES, _NAME = re.compile(r"\\(?:x|[0-3][0-7]{2})"), re.compile(r"\\N\{([^{}]+)\}")
_NAMED = r"\\N\{[A-Z0-9 -]{1,80}\}|_x[0-9A-Fa-f]{4}_|\x1b\[[0-9;]{0,16}[A-Za-z]"
_ESCAPE = (
    rf"{_NAMED}|{_BYTES}|{_PAIR}|\\u[0-9A-Fa-f]{{4}}|\\u\{{[0-9A-Fa-f]{{1,6}}\}}|\\U[0-9A-Fa-f]{{8}}"
    r"|\\0(?![0-7])|\\[^0-9xuU]"
)
_TAG = r"<[A-Za-z/!][^<>]{0,4000}>"
#: What makes a key of a digit.
_KEY = "\ufe0f?\u20e3"
_WRITTEN = re.compile(f"{_PERCENT}|{_ENTITY}|{_ESCAPE}|{_TAG}|{_KEY}", re.DOTALL)
_QUOTED_PRINTABLE = re.compile(r"(?:=[0-9A-Fa-f]{2})+|=\r?\n")
_BLANKS = dict.fromkeys("nrtfvb0", " ")


@dataclass(frozen=True, slots=True)
class View:
    """A reading of a text; `begins` and `ends` say where each character of it comes from, None from its own place."""

    text: str
    begins: list[int] | None = None
    ends: list[int] | None = None

    def origin(self, begin: int, end: int) -> tuple[int, int]:
        """The stretch of the original text that a stretch of this one, not empty, was read from."""
        if self.begins is None or self.ends is None:
            return begin, end
        return self.begins[begin], self.ends[end - 1]


def views(text: str) -> Iterator[View]:
    """The text itself, and each reading of it that says something else; digits of every script are ASCII in all."""
    plain = View(as_ascii(text))
    yield plain
    if not _ENCODED.search(text):
        return
    yield from _deeper(plain)
    mail = _read(plain, _QUOTED_PRINTABLE)
    if mail is not plain:
        yield mail
        yield from _deeper(mail)


def _deeper(view: View) -> Iterator[View]:
    for _ in range(_DEEPEST):
        inner = _read(view, _WRITTEN)
        if inner is view:
            return
        yield inner
        view = inner


def _read(view: View, pattern: re.Pattern[str]) -> View:
    """The view with what the pattern finds undone; the same one where that is nothing."""
    parts: list[str] = []
    begins: list[int] = []
    ends: list[int] = []
    place, text = 0, view.text

    def keep(until: int) -> None:
        parts.append(text[place:until])
        begins.extend(range(place, until) if view.begins is None else view.begins[place:until])
        ends.extend(range(place + 1, until + 1) if view.ends is None else view.ends[place:until])

    for found in pattern.finditer(text):
        read = _meaning(found[0])
        if read is None:
            continue
        keep(found.start())
        place = found.end()
        at = found.start()
        for character, length in read:
            begin, end = view.origin(at, at + length)
            parts.append(character)
            begins.append(begin)
            ends.append(end)
            at += length
        if at < found.end() and read:
            ends[-1] = view.origin(found.start(), found.end())[1]
    if not parts:
        return view
    keep(len(text))
    return View(as_ascii("".join(parts)), begins, ends)


def _meaning(written: str) -> list[tuple[str, int]] | None:
    """What an encoded stretch stands for, each character with how many of it that takes; None for no encoding."""
    first = written[0]
    if first == "&":
        return _entity(written)
    if first in "<\x1b":
        return [(" ", len(written))]
    if first in "\\_" or written[:2] == "%u":
        return _of_bytes(written) if _OF_BYTES.match(written) else _escape(written)
    if written[-1] == "\u20e3" or written[1] in "\r\n":
        return []
    return _bytes(unquote_to_bytes(written) if first == "%" else bytes.fromhex(written.replace("=", "")), 3)


def _of_bytes(written: str) -> list[tuple[str, int]]:
    base = 16 if written[1] == "x" else 8
    return _bytes(bytes(int(code, base) for code in re.findall(r"\\x?([0-9A-Fa-f]+)", written)), 4)


def _bytes(content: bytes, width: int) -> list[tuple[str, int]]:
    """The characters of bytes that were written with so many characters each."""
    try:
        return [(character, width * len(character.encode())) for character in content.decode()]
    except UnicodeDecodeError:
        return [(character, width) for character in content.decode("latin-1")]


#: Without a semicolon, where more digits may follow: blanks and marks that are known, or the two of a digit.
_OPEN = re.compile(r"(&#0*(160|173|8(?:19[2-9]|20\d|21[0-3]|239|288)|12288|65279|\d\d))(\d*)")


def _entity(written: str) -> list[tuple[str, int]] | None:
    if found := _OPEN.fullmatch(written):
        return [(chr(int(found[2])), len(found[1])), *((digit, 1) for digit in found[3])]
    whole = written if written.endswith(";") else f"{written};"
    read = html.unescape(whole)
    return None if read == whole or len(read) > 1 else [(read, len(written))]


def _escape(written: str) -> list[tuple[str, int]] | None:
    if name := _NAME.fullmatch(written):
        return [(character, len(written))] if (character := _called(name[1])) else None
    if len(written) == 2:  # noqa: PLR2004 - the backslash and what it escapes
        return [(_BLANKS.get(written[1], written[1]), len(written))]
    numbers = [int(number, 16) for number in re.findall(r"[\\%_][uUx]\{?([0-9A-Fa-f]+)[}_]?", written)]
    if len(numbers) > 1:
        return [(chr(0x10000 + (numbers[0] - 0xD800) * 0x400 + numbers[1] - 0xDC00), len(written))]
    return [(chr(numbers[0]), len(written))] if numbers[0] <= 0x10FFFF else None  # noqa: PLR2004 - the last character


def _called(name: str) -> str | None:
    try:
        return unicodedata.lookup(name)
    except KeyError:
        return None
