"""Records as JSON, by one serialiser: loads, receipts and accounts are written down and read again as themselves."""

from __future__ import annotations

from typing import TypeVar

import msgspec

T = TypeVar("T")


def to_json(record: object, *, indent: int = 0) -> bytes:
    """Write a record as JSON in UTF-8: fields in their order, names of dictionaries and sets sorted.

    Parameters
    ----------
    record
        A dataclass or struct.
    indent
        Spaces for each level; all on one line unless given.

    Returns
    -------
    bytes
        The same for equal records.
    """
    document = msgspec.json.encode(record, order="deterministic")
    return msgspec.json.format(document, indent=indent) if indent else document


def from_json(document: bytes | str, kind: type[T]) -> T:
    """The record of a kind that `to_json` wrote; raises ValueError, which names the place, for anything else."""
    return msgspec.json.decode(document, type=kind)
