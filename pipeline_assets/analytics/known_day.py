"""What features are worked out of, whatever the engine: the tables of the lake as of a day, and other features.

A feature is written in Narwhals and says nothing of DuckDB or Spark, which either may work it out.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Protocol, TypeAlias

import narwhals as nw

#: Rows of any engine, not worked out yet.
Frame: TypeAlias = nw.LazyFrame[Any]
#: Makes a feature, of the lake or of other features: a table that models read.
Feature: TypeAlias = "Callable[[KnownDay], Frame]"


class LakeTables(Protocol):
    """The curated tables as of the end of a day."""

    def table(self, name: str) -> Frame:
        """Read a table: one row of each key that stands, times as UTC without a zone."""


class KnownDay(Protocol):
    """What is known at the end of a day: the lake, and features of it."""

    @property
    def as_of(self) -> date:
        """The day."""

    @property
    def lake(self) -> LakeTables:
        """The lake as of the day."""

    def of(self, feature: Feature) -> Frame:
        """Read another feature; it is worked out once."""

    def row_by_row(self, rows: Frame, work: Callable[[Frame], Frame]) -> Frame:
        """Work rows out, each by itself, on DuckDB whatever the engine: what engines do not agree on, such as text.

        Parameters
        ----------
        rows
            The rows.
        work
            Makes other rows of some of them; it may leave rows out and looks at no two of them together.

        Returns
        -------
        nw.LazyFrame
            What is made of all of them.
        """
