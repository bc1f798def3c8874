"""JSON documents, one to an object, as rows: numbers are decimals of SQL, read as Athena reads them.

Arrow reads numbers as texts into decimals, so that no digit passes through a double; it refuses what does not fit, and
then those documents alone are mended: what has more digits after the point is rounded half up, what is greater is null.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any, Final

import msgspec
import pyarrow as pa
from pyarrow import json as arrow_json

_BLOCK = 1 << 20
#: Documents that are read together: what does not fit is looked for among so many.
_TOGETHER = 4_096
_EXACT: Final = Context(prec=300, rounding=ROUND_HALF_UP)
_HANDED: Final = 32
#: A number with an exponent, or a text that looks like one, which then is read the slow way as well.
_WITH_EXPONENT: Final = re.compile(rb"[:,\[]\s*-?\d+(?:\.\d+)?[eE]")
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True)
class JsonRows:
    """Rows of documents.

    Parameters
    ----------
    table
        A row for each document that could be read, in their order.
    inexact
        Places, from 0, of the rows of which a number is not that of the document.
    unreadable
        Places, from 0, of the documents that are none; they have no row.
    """

    table: pa.Table
    inexact: tuple[int, ...] = ()
    unreadable: tuple[int, ...] = ()


def read_parallel(read: Callable[[str], bytes | None], keys: Sequence[str], at_once: int) -> list[bytes | None]:
    """Read small objects, many at once, since each is a request that one waits for.

    Parameters
    ----------
    read
        Reads one.
    keys
        Their keys.
    at_once
        How many are read at a time, from 1.

    Returns
    -------
    list[bytes or None]
        Their contents in the order of the keys; None for one that is gone.
    """
    # Handing a key to a thread takes as long as reading it from a disk, so that a thread gets some at a time.
    some = min(_HANDED, len(keys) // at_once + 1)
    handed = [keys[first : first + some] for first in range(0, len(keys), some)]
    with ThreadPoolExecutor(at_once) as pool:
        return [content for found in pool.map(lambda part: [read(key) for key in part], handed) for content in found]


def json_rows(documents: Sequence[bytes], schema: pa.Schema, *, threads: bool = True) -> JsonRows:
    """Read documents as rows.

    Parameters
    ----------
    documents
        UTF-8, an object of JSON each.
    schema
        Columns; other fields of a document are not read, and those that it lacks are null.
    threads
        Whether Arrow may use its threads for it: never in one of them, where it would wait for itself.

    Returns
    -------
    JsonRows
        The rows.
    """
    parts = [
        _read_some(documents[first : first + _TOGETHER], schema, first, threads)
        for first in range(0, len(documents), _TOGETHER)
    ]
    table = pa.concat_tables([part.table for part in parts]) if parts else schema.empty_table()
    unreadable = tuple(place for part in parts for place in part.unreadable)
    inexact = tuple(place for part in parts for place in part.inexact)
    return JsonRows(table, inexact, unreadable)


def _read_some(documents: Sequence[bytes], schema: pa.Schema, first: int, threads: bool) -> JsonRows:  # noqa: FBT001
    # Of a number with an exponent Arrow does not see that it is too large, and makes another one of it.
    plain = not any(map(_WITH_EXPONENT.search, documents))
    table = _arrow_table(documents, schema, threads) if plain else None
    if table is not None:
        return JsonRows(table)
    lines: list[bytes] = []
    inexact, unreadable = [], []
    form = _form(schema)
    for place, each in enumerate(documents):
        mended, changed = _mended(each, schema, form)
        if mended is None:
            unreadable.append(first + place)
            continue
        if changed:
            inexact.append(first + place - len(unreadable))
        lines.append(mended)
    table = _arrow_table(lines, schema, threads)
    if table is None:
        raise ValueError("documents that were mended could not be read")
    return JsonRows(table, tuple(inexact), tuple(unreadable))


def _arrow_table(documents: Sequence[bytes], schema: pa.Schema, threads: bool) -> pa.Table | None:  # noqa: FBT001
    """The documents as Arrow reads them; None where it does not take one, or does not find one row in each."""
    if not documents:
        return schema.empty_table()
    block = max(_BLOCK, 2 * max(map(len, documents)))
    try:
        table = arrow_json.read_json(
            io.BytesIO(b"\n".join(documents)),
            read_options=arrow_json.ReadOptions(use_threads=threads, block_size=block),
            parse_options=arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
    except pa.ArrowInvalid:
        return None
    return table if table.num_rows == len(documents) else None


def _mended(text: bytes, schema: pa.Schema, form: Any) -> tuple[bytes | None, bool]:  # noqa: ANN401 - a type made here
    """A document whose numbers fit, on one line, and whether one of them is another now; None for what is none."""
    try:
        found = msgspec.to_builtins(msgspec.json.decode(text, type=form), builtin_types=(Decimal,))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None, False
    changes: list[bool] = []
    fitted = {field.name: _fitted(found.get(field.name), field.type, changes) for field in schema}
    return _ENCODER.encode(fitted), any(changes)


def _fitted(value: Any, kind: pa.DataType, changes: list[bool]) -> Any:  # noqa: ANN401 - documents nest
    if isinstance(value, Decimal):
        number = _number(value, kind.precision, kind.scale)
        changes.append(number != value)
        return number
    if isinstance(value, Mapping):
        fields = {kind.field(place).name: kind.field(place).type for place in range(kind.num_fields)}
        return {name: _fitted(value.get(name), of, changes) for name, of in fields.items()}
    if isinstance(value, list):
        return [_fitted(each, kind.value_type, changes) for each in value]
    return value


def _number(value: Decimal, precision: int, scale: int) -> Decimal | None:
    try:
        rounded = _EXACT.quantize(value, Decimal(1).scaleb(-scale))
    except InvalidOperation:
        return None
    return rounded if rounded.adjusted() < precision - scale else None


def _form(schema: pa.Schema) -> type[msgspec.Struct]:
    """The form of a document for the decoder, by which numbers are read as decimals."""
    return msgspec.defstruct("Document", [(field.name, _python(field.type), None) for field in schema])


def _python(kind: pa.DataType) -> Any:  # noqa: ANN401 - types are values here
    if pa.types.is_decimal(kind):
        return Decimal | None
    if pa.types.is_list(kind):
        return list[_python(kind.value_type)] | None  # type: ignore[misc]
    if pa.types.is_struct(kind):
        fields = [(kind.field(place).name, _python(kind.field(place).type), None) for place in range(kind.num_fields)]
        return msgspec.defstruct("Record", fields) | None
    return {"string": str, "int64": int, "bool": bool, "double": float}[str(kind)] | None
