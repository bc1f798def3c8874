"""The purchase graph as CSV files for ``neo4j-admin database import full``, set by set instead of file by file.

The same rules as in `ownership`, said of all lines at once: of every key the rows of the version that stands count,
each once by its print; what an object says of a ticket is its claim; of a line that several claims have, the one with
the greatest stamp stands.

The writers' lock is left out on purpose: the first writer misses it, and makes constraints, indexes and lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from pipeline_assets.graph.changes import claim_id, encode_lines
from pipeline_assets.graph.ownership import ProductLine, TicketKey

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
#: A load whose claims are in the graph, or are not since another version stands for its key.
OWNER_SCHEMA: Final = pl.Schema({"load": pl.UInt32(), "owner": pl.String(), "stands": pl.Boolean()})
#: The node of a load, its columns named as its properties are.
LOAD_SCHEMA: Final = pl.Schema(
    {
        "id": pl.String(),
        "uri": pl.String(),
        "stamp": pl.String(),
        "run": pl.Int64(),
        "next_row": pl.Int64(),
        "state": pl.String(),
        "rank": pl.Int64(),
        "stands": pl.Boolean(),
        "revision": pl.Int64(),
        "untold": pl.Boolean(),
        "tally": pl.String(),
    }
)
_TICKET_KEY: Final = list(TicketKey._fields)
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
    "tickets",
    "nodes=Ticket",
    "key:ID(Ticket),ticket_id,timestamp:datetime,owner",
    ("ticket", "ticket_id", "timestamp", "owner"),
)
_CLAIM = _File(
    "claims",
    "nodes=TicketClaim",
    "id:ID(TicketClaim),ticket,owner,timestamp,lines",
    ("id", "ticket", "owner", "timestamp", "lines"),
)
_RETIRED = _File(
    "retired", "nodes=RetiredTicket", "key:ID(RetiredTicket),ticket_id,owner", ("ticket", "ticket_id", "owner")
)
_BASKET = _File("baskets", "nodes=Basket", "key:ID(Basket),basket_id", ("basket", "basket_id"))
_STORE = _File("stores", "nodes=Store", "name:ID(Store)", ("store",))
_PRODUCT = _File("products", "nodes=Product", "name:ID(Product)", ("product",))
_CATEGORY = _File("categories", "nodes=Category", "name:ID(Category)", ("category",))
_LOAD = _File(
    "loads",
    "nodes=TicketLoad",
    "id:ID(TicketLoad),uri,stamp,run:long,next_row:long,state,rank:long,stands:boolean,revision:long,untold:boolean,tally",
    tuple(LOAD_SCHEMA),
)
_LINE_COLUMNS = ("ticket", "product", "quantity", "category", "row_hashes")
_LINE_HEADER = ":START_ID(Ticket),:END_ID(Product),quantity:{},category,row_hashes:long[]"
_WHOLE = _File("lines-whole", "relationships=CONTAINS", _LINE_HEADER.format("long"), _LINE_COLUMNS)
_FRACTIONAL = _File("lines-fractional", "relationships=CONTAINS", _LINE_HEADER.format("double"), _LINE_COLUMNS)
_PART_OF = _File("part-of", "relationships=PART_OF", ":START_ID(Ticket),:END_ID(Basket)", ("ticket", "basket"))
_SOLD_AT = _File("sold-at", "relationships=SOLD_AT", ":START_ID(Ticket),:END_ID(Store)", ("ticket", "store"))
_IN_CATEGORY = _File(
    "in-category", "relationships=IN_CATEGORY", ":START_ID(Product),:END_ID(Category)", ("product", "category")
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """Settled claims of all loads, kept on the disk.

    Parameters
    ----------
    lines
        A row per claim and product. Columns: those of a line, `load`, `owner`, `stands` (whether the line is in the
        graph), `claims` (on the ticket), `begun`, `rows`, `fingerprints`, and the keys `ticket` and `basket`.
    gone
        Tickets that only versions carry which do not stand. Columns: the parts of the key, `owner`, `ticket`.
    folder
        Where they lie.
    """

    lines: pl.LazyFrame
    gone: pl.LazyFrame
    folder: Path

    def day_counts(self) -> pl.DataFrame:
        """Rows of each standing load by purchase day.

        Returns
        -------
        pl.DataFrame
            Columns: `load`, `day`, `accepted`, `superseded` (rows of lines that another claim has); sorted by both.
        """
        counted = self.lines.group_by("load", "day").agg(
            accepted=pl.col("rows").filter("stands").sum(), superseded=pl.col("rows").filter(~pl.col("stands")).sum()
        )
        return counted.collect(engine="streaming").sort("load", "day")


def settle_claims(lines: Path, owners: pl.DataFrame) -> Claimed:
    """Settle the claims of all versions at once, and keep the result on the disk.

    Parameters
    ----------
    lines
        A folder of Parquet files of `LINE_SCHEMA`, in which more are put.
    owners
        A frame of `OWNER_SCHEMA` with a row per version.

    Returns
    -------
    Claimed
        Of each line the claim that stands, and the others.
    """
    every = scan_lines(lines).join(owners.lazy(), on="load")
    rows = (
        every.filter("stands")
        .group_by("load", *_TICKET_KEY, "product", "fingerprint")
        .agg(pl.all().sort_by("row").first())
    )
    summed = _stage(_sum_rows(_stage(rows, lines / "rows")), lines / "summed")
    line = [*_TICKET_KEY, "product"]
    standing = summed.with_columns(
        stands=pl.col("load") == pl.col("load").max().over(line),
        claims=pl.col("load").n_unique().over(_TICKET_KEY),
        begun=pl.col("timestamp").min().over("load", *_TICKET_KEY),
        ticket=_key(*_TICKET_KEY),
        basket=_key("store", "basket_id", "day"),
    )
    standing = _stage(standing, lines / "standing")
    carried = every.group_by(_TICKET_KEY).agg(pl.col("owner").sort_by("load").last())
    gone = carried.join(summed.select(_TICKET_KEY).unique(), on=_TICKET_KEY, how="anti")
    return Claimed(standing, gone.with_columns(ticket=_key(*_TICKET_KEY)), lines)


def write_import(claims: Claimed, loads: pl.DataFrame, directory: Path) -> dict[str, int]:
    """Write the files and ``import.sh``.

    Parameters
    ----------
    claims
        Settled claims of all versions.
    loads
        A frame of `LOAD_SCHEMA` with a row per version.
    directory
        An empty folder.

    Returns
    -------
    dict of str to int
        Nodes or relationships of each file, by its name.
    """
    lines = claims.lines.filter("stands")
    tickets = lines.group_by("ticket", "ticket_id", "basket", "basket_id", "store").agg(
        # Of every claim that has a line that stands.
        timestamp=pl.col("begun").min(),
        owner=pl.col("owner").filter(pl.col("claims") == 1).first(),
    )
    tickets = _stage(tickets, claims.folder / "owners")
    pairs = lines.drop_nulls("category")
    whole = pl.col("quantity") == pl.col("quantity").round(0)
    hashes = pl.col("fingerprints").cast(pl.List(pl.String)).list.join(";").alias("row_hashes")
    lines = lines.with_columns(hashes)
    frames = {
        _TICKET: tickets,
        _CLAIM: _claim_nodes(claims.lines.filter(pl.col("claims") > 1)),
        _RETIRED: claims.gone,
        _BASKET: tickets.select("basket", "basket_id").unique(),
        _STORE: tickets.select("store").unique(),
        _PRODUCT: lines.select("product").unique(),
        _CATEGORY: pairs.select("category").unique(),
        _LOAD: loads.lazy(),
        _WHOLE: lines.filter(whole).with_columns(pl.col("quantity").cast(pl.Int64)),
        # As text: its digits become the nearest number when they are imported, as they do in the live graph.
        _FRACTIONAL: lines.filter(~whole).with_columns(pl.col("quantity").cast(pl.String)),
        _PART_OF: tickets,
        _SOLD_AT: tickets,
        _IN_CATEGORY: pairs.select("product", "category").unique(),
    }
    counts = {file.name: _write(frame, file, claims.folder, directory) for file, frame in frames.items()}
    script = directory / "import.sh"
    script.write_text(_IMPORT.format(files=" \\\n  ".join(file.option for file in frames)), encoding="utf-8")
    script.chmod(0o755)
    return counts


def scan_lines(lines: Path) -> pl.LazyFrame:
    """The accepted lines of all versions."""
    # The first is there for its columns, should no version have a line.
    pl.DataFrame(schema=LINE_SCHEMA).write_parquet(lines / "none.parquet")
    return pl.scan_parquet(lines / "*.parquet")


def received_rows(lines: Path) -> pl.DataFrame:
    """Accepted rows of each load by purchase day.

    Returns
    -------
    pl.DataFrame
        Columns: `load`, `day`, `received` (all), `unique` (each once); sorted by both.
    """
    row = pl.struct(*_TICKET_KEY, "product", "fingerprint")
    counts = scan_lines(lines).group_by("load", "day").agg(received=pl.len(), unique=row.n_unique())
    return counts.collect(engine="streaming").sort("load", "day")


def _key(*columns: str) -> pl.Expr:
    """The text of a key, as `TicketKey` writes it."""
    parts = [
        pl.col(name).str.replace_all("%", "%25", literal=True).str.replace_all("/", "%2F", literal=True)
        for name in columns
    ]
    return pl.concat_str(parts, separator="/")


def _sum_rows(rows: pl.LazyFrame) -> pl.LazyFrame:
    """One row per claim and product: quantities added up, the last category that was given, the rows' prints."""
    given = pl.col("category").filter(pl.col("category") != "")
    return rows.group_by("load", "owner", *_TICKET_KEY, "product").agg(
        pl.col("quantity").sum(),
        pl.col("timestamp").min(),
        given.sort_by(pl.col("row").filter(pl.col("category") != "")).last().alias("category"),
        pl.col("fingerprint").sort().alias("fingerprints"),
        rows=pl.len(),
    )


