"""How far an object version has come into the graph: its ledger node, written in the transaction of every batch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pipeline_assets.events.object_version import ObjectVersion
from pipeline_assets.events.outcomes import Counts, OvertakenError
from pipeline_assets.graph import statements
from pipeline_assets.graph.ownership import Line

if TYPE_CHECKING:
    from neo4j import ManagedTransaction


def owner_of(stamp: str, run: int) -> str:
    """A run's owner text; later runs of the same version compare greater."""
    return f"{stamp}/{run:06d}"


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records of one object: the accepted ones as lines, the rejected ones as counts per purchase day.

    `next_row` is the number of the record after the batch, which begins at byte `position` of the object, `unread_time`
    counts rejected records without a readable time, `unusual` the lines kept with a warning.
    """

    lines: Sequence[Line]
    next_row: int
    rejected_days: dict[str, Counts]
    unread_time: int
    unusual: int
    position: int = 0


@dataclass(frozen=True, slots=True)
class Load:
    """One run of one object version.

    `run` counts the times it was begun from row 1, `next_row` is the first record not yet in, which begins at byte
    `position` (of what is unpacked, where the object is packed), `done` says whether all are in, `days` are the rows
    per purchase day, `unread_time` the rejected rows whose time could not be read, `effects` what changed in the graph,
    `crowded` the tickets that have as many rows as a ticket may have; `refused` says that the whole file was.
    """

    version: ObjectVersion
    run: int = 1
    next_row: int = 1
    position: int = 0
    done: bool = False
    days: dict[str, Counts] = field(default_factory=dict)
    unread_time: int = 0
    unusual: int = 0
    effects: dict[str, int] = field(default_factory=dict)
    crowded: frozenset[str] = frozenset()
    refused: bool = False

    @property
    def owner(self) -> str:
        """What the tickets of this run carry as their owner."""
        return owner_of(self.version.stamp, self.run)

    @property
    def counts(self) -> Counts:
        """The rows of this run by outcome; `received` counts the records read, not the outcomes."""
        total = sum(self.days.values(), Counts(quarantined=self.unread_time))
        return replace(total, received=self.next_row - 1)

    @property
    def effective(self) -> bool:
        """Whether this version decides what its key holds: it has a row that counts, or is complete and empty."""
        counts = self.counts
        return not self.refused and (counts.received > counts.quarantined or (self.done and counts.received == 0))

    @property
    def tally(self) -> str:
        """What was counted so far, as its ledger node keeps it."""
        tally: dict[str, Any] = {
            "days": {day: counts.as_dict() for day, counts in sorted(self.days.items())},
            "unread_time": self.unread_time,
            "unusual": self.unusual,
            "effects": self.effects,
            "crowded": sorted(self.crowded),
            "position": self.position,
            "refused": self.refused,
        }
        return json.dumps(tally)

    def follows(self, known: Load | None) -> bool:
        """Whether this is where the graph stands, or the beginning of a run after it."""
        if known is None or self.run > known.run:
            return self.next_row == 1
        return (self.run, self.next_row, self.done) == (known.run, known.next_row, known.done)

    def with_batch(
        self, batch: Batch, days: dict[str, Counts], effects: dict[str, int], crowded: Iterable[str] = ()
    ) -> Load:
        """Where the object stands after a batch whose accepted lines came to `days`, `effects` and `crowded`."""
        return replace(
            self,
            next_row=batch.next_row,
            position=batch.position,
            days=_added(_added(self.days, days), batch.rejected_days),
            unread_time=self.unread_time + batch.unread_time,
            unusual=self.unusual + batch.unusual,
            effects=_summed(self.effects, effects),
            crowded=self.crowded.union(crowded),
        )

    def with_retired(self, effects: dict[str, int], *, done: bool) -> Load:
        """Where the object stands after tickets were retired for it."""
        return replace(self, done=done, effects=_summed(self.effects, effects))


class BehindError(OvertakenError):
    """Another worker has taken this object further, or begun it again; `load` tells where it is, None if nowhere."""

    def __init__(self, version: ObjectVersion, load: Load | None) -> None:
        where = f"is in run {load.run} at row {load.next_row}" if load else "is not in the graph any more"
        super().__init__(f"{version.uri} {where}")
        self.load = load


def read_load(tx: ManagedTransaction, version: ObjectVersion) -> Load | None:
    """Where an object version stands, or None when it was never begun.

    It keeps the place in the order that it was begun with: one that was announced again, from a listing of its bucket,
    may come with another time.
    """
    record = tx.run(statements.READ_LOAD, id=version.id).single()
    if record is None:
        return None
    tally = json.loads(record["tally"])
    return Load(
        version.at(record["stamp"]),
        run=record["run"],
        next_row=record["next_row"],
        done=record["state"] == "done",
        days={day: Counts(**counts) for day, counts in tally["days"].items()},
        unread_time=tally["unread_time"],
        unusual=tally["unusual"],
        effects=tally["effects"],
        crowded=frozenset(tally["crowded"]),
        position=tally["position"],
        refused=tally["refused"],
    )


def write_load(tx: ManagedTransaction, load: Load) -> None:
    """Write where an object version stands."""
    tx.run(
        statements.WRITE_LOAD,
        id=load.version.id,
        uri=load.version.uri,
        stamp=load.version.stamp,
        run=load.run,
        next_row=load.next_row,
        state="done" if load.done else "loading",
        effective=load.effective,
        tally=load.tally,
    ).consume()


def _added(one: dict[str, Counts], other: dict[str, Counts]) -> dict[str, Counts]:
    return {day: one.get(day, Counts()) + other.get(day, Counts()) for day in one.keys() | other.keys()}


def _summed(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted(one.keys() | other.keys())}
