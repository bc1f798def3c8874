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

from pipeline_assets.graph import import_files as files
from pipeline_assets.graph.changes import claim_id, encode_lines
from pipeline_assets.graph.import_files import ImportFile
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
_TICKET_KEY: Final = list(TicketKey._fields)


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


def frames_of(claims: Claimed) -> dict[ImportFile, pl.LazyFrame]:
    """What each file holds, that of loads left out.

    Parameters
    ----------
    claims
        Settled claims of all versions on some tickets, of all claims on each.

    Returns
    -------
    dict of ImportFile to polars.LazyFrame
        The columns of each file; of the claims on other tickets only the rows of files in `SHARED` are the same.
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
    return {
        files.TICKET: tickets,
        files.CLAIM: _claim_nodes(claims.lines.filter(pl.col("claims") > 1)),
        files.RETIRED: claims.gone,
        files.BASKET: tickets.select("basket", "basket_id").unique(),
        files.STORE: tickets.select("store").unique(),
        files.PRODUCT: lines.select("product").unique(),
        files.CATEGORY: pairs.select("category").unique(),
        files.WHOLE: lines.filter(whole).with_columns(pl.col("quantity").cast(pl.Int64)),
        # As text: its digits become the nearest number when they are imported, as they do in the live graph.
        files.FRACTIONAL: lines.filter(~whole).with_columns(pl.col("quantity").cast(pl.String)),
        files.PART_OF: tickets,
        files.SOLD_AT: tickets,
        files.IN_CATEGORY: pairs.select("product", "category").unique(),
    }


def write_rows(frame: pl.LazyFrame, file: ImportFile, folder: Path, path: Path) -> int:
    """Write rows of a file, compressed, without its header.

    Parameters
    ----------
    frame
        Its columns, and maybe more.
    file
        What is written.
    folder
        Where the rows are kept while they are counted.
    path
        Where they are written to.

    Returns
    -------
    int
        How many rows there are.
    """
    staged = _stage(frame.select(file.columns), folder / file.name)
    staged.sink_csv(path, include_header=False, compression="gzip", check_extension=False)
    return int(staged.select(pl.len()).collect().item())


def scan_lines(lines: Path) -> pl.LazyFrame:
    """The accepted lines of all versions."""
    # The first is there for its columns, should no version have a line.
    pl.DataFrame(schema=LINE_SCHEMA).write_parquet(lines / "none.parquet")
    return pl.scan_parquet(lines / "*.parquet")


def day_rows(claims: Claimed) -> pl.DataFrame:
    """Accepted rows of each load by purchase day.

    Returns
    -------
    polars.DataFrame
        Columns: `load`, `day`, `received` (all), `unique` (each once), `superseded` (of these, rows of lines that
        another claim has).
    """
    row = pl.struct(*_TICKET_KEY, "product", "fingerprint")
    received = scan_lines(claims.folder).group_by("load", "day").agg(received=pl.len(), unique=row.n_unique())
    superseded = claims.lines.group_by("load", "day").agg(superseded=pl.col("rows").filter(~pl.col("stands")).sum())
    counted = received.join(superseded, on=["load", "day"], how="left").with_columns(pl.col("superseded").fill_null(0))
    return counted.collect(engine="streaming").cast({name: pl.Int64() for name in ("received", "unique", "superseded")})


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
    return pl.LazyFrame(nodes, pl.Schema(dict.fromkeys(files.CLAIM.columns, pl.String())), orient="row")


def _stage(frame: pl.LazyFrame, folder: Path) -> pl.LazyFrame:
    """Write a frame to the disk and scan it there, instead of keeping it in memory."""
    folder.mkdir()
    frame.sink_parquet(folder / "all.parquet")
    return pl.scan_parquet(folder / "all.parquet")
