"""Tenants: ids that may be anything in an event, checked once and from then on safe in keys, names and partitions."""

from __future__ import annotations

import hashlib
import re
from typing import NewType

#: Id of a tenant that is safe in keys of objects, partitions, paths and, in lower case, in names of indexes.
TenantId = NewType("TenantId", str)

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_OTHER = re.compile(r"[^A-Za-z0-9_-]", re.ASCII)
#: What is left of an id that is encoded, for people; what tells it from all others is the hash behind the point.
_SHOWN, _HASHED = 31, 32


def tenant_id(text: str) -> TenantId:
    """Encode the id of a tenant; see `safe_name`, which raises ValueError for an empty one."""
    return TenantId(safe_name(text))


def safe_name(text: str) -> str:
    """Encode any text as a name of at most 64 letters, digits, ``_``, ``-`` and ``.``, so that no two texts meet.

    Parameters
    ----------
    text
        Any text but the empty one.

    Returns
    -------
    str
        The text itself where it has 1 to 64 letters, digits, ``_`` and ``-``; else its beginning, ``_`` in place of
        every other character, then a point and 128 bits of its SHA-256 as hexadecimal digits.

    Raises
    ------
    ValueError
        The text is empty.

    Examples
    --------
    >>> safe_name("empresa_postman")
    'empresa_postman'
    >>> safe_name("../Perú")
    '___Per_.91225b9eb67900bcae3a4679d94c3e93'
    """
    if not text:
        raise ValueError("an empty text has no name")
    if _PLAIN.fullmatch(text):
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{_OTHER.sub('_', text[:_SHOWN])}.{digest[:_HASHED]}"
