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


def _reordered(t: str) -> str:
    lines = two(t).splitlines()
    return "\n".join(",".join(reversed(line.split(","))) for line in lines)


def _category_last(rows: str) -> str:
    """A file whose category is the last column, left out with its comma where it is empty."""
    lines = [line.split(",") for line in (HEAD + rows).splitlines()]
    moved = (",".join([*line[:4], *line[5:], line[4]]) for line in lines)
    return "".join(line.rstrip(",") + "\n" for line in moved)


def _wrapped(line: str) -> str:
    return '"' + line[:-1].replace('"', '""') + '"\n'


def _zip(t: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("tickets.csv", two(t))
    return packed.getvalue()


def _cut_gzip(t: str) -> bytes:
    return gzip.compress(two(t).encode())[:-8]


CASES = [
    Case("good", two, 2),
    # Columns
    Case(
        "missing columns",
        lambda t: "ticket_id,product\n" + f"{t},Bread\n" * 3,
        refused="row 0 lacks the columns basket_id, timestamp, category, quantity, store, of 2 it has",
        rule="header",
        lost=3,
    ),
    Case("extra columns", lambda t: "\n".join(f"x,{line},y" for line in two(t).splitlines()), 2),
    Case("reordered columns", _reordered, 2),
    Case("a header in capitals", lambda t: HEAD.upper() + row(t), 1),
    Case("a header with spaces and quotes", lambda t: ", ".join(f'"{c}"' for c in COLUMNS) + "\n" + row(t), 1),
    Case(
        "a column twice",
        lambda t: HEAD.replace("\n", ",Store\n") + row(t),
        refused="row 0 has the column store more than once",
        rule="header",
        lost=1,
    ),
    Case(
        "semicolons",
        lambda t: two(t).replace(",", ";"),
        refused="row 0 is separated by semicolons, not by commas",
        rule="header",
        lost=2,
    ),
    Case(
        "tabs",
        lambda t: two(t).replace(",", "\t"),
        refused="row 0 is separated by tabs, not by commas",
        rule="header",
        lost=2,
    ),
    Case("a comma at the end of all lines", lambda t: two(t).replace("\n", ",\n"), 2),
    Case(
        "a comma at the end of the header",
        lambda t: HEAD[:-1] + ",\n" + row(t) + row(f"{t}-1")[:-1] + ",\n",
        2,
    ),
    Case(
        "rows with too few and too many fields",
        lambda t: around(t, "T9,x\n", row(t)[:-1] + ",x\n"),
        2,
        (Bad(2, "columns", "", "2 fields instead of 7"), Bad(3, "columns", "", "8 fields instead of 7")),
    ),
    Case("a comma at the end of a row", lambda t: around(t, row(t)[:-1] + ",\n", row(f"{t}-3")[:-1] + ",,,\n"), 4),
    Case(
        "a value beyond the header",
        lambda t: around(t, row(t)[:-1] + ",,x\n"),
        2,
        (Bad(2, "columns", "", "9 fields instead of 7"),),
    ),
    Case(
        "an empty category left out at the end",
        lambda t: _category_last(row(t)[:-1] + "\n" + row(f"{t}-1", category="") + row(f"{t}-2", category="")),
        3,
    ),
    Case(
        "a value left out at the end",
        lambda t: around(t, row(t).rpartition(",")[0] + "\n"),
        2,
        (Bad(2, "columns", "", "6 fields instead of 7"),),
    ),
    Case("rows without any value", lambda t: around(t, ",,,,,,\n", '"","","","","","",""\n', " , ,\n", "\u00a0\n"), 2),
    Case("Ctrl-Z at the end", lambda t: two(t) + "\x1a", 2),
    # Lines before the header
    Case("a line that names the separator", lambda t: "sep=,\n" + two(t), 2),
    Case(
        "a line that names another separator",
        lambda t: "sep=;\n" + two(t).replace(",", ";"),
        refused="row 0 is separated by semicolons, not by commas",
        rule="header",
        lost=2,
    ),
    Case("a title above the header", lambda t: "UTF-8\nSales,,,,,,\n# of the week, all stores\n\n" + two(t), 2),
    Case(
        "a row above the header",
        lambda t: row(t) + two(t),
        refused=f"row 0 lacks the columns {', '.join(COLUMNS)}, of 7 it has; the header seems to be line 2",
        rule="header",
        lost=3,
    ),
    Case("lines in quotation marks", lambda t: "".join(map(_wrapped, two(t).splitlines(keepends=True))), 2),
    Case("a line in quotation marks", lambda t: around(t, _wrapped(row(t, product='"a, b"'))), 3),
    # Marks, line ends, quotes
    Case("BOM", lambda t: b"\xef\xbb\xbf" + two(t).encode(), 2),
    Case("BOM before a quoted header", lambda t: b"\xef\xbb\xbf" + ('"ticket_id"' + two(t)[9:]).encode(), 2),
    Case("two BOMs", lambda t: b"\xef\xbb\xbf" * 2 + two(t).encode(), 2),
    Case("invisible characters in the header", lambda t: two(t).replace("store", "\u200b\u201cstore\u201d", 1), 2),
    Case("CRLF", lambda t: two(t).replace("\n", "\r\n"), 2),
    Case("CR", lambda t: two(t).replace("\n", "\r"), 2),
    Case("blank lines", lambda t: "\n\n" + two(t).replace("\n", "\n\n"), 2),
    values("quoted commas, quotes and newlines", "product", "a, b", 'an "old" one', "two\nlines", 'all, "of\nthem"'),
    Case("a space before a quotation mark", lambda t: around(t, row(t, product=' "a, b"')), 3),
    Case("quotation marks inside a value", lambda t: around(t, row(t, product='24" screen')), 3),
    Case(
        "text after a closing quotation mark",
        lambda t: around(t, row(t, product='"Bread" white')),
        2,
        (Bad(2, "row_readable", "", "text after a closing quotation mark"),),
    ),
    Case(
        "a quotation mark that is never closed",
        lambda t: around(t, row(t, store='"S1')),
        2,
        (Bad(2, "row_readable", "", "a quotation mark that is never closed"),),
    ),
    Case(
        "a quotation mark that is not closed, in a long file",
        lambda t: around(t, row(t, product='"Bread'), *(row(f"{t}-n{n}") for n in range(150))),
        152,
        (Bad(2, "row_readable", "", "a quotation mark that is not closed within 100 lines"),),
    ),
    Case(
        "a quotation mark that another line closes",
        lambda t: around(t, row(t, product='"Bread'), row(f"{t}-3"), row(t, store='S"')),
        4,
        (Bad(2, "row_readable", "", "a quotation mark that is closed 2 lines below, in a row of 2"),),
    ),
    Case(
        "a quotation mark that another line closes in the same column",
        lambda t: around(t, row(t, product='"LA FINCA'), row(f"{t}-3"), row(f"{t}-4"), row(f"{t}-5", product='TV 40"')),
        5,
        (Bad(2, "row_readable", "", "a quotation mark that is closed 3 lines below, in another row"),),
    ),
    Case(
        "a quotation mark that the next line closes in the last column",
        lambda t: around(t, row(t, store='"S1'), row(f"{t}-3", store='S1"')),
        3,
        (Bad(2, "row_readable", "", "a quotation mark that is closed 1 line below, in another row"),),
    ),
    # Encodings
    Case("UTF-16", lambda t: two(t).encode("utf-16"), refused="it begins as UTF-16 does", rule="readable"),
    Case(
        "UTF-16 without a mark",
        lambda t: two(t).encode("utf-16-le"),
        refused="byte 2 is NUL, as in UTF-16 or a binary file",
        rule="readable",
    ),
    Case(
        "Latin-1 in some rows",
        lambda t: around(t, row(t, product="Café")).encode("latin-1"),
        2,
        (Bad(2, "encoding", "product", r"'Caf\xe9'"),),
    ),
    Case("accents in UTF-8", lambda t: around(t, row(t, product="Café")), 3),
    Case(
        "a NUL character",
        lambda t: around(t, row(t, store="S\x001")),
        2,
        (Bad(2, "encoding", "store", r"'S\x001'"),),
    ),
    # Short files
    Case("empty", lambda _: b"", refused="it is empty", rule="header"),
    Case("empty, only blank lines", lambda _: b"\n\r\n\n", refused="it is empty", rule="header"),
    Case("empty, packed", lambda _: gzip.compress(b""), refused="it is empty", rule="header", name="tickets.csv.gz"),
    Case("header only", lambda _: HEAD),
    Case("header only, without a newline", lambda _: HEAD[:-1]),
    Case("a last line without a newline", lambda t: two(t)[:-1], 2),
    Case("truncated last line", lambda t: two(t) + f"{t}-3,Br", 2, (Bad(3, "columns", "", "2 fields instead of 7"),)),
    Case(
        "truncated last line, inside quotation marks",
        lambda t: two(t) + row(f"{t}-3", store='"S')[:-1],
        2,
        (Bad(3, "row_readable", "", "a quotation mark that is never closed"),),
    ),
    Case(
        "NUL characters at the end",
        lambda t: two(t) + "\x00" * 500,
        2,
        (Bad(3, "columns", "", "1 fields instead of 7"),),
    ),
    # gzip
    Case("gzip", lambda t: gzip.compress(two(t).encode()), 2, name="tickets.csv.gz"),
    Case("gzip with a mark inside", lambda t: gzip.compress(b"\xef\xbb\xbf" + two(t).encode()), 2),
    Case("gzip in two members", lambda t: gzip.compress(HEAD.encode()) + gzip.compress(row(t).encode()), 1),
    Case(
        "gzip that breaks off",
        _cut_gzip,
        2,
        (
            Bad(
                3,
                "row_readable",
                "",
                "gzip data that breaks off (Compressed file ended before the end-of-stream marker was reached)",
            ),
        ),
        name="tickets.csv.gz",
    ),
    Case(
        "gzip inside gzip",
        lambda t: gzip.compress(gzip.compress(two(t).encode())),
        refused="it begins as gzip inside gzip does",
        rule="readable",
        name="tickets.csv.gz",
    ),
    # Quantities
    values("quantity zero", "quantity", "0", "0.0", "-0", rule="quantity_positive"),
    values("quantity negative", "quantity", "-1", "-0.5", "--2", rule="quantity_positive"),
    values("quantity decimal", "quantity", "1.5", "1.0", ".5", "1e3", " 3 ", "+2", "007"),
    values(
        "quantity text",
        "quantity",
        "",
        "two",
        "1,5",
        "1_000",
        "0x10",
        "NaN",
        "inf",
        "1 000",
        "\uff11",
        rule="quantity_positive",
    ),
    values("quantity huge, but a number", "quantity", "1001", "1000000000000", "1e12"),
    values("quantity huge", "quantity", "1000000000001", "1e13", "1e999999999", "9" * 40, rule="quantity_positive"),
    # Timestamps
    values(
        "timestamps in the common ISO forms without zone",
        "timestamp",
        "2026-11-14",
        "2026-11-14 18:00",
        "2026-11-14T18:00:00",
        "20261114T180000",
        "2026-11-14T18:00:00.123456789",
        "2026-11-14T18:00:00,123",
        "'2026-11-14 18:00:00",
        '="2026-11-14 18:00:00"',
    ),
    values(
        "timestamps in the common ISO forms with zone",
        "timestamp",
        "2026-11-14T18:00Z",
        "20261114T180000Z",
        "2026-11-14t18:00:00z",
        "2026-11-14T18:00:00+0100",
        "2026-11-14 18:00:00+01:00",
    ),
    values(
        "nonsense timestamps",
        "timestamp",
        "",
        "yesterday",
        "14/11/2026 18:00",
        "2026-02-30",
        "2026-11-14T24:00",
        "2026-11-14T18:00:60",
        "2026-11-14x18:00",
        "2026-W46",
        "2026-W46-6",
        "1763575200",
        "2026110110930",
        "2026-11-14 18:00:00\x00",
        "2026-11-14 18:00\x00x",
        "\uff12\uff10\uff12\uff16-11-14",
        rule="timestamp_readable",
    ),
    values("timestamps out of history", "timestamp", "1900-01-01", "2999-01-01", rule="timestamp_in_range"),
    # Keys of the rows
    values("empty keys: ticket", "ticket_id", "", "  ", rule="key_present"),
    values("empty keys: product", "product", "", rule="key_present"),
    values("empty keys: basket", "basket_id", "", rule="key_present"),
    values("empty keys: store", "store", "", rule="key_present"),
    values("an empty category", "category", ""),
    values("placeholders: ticket", "ticket_id", "NULL", "nan", "None", r"\N", "#N/A", "-", rule="key_present"),
    values("placeholders: product", "product", "NULL", "nan", "None", "(null)", rule="key_present"),
    values("placeholders: basket", "basket_id", "null", "NaN", "n/a", "<NA>", rule="key_present"),
    values("placeholders: store", "store", "nan", "Null", "#REF!", rule="key_present"),
    values("placeholders: category", "category", "NULL", "nan", "None", r"\N", "-"),
    values("names that are nearly placeholders", "product", "Nan", "NA", "None of these", "NULL-1"),
    values(
        "ids that lost their digits", "ticket_id", "1.23457E+12", "1,23E+12", "1.23457e12", "1E+05", rule="id_whole"
    ),
    values("baskets that lost their digits", "basket_id", "1.23457E+12", rule="id_whole"),
    values("products that lost their digits", "product", "5.90123E+12", "5,9E+12", "########", rule="id_whole"),
    values("products that look like numbers", "product", "5901234123457", "12E4", "1.5", "#1", "1,5"),
    values("ids that look like numbers", "basket_id", "12E4", "1E5", "0123", "1-2", "007.10"),
    values("armour against spreadsheets", "basket_id", '="0123"', "'0123", "1234.0"),
    values("values with invisible characters", "store", "S\u200e1", "S1\u00a0", "S1\x07", "\ufeffS1"),
    Case(
        "a key of invisible characters",
        lambda t: around(t, row(t, product="\u200b\u00a0\u200b")),
        2,
        (Bad(2, "key_present", "product", r"'\u200b\xa0\u200b'"),),
    ),
    Case(
        "a key of 501 characters",
        lambda t: around(t, row(t, product="x" * 501)),
        2,
        (Bad(2, "key_length", "product", f"'{'x' * 40}… (501 characters)'"),),
    ),
    Case("the same row twice", lambda t: around(t, row(f"{t}-1")), 2, duplicate=1),
    Case(
        "no good row",
        lambda t: HEAD + row(t, quantity="0"),
        0,
        (Bad(1, "quantity_positive", "quantity", "'0'"),),
        refused="all 1 rows were rejected",
        rule="some_row_valid",
    ),
    # Objects that are something else
    Case("non-CSV objects: by name", two, refused="its name is 'photo.png'", rule="readable", name="photo.png"),
    Case(
        "non-CSV objects: a workbook",
        _zip,
        refused="it begins as an Excel workbook or a zip archive does",
        rule="readable",
    ),
    Case("non-CSV objects: PDF", lambda _: b"%PDF-1.4\n1 0 obj\n", refused="it begins as PDF does", rule="readable"),
    Case("non-CSV objects: Parquet", lambda _: b"PAR1\x15\x04", refused="it begins as Parquet does", rule="readable"),
    Case(
        "non-CSV objects: a list of JSON", lambda _: '[\n{"a": 1}]\n', refused="it begins as JSON does", rule="readable"
    ),
    Case("non-CSV objects: JSON", lambda _: '{"a": 1}\n', refused="it begins as JSON does", rule="readable"),
    # Keys of the objects
    Case("keys with spaces", two, 2, name="my tickets.csv"),
    Case("keys with +", two, 2, name="a+b.csv"),
    Case("keys with %", two, 2, name="100%25.csv"),
    Case("keys with accents", two, 2, name="café/días.csv"),
    Case("keys of 900 bytes", two, 2, name="x" * 880 + ".csv"),
    Case("keys in capitals", two, 2, name="TICKETS.CSV"),
]
