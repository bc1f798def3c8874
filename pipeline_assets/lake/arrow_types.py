"""Arrow's types for those of the Glue catalog, of which each column of a table has one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from pipeline_assets.datasets.types import TYPES
from pipeline_assets.lake.tables import GlueColumn, LakeTable

_PLAIN = {each.glue: each.arrow for each in TYPES.values()}


def arrow_schema(table: LakeTable) -> pa.Schema:
    """Columns of a table, without its partition keys.

    Parameters
    ----------
    table
        The table.

    Returns
    -------
    pyarrow.Schema
        Its columns; times are microseconds in UTC.
    """
    return pa.schema(
        [
            (
                column.name,
                arrow_type(column.glue) if isinstance(column, GlueColumn) else _made(*TYPES[column.type].arrow),
            )
            for column in table.columns
        ]
    )


def arrow_type(glue: str) -> pa.DataType:
    """Arrow's type for one of the Glue catalog.

    Parameters
    ----------
    glue
        Its name, such as ``array<struct<code:string,price:decimal(38,9)>>``.

    Returns
    -------
    pyarrow.DataType
        The type.

    Raises
    ------
    ValueError
        The table of types has none of that name.
    """
    kind, _, inside = glue.partition("<")
    inside = inside.removesuffix(">")
    if kind == "array":
        return pa.list_(arrow_type(inside))
    if kind == "struct":
        fields = (field.partition(":") for field in struct_fields(inside))
        return pa.struct([(name, arrow_type(of)) for name, _, of in fields])
    if glue.startswith("decimal("):
        precision, scale = (int(digits) for digits in glue[len("decimal(") : -1].split(","))
        return pa.decimal128(precision, scale)
    if glue not in _PLAIN:
        raise ValueError(f"no column has the type {glue}")
    return _made(*_PLAIN[glue])


def struct_fields(text: str) -> Iterator[str]:
    """Split the fields of a struct of the Glue catalog.

    Parameters
    ----------
    text
        What stands between its brackets; commas inside of a field's own type do not end it.

    Yields
    ------
    str
        Each field, ``name:type``.
    """
    depth, begin = 0, 0
    for place, character in enumerate(text):
        depth += (character in "<(") - (character in ">)")
        if character == "," and not depth:
            yield text[begin:place]
            begin = place + 1
    yield text[begin:]


def _made(name: str | int, *arguments: Any) -> pa.DataType:  # noqa: ANN401 - whatever the table of types has
    made: pa.DataType = getattr(pa, str(name))(*arguments)
    return made
