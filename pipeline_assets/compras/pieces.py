"""Pieces of the object of a day: what consecutive changes come to, and the object that they are joined into.

The object is the same, byte for byte, however a day was cut into pieces: what works a day out in one and what works it
out in many makes the same of it.
"""

from __future__ import annotations

import csv
import io
import re
import zlib
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import BinaryIO, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline_assets.compras.day import DayChanges
from pipeline_assets.compras.tables import COMPRAS_CSV, COMPRAS_PARQUET
from pipeline_assets.lake.arrow_types import arrow_schema

#: Rows of a row group.
_ROW_GROUP: Final = 65_536
#: So many bytes of CSV are compressed at a time; what is written begins and ends as gzip's files do, without a time.
_BLOCK, _GZIP = 1 << 20, 31
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def parquet_piece(changes: DayChanges) -> tuple[bytes, int]:
    """Keep the rows of changes, as Arrow streams them.

    Returns
    -------
    tuple of (bytes, int)
        The piece, and how many rows it has.
    """
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, changes.rows.schema) as writer:
        writer.write_table(changes.rows)
    return sink.getvalue().to_pybytes(), changes.rows.num_rows


def join_parquet(pieces: Iterable[bytes], file: BinaryIO) -> None:
    """Write the rows of pieces as Parquet, a row for each change.

    Row groups have the same rows however the pieces were cut, and so the object has the same bytes.
    """
    schema = arrow_schema(COMPRAS_PARQUET)
    with pq.ParquetWriter(file, schema, compression="zstd", compression_level=1) as writer:
        waiting = schema.empty_table()
        for piece in pieces:
            waiting = pa.concat_tables([waiting, pa.ipc.open_stream(piece).read_all()])
            while waiting.num_rows >= _ROW_GROUP:
                writer.write_table(waiting.slice(0, _ROW_GROUP).combine_chunks(), _ROW_GROUP)
                waiting = waiting.slice(_ROW_GROUP)
        if waiting.num_rows:
            writer.write_table(waiting.combine_chunks(), _ROW_GROUP)


def csv_piece(changes: DayChanges) -> tuple[bytes, int]:
    """Write the products of changes as CSV, a row each, without the names of columns.

    For readers of CSV in SQL, which end a row at each line end and have to be given an escape, control characters of
    texts are spaces, line ends among them, and a backtick is an apostrophe. A purchase without products has no row.

    Returns
    -------
    tuple of (bytes, int)
        The piece, and how many rows it has.
    """
    lines = list(_lines(changes))
    return _csv(lines), len(lines)


def join_csv(pieces: Iterable[bytes], file: BinaryIO) -> None:
    """Compress the rows of pieces, the names of columns before them.

    What is compressed together is the same however the pieces were cut, and so the object has the same bytes.
    """
    compressed = zlib.compressobj(6, zlib.DEFLATED, _GZIP)
    waiting = bytearray(_csv([[column.name for column in COMPRAS_CSV.columns]]))
    for piece in pieces:
        waiting += piece
        whole = len(waiting) - len(waiting) % _BLOCK
        file.writelines(
            compressed.compress(bytes(waiting[begin : begin + _BLOCK])) for begin in range(0, whole, _BLOCK)
        )
        del waiting[:whole]
    file.write(compressed.compress(bytes(waiting)))
    file.write(compressed.flush())


def _csv(lines: Iterable[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue().encode()


class _Product(msgspec.Struct):
    codigo: str
    precio_unitario: Decimal
    cantidad: Decimal
    nombre: str | None = None


class _Totals(msgspec.Struct):
    moneda: str


class _Happened(msgspec.Struct):
    event_name: str


class _Document(msgspec.Struct):
    compra_id: str
    fecha: str
    productos: list[_Product]
    resumen: _Totals
    metadata: _Happened
    user_id: str | None = None


_DECODER: Final = msgspec.json.Decoder(_Document)


def _lines(changes: DayChanges) -> Iterator[list[str]]:
    moments = changes.rows["changed_at"].to_pylist()
    numbers = changes.rows["change_number"].to_pylist()
    for content, moment, number in zip(changes.documents, moments, numbers, strict=True):
        document = _DECODER.decode(content)
        of_change = [document.compra_id, document.user_id or "", document.fecha, document.metadata.event_name]
        beginning = [*map(_on_one_line, of_change), f"{moment:%Y-%m-%d %H:%M:%S}", str(number)]
        for place, product in enumerate(document.productos, 1):
            texts = map(_on_one_line, (product.codigo, product.nombre or ""))
            numbers_of = (f"{product.precio_unitario:f}", f"{product.cantidad:f}", document.resumen.moneda)
            yield [*beginning, str(place), *texts, *numbers_of]


def _on_one_line(text: str) -> str:
    return _CONTROL.sub(" ", text).replace("`", "'")
