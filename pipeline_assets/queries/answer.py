"""Answer of a query: rows with Athena's types, and what Athena charges for the bytes that were scanned for them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Final

Cell = str | int | float | Decimal | bool | date | datetime | None

#: Athena's price in most regions: US dollars per TiB scanned, counted in whole MiB, at least ten for a query.
USD_PER_TIB: Final = 5
_MIB, _TIB, _LEAST_MIB = 2**20, 2**40, 10


@dataclass(frozen=True, slots=True)
class Answer:
    """Result of a query in SQL.

    Parameters
    ----------
    columns
        Names of the columns.
    types
        Athena's name of each column's type, without length or scale; a timestamp is UTC without a zone.
    rows
        Rows with a value for each column; null is None.
    scanned_bytes
        Bytes read from S3 for it, 0 or more.
    seconds
        Time that the engine took, 0 or more.
    parameters
        Values that it was asked with, those that were not given too.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    scanned_bytes: int
    seconds: float
    parameters: Mapping[str, Cell] = field(default_factory=dict)

    @property
    def cost_usd(self) -> float:
        """Athena's price of the scanned bytes, in US dollars."""
        return max(math.ceil(self.scanned_bytes / _MIB), _LEAST_MIB) * _MIB / _TIB * USD_PER_TIB
