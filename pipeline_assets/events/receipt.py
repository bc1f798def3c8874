"""The receipt: what one object version or stream batch did, in counts and keys, never a value of a row."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace

from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.sources import ObjectVersion, Source
from pipeline_assets.storage.documents import from_json, to_json


@dataclass(frozen=True, slots=True)
class PartitionCounts:
    """What a receipt says of one partition of one asset.

    `asset` is the asset key joined by slashes (``tickets/landed``), `partition` its key (``2026-11-20``), empty for an
    asset without partitions. `of_arrival` says that it is an account of what arrived: it stays when a newer version of
    the object arrives, while what the object says of other partitions is replaced. `as_received` says that its rows are
    as they were received, those among them that are rejected further on.
    """

    asset: str
    partition: str
    counts: Counts
    of_arrival: bool = False
    as_received: bool = False

    @property
    def holds_every_row(self) -> bool:
        """Whether its rows are all that were received, and not only those that were accepted."""
        return self.of_arrival or self.as_received


@dataclass(frozen=True, slots=True)
class Receipt:
    """Receipt of one source.

    Parameters
    ----------
    flow
        Name of the flow that worked it in.
    source
        The object version or the batch of a stream.
    run
        How often it was worked through from its beginning, from 1.
    counts
        Its rows by outcome.
    partitions
        What it counts in each partition of each asset.
    size, seconds
        Bytes read, and the time that the work took.
    code_version
        Version of the code that did it.
    recorded_at
        ISO-8601 UTC, for people and for ordering the queue of reports, never for deciding what wins.
    refused
        Sentence that tells why it was refused whole; empty when it was not.
    effects
        What changed in the target, counted by name.
    revision
        How often other sources changed what became of the rows of this run since the receipt was first written.
    """

    flow: str
    source: Source
    run: int
    counts: Counts
    partitions: tuple[PartitionCounts, ...]
    size: int
    seconds: float
    code_version: str
    recorded_at: str
    refused: str = ""
    effects: dict[str, int] = field(default_factory=dict)
    revision: int = 0

    @property
    def id(self) -> str:
        """The id of the source: one receipt for an object version, however often its event is delivered."""
        return self.source.id

    @property
    def report_id(self) -> str:
        """What identifies this report in Dagster: the receipt, its run and, where there is one, its revision."""
        return f"{self.id}.{self.run}.{self.revision}" if self.revision else f"{self.id}.{self.run}"

    @property
    def edition(self) -> tuple[int, int]:
        """Which of two receipts of one source says what stands: the greater one."""
        return self.run, self.revision

    def revising(self, earlier: Receipt) -> Receipt:
        """Report of a revision: the places whose counts it changed, and not one row or byte more.

        Parameters
        ----------
        earlier
            The receipt of the same run before.

        Returns
        -------
        Receipt
            Without counts and bytes; one that left all counts as they were names where its source arrived.
        """
        was = {(part.asset, part.partition): part for part in earlier.partitions}
        now = {(part.asset, part.partition): part for part in self.partitions}
        changed = [part for place, part in (was | now).items() if was.get(place) != now.get(place)]
        reported = changed or [part for part in self.partitions if part.of_arrival]
        parts = tuple(replace(part, counts=Counts()) for part in reported)
        return replace(self, counts=Counts(), partitions=parts, size=0, seconds=0.0, effects={})

    @property
    def restates(self) -> bool:
        """Whether it reports a revision, and no work on its source."""
        return bool(self.revision) and not self.size and self.counts == Counts()

    @property
    def version(self) -> ObjectVersion:
        """The object version that this is the receipt of; raises TypeError where it is of something else."""
        if isinstance(self.source, ObjectVersion):
            return self.source
        raise TypeError(f"{self.source.uri} is no object version, and its receipt is asked for one")

    def packed(self) -> bytes:
        """The receipt compressed, as the ledger keeps it: one that names thousands of days must fit into an item."""
        return zlib.compress(to_json(self))

    @classmethod
    def unpacked(cls, packed: bytes) -> Receipt:
        """The inverse of `packed`; raises ValueError for anything else."""
        return from_json(zlib.decompress(packed), cls)


def receipt_id_of(report_id: str) -> str:
    """The id of the receipt that a report is of."""
    return report_id.partition(".")[0]
