"""The SQL tables over purchases: their documents, and what is made of the documents of a day.

Numbers of documents have up to 38 digits with the point anywhere. A decimal of SQL has one place for it: here nine
digits follow it and 29 come before. As Athena reads JSON, what has more digits after the point is rounded half up, and
what is greater is null; in a double, money would not add up, and in a text nobody could add. The documents and the CSV
have every digit. The tenant is no column of the documents' table, since it is one of its partition keys already.
"""

from __future__ import annotations

from typing import Final

from pipeline_assets.compras.documents import PREFIX
from pipeline_assets.datasets.spec import Column
from pipeline_assets.lake.tables import GlueColumn, LakeTable

#: Logical name of the bucket of documents.
BUCKET: Final = "compras"
_NUMBER, _MONEY = "decimal(38,9)", "decimal(38,2)"
_CURRENCY: Final = "the document's currency"
_LINE: Final = f"struct<codigo:string,nombre:string,precio_unitario:{_NUMBER},cantidad:{_NUMBER}>"
_SUMMARY: Final = f"struct<total_productos:bigint,total_cantidad:{_NUMBER},total_precio:{_MONEY},moneda:string>"
_METADATA: Final = "struct<{}>".format(
    ",".join(
        f"{name}:string"
        for name in ("event_name", "event_source", "aws_region", "processed_at", "processed_by", "stage")
    )
)
#: Partition keys of all three: the day is that of the purchase.
PARTITIONS: Final = ("tenant_id", "year", "month", "day")
_DOCUMENT_COLUMNS: Final = (
    Column("compra_id", "text", "the purchase"),
    Column("user_id", "text", "who bought"),
    Column("fecha", "text", "when it was made, as the shop wrote it"),
    GlueColumn("productos", f"array<{_LINE}>", "its lines"),
    GlueColumn("resumen", _SUMMARY, "its totals"),
    GlueColumn("metadata", _METADATA, "what happened to it, and who wrote that down when"),
)
_CHANGED_AT: Final = Column("changed_at", "datetime", "when the change was made, to the second", unit="UTC")

COMPRAS_JSON: Final = LakeTable(
    name="compras_json",
    description="Changes of purchases, one document each; a purchase is there once for every change of it.",
    bucket=BUCKET,
    prefix=PREFIX,
    columns=_DOCUMENT_COLUMNS,
    partitions=PARTITIONS,
    format="json",
    hive=False,
)
COMPRAS_PARQUET: Final = LakeTable(
    name="compras_parquet",
    description="Changes of purchases as of the last compaction of their day, one row each, in one object a day.",
    bucket=BUCKET,
    prefix="compras_parquet/",
    columns=(
        *_DOCUMENT_COLUMNS,
        _CHANGED_AT,
        Column("sequence_number", "text", "of changes within one second: the place in the stream, 40 digits"),
        Column("change_number", "integer", "which change of the purchase it is among those of the day, from 1"),
        Column("exact", "boolean", "whether every number is that of the document, to the last digit"),
        Column("document", "text", "address of the document"),
    ),
    partitions=PARTITIONS,
)
COMPRAS_CSV: Final = LakeTable(
    name="compras_csv",
    description="Products of changes of purchases, one row for each line of each change, numbers to the last digit.",
    bucket=BUCKET,
    prefix="compras_csv/",
    columns=tuple(
        Column(name, "text", meaning)
        for name, meaning in {
            "compra_id": "the purchase",
            "user_id": "who bought, empty where nobody is named",
            "fecha": "when it was made, as the shop wrote it",
            "event_name": "INSERT, MODIFY or REMOVE",
            "changed_at": "when the change was made, UTC: YYYY-MM-DD HH:MM:SS",
            "change_number": "which change of the purchase it is among those of the day, from 1",
            "line_number": "which line of the purchase it is, from 1",
            "codigo": "code of the product",
            "nombre": "name of the product, empty where it has none",
            "precio_unitario": "price of one",
            "cantidad": "how many of it",
            "moneda": "currency of the price",
        }.items()
    ),
    partitions=PARTITIONS,
    format="csv",
)
COMPRAS_TABLES: Final = (COMPRAS_JSON, COMPRAS_PARQUET, COMPRAS_CSV)


def partition_of(tenant: str, day: str) -> tuple[str, str, str, str]:
    """Values of the partition keys of a tenant's day, which is given as ISO date."""
    year, month, of_month = day.split("-")
    return tenant, year, month, of_month
