"""A text as it is and as it reads once encodings are undone: URLs, HTML, escapes of JSON and of programs, mail.

Every view knows which stretch of the text each of its characters comes from, so what is found in a view is replaced in
the text. Nothing is looked for in a decoded view alone: what looks like an encoding may be none.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from pipeline_assets.privacy.digits import as_ascii

#: Somewhere in every text that has another view than itself.
ENCODED = "[%&\\\\=<\u20e3]"
_ENCODED = re.compile(ENCODED)
_DEEPEST = 4
_PERCENT = r"(?:%[0-9A-Fa-f]{2})+|%u[0-9A-Fa-f]{4}"
_ENTITY = r"&#[xX][0-9A-Fa-f]{1,6};?|&#[0-9]{1,7};?|&[A-Za-z]{2,31};?"
_PAIR = r"\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}"
_ESCAPE = (
    rf"{_PAIR}|\\u[0-9A-Fa-f]{{4}}|\\u\{{[0-9A-Fa-f]{{1,6}}\}}|\\U[0-9A-Fa-f]{{8}}|\\x[0-9A-Fa-f]{{2}}|\\[^0-9xuU]"
)
_TAG = r"<[A-Za-z/!][^<>]{0,200}>"
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
    if written[0] == "&":
        return _entity(written)
    if written[-1] == "\u20e3":
        return []
    if written[0] == "<":
        return [(" ", len(written))]
    if written[0] == "\\" or written[:2] == "%u":
        return _escape(written)
    if written[0] == "%":
        return _bytes(unquote_to_bytes(written))
    return _bytes(bytes.fromhex(written.replace("=", ""))) if written[1] not in "\r\n" else []


def _bytes(content: bytes) -> list[tuple[str, int]]:
    """The characters of bytes that were written with three characters each."""
    try:
        return [(character, 3 * len(character.encode())) for character in content.decode()]
    except UnicodeDecodeError:
        return [(character, 3) for character in content.decode("latin-1")]


def _entity(written: str) -> list[tuple[str, int]] | None:
    if re.fullmatch(r"&#[0-9]{3,7}", written) and written[2:5] != "160":
        # Without a semicolon, where more digits follow, only the first two can be meant.
        return [(chr(int(written[2:4])), 4), *((digit, 1) for digit in written[4:])]
    if written.startswith("&#160") and not written.endswith(";"):
        return [("\u00a0", 5), *((digit, 1) for digit in written[5:])]
    whole = written if written.endswith(";") else f"{written};"
    read = html.unescape(whole)
    return None if read == whole or len(read) > 1 else [(read, len(written))]


def _escape(written: str) -> list[tuple[str, int]] | None:
    if len(written) == 2:  # noqa: PLR2004 - the backslash and what it escapes
        return [(_BLANKS.get(written[1], written[1]), len(written))]
    numbers = [int(number, 16) for number in re.findall(r"[\\%][uUx]\{?([0-9A-Fa-f]+)\}?", written)]
    if len(numbers) > 1:
        return [(chr(0x10000 + (numbers[0] - 0xD800) * 0x400 + numbers[1] - 0xDC00), len(written))]
    return [(chr(numbers[0]), len(written))] if numbers[0] <= 0x10FFFF else None  # noqa: PLR2004 - the last character
