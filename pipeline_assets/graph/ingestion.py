"""Progress of an object version into the graph: its ledger node, written in the transaction of every batch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from pipeline_assets.events.outcomes import Counts, OvertakenError
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.graph import statements
from pipeline_assets.graph.ownership import Line, owner_of
from pipeline_assets.storage.documents import from_json, to_json

if TYPE_CHECKING:
    from neo4j import ManagedTransaction, Record


class Rank(IntEnum):
    """Rank of a version that was read: which of several may stand for a key."""

    #: It was refused, has no valid row, or is empty without saying that it is meant to be.
    NOTHING = 0
    #: Its end was not reached: it stands only where no version that was read whole does.
    PART = 1
    WHOLE = 2


@dataclass(frozen=True, slots=True)
class Batch:
    """Batch of consecutive records of one object.

    Parameters
    ----------
    lines
        Accepted records.
    next_row
        Number of the record after the batch, from 1.
    rejected_days
        Rejected records by purchase day.
    unread_time
        Rejected records without a readable time.
    unusual
        Lines kept with a warning.
    position
        Byte of the object at which the next record begins.
    """

    lines: Sequence[Line]
    next_row: int
    rejected_days: dict[str, Counts]
    unread_time: int
    unusual: int
    position: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """What the ledger node of an ingestion keeps in one text: fields of the `Ingestion` that no statement looks at."""

    days: dict[str, Counts]
    unread_time: int
    unusual: int
    effects: dict[str, int]
    crowded: frozenset[str]
    position: int
    refused: bool
    cut: str
    emptied: bool
    yields: bool
    overtaken: bool
    touched: frozenset[str]


@dataclass(frozen=True, slots=True)
class Ingestion:
    """Progress of one run of one object version.

    Parameters
    ----------
    version
        The object version.
    run
        How often it was begun from row 1.
    next_row, position
        Number of the first record that is not in yet, and the byte at which it begins, of what is unpacked where the
        object is packed.
    done
        Whether all records are in.
    days
        Rows by purchase day.
    unread_time, unusual
        Rejected rows whose time could not be read, and rows kept with a warning.
    effects
        What changed in the graph, by name.
    crowded
        Tickets that have as many rows as a ticket may have.
    refused
        The whole file was refused.
    cut
        Why its end was not reached; empty when it was.
    emptied
        It has no rows and says that this is meant.
    stands
        Its claims are the ones of its key.
    yields
        They were taken back for an *older* version that was read whole.
    overtaken
        On its way a newer version stood when some of its lines came, so that they made no claims.
    revision, untold
        How often the work on other objects changed the counts of this run, and whether the last time is not in the
        ledger yet.
    touched
        Ingestions whose counts the work on this one changed.
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
    cut: str = ""
    emptied: bool = False
    stands: bool = False
    yields: bool = False
    overtaken: bool = False
    revision: int = 0
    untold: bool = False
    touched: frozenset[str] = frozenset()

    @property
    def owner(self) -> str:
        """What the claims of this run carry as their owner."""
        return owner_of(self.version.stamp, self.run)

    @property
    def owners(self) -> list[str]:
        """The owners of all runs up to this one."""
        return [owner_of(self.version.stamp, run) for run in range(1, self.run + 1)]

    @property
    def counts(self) -> Counts:
        """The rows of this run by outcome; `received` counts the records read, not the outcomes."""
        received = self.next_row - 1
        if self.yields or self.refused:
            return Counts(received=received, quarantined=received)
        total = sum(self.days.values(), Counts(quarantined=self.unread_time))
        return replace(total, received=received)

    @property
    def rank(self) -> Rank:
        """What this version, read as far as it could be, is worth for its key."""
        quarantined = sum(counts.quarantined for counts in self.days.values()) + self.unread_time
        received = self.next_row - 1
        if self.refused or (received == quarantined and not (received == 0 and self.emptied)):
            return Rank.NOTHING
        return Rank.PART if self.cut else Rank.WHOLE

    @property
    def tally(self) -> str:
        """What was counted so far, as its ledger node keeps it."""
        return to_json(Tally(**{each.name: getattr(self, each.name) for each in fields(Tally)})).decode()

    def follows(self, known: Ingestion | None) -> bool:
        """Whether this is the progress that the graph has, or the beginning of a run after it."""
        if known is None or self.run > known.run:
            return self.next_row == 1
        return (self.run, self.next_row, self.done) == (known.run, known.next_row, known.done)

    def counting_on(self, known: Ingestion | None) -> Ingestion:
        """Merge in the counts that the graph has of this run: work on other objects may have changed them.

        Returns
        -------
        Ingestion
            This progress with those counts. A later run takes on the ingestions that the one before it touched, which
            may have died before it reported them.
        """
        if known is None or known.run != self.run:
            return replace(self, touched=known.touched) if known else self
        return replace(
            self,
            days=known.days,
            overtaken=known.overtaken,
            revision=known.revision,
            untold=known.untold,
            touched=known.touched,
            effects=known.effects,
        )

    def with_batch(
        self, batch: Batch, days: dict[str, Counts], effects: dict[str, int], crowded: Iterable[str] = ()
    ) -> Ingestion:
        """Progress after one more batch.

        Parameters
        ----------
        batch
            The batch.
        days, effects, crowded
            What its accepted lines came to: rows by purchase day, changes of the graph by name, crowded tickets.

        Returns
        -------
        Ingestion
            The next state; this one stays as it is.
        """
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

    def touching(self, ingestions: Iterable[str], effects: dict[str, int]) -> Ingestion:
        """The same with these ingestions among those whose counts it changed, and these effects."""
        return replace(self, touched=self.touched.union(ingestions), effects=_summed(self.effects, effects))

    def moved(self, rows: Mapping[str, int]) -> Ingestion:
        """The counts after so many accepted rows of each day were superseded (below zero: were accepted again)."""
        shifts = {day: Counts(accepted=-number, superseded=number) for day, number in rows.items()}
        return replace(self, days=_added(self.days, shifts), revision=self.revision + 1, untold=True)

    def displaced(self, standing: Ingestion) -> Ingestion:
        """State once its claims are taken back, since `standing` stands for its key.

        A newer version supersedes its rows. Beside an older one that was read whole this one was refused, since its own
        end was not reached.

        Returns
        -------
        Ingestion
            The next state; this one stays as it is.
        """
        accepted = {day: counts.accepted for day, counts in self.days.items() if counts.accepted}
        yields = standing.version.stamp < self.version.stamp
        return replace(self.moved(accepted), stands=False, yields=yields, overtaken=not self.done)

    def begun_again(self) -> Ingestion:
        """A run of the same version that has yet to read its first row."""
        return Ingestion(self.version, run=self.run + 1, touched=self.touched)


