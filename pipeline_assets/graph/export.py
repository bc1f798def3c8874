"""The purchase graph as CSV files for ``neo4j-admin database import full``, set by set instead of file by file.

The same rules as in `ownership`, said of all lines at once: a ticket belongs to the version with the greatest stamp
that carries it; it lives if that version is the newest that counts of its object, otherwise it leaves a tombstone; the
lines of that version make it up, each once by its print.

The writers' lock is left out on purpose: the first writer misses it, and makes constraints, indexes and lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

#: Digits after the point with which quantities are added up; Polars adds whole numbers of 38 digits.
QUANTITY: Final = pl.Decimal(38, 18)
#: A line as it was accepted: `load` counts the versions in the order of their stamps, `row` the records of a file.
LINE_SCHEMA: Final = pl.Schema(
    {
        "load": pl.UInt32(),
        "row": pl.UInt32(),
        "ticket_id": pl.String(),
        "product": pl.String(),
        "basket_id": pl.String(),
        "timestamp": pl.String(),
        "category": pl.String(),
        "quantity": QUANTITY,
        "store": pl.String(),
        "day": pl.String(),
        "fingerprint": pl.Int64(),
    }
)
LOAD_SCHEMA: Final = pl.Schema(
    {
        "load": pl.UInt32(),
        "id": pl.String(),
        "uri": pl.String(),
        "stamp": pl.String(),
        "run": pl.Int64(),
        "next_row": pl.Int64(),
        "effective": pl.Boolean(),
        "tally": pl.String(),
        "owner": pl.String(),
    }
)
_IMPORT = """\
#!/bin/sh
# Makes a new Neo4j database out of the files beside this script. Stop the server first; what the database holds is
# replaced. Another database than neo4j is named as the first argument, another neo4j-admin in NEO4J_ADMIN.
set -eu
cd "$(dirname "$0")"
"${{NEO4J_ADMIN:-neo4j-admin}}" database import full "${{1:-neo4j}}" \\
  --overwrite-destination=true --id-type=string --multiline-fields=true \\
  {files}
"""


@dataclass(frozen=True, slots=True)
class _File:
    """A CSV file: what it holds in neo4j-admin's own words, the header, and the columns in its order."""

    name: str
    of: str
    header: str
    columns: tuple[str, ...]

    @property
    def option(self) -> str:
        """The argument that names it to neo4j-admin."""
        return f"--{self.of}=./{self.name}-header.csv,./{self.name}.csv.gz"


_TICKET = _File(
    "tickets", "nodes=Ticket", "ticket_id:ID(Ticket),timestamp:datetime,owner", ("ticket_id", "timestamp", "owner")
)
_RETIRED = _File("retired", "nodes=RetiredTicket", "ticket_id:ID(RetiredTicket),owner", ("ticket_id", "owner"))
_BASKET = _File("baskets", "nodes=Basket", "basket_id:ID(Basket)", ("basket_id",))
_STORE = _File("stores", "nodes=Store", "name:ID(Store)", ("store",))
_PRODUCT = _File("products", "nodes=Product", "name:ID(Product)", ("product",))
_CATEGORY = _File("categories", "nodes=Category", "name:ID(Category)", ("category",))
_LOAD = _File(
    "loads",
    "nodes=TicketLoad",
    "id:ID(TicketLoad),uri,stamp,run:long,next_row:long,state,effective:boolean,tally",
    ("id", "uri", "stamp", "run", "next_row", "state", "effective", "tally"),
)
_LINE_COLUMNS = ("ticket_id", "product", "quantity", "category", "row_hashes")
_LINE_HEADER = ":START_ID(Ticket),:END_ID(Product),quantity:{},category,row_hashes:long[]"
_WHOLE = _File("lines-whole", "relationships=CONTAINS", _LINE_HEADER.format("long"), _LINE_COLUMNS)
_FRACTIONAL = _File("lines-fractional", "relationships=CONTAINS", _LINE_HEADER.format("double"), _LINE_COLUMNS)
_PART_OF = _File("part-of", "relationships=PART_OF", ":START_ID(Ticket),:END_ID(Basket)", ("ticket_id", "basket_id"))
_SOLD_AT = _File("sold-at", "relationships=SOLD_AT", ":START_ID(Ticket),:END_ID(Store)", ("ticket_id", "store"))
_IN_CATEGORY = _File(
    "in-category", "relationships=IN_CATEGORY", ":START_ID(Product),:END_ID(Category)", ("product", "category")
)


