"""`python -m docs.datasets`: writes docs/datasets.md from the specs, which a test compares it with."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import Final

from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.datasets.spec import Column, Dataset, stored_as
from pipeline_assets.datasets.stocks import STOCKS
from pipeline_assets.datasets.text import PLACEHOLDERS
from pipeline_assets.datasets.tickets import TICKETS

PAGE: Final = Path(__file__).with_suffix(".md")
_HEAD = """# The datasets

Every column and rule, as `pipeline_assets/datasets` says them: the same specs make the readers, the tables and the
checks. `python -m docs.datasets` writes this page.

A broken rule rejects its row (*quarantine*), refuses the whole object (*halt*), or is counted and the row kept
(*warn*).

Objects that are no data by their names are left alone in every bucket, as Hadoop, Spark and Athena do: a key with a
part that begins with `_` or `.` (`_SUCCESS`, `_temporary/0/part-0.csv`, `.part-0.csv.crc`; a folder `_name=value` is a
partition and not meant), and one that ends in `/`, `_$folder$`, `.crc` or `._COPYING_`. They are in no account; the
functions' logs and the metric `ObjectsIgnored` tell of them. Do not begin the name of a file or folder that is to be
loaded like that.
"""
_FILES = """# Files

What holds for every CSV file, whoever wrote it:

- **The file** is UTF-8, with or without byte-order marks, plain or gzip, its name ending in `.csv` or `.csv.gz`;
  fields are separated by commas. Lines may end as on any system, the last one need not end.
- **The header** is the first line that can be one: blank lines, lines beginning with `#`, `sep=,` and lines of one
  value, such as a title, are passed over above it, up to nineteen. Anything else above it refuses the file, and the
  line that seems to be the header is named. Names are compared without regard to capitals, invisible characters, and
  marks or brackets around them: `“Store”` and `<STORE>` are `store`. Columns may be in any order; others may be among
  them.
- **Rows** are numbered by record: the first one with a value after the header is row 1, one of several lines counts
  once, and lines without any value (`,,,,`, quoted or not, a Ctrl-Z) are none. In a reason, row 0 is the header, and
  *line* is a line of the file.
- **Fields**: empty ones beyond the header are ignored; at the end of a row, fields of columns that may be empty can
  be left out, but not in a last line without an end, which may be cut. Any other row of another width is rejected, as
  is one with a value beyond the header. A line that is put into quotation marks as a whole is the line within.
- **Quotation marks** are doubled inside a quoted value, which may have several lines, up to a hundred. One that is
  opened by mistake costs its own line: the lines below it are read as rows of their own when they are. A mark inside
  a value that does not begin with one is part of it: `TV 40"`.
- **Text** is compared, and kept, as it looks: invisible characters (zero width, direction marks, soft hyphens, marks
  of byte order, control characters) are taken out, all kinds of blanks are one plain blank and runs of them one,
  letters with accents have one spelling. Joiners stay between letters of scripts, and pictures, that they shape. Line
  breaks inside a value stay, in one form. Capitals, and digits of other widths, are not changed. A NUL, or a byte
  that is no UTF-8, is rejected.
- **What stands for no value**, as a whole value: an empty field or
PLACEHOLDERS.
  In a text that may be empty, and in an id, capitals make no difference; in the name of a product only these spellings
  count, so that `Nan`, a bread, is one. `NA` always is a text. Where a value is needed the row is rejected as if it
  were empty, and the reason shows what was there.
- **Armour of spreadsheets** is taken off: `="0123"` and `'0123` are `0123`. In an id,
  which `ticket_id`, `basket_id` and `store` are, an apostrophe before anything with a digit is taken off too, and
  `1234.0` is `1234`, as what a program makes of a whole number in a column with gaps.
- **Ids and products in exponent form**, with a decimal point or a plus, such as `1.23457E+12`, `1,23E+12` and
  `1E+05`, have lost their digits and are rejected (`id_whole`), as is `####`, which a spreadsheet writes of a number in
  a narrow column. `12E4` and `1E5` are ids.
