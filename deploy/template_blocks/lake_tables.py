"""The lake's tables in the cloud template, one Glue table per table of the lake, from the specs of the datasets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import yaml

from pipeline_assets.analytics.tables import PROD_CATALOGS, prod_tables
from pipeline_assets.compras.tables import COMPRAS_JSON, COMPRAS_TABLES
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.lake.arrow_types import struct_fields
from pipeline_assets.lake.tables import commented, glue_type, lake_tables
from pipeline_assets.queries.names import CATALOGUE
from pipeline_assets.queries.views import COMPRAS_VIEWS

if TYPE_CHECKING:
    from pipeline_assets.lake.tables import LakeTable
    from pipeline_assets.queries.views import LakeView

#: Logical ids of the buckets in the template.
_BUCKETS: Final = {
    "compras": "${ComprasBucket}",
    "curated": "${CuratedBucket}",
    "quarantine": "${QuarantineBucket}",
    **{each.name: f"${{{each.name.title().replace('-', '')}Bucket}}" for each in PROD_CATALOGS},
}


def tables_block() -> str:
    """All tables of the lake, as lines of the template's section `Resources`."""
    tables = (*lake_tables(ECOMMERCE), *prod_tables())
    return "".join(f"\n{_resource(table, 'LakeDatabase')}" for table in tables) + "\n"


def purchases_block() -> str:
    """Tables and views of purchases, as lines of the template's section `Resources`."""
    tables = (_resource(table, "ComprasDatabase") for table in COMPRAS_TABLES)
    views = (_view(view) for view in COMPRAS_VIEWS)
    return "".join(f"\n{each}" for each in (*tables, *views)) + "\n"


def table_id(table: str) -> str:
    """Logical id of a table of the lake."""
    return f"{table.title().replace('_', '')}Table"


#: Parameters of a table by the format of its objects.
_PARAMETERS: Final = {
    "parquet": '{EXTERNAL: "TRUE", classification: parquet}',
    "json": '{EXTERNAL: "TRUE", classification: json}',
    "csv": '{EXTERNAL: "TRUE", classification: csv, skip.header.line.count: "1"}',
}


def _resource(table: LakeTable, database: str) -> str:
    storage = table.storage(_BUCKETS[table.bucket])
    lines = [
        f"  {table_id(table.name)}:",
        "    Type: AWS::Glue::Table",
        "    Properties:",
        "      CatalogId: !Ref AWS::AccountId",
        f"      DatabaseName: !Ref {database}",
        "      TableInput:",
        f"        Name: {table.name}",
        f"        {yaml.safe_dump({'Description': table.description}, width=10_000).strip()}",
        "        TableType: EXTERNAL_TABLE",
        f"        Parameters: {_PARAMETERS[table.format]}",
        "        PartitionKeys:",
        *(f"          - {_flow({'Name': name, 'Type': 'string'})}" for name in table.partitions),
        "        StorageDescriptor:",
        f"          Location: !Sub {storage['Location']}",
        f"          InputFormat: {storage['InputFormat']}",
        f"          OutputFormat: {storage['OutputFormat']}",
        f"          SerdeInfo: {_flow(storage['SerdeInfo'])}",
        "          Columns:",
        *(f"            - {_flow(column)}" for column in storage["Columns"]),
    ]
    return "\n".join(lines) + "\n"


def _view(view: LakeView) -> str:
    """A view as Athena keeps it: its statement and the database of its tables, in base 64."""
    statement = {
        "originalSql": view.statement,
        "catalog": CATALOGUE,
        "schema": "${ComprasDatabase}",
        "columns": [{"name": column.name, "type": trino_type(glue_type(column))} for column in view.columns],
    }
    columns = [{"Name": c.name, "Type": glue_type(c), "Comment": commented(c)} for c in view.columns]
    text = yaml.safe_dump(json.dumps(statement), default_style='"', width=1_000_000).strip()
    lines = [
        f"  {table_id(view.name)}:",
        "    Type: AWS::Glue::Table",
        # What a view reads has to be there before it.
        f"    DependsOn: {table_id(COMPRAS_JSON.name)}",
        "    Properties:",
        "      CatalogId: !Ref AWS::AccountId",
        "      DatabaseName: !Ref ComprasDatabase",
        "      TableInput:",
        f"        Name: {view.name}",
        f"        {yaml.safe_dump({'Description': view.description}, width=10_000).strip()}",
        "        TableType: VIRTUAL_VIEW",
        '        Parameters: {presto_view: "true", comment: Presto View}',
        "        ViewExpandedText: /* Presto View */",
        "        ViewOriginalText: !Sub",
        '          - "/* Presto View: ${Encoded} */"',
        "          - Encoded:",
        "              Fn::Base64:",
        f"                Fn::Sub: {text}",
        "        StorageDescriptor:",
        "          Location: ''",
        "          SerdeInfo: {}",
        "          Columns:",
        *(f"            - {_flow(column)}" for column in columns),
    ]
    return "\n".join(lines) + "\n"


def trino_type(glue: str) -> str:
    """What Trino, and so Athena, calls a type of the Glue catalog.

    >>> trino_type("array<struct<code:string,price:decimal(38,9)>>")
    'array(row(code varchar, price decimal(38,9)))'
    """
    kind, _, inside = glue.partition("<")
    inside = inside.removesuffix(">")
    if kind == "array":
        return f"array({trino_type(inside)})"
    if kind == "struct":
        fields = (field.partition(":") for field in struct_fields(inside))
        return f"row({', '.join(f'{name} {trino_type(of)}' for name, _, of in fields)})"
    return {"string": "varchar", "timestamp": "timestamp(3)"}.get(glue, glue)


def _flow(value: Any) -> str:  # noqa: ANN401 - whatever YAML can say
    return str(yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False)).strip()
