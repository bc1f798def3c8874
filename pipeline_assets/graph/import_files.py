"""The files of an import by ``neo4j-admin database import full``: what each holds, and the script that names them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

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
class ImportFile:
    """A CSV file: what it holds in neo4j-admin's own words, the header, and the columns in its order."""

    name: str
    of: str
    header: str
    columns: tuple[str, ...]

    @property
    def path(self) -> str:
        """Its name in the folder of an export."""
        return f"{self.name}.csv.gz"

    @property
    def option(self) -> str:
        """The argument that names it to neo4j-admin."""
        return f"--{self.of}=./{self.name}-header.csv,./{self.path}"


TICKET: Final = ImportFile(
    "tickets",
    "nodes=Ticket",
    "key:ID(Ticket),ticket_id,timestamp:datetime,owner",
    ("ticket", "ticket_id", "timestamp", "owner"),
)
CLAIM: Final = ImportFile(
    "claims",
    "nodes=TicketClaim",
    "id:ID(TicketClaim),ticket,owner,timestamp,lines",
    ("id", "ticket", "owner", "timestamp", "lines"),
)
RETIRED: Final = ImportFile(
    "retired", "nodes=RetiredTicket", "key:ID(RetiredTicket),ticket_id,owner", ("ticket", "ticket_id", "owner")
)
BASKET: Final = ImportFile("baskets", "nodes=Basket", "key:ID(Basket),basket_id", ("basket", "basket_id"))
STORE: Final = ImportFile("stores", "nodes=Store", "name:ID(Store)", ("store",))
PRODUCT: Final = ImportFile("products", "nodes=Product", "name:ID(Product)", ("product",))
CATEGORY: Final = ImportFile("categories", "nodes=Category", "name:ID(Category)", ("category",))
LOAD: Final = ImportFile(
    "loads",
    "nodes=TicketLoad",
    "id:ID(TicketLoad),uri,stamp,run:long,next_row:long,state,rank:long,stands:boolean,revision:long,untold:boolean,tally",
    tuple(LOAD_SCHEMA),
)
_LINE_COLUMNS = ("ticket", "product", "quantity", "category", "row_hashes")
_LINE_HEADER = ":START_ID(Ticket),:END_ID(Product),quantity:{},category,row_hashes:long[]"
WHOLE: Final = ImportFile("lines-whole", "relationships=CONTAINS", _LINE_HEADER.format("long"), _LINE_COLUMNS)
FRACTIONAL: Final = ImportFile(
    "lines-fractional", "relationships=CONTAINS", _LINE_HEADER.format("double"), _LINE_COLUMNS
)
PART_OF: Final = ImportFile(
    "part-of", "relationships=PART_OF", ":START_ID(Ticket),:END_ID(Basket)", ("ticket", "basket")
)
SOLD_AT: Final = ImportFile("sold-at", "relationships=SOLD_AT", ":START_ID(Ticket),:END_ID(Store)", ("ticket", "store"))
IN_CATEGORY: Final = ImportFile(
    "in-category", "relationships=IN_CATEGORY", ":START_ID(Product),:END_ID(Category)", ("product", "category")
)

#: What tickets share: each row once, however many of them name it.
SHARED: Final = (BASKET, STORE, PRODUCT, CATEGORY, IN_CATEGORY)
#: All, in the order in which they are imported.
FILES: Final = (
    TICKET,
    CLAIM,
    RETIRED,
    BASKET,
    STORE,
    PRODUCT,
    CATEGORY,
    LOAD,
    WHOLE,
    FRACTIONAL,
    PART_OF,
    SOLD_AT,
    IN_CATEGORY,
)


def write_script(directory: Path) -> None:
    """Write the headers of all files, and ``import.sh``."""
    for file in FILES:
        (directory / f"{file.name}-header.csv").write_text(file.header + "\n", encoding="utf-8")
    script = directory / "import.sh"
    script.write_text(_IMPORT.format(files=" \\\n  ".join(file.option for file in FILES)), encoding="utf-8")
    script.chmod(0o755)
