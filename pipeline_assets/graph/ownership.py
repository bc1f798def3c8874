"""Ownership of ticket lines: rules that make the graph the same whatever the order and number of deliveries.

A ticket is one purchase: a store, its number there, its basket and its day (`TicketKey`). Every object that says
something of it has a *claim*: the lines its rows add up to. Of several claims on one line, the one of the object with
the greatest stamp stands; the rows behind the others are superseded, and stand again when that claim is withdrawn.

One version of each object has claims, the one that stands for its key (see `load.standing`); the claims of the others
are withdrawn. So the graph is a function of the standing versions alone.

An owner is written ``<stamp>/<run>``: working an object through again is a later run of the same version, whose claim
on a ticket takes the place of the earlier run's.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from operator import itemgetter
from typing import NamedTuple
from urllib.parse import unquote

from pipeline_assets.events.outcomes import Counts

Quantity = int | Decimal
#: A ticket of which a file has this many rows after a batch gets no more of them from it. A placeholder in place of its
#: number makes one ticket of a whole file, which every batch has to read again.
MOST_TICKET_ROWS = 10_000


class TicketKey(NamedTuple):
    """Key of a purchase: two stores, baskets or days that use one number have two tickets."""

    store: str
    ticket_id: str
    basket_id: str
    day: str

    @property
    def text(self) -> str:
        """The key of its node: the four parts with slashes between."""
        return _joined(self)

    @property
    def basket(self) -> str:
        """The key of its basket's node: store, basket and day."""
        return _joined((self.store, self.basket_id, self.day))

    @classmethod
    def read(cls, text: str) -> TicketKey:
        """The inverse of `text`."""
        return cls(*map(unquote, text.split("/")))


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


#: The parts of a line's `TicketKey`, as a plain tuple: it is made for every row.
ticket_of = itemgetter(*(Line._fields.index(name) for name in TicketKey._fields))


@dataclass(slots=True)
class ProductLine:
    """What a claim says of one product: the sum of its rows' quantities, the last category given, the rows' prints."""

    quantity: Quantity
    category: str
    fingerprints: set[int]


@dataclass(slots=True)
class Claim:
    """What one run of an object version says of a ticket: the earliest time of its rows, and a line per product."""

    run: int = 1
    timestamp: str = ""
    lines: dict[str, ProductLine] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows it is made of."""
        return sum(len(line.fingerprints) for line in self.lines.values())

    def copy(self) -> Claim:
        """An independent copy."""
        lines = {
            name: ProductLine(line.quantity, line.category, set(line.fingerprints)) for name, line in self.lines.items()
        }
        return Claim(self.run, self.timestamp, lines)

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
        return True


#: The claims on one ticket by the stamp of the object version that makes them.
Claims = Mapping[str, Claim]


def owner_of(stamp: str, run: int) -> str:
    """A run's owner text; later runs of the same version compare greater."""
    return f"{stamp}/{run:06d}"


@dataclass(frozen=True, slots=True)
class Content:
    """A ticket as it stands: its earliest time, and per product the line that stands with the stamp of its claim."""

    timestamp: str
    lines: dict[str, tuple[str, ProductLine]]


def content(claims: Claims) -> Content:
    """Resolve several claims on a ticket: of each line the one with the greatest stamp."""
    lines = {product: (stamp, line) for stamp in sorted(claims) for product, line in claims[stamp].lines.items()}
    heard = {stamp for stamp, _ in lines.values()}
    return Content(min((claims[stamp].timestamp for stamp in heard), default=""), lines)


