"""Ticket files as they come: every kind of bad input once, and what has to become of it.

`CASES` is read by the tests of the reader, which need nothing else, and by the tests of the whole flow.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

from pipeline_assets.datasets.tickets import TICKETS

COLUMNS = TICKETS.column_names
HEAD = ",".join(COLUMNS) + "\n"


def row(ticket: str, **changes: str) -> str:
    """A good row of a ticket, with changes."""
    values = {
        "ticket_id": ticket,
        "product": "Bread",
        "basket_id": "B1",
        "timestamp": "2026-11-14 18:00:00",
        "category": "Bakery",
        "quantity": "1",
        "store": "S1",
    } | changes
    return ",".join(values[column] for column in COLUMNS) + "\n"


@dataclass(frozen=True)
class Bad:
    """A rejected row; `found` as the reason shows it."""

    row: int
    rule: str
    column: str
    found: str

    @property
    def reason(self) -> str:
        """The whole sentence."""
        place = f"row {self.row}, column {self.column}" if self.column else f"row {self.row}"
        return f"{place}: found {self.found}, expected {TICKETS.rule(self.rule).expected}"


@dataclass(frozen=True)
class Case:
    """A file: `content` makes it of a name for its tickets, `accepted` is how many rows are lines in the end.

    `refused` is what was found in a file that is refused whole, by which rule.
    """

    item: str
    content: Callable[[str], str | bytes]
    accepted: int = 0
    rejected: tuple[Bad, ...] = ()
    refused: str = ""
    rule: str = ""
    lost: int = 0
    duplicate: int = 0
    name: str = "tickets.csv"

    def body(self, ticket: str) -> bytes:
        """The bytes of the file."""
        content = self.content(ticket)
        return content if isinstance(content, bytes) else content.encode()

    def refusal(self, key: str) -> str:
        """The whole sentence with which the file is refused, empty when it is not."""
        return f"{key}: {self.refused}; expected {TICKETS.rule(self.rule).expected}" if self.refused else ""


def two(t: str) -> str:
    """A header and two good rows."""
    return HEAD + row(f"{t}-1") + row(f"{t}-2")


def around(t: str, *lines: str) -> str:
    """Lines between two good rows; the first of them is row 2."""
    return HEAD + row(f"{t}-1") + "".join(lines) + row(f"{t}-2")


def values(item: str, column: str, *texts: str, rule: str = "") -> Case:
    """Rows with these values in a column: all accepted, or all rejected by a rule."""

    def content(t: str) -> str:
        return around(t, *(row(f"{t}-v{n}", **{column: _quoted(text)}) for n, text in enumerate(texts)))

    bad = tuple(Bad(n, rule, column, repr(text.strip())) for n, text in enumerate(texts, 2) if rule)
    return Case(item, content, accepted=2 if rule else 2 + len(texts), rejected=bad)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\n') else text


def reordered(t: str) -> str:
    lines = two(t).splitlines()
    return "\n".join(",".join(reversed(line.split(","))) for line in lines)


def category_last(rows: str) -> str:
    """A file whose category is the last column, left out with its comma where it is empty."""
    lines = [line.split(",") for line in (HEAD + rows).splitlines()]
    moved = (",".join([*line[:4], *line[5:], line[4]]) for line in lines)
    return "".join(line.rstrip(",") + "\n" for line in moved)


def wrapped(line: str) -> str:
    return '"' + line[:-1].replace('"', '""') + '"\n'


def zipped(t: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("tickets.csv", two(t))
    return packed.getvalue()


def cut_gzip(t: str) -> bytes:
    return gzip.compress(two(t).encode())[:-8]
