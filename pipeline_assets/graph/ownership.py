"""Who owns a ticket: the rules that make the graph the same whatever the order and number of deliveries.

A ticket belongs to the object version with the greatest stamp that carries it. The same owner merges its lines, a newer
one replaces them all, an older one is superseded. When a newer version of a key no longer carries a ticket, the ticket
is retired: it leaves the graph, and a tombstone with its last owner's stamp keeps older versions of it out. A late,
outdated version of a key therefore adds nothing, but retires what it would have carried.

So the graph is a function of the set of object versions alone: for every ticket, take the greatest stamp that carries
it; the ticket is there, with that version's lines, exactly when no newer version of that version's key is known.

An owner is written ``<stamp>/<run>``: working an object through again is a newer owner of the same object, so a redo
replaces what the earlier run wrote, ticket by ticket, and retires what it no longer accepts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from pipeline_assets.events.outcomes import Counts

Quantity = int | Decimal
#: A ticket that has this many rows of a file after a batch gets no more of them. A placeholder in place of its number
#: makes one ticket of a whole file, which every batch has to read again.
MOST_TICKET_ROWS = 10_000


class Line(NamedTuple):
    """One accepted row of a ticket file; `timestamp` is ISO-8601 UTC, `day` its date, `category` empty if unknown."""

    ticket_id: str
    product: str
    basket_id: str
    timestamp: str
    category: str
    quantity: Quantity
    store: str
    day: str
    fingerprint: int


@dataclass(slots=True)
class ProductLine:
    """What a ticket says of one product: the sum of its rows' quantities, the last category given, the rows' prints."""

    quantity: Quantity
    category: str
    fingerprints: set[int]


@dataclass(slots=True)
class Content:
    """A ticket as the graph holds it: earliest time, baskets, stores and one line per product."""

    timestamp: str = ""
    baskets: set[str] = field(default_factory=set)
    stores: set[str] = field(default_factory=set)
    lines: dict[str, ProductLine] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows it is made of."""
        return sum(len(line.fingerprints) for line in self.lines.values())

    def copy(self) -> Content:
        """An independent copy."""
        lines = {
            name: ProductLine(line.quantity, line.category, set(line.fingerprints)) for name, line in self.lines.items()
        }
        return Content(self.timestamp, set(self.baskets), set(self.stores), lines)

    def add(self, line: Line) -> bool:
        """Merge one row; False when this very row is there already."""
        held = self.lines.get(line.product)
        if held is None:
            self.lines[line.product] = ProductLine(line.quantity, line.category, {line.fingerprint})
        elif line.fingerprint in held.fingerprints:
            return False
        else:
            held.quantity += line.quantity
            held.category = line.category or held.category
            held.fingerprints.add(line.fingerprint)
        self.timestamp = min(self.timestamp or line.timestamp, line.timestamp)
        self.baskets.add(line.basket_id)
        self.stores.add(line.store)
        return True


@dataclass(frozen=True, slots=True)
class Held:
    """A ticket the graph knows: its owner and its content, or None for the content of a retired one."""

    owner: str
    content: Content | None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one batch does to the graph, and what became of its rows.

    `put` holds each written ticket's content before (None: it was not there) and after, `retire` the tickets that get a
    tombstone, with what they held; `days` the counts per purchase day (nothing quarantined in them).
    """

    put: dict[str, tuple[Content | None, Content]]
    retire: dict[str, Content | None]
    revived: set[str]
    days: dict[str, Counts]

    @property
    def crowded(self) -> set[str]:
        """The written tickets that have as many rows as a ticket may have."""
        return {ticket for ticket, (_, after) in self.put.items() if after.rows >= MOST_TICKET_ROWS}


def settle(lines: Iterable[Line], held: Mapping[str, Held], owner: str, *, outdated: bool) -> Settlement:
    """Decide what the rows of one batch do.

    `held` is what the graph knows of the batch's tickets, `owner` the batch's own, `outdated` whether a newer version
    of its key is known.
    """
    put: dict[str, tuple[Content | None, Content]] = {}
    retire: dict[str, Content | None] = {}
    revived: set[str] = set()
    tally: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for line in lines:
        ticket = line.ticket_id
        known = held.get(ticket)
        if outdated or (known and known.owner > owner):
            tally[line.day][2] += 1
            if outdated and (known is None or known.owner < owner):
                retire[ticket] = known.content if known else None
            continue
        if ticket not in put:
            put[ticket] = _before_and_after(known, owner)
            if known and known.content is None:
                revived.add(ticket)
        tally[line.day][0 if put[ticket][1].add(line) else 1] += 1
    days = {
        day: Counts(received=sum(counted), accepted=counted[0], duplicate=counted[1], superseded=counted[2])
        for day, counted in tally.items()
    }
    return Settlement(put, retire, revived, days)


def _before_and_after(known: Held | None, owner: str) -> tuple[Content | None, Content]:
    if known is None or known.content is None:
        return None, Content()
    return known.content, known.content.copy() if known.owner == owner else Content()