@dataclass(frozen=True, slots=True)
class Change:
    """The claims on a ticket before and after; a claim that did not change is the same object in both."""

    before: Claims
    after: Claims


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one batch, or one withdrawal, does to the graph, and what became of the rows.

    `days` counts the rows of the batch by purchase day, `moved` by owner and day how many rows of *other* objects are
    superseded from now on (below zero: stand again); `gone` names the tickets that are not in the graph with the owner
    that carried them last.
    """

    changes: dict[TicketKey, Change]
    days: dict[str, Counts]
    moved: dict[str, Counter[str]]
    gone: dict[TicketKey, str]
    crowded: frozenset[str] = frozenset()


def settle(
    lines: Sequence[Line], held: Mapping[TicketKey, Claims], stamp: str, run: int, *, outdated: bool
) -> Settlement:
    """Decide what the rows of one batch do.

    Parameters
    ----------
    lines
        The accepted rows of the batch.
    held
        The claims on the batch's tickets; those without any may be left out.
    stamp, run
        Whose batch it is: the place of its object version in the order of all, and its run from 1.
    outdated
        Whether a newer version stands for its key: then every row is superseded and nothing changes.

    Returns
    -------
    Settlement
        The decision; nothing is written by it.
    """
    if outdated:
        return _superseded(lines, held, owner_of(stamp, run))
    claims: dict[TicketKey, Claim] = {}
    fresh: Counter[TicketKey] = Counter()
    repeated: Counter[str] = Counter()
    for line in lines:
        ticket = ticket_of(line)
        claim = claims.get(ticket)
        if claim is None:
            begun = held.get(ticket, {}).get(stamp)
            claim = claims[TicketKey(*ticket)] = begun.copy() if begun and begun.run == run else Claim(run)
        if claim.add(line):
            fresh[ticket] += 1
        else:
            repeated[line.day] += 1
    days: defaultdict[str, Counts] = defaultdict(Counts)
    moved: defaultdict[str, Counter[str]] = defaultdict(Counter)
    changes: dict[TicketKey, Change] = {}
    mine = owner_of(stamp, run)
    for ticket, claim in claims.items():
        before = held.get(ticket, {})
        changes[ticket] = change = Change(before, {**before, stamp: claim})
        superseded = 0
        if len(change.after) > 1:
            shifts = _newly_superseded(change)
            superseded = shifts.pop(mine, 0)
            for owner, rows in shifts.items():
                moved[owner][ticket.day] += rows
        new = fresh[ticket]
        days[ticket.day] += Counts(received=new, accepted=new - superseded, superseded=superseded)
    for day, rows in repeated.items():
        days[day] += Counts(received=rows, duplicate=rows)
    crowded = frozenset(ticket.text for ticket, claim in claims.items() if claim.rows >= MOST_TICKET_ROWS)
    return Settlement(changes, dict(days), dict(moved), {}, crowded)


def withdraw(held: Mapping[TicketKey, Claims], owners: Collection[str]) -> Settlement:
    """Decide what it does to take the claims of these owners back; what others say of the same lines stands again."""
    moved: defaultdict[str, Counter[str]] = defaultdict(Counter)
    changes: dict[TicketKey, Change] = {}
    gone: dict[TicketKey, str] = {}
    for ticket, before in held.items():
        after = {stamp: claim for stamp, claim in before.items() if owner_of(stamp, claim.run) not in owners}
        changes[ticket] = change = Change(before, after)
        if not after and before:
            last = max(before)
            gone[ticket] = owner_of(last, before[last].run)
        for owner, rows in _newly_superseded(change).items():
            moved[owner][ticket.day] += rows
    return Settlement(changes, {}, dict(moved), gone)


def _superseded(lines: Sequence[Line], held: Mapping[TicketKey, Claims], owner: str) -> Settlement:
    rows = Counter(line.day for line in lines)
    days = {day: Counts(received=number, superseded=number) for day, number in rows.items()}
    gone = {TicketKey(*ticket): owner for ticket in map(ticket_of, lines) if not held.get(ticket)}
    return Settlement({}, days, {}, gone)


def _newly_superseded(change: Change) -> Counter[str]:
    """How many more rows of each owner that has a claim afterwards are superseded than were before; zeros left out."""
    after = _superseded_rows(change.after)
    after.subtract({owner: rows for owner, rows in _superseded_rows(change.before).items() if owner in after})
    return Counter({owner: rows for owner, rows in after.items() if rows})


def _superseded_rows(claims: Claims) -> Counter[str]:
    standing = content(claims).lines
    return Counter(
        {
            owner_of(stamp, claim.run): sum(
                len(line.fingerprints) for product, line in claim.lines.items() if standing[product][0] != stamp
            )
            for stamp, claim in claims.items()
        }
    )


def _joined(parts: tuple[str, ...]) -> str:
    text = "/".join(parts)
    if "%" not in text and text.count("/") == len(parts) - 1:
        return text
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)