def _claim_nodes(lines: pl.LazyFrame) -> pl.LazyFrame:
    """The nodes of claims on tickets that have several, which are few."""
    nodes = []
    for (ticket, owner, begun), group in lines.collect().group_by("ticket", "owner", "begun"):
        lines_of_claim = {
            row["product"]: ProductLine(row["quantity"], row["category"] or "", set(row["fingerprints"]))
            for row in group.iter_rows(named=True)
        }
        stamp, _, _ = str(owner).rpartition("/")
        nodes.append((claim_id(str(ticket), stamp), ticket, owner, begun, encode_lines(lines_of_claim)))
    return pl.LazyFrame(nodes, pl.Schema(dict.fromkeys(_CLAIM.columns, pl.String())), orient="row")


def _stage(frame: pl.LazyFrame, folder: Path) -> pl.LazyFrame:
    """Write a frame to the disk and scan it there, instead of keeping it in memory."""
    folder.mkdir()
    frame.sink_parquet(folder / "all.parquet")
    return pl.scan_parquet(folder / "all.parquet")


def _write(frame: pl.LazyFrame, file: _File, lines: Path, directory: Path) -> int:
    (directory / f"{file.name}-header.csv").write_text(file.header + "\n", encoding="utf-8")
    staged = _stage(frame.select(file.columns), lines / file.name)
    staged.sink_csv(directory / f"{file.name}.csv.gz", include_header=False, compression="gzip")
    return int(staged.select(pl.len()).collect().item())
