"""Ownership of prices: rules that make the table the same whatever the order and number of deliveries.

The item of a ticker and a time belongs to the object version with the greatest stamp that names the two, and holds what
that version's first row for them says. So a corrected file replaces what it names whenever it comes, and a late, older
one changes nothing of that. What a correction no longer names stays: see docs/adr/0007-stock-table.md.

An owner is written ``<stamp>/<receipt id>/<run>/<row>``. The id tells the versions apart and the run the times one was
worked through from its beginning; with the row, doing the same piece of work again finds its own items and says of
every row what it said before.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from pipeline_assets.events.outcomes import OvertakenError
from pipeline_assets.stocks.rows import Price


class Owner(NamedTuple):
    """The row of a run of an object version that an item comes from; `source` is the version's receipt id."""

    stamp: str
    source: str
    run: int
    row: int

    def __str__(self) -> str:
        return f"{self.stamp}/{self.source}/{self.run:06d}/{self.row:012d}"

    @classmethod
    def of(cls, text: str) -> Owner:
        """The owner that a text stands for."""
        stamp, source, run, row = text.rsplit("/", 3)
        return cls(stamp, source, int(run), int(row))


class OwnedPrice(NamedTuple):
    """A price and where it comes from."""

    owner: Owner
    price: Price


class Fate(Enum):
    """What becomes of a row.

    WRITTEN: nothing was there, or this very row already; REWRITTEN and OVERWRITTEN: it replaces what an earlier run of
    the same version said, or an older version; REPEATED and CONTRADICTED: an earlier row of the same run says the same,
    or something else; SUPERSEDED: a newer version owns the item.
    """

    WRITTEN = "written"
    REWRITTEN = "rewritten"
    OVERWRITTEN = "overwritten"
    REPEATED = "repeated"
    CONTRADICTED = "contradicted"
    SUPERSEDED = "superseded"


class Settled(NamedTuple):
    """What became of a row, and the price that stands for its ticker and time; a superseded one gives its superior."""

    fate: Fate
    price: OwnedPrice


def judge(mine: OwnedPrice, held: OwnedPrice) -> Fate:
    """Decide what becomes of a row whose item is in the table already.

    Parameters
    ----------
    mine
        The row that is written.
    held
        What the table has for its ticker and time.

    Returns
    -------
    Fate
        The decision; nothing is written by it.

    Raises
    ------
    OvertakenError
        A later run of the same object version wrote the item.
    """
    if held.owner.source != mine.owner.source:
        return Fate.SUPERSEDED if held.owner.stamp > mine.owner.stamp else Fate.OVERWRITTEN
    if held.owner.run > mine.owner.run:
        raise OvertakenError(f"run {held.owner.run} has begun, this is run {mine.owner.run}")
    if held.owner.run < mine.owner.run:
        return Fate.REWRITTEN
    if held.owner.row == mine.owner.row:
        return Fate.WRITTEN
    return Fate.REPEATED if held.price == mine.price else Fate.CONTRADICTED
