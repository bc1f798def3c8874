"""The lake's tables in the cloud template, one Glue table per table of the lake, from the specs of the datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from pipeline_assets.analytics.tables import PROD_CATALOGS, prod_tables
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.lake.tables import lake_tables

if TYPE_CHECKING:
    from pipeline_assets.lake.tables import LakeTable

#: Logical ids of the buckets in the template.
_BUCKETS: Final = {
    "curated": "${CuratedBucket}",
    "quarantine": "${QuarantineBucket}",
    **{each.name: f"${{{each.name.title().replace('-', '')}Bucket}}" for each in PROD_CATALOGS},
}


def tables_block() -> str:
    """All tables of the lake, as lines of the template's section `Resources`."""
    tables = (*lake_tables(ECOMMERCE), *prod_tables())
    return "".join(f"\n{_resource(table)}" for table in tables) + "\n"


def table_id(table: str) -> str:
    """Logical id of a table of the lake."""
    return f"{table.title().replace('_', '')}Table"


def _resource(table: LakeTable) -> str:
    storage = table.storage(_BUCKETS[table.bucket])
    lines = [
        f"  {table_id(table.name)}:",
        "    Type: AWS::Glue::Table",
        "    Properties:",
        "      CatalogId: !Ref AWS::AccountId",
        "      DatabaseName: !Ref LakeDatabase",
        "      TableInput:",
        f"        Name: {table.name}",
        f"        {yaml.safe_dump({'Description': table.description}, width=10_000).strip()}",
        "        TableType: EXTERNAL_TABLE",
        '        Parameters: {EXTERNAL: "TRUE", classification: parquet}',
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


def _flow(value: Any) -> str:  # noqa: ANN401 - whatever YAML can say
    return str(yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False)).strip()