class BehindError(OvertakenError):
    """Another worker has taken this object further, or begun it again; `ingestion` is how far, None if nowhere."""

    def __init__(self, version: ObjectVersion, ingestion: Ingestion | None) -> None:
        where = (
            f"is in run {ingestion.run} at row {ingestion.next_row}" if ingestion else "is not in the graph any more"
        )
        super().__init__(f"{version.uri} {where}")
        self.ingestion = ingestion


@dataclass(frozen=True, slots=True)
class KnownIngestion:
    """An ingestion as the graph keeps it, which knows of its object only the id of the version and the URI."""

    id: str
    uri: str
    ingestion: Ingestion

    @property
    def rank(self) -> Rank:
        """What it is worth for its key; nothing before its end."""
        return self.ingestion.rank if self.ingestion.done else Rank.NOTHING


def read_ingestion(tx: ManagedTransaction, version: ObjectVersion) -> Ingestion | None:
    """Read the progress of an object version.

    Returns
    -------
    Ingestion or None
        None when it was never begun. Its stamp is the one that it was begun with: a version that was announced again,
        from a listing of its bucket, may come with another time.
    """
    record = tx.run(statements.READ_INGESTION, id=version.id).single()
    return replace(known_ingestion(record).ingestion, version=version.at(record["stamp"])) if record else None


def known_ingestion(record: Record) -> KnownIngestion:
    """Parse a row of one of the statements that read ingestions."""
    tally = from_json(record["tally"], Tally)
    ingestion = Ingestion(
        _version_at(record["uri"], record["stamp"]),
        run=record["run"],
        next_row=record["next_row"],
        done=record["state"] == "done",
        stands=record["stands"],
        revision=record["revision"],
        untold=record["untold"],
        **{each.name: getattr(tally, each.name) for each in fields(Tally)},
    )
    return KnownIngestion(record["id"], record["uri"], ingestion)


def write_ingestion(tx: ManagedTransaction, ingestion: Ingestion) -> None:
    """Write the progress of an object version."""
    write_known(tx, KnownIngestion(ingestion.version.id, ingestion.version.uri, ingestion))


def write_known(tx: ManagedTransaction, known: KnownIngestion) -> None:
    """Write the progress of a version of which only id and URI are known."""
    tx.run(statements.WRITE_INGESTION, id=known.id, **properties(known)).consume()


def properties(known: KnownIngestion) -> dict[str, Any]:
    """Properties of the node of an ingestion, its id left out."""
    ingestion = known.ingestion
    return {
        "uri": known.uri,
        "stamp": ingestion.version.stamp,
        "run": ingestion.run,
        "next_row": ingestion.next_row,
        "state": "done" if ingestion.done else "loading",
        "rank": int(known.rank),
        "stands": ingestion.stands,
        "revision": ingestion.revision,
        "untold": ingestion.untold,
        "tally": ingestion.tally,
    }


def standing(ingestions: Collection[KnownIngestion]) -> KnownIngestion | None:
    """Choose the version that stands for a key: the newest that was read whole; where none was, the longest part.

    Returns
    -------
    KnownIngestion or None
        None where no version decides anything.
    """
    deciding = [known for known in ingestions if known.rank]
    return max(deciding, key=_precedence, default=None)


def _precedence(known: KnownIngestion) -> tuple[int, int, str]:
    part = known.rank is Rank.PART
    return known.rank, known.ingestion.next_row if part else 0, known.ingestion.version.stamp


def _version_at(uri: str, stamp: str) -> ObjectVersion:
    """All that a ledger node tells of its object version: its key and its place in the order."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return ObjectVersion(bucket, key, "", "", 0, "", "").at(stamp)


def _added(one: dict[str, Counts], other: Mapping[str, Counts]) -> dict[str, Counts]:
    return {day: one.get(day, Counts()) + other.get(day, Counts()) for day in one.keys() | other.keys()}


def _summed(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted(one.keys() | other.keys())}
