"""What the receipts bridge does in one tick, decided without Dagster and without a store.

A receipt waits until Dagster shows it for every (asset, partition) that it names. Storing events is at least once and
one by one: a daemon that dies in the middle has stored some of them and remembers nothing. So each tick first looks at
what Dagster holds and then plans from that alone:

- a receipt that is there for everything it names is *seen*, and no longer waits;
- of the others, what is missing is gathered into one event per (asset, partition), or several where more receipts
  meet than one event may name;
- a place that Dagster calls stale by versions waits until what it is made of is shown, since it has to name those
  events;
- an asset or partition that Dagster does not have is *rejected*: told once, in its own words, and then no longer waited
  for; the ledger keeps the receipt;
- a day that begins only by the clock of the writer is left waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import NamedTuple

from pipeline_assets.events.ledger import PendingReport
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.sources import Source

#: The most events of one tick: the daemon stores about 60 a second, and a crash repeats at most this many look-ups.
EVENTS_PER_TICK = 300
#: The most receipts one event names; an id takes 38 bytes in the event's metadata.
RECEIPTS_PER_EVENT = 1_000
#: What one rejection names in place of an asset when the receipt names none.
NO_ASSET = "(none)"


class Standing(Enum):
    """Whether Dagster has a partition of an asset."""

    KNOWN = "known"
    #: A day that has not begun by Dagster's clock, but is about to.
    EARLY = "early"
    UNKNOWN = "unknown"


class Place(NamedTuple):
    """A partition of an asset; `partition` is empty for an asset without partitions."""

    asset: str
    partition: str

    def __str__(self) -> str:
        return f"{self.asset} [{self.partition}]" if self.partition else self.asset


class Shown(NamedTuple):
    """A report that Dagster already shows at a place."""

    place: Place
    report_id: str


@dataclass(slots=True)
class PartitionEvent:
    """One materialization to be stored: what its receipts did to one place, summed.

    `size` is in bytes and `seconds` is time worked; both are of whole source objects, so a receipt that touches two
    partitions counts in both.
    """

    place: Place
    counts: Counts = field(default_factory=Counts)
    size: int = 0
    seconds: float = 0.0
    refused: int = 0
    report_ids: list[str] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    code_versions: list[str] = field(default_factory=list)
    oldest: str = ""

    def add(self, receipt: Receipt, counts: Counts) -> None:
        """Take one receipt in; receipts come oldest first."""
        self.counts += counts
        self.size += receipt.size
        self.seconds += receipt.seconds
        self.refused += bool(receipt.refused)
        self.report_ids.append(receipt.report_id)
        self.sources.append(receipt.source)
        self.code_versions.append(receipt.code_version)
        self.oldest = self.oldest or receipt.recorded_at


@dataclass(frozen=True, slots=True)
class Rejection:
    """A report that names a place Dagster does not have."""

    place: Place
    report_id: str
    source: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What one tick does: `seen` reports stop waiting, `events` and `rejections` are stored, `left` is for later."""

    seen: tuple[PendingReport, ...]
    events: tuple[PartitionEvent, ...]
    rejections: tuple[Rejection, ...]
    left: int


def assets_named(reports: Iterable[PendingReport]) -> list[str]:
    """The assets that reports name, each once."""
    return sorted({part.asset for report in reports for part in report.receipt.partitions})


def plan(
    reports: Sequence[PendingReport],
    shown: AbstractSet[Shown],
    standing: Callable[[Place], Standing],
    *,
    made_of: Callable[[Place], Collection[Place]] = lambda _: (),
    max_events: int = EVENTS_PER_TICK,
    receipts_per_event: int = RECEIPTS_PER_EVENT,
) -> Plan:
    """Decide one tick from the waiting reports, oldest first, and what Dagster already shows of them.

    `made_of` names the places that have to be shown before a place is.
    """
    seen: list[PendingReport] = []
    made_of = cache(made_of)
    gathered = _Gathering(cache(standing), max_events, receipts_per_event)
    for report in reports:
        missing = {
            place: counts
            for place, counts in _counts_by_place(report.receipt).items()
            if Shown(place, report.receipt.report_id) not in shown
        }
        if not missing:
            seen.append(report)
        for place, counts in missing.items():
            if missing.keys() & set(made_of(place)):
                gathered.left += 1
            else:
                gathered.add(report.receipt, place, counts)
    return Plan(tuple(seen), tuple(gathered.events), tuple(gathered.rejections), gathered.left)


class _Gathering:
    """The events of one tick as they fill up."""

    def __init__(self, standing: Callable[[Place], Standing], max_events: int, receipts_per_event: int) -> None:
        self._standing = standing
        self._max_events = max_events
        self._receipts_per_event = receipts_per_event
        self._open: dict[Place, PartitionEvent] = {}
        self._taken: set[Shown] = set()
        self.events: list[PartitionEvent] = []
        self.rejections: list[Rejection] = []
        self.left = 0

    def add(self, receipt: Receipt, place: Place, counts: Counts) -> None:
        this = Shown(place, receipt.report_id)
        if this in self._taken:
            return
        standing = self._standing(place)
        if standing is Standing.UNKNOWN and len(self.rejections) < self._receipts_per_event:
            self.rejections.append(Rejection(place, receipt.report_id, receipt.source.uri))
        elif standing is Standing.KNOWN and (event := self._event(place)):
            event.add(receipt, counts)
        else:
            self.left += 1
            return
        self._taken.add(this)

    def _event(self, place: Place) -> PartitionEvent | None:
        event = self._open.get(place)
        if event and len(event.report_ids) < self._receipts_per_event:
            return event
        if len(self.events) == self._max_events:
            return None
        self._open[place] = PartitionEvent(place)
        self.events.append(self._open[place])
        return self._open[place]


def _counts_by_place(receipt: Receipt) -> dict[Place, Counts]:
    """What a receipt says of each place; one that says nothing at all stands at a place that no Dagster has."""
    by_place: dict[Place, Counts] = {}
    for part in receipt.partitions:
        place = Place(part.asset, part.partition)
        by_place[place] = by_place.get(place, Counts()) + part.counts
    return by_place or {Place(NO_ASSET, ""): receipt.counts}