- **Dates** of daily bars are dates: `2026-11-20 00:00:00+09:00` is 2026-11-20, as `2026-11-20` is. A file is of daily
  bars when most of the different times of its first 2,000 rows are at midnight. Other times with an offset, and those
  of tickets always, are instants and become UTC.

Price files of these sources are known by their headers: yfinance (three lines of header, one ticker), Finam, stooq,
MetaStock and MetaTrader with commas (`<DATE>`, days such as 20261120 and 2026.11.20), Nasdaq (`Close/Last`: days such
as 11/20/2026, prices such as $123.45) and the table of Yahoo's page (`Close*`: days such as Nov 20, 2026). In other
files a day with the month or a word first, and a price with a sign, are rejected.

What holds for ticket files:

- **One purchase** is a store, its ticket number, its basket and its day: the same number in another store, with
  another basket or on another day is another ticket, and the same basket number another basket. A day begins at
  midnight UTC, or at `TICKETS_DAY_BEGINS`. A ticket may be spread over several files.
- **One line** is a product of a ticket. Rows of a file that are the same to the letter are one; other rows of the
  same line add up. Where several files have a line, the one that was put last counts, and the rows of the others
  are superseded until that file no longer has it.
- **A file under the key of an earlier one** replaces what that one said and nothing else. It does so only if it
  can be read to its end and has a row that is accepted; a file with a header alone needs the metadata
  `cesta-empty=yes` on its object. A file that is cut off is taken as far as it goes only where no whole one was
  under its key.
"""
_UNKNOWN = {
    "evolve": "a column that is not listed is kept in `other_columns`",
    "discard": "a column that is not listed is dropped and named in the account of its object",
    "freeze": "an object with a column that is not listed is refused",
}


def page() -> str:
    """The page as it should be."""
    placeholders = fill(
        ", ".join(f"`{each}`" for each in sorted(PLACEHOLDERS)), 118, initial_indent="  ", subsequent_indent="  "
    )
    files = [_section(dataset) for dataset in (TICKETS, STOCKS)]
    tables = [_section(dataset) + _contract(dataset) for dataset in ECOMMERCE]
    return "\n".join([_HEAD, _FILES.replace("PLACEHOLDERS", placeholders), *files, "# The e-commerce lake", *tables])


def _section(dataset: Dataset) -> str:
    key = ", ".join(f"`{name}`" for name in dataset.key)
    lines = [
        f"\n## {dataset.name}\n",
        f"{dataset.description} Key: {key}. Owner: {dataset.owner}.\n",
        "| column | type | unit | may be empty | meaning | kept as |",
        "|---|---|---|---|---|---|",
        *map(_column, dataset.columns),
        "\n| rule | where it is broken | expected |",
        "|---|---|---|",
        *(f"| {rule.name} | {rule.severity} | {rule.expected} |" for rule in dataset.rules),
    ]
    return "\n".join(lines) + "\n"


def _column(column: Column) -> str:
    stored = stored_as(column)
    kept = "" if stored == (column,) else ", ".join(f"`{each.name}`" for each in stored) or "nothing"
    if column.personal == "free_text":
        kept = "without numbers of persons"
    empty = "yes" if column.nullable else ""
    return f"| `{column.name}` | {column.type} | {column.unit} | {empty} | {column.meaning} | {kept} |"


def _contract(dataset: Dataset) -> str:
    refers = [f"`{each.column}` a key of {each.dataset}" for each in dataset.references]
    expected = f" Expected of a whole day: {', '.join(refers)}." if refers else ""
    order = ", ".join(f"`{name}`" for name in dataset.order)
    names = ", ".join(f"`{name}`" for name in dataset.identifiers)
    declared = f" Columns of identifiers, whose digits are left as they are: {names}." if names else ""
    return (
        f"\nContract: {_UNKNOWN[dataset.contract.unknown]}. Latest wins by {order}."
        f" A day of which more than {dataset.most_rejected:.0%} of the rows are rejected is held back."
        f"{expected}{declared}\n"
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
