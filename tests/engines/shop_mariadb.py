"""The tables of the specs in a MariaDB, and rows put into them through a file, which the server reads itself."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid4

import polars as pl

from deploy.samples.shop_database import as_stored, table_statements
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.datasets.spec import Dataset
from tests.engines.mariadb_server import MariaDbServer


def make_tables(server: MariaDbServer, database: str, rows: Mapping[str, pl.DataFrame]) -> str:
    """Make a database with the tables and these rows, and return its URL."""
    url = server.make_database(database)
    server.run(";".join(each for dataset in ECOMMERCE for each in table_statements(dataset, "mysql")), database)
    for dataset in ECOMMERCE:
        if (frame := rows.get(dataset.name)) is not None:
            put_rows(server, database, dataset, frame)
    return url


def put_rows(server: MariaDbServer, database: str, dataset: Dataset, frame: pl.DataFrame) -> None:
    """Put rows with all columns of the source into a table, replacing those of the same key."""
    file = server.directory / f"{uuid4().hex}.tsv"
    stored = as_stored(frame.select(dataset.column_names)).with_columns(_escaped(pl.col(pl.String)))
    stored.write_csv(file, include_header=False, separator="\t", quote_style="never", null_value="\\N")
    server.run(f"LOAD DATA INFILE '{file}' REPLACE INTO TABLE `{dataset.name}` CHARACTER SET utf8mb4", database)
    file.unlink()


def _escaped(text: pl.Expr) -> pl.Expr:
    for character, written in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n")):
        text = text.str.replace_all(character, written, literal=True)
    return text