def write_import(lines: Path, loads: pl.DataFrame, directory: Path) -> dict[str, int]:
    """Write the files and ``import.sh`` into `directory`; returns how many nodes and relationships each file holds.

    `lines` is a folder of Parquet files of `LINE_SCHEMA`, in which more are put; `loads` a frame of `LOAD_SCHEMA` with
    a row per version.
    """
    every = scan_lines(lines)
    tickets = _staged(_tickets(every, loads), lines / "owners")
    living = every.join(tickets.filter("lives"), on=["ticket_id", "load"])
    rows = living.group_by("ticket_id", "product", "fingerprint").agg(pl.all().sort_by("row").first())
    rows = _staged(rows, lines / "rows")
    summed = _staged(_summed(rows), lines / "summed")
    pairs = summed.drop_nulls("category")
    whole = pl.col("quantity") == pl.col("quantity").round(0)
    written = {
        _TICKET: rows.group_by("ticket_id").agg(pl.col("timestamp").min(), pl.col("owner").first()),
        _RETIRED: tickets.filter(~pl.col("lives")),
        _BASKET: rows.select("basket_id").unique(),
        _STORE: rows.select("store").unique(),
        _PRODUCT: rows.select("product").unique(),
        _CATEGORY: pairs.select("category").unique(),
        _LOAD: loads.lazy().with_columns(state=pl.lit("done")),
        _WHOLE: summed.filter(whole).with_columns(pl.col("quantity").cast(pl.Int64)),
        # As text: its digits become the nearest number when they are imported, as they do in the live graph.
        _FRACTIONAL: summed.filter(~whole).with_columns(pl.col("quantity").cast(pl.String)),
        _PART_OF: rows.select("ticket_id", "basket_id").unique(),
        _SOLD_AT: rows.select("ticket_id", "store").unique(),
        _IN_CATEGORY: pairs.select("product", "category").unique(),
    }
    counts = {file.name: _write(frame, file, lines, directory) for file, frame in written.items()}
    script = directory / "import.sh"
    script.write_text(_IMPORT.format(files=" \\\n  ".join(file.option for file in written)), encoding="utf-8")
    script.chmod(0o755)
    return counts


def scan_lines(lines: Path) -> pl.LazyFrame:
    """The accepted lines of all versions."""
    # The first is there for its columns, should no version have a line.
    pl.DataFrame(schema=LINE_SCHEMA).write_parquet(lines / "none.parquet")
    return pl.scan_parquet(lines / "*.parquet")


def day_counts(lines: pl.LazyFrame) -> pl.DataFrame:
    """Of the accepted rows of each load and purchase day: `received` in all, `accepted` but once each."""
    row = pl.struct("ticket_id", "product", "fingerprint")
    counts = lines.group_by("load", "day").agg(received=pl.len(), accepted=row.n_unique())
    return counts.collect(engine="streaming").sort("load", "day")


def _tickets(lines: pl.LazyFrame, loads: pl.DataFrame) -> pl.LazyFrame:
    """Each ticket with its owner, and whether it lives: whether its owner is the newest that counts of its object."""
    newest = pl.col("load").filter("effective").max().over("uri")
    owners = loads.lazy().select("load", "owner", lives=pl.col("load") >= newest.fill_null(0))
    return lines.group_by("ticket_id").agg(pl.col("load").max()).join(owners, on="load")


def _summed(rows: pl.LazyFrame) -> pl.LazyFrame:
    """One row per ticket and product: quantities added up, the last category that was given, the rows' prints."""
    given = pl.col("category").filter(pl.col("category") != "")
    return rows.group_by("ticket_id", "product").agg(
        pl.col("quantity").sum(),
        given.sort_by(pl.col("row").filter(pl.col("category") != "")).last().alias("category"),
        pl.col("fingerprint").sort().cast(pl.String).implode().list.join(";").alias("row_hashes"),
    )


def _staged(frame: pl.LazyFrame, folder: Path) -> pl.LazyFrame:
    """What a frame comes to, on the disk instead of in memory."""
    folder.mkdir()
    frame.sink_parquet(folder / "all.parquet")
    return pl.scan_parquet(folder / "all.parquet")


def _write(frame: pl.LazyFrame, file: _File, lines: Path, directory: Path) -> int:
    (directory / f"{file.name}-header.csv").write_text(file.header + "\n", encoding="utf-8")
    staged = _staged(frame.select(file.columns), lines / file.name)
    staged.sink_csv(directory / f"{file.name}.csv.gz", include_header=False, compression="gzip")
    return int(staged.select(pl.len()).collect().item())
