"""The plan of one tick of a receipts bridge, made without Dagster and without a store.

A receipt waits until Dagster shows it for every (asset, partition) that it names. Storing events is at least once and
one by one: a daemon that dies in the middle has stored some of them and remembers nothing. So each tick first looks at
what Dagster holds and then plans from that alone:

- *seen*: a receipt that Dagster shows for everything it names; it is taken out of the pending ones;
- *event*: what is missing of the others, one for each (asset, partition), or several where more receipts meet than one
  event may name;
- *waiting for its inputs*: a place that Dagster calls stale by versions, until what it is made of is shown, since its
  event names those events;
- *held*: a place that somebody else tells, as a run of Dagster that works it does, or whose inputs another flow tells;
- *new dynamic partition*: requested in this tick, its event planned in a later one, once Dagster has it: a daemon
  stores the events of a tick before it adds the partitions;
- *left out*: a day that the partitions do not have, as it is before their first one or a closed one; what a receipt
  says of such days is recorded as one observation, and is accounted where its source arrived;
- *unknown target* (an asset or partition that Dagster does not have): recorded as an observation, then dropped from
  pending; the ledger keeps the receipt;
- *early*: a day that has begun by the clock of the writer only; left pending.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cache
from typing import NamedTuple

from pipeline_assets.events.ledger import PendingReport
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.sources import Source

#: The most events of one tick: the daemon stores about 60 a second, and a crash repeats at most this many look-ups.
EVENTS_PER_TICK = 300
#: The most receipts one event names; an id takes 38 bytes in the event's metadata.
RECEIPTS_PER_EVENT = 1_000
#: The most dynamic partitions that one tick requests; Dagster advises to stay below 25,000.
NEW_PER_TICK = 1_000
#: What one rejection names in place of an asset when the receipt names none.
NO_ASSET = "(none)"
#: What stands for all days of a receipt that are left out.
DAYS_LEFT_OUT = "(days left out)"


class Standing(Enum):
    """Whether Dagster has a partition of an asset."""

    KNOWN = "known"
    #: A day that has not begun by Dagster's clock, but is about to.
    EARLY = "early"
    #: A key that the asset's dynamic partitions may have, but do not have yet.
    NEW = "new"
    #: A day before the first of the asset's days, or a closed one.
    LEFT_OUT = "left out"
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
    partitions counts in both. `as_received` says that the place holds every row received, not only the accepted ones.
    `restated` counts the sources that were not worked through, and whose rows others changed the outcome of.
    """

    place: Place
    counts: Counts = field(default_factory=Counts)
    size: int = 0
    seconds: float = 0.0
    refused: int = 0
    restated: int = 0
    report_ids: list[str] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    code_versions: list[str] = field(default_factory=list)
    #: Receipts with rejected rows of the place, or of refused sources.
    rejecting: list[Receipt] = field(default_factory=list)
    oldest: str = ""
    as_received: bool = False

    def add(self, receipt: Receipt, part: PartitionCounts) -> None:
        """Add the counts of one receipt to the event; receipts come oldest first."""
        self.counts += part.counts
        self.as_received = self.as_received or part.holds_every_row
        self.size += receipt.size
        self.seconds += receipt.seconds
        self.refused += bool(receipt.refused) and not receipt.restates
        self.restated += receipt.restates
        if (receipt.refused and not receipt.restates) or part.counts.quarantined:
            self.rejecting.append(receipt)
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
class LeftOut:
    """What one report says of days that the partitions leave out: the first, the last and how many of an asset."""

    report_id: str
    source: str
    first: str
    last: str
    days: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What one tick does.

    `seen` reports stop waiting, `events`, `rejections` and `left_out` are stored, the dynamic partitions `new` are
    requested; `left` counts what is for a later tick, by places of reports, those of new partitions included.
    """

    seen: tuple[PendingReport, ...]
    events: tuple[PartitionEvent, ...]
    rejections: tuple[Rejection, ...]
    left: int
    new: tuple[Place, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def assets_named(reports: Iterable[PendingReport]) -> list[str]:
    """Assets that reports name, each once, sorted."""
    return sorted({part.asset for report in reports for part in report.receipt.partitions})


def plan(
    reports: Sequence[PendingReport],
    shown: AbstractSet[Shown],
    standing: Callable[[Place], Standing],
    *,
    made_of: Callable[[Place], Collection[Place]] = lambda _: (),
    held: Callable[[Place], bool] = lambda _: False,
    max_events: int = EVENTS_PER_TICK,
    receipts_per_event: int = RECEIPTS_PER_EVENT,
) -> Plan:
    """Plan one tick from the waiting reports, oldest first, and what Dagster already shows of them.

    Parameters
    ----------
    reports
        The receipts that wait, oldest first.
    shown
        What Dagster holds of them.
    standing
        Whether Dagster has a place.
    made_of
        The places that have to be shown before a place is.
    held
        Whether a place waits for others to tell it, or what it is made of.
    max_events
        The most events of the tick, above zero.
    receipts_per_event
        The most receipts one event names, above zero; also the most rejections of the tick.

    Returns
    -------
    Plan
        What to clear, to store and to request, and how much is left for later.
    """
    seen: list[PendingReport] = []
    made_of, held = cache(made_of), cache(held)
    gathered = _Gathering(cache(standing), max_events, receipts_per_event)
    for report in reports:
        missing = {
            place: part
            for place, part in _parts_by_place(report.receipt).items()
            if Shown(place, report.receipt.report_id) not in shown
        }
        days = [place.partition for place in missing if gathered.standing(place) is Standing.LEFT_OUT]
        missing = {place: part for place, part in missing.items() if gathered.standing(place) is not Standing.LEFT_OUT}
        told = not days or Shown(Place(DAYS_LEFT_OUT, ""), report.receipt.report_id) in shown
        if not told:
            gathered.leave_out(report.receipt, days)
        elif not missing:
            seen.append(report)
        for place, part in missing.items():
            if held(place) or missing.keys() & set(made_of(place)):
                gathered.left += 1
            else:
                gathered.add(report.receipt, place, part)
    return Plan(
        tuple(seen),
        tuple(gathered.events),
        tuple(gathered.rejections),
        gathered.left,
        tuple(gathered.new),
        tuple(gathered.left_out),
    )


class _Gathering:
    """The events of one tick as they fill up."""

    def __init__(self, standing: Callable[[Place], Standing], max_events: int, receipts_per_event: int) -> None:
        self.standing = standing
        self._max_events = max_events
        self._receipts_per_event = receipts_per_event
        self._open: dict[Place, PartitionEvent] = {}
        self._taken: set[Shown] = set()
        self.events: list[PartitionEvent] = []
        self.rejections: list[Rejection] = []
        self.left_out: list[LeftOut] = []
        #: In the order in which they were met.
        self.new: dict[Place, None] = {}
        self.left = 0

    def add(self, receipt: Receipt, place: Place, part: PartitionCounts) -> None:
        this = Shown(place, receipt.report_id)
        if this in self._taken:
            return
        standing = self.standing(place)
        if standing is Standing.UNKNOWN and len(self.rejections) < self._receipts_per_event:
            self.rejections.append(Rejection(place, receipt.report_id, receipt.source.uri))
        elif standing is Standing.KNOWN and (event := self._event(place)):
            event.add(receipt, part)
        else:
            if standing is Standing.NEW and len(self.new) < NEW_PER_TICK:
                self.new[place] = None
            self.left += 1
            return
        self._taken.add(this)

    def leave_out(self, receipt: Receipt, days: Collection[str]) -> None:
        if len(self.left_out) < self._receipts_per_event:
            of_one = set(days)
            self.left_out.append(LeftOut(receipt.report_id, receipt.source.uri, min(of_one), max(of_one), len(of_one)))
        else:
            self.left += 1

    def _event(self, place: Place) -> PartitionEvent | None:
        event = self._open.get(place)
        if event and len(event.report_ids) < self._receipts_per_event:
            return event
        if len(self.events) == self._max_events:
            return None
        self._open[place] = PartitionEvent(place)
        self.events.append(self._open[place])
        return self._open[place]


def _parts_by_place(receipt: Receipt) -> dict[Place, PartitionCounts]:
    """Counts of a receipt by place; a receipt without partitions is at `NO_ASSET`, which Dagster never has."""
    by_place: dict[Place, PartitionCounts] = {}
    for part in receipt.partitions:
        place = Place(part.asset, part.partition)
        earlier = by_place.get(place)
        by_place[place] = replace(part, counts=earlier.counts + part.counts) if earlier else part
    return by_place or {Place(NO_ASSET, ""): PartitionCounts(NO_ASSET, "", receipt.counts)}
