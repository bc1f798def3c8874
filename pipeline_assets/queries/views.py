"""Views over the lake's tables: a file each in ``views/``, in Athena's dialect, with the columns that it gives."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from pipeline_assets.compras.tables import COMPRAS_JSON
from pipeline_assets.datasets.spec import Column
from pipeline_assets.lake.tables import GlueColumn, LakeTable, glue_type

_JSON: Final = {column.name: glue_type(column) for column in COMPRAS_JSON.columns}


@dataclass(frozen=True, slots=True)
class LakeView:
    """View over tables of the lake.

    Parameters
    ----------
    name, description
        Of the view in Glue.
    columns
        What it gives, in order.
    """

    name: str
    description: str
    columns: tuple[Column | GlueColumn, ...]

    @property
    def text(self) -> str:
        """Its file: comments, then the statement."""
        return (files(__package__) / "views" / f"{self.name}.sql").read_text(encoding="utf-8")

    @property
    def statement(self) -> str:
        """Statement in Athena's dialect, without the comments before it."""
        lines = self.text.splitlines()
        return "\n".join(line for line in lines if not line.startswith("--")).strip()


_PURCHASE: Final = (
    Column("tenant_id", "text", "the tenant"),
    Column("compra_id", "text", "the purchase"),
    Column("user_id", "text", "who bought"),
    Column("fecha", "text", "when it was made, as the shop wrote it"),
    Column("day", "date", "the day of it"),
)
_NUMBER, _MONEY = "decimal(38,9)", "decimal(38,2)"
_TOTALS: Final = (
    GlueColumn("productos", _JSON["productos"], "its lines"),
    Column("total_productos", "integer", "how many lines"),
    GlueColumn("total_cantidad", _NUMBER, "sum of the quantities"),
    GlueColumn("total_precio", _MONEY, "what it came to"),
    Column("moneda", "text", "currency of the amounts"),
)
_CHANGED_AT: Final = Column("changed_at", "datetime", "when it was changed, to the second", unit="UTC")
COMPRAS_VIEWS: Final = (
    LakeView(
        "compras_changes",
        "Every change of every purchase, also of deleted ones: a purchase is there once for each change of it.",
        (
            *_PURCHASE,
            Column("event_name", "text", "INSERT, MODIFY or REMOVE"),
            _CHANGED_AT,
            Column("processed_at", "text", "when its document was written, ISO-8601 UTC"),
            *_TOTALS,
            Column("document", "text", "address of its document"),
        ),
    ),
    LakeView(
        "compras_current",
        "Purchases as they are now: the latest change of each, without deleted ones.",
        (*_PURCHASE, _CHANGED_AT, *_TOTALS),
    ),
    LakeView(
        "compras_current_lines",
        "Products of purchases as they are now, a row for each line.",
        (
            *_PURCHASE,
            Column("codigo", "text", "code of the product"),
            Column("nombre", "text", "name of the product"),
            GlueColumn("precio_unitario", _NUMBER, "price of one"),
            GlueColumn("cantidad", _NUMBER, "how many of it"),
            GlueColumn("importe", _MONEY, "price times quantity, rounded"),
            GlueColumn("total_precio", _MONEY, "what the whole purchase came to"),
            Column("moneda", "text", "currency of the amounts"),
        ),
    ),
)

Relation = LakeTable | LakeView
