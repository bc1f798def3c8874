"""Named queries as the ends of lineage: what would be answered otherwise, were a table or the graph another."""

import dagster as dg
import sqlglot

from pipeline_assets.analytics.tables import PROD_CATALOGS
from pipeline_assets.compras.ingest import DOCUMENTS
from pipeline_assets.compras.tables import COMPRAS_JSON, COMPRAS_PARQUET
from pipeline_assets.datasets.compras import COMPRAS
from pipeline_assets.datasets.ecommerce import OWNER
from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.lake.tables import LakeTable
from pipeline_assets.lineage.asset_keys import PURCHASE_GRAPH_KEY, table_key
from pipeline_assets.lineage.code_references import referring_to
from pipeline_assets.queries import cypher, sql
from pipeline_assets.queries.named_query import NamedQuery
from pipeline_assets.queries.names import read_tables

_FOLDER = "pipeline_assets/queries"
_PURCHASES = {COMPRAS_JSON.name: DOCUMENTS, COMPRAS_PARQUET.name: "compras/parquet"}
_SETS = {catalog.name for catalog in PROD_CATALOGS}
#: Who answers for a table of a prod set, or of purchases.
_OWNERS = {table.name: table.owner for catalog in PROD_CATALOGS for table in catalog} | dict.fromkeys(
    _PURCHASES, COMPRAS.owner
)


def _sql_query(asked: NamedQuery) -> dg.AssetSpec:
    read = read_tables(sqlglot.parse_one(asked.statement, dialect="athena"))
    tables = [table for table in read if isinstance(table, LakeTable)]
    spec = dg.AssetSpec(
        dg.AssetKey(["sql", asked.name]),
        deps=list(dict.fromkeys(map(_read_asset, tables))),
        kinds={"athena", "report"},
        owners=sorted({_OWNERS.get(table.name, OWNER) for table in tables}),
        description=f"{asked.answer} `cesta query sql {asked.name}` answers it.",
        metadata=_shown(asked, "sql"),
        group_name="queries",
    )
    return referring_to(spec, f"{_FOLDER}/sql/{asked.name}.sql", "statement")


def _read_asset(table: LakeTable) -> dg.AssetKey:
    """The asset of a table: of the lake, of a prod set's tables as they were crawled, or of documents of purchases."""
    if table.name in _PURCHASES:
        return dg.AssetKey.from_user_string(_PURCHASES[table.name])
    return table_key(table.bucket if table.bucket in _SETS else table.name)


def _graph_query(asked: NamedQuery) -> dg.AssetSpec:
    spec = dg.AssetSpec(
        dg.AssetKey(["cypher", asked.name]),
        deps=[PURCHASE_GRAPH_KEY],
        kinds={"neo4j", "report"},
        owners=[TICKETS.owner],
        description=f"{asked.answer} `cesta query graph {asked.name}` answers it.",
        metadata=_shown(asked, "cypher"),
        group_name="questions",
    )
    return referring_to(spec, f"{_FOLDER}/cypher/{asked.name}.cypher", "statement")


def _shown(asked: NamedQuery, language: str) -> dict[str, object]:
    columns = [f"| {name} | {meaning} |" for name, meaning in asked.columns.items()]
    return {
        "answer": dg.MetadataValue.md("\n".join(["| column | meaning |", "|---|---|", *columns])),
        "statement": dg.MetadataValue.md(f"```{language}\n{asked.statement}```"),
    }


defs = dg.Definitions(assets=[*map(_sql_query, sql.queries()), *map(_graph_query, cypher.queries())])
