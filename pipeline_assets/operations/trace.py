"""Where an object of a flow is: all that bucket, queue, ledger, target and quarantine know, and one sentence.

What only some flows can tell, how far each version is in the target, is handed in; the words for it are the flow's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

from pipeline_assets.events.dead_letters import DeadLetters
from pipeline_assets.events.flow import FlowStores
from pipeline_assets.events.names import LEFT_ALONE, is_left_alone
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.operations.backlog import Waiting, what_waits
from pipeline_assets.operations.rejected import rules_broken
from pipeline_assets.operations.versions import StoredVersion, listed_versions, split_uri, version_id_of


class Place(Protocol):
    """Progress of an object version in the target of its flow."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def id(self) -> str:
        """The id of its receipt."""

    @property
    def stamp(self) -> str:
        """Its place in the order of all versions."""

    @property
    def next_row(self) -> int:
        """Number of the first record that is not in yet."""

    @property
    def done(self) -> bool:
        """Whether all records are in."""

    @property
    def stands(self) -> bool:
        """Whether it is the version that stands for its key."""


@dataclass(frozen=True, slots=True)
class KnownVersion:
    """One version of an object: what the bucket (None: it is gone), the ledger and the target know of it."""

    id: str
    stored: StoredVersion | None
    receipt: Receipt | None
    load: Place | None

    @property
    def stamp(self) -> str:
        """Its place in the order of versions; where nobody has worked on it yet, when it was stored."""
        if self.receipt:
            return self.receipt.source.stamp
        return self.load.stamp if self.load else self.stored.stored_at if self.stored else ""

    @property
    def version_id(self) -> str:
        """The bucket's own name for it; empty where only the target still knows of it."""
        return self.stored.version_id if self.stored else self.receipt.version.version_id if self.receipt else ""


@dataclass(frozen=True, slots=True)
class VersionTrace:
    """One version of a file; `in_dagster` is None before there is a receipt, `rules` counts its rejected rows.

    `request` is the address of what asks Dagster for its receipt, if anything does.
    """

    known: KnownVersion
    deliveries: int
    in_dagster: bool | None
    rules: dict[str, int]
    dead_letters: int
    request: str = ""

    def as_dict(self, target: str = "") -> dict[str, Any]:
        """The trace of the version as a program reads it; `target` names what tells how far it is in."""
        known = self.known
        receipt = known.receipt
        return {
            "version_id": known.version_id,
            "receipt": known.id,
            "in_bucket": known.stored and asdict(known.stored),
            "recorded_at": receipt.recorded_at if receipt else None,
            "counts": receipt.counts.as_dict() if receipt else None,
            "refused": receipt.refused if receipt else "",
            **({f"in_{target}": known.load and asdict(known.load)} if target else {}),
            "deliveries": self.deliveries,
            "in_dagster": self.in_dagster,
            "rules": self.rules,
            "dead_letters": self.dead_letters,
            "request": self.request,
        }


@dataclass(frozen=True)
class ObjectTrace:
    """An object with all its versions, oldest first; `deleted` says that its bucket holds a deletion of it.

    A flow whose target tells how far a version is in has a subclass with its words.
    """

    #: What tells how far a version is in; empty where nothing does.
    target: ClassVar[str] = ""
    #: What is said where nobody knows the object.
    never: ClassVar[str] = "never seen: ledger, dead letters and quarantine know nothing of it. Is it in the bucket?"
    #: What a refused version leaves of those before it, and what a deletion in the bucket changes.
    kept: ClassVar[str] = " What the version before it brought stays."
    undeleted: ClassVar[str] = " It is deleted in the bucket."

    uri: str
    versions: tuple[VersionTrace, ...]
    deleted: bool
    waiting: Waiting

    @property
    def verdict(self) -> str:
        """Where the object is, in one sentence, by its newest version."""
        if is_left_alone(split_uri(self.uri, "")[1]) and not any(version.known.receipt for version in self.versions):
            return f"{self.uri}: {'' if self.versions else 'not in the bucket, and it '}{LEFT_ALONE}"
        if not self.versions:
            return f"{self.uri}: {self.never}{self.waiting.sentence}"
        return f"{self.uri}: {self._of_version(self.versions[-1])}{self.undeleted if self.deleted else ''}"

    def as_dict(self) -> dict[str, Any]:
        """The trace as a program reads it."""
        return {
            "file": self.uri,
            "verdict": self.verdict,
            "deleted": self.deleted,
            "versions": [version.as_dict(self.target) for version in self.versions],
            "queued": self.waiting.queued,
            "dead_letters": self.waiting.dead,
        }

    def under_way(self, load: Place) -> str:
        """What is said of a version without a receipt that the target knows."""
        return f"is being loaded: {load.next_row - 1} rows are in.{self.waiting.sentence}"

    def lost(self, load: Place | None) -> str:  # noqa: ARG002 - for flows whose target tells
        """What is said, after a space, of a version with a receipt that the target does not hold whole."""
        return ""

    def _of_version(self, trace: VersionTrace) -> str:
        known, receipt = trace.known, trace.known.receipt
        which = f"version {known.version_id or known.id}"
        if receipt is None:
            return f"{which} {self._not_through(trace)}"
        if receipt.refused:
            before = any(each.known.receipt and not each.known.receipt.refused for each in self.versions)
            return f"{which} was refused: {receipt.refused}.{self.kept if before else ''}"
        rows = ", ".join(f"{number} {outcome}" for outcome, number in receipt.counts.as_dict().items() if number)
        broken = ", ".join(f"{number} by {rule}" for rule, number in trace.rules.items())
        rejected = f" Rejected: {broken}." if broken else ""
        shown = "Dagster shows it" if trace.in_dagster else "Dagster has yet to show it"
        through = f"{which} is through since {receipt.recorded_at} ({rows or 'no rows'}); {shown}."
        return f"{through}{rejected}{self.lost(known.load)}"

    def _not_through(self, trace: VersionTrace) -> str:
        if trace.dead_letters:
            return "was dead-lettered: mend the cause, then `cesta redrive`."
        if trace.known.load:
            return self.under_way(trace.known.load)
        if trace.request:
            return f"was too large for the function, and waits for a run in Dagster, which {trace.request} asks for."
        if self.waiting.queued:
            return f"has not been worked through: its event should be among the {self.waiting.queued} in the queue."
        return "is in the bucket, but no event announces it: put it again."


def known_versions(
    stores: FlowStores, bucket: str, key: str, places: Sequence[Place] = ()
) -> tuple[list[KnownVersion], bool]:
    """Find the versions of an object that bucket, ledger or target know.

    Parameters
    ----------
    stores
        Stores of the flow.
    bucket, key
        The object.
    places
        What the flow's target tells of the versions.

    Returns
    -------
    list of KnownVersion
        Oldest first. One that is gone from bucket and target is among them only where it is the newest that was taken.
    bool
        Whether the object is deleted in its bucket.
    """
    listed = list(listed_versions(stores.storage.bucket(bucket), key))
    stored = {version_id_of(bucket, key, each.version_id): each for each in listed if not each.marker}
    loads = {place.id: place for place in places}
    newest = stores.ledger.newest(f"s3://{bucket}/{key}")
    ids = {*stored, *loads, *([newest.id] if newest else [])}
    known = [KnownVersion(each, stored.get(each), stores.ledger.receipt(each), loads.get(each)) for each in ids]
    return sorted(known, key=lambda each: each.stamp), any(each.marker and each.latest for each in listed)


def trace_object(
    flow: str,
    place: tuple[str, str],
    stores: FlowStores,
    letters: DeadLetters,
    places: Sequence[Place] = (),
    *,
    requests: Mapping[str, str] = MappingProxyType({}),
) -> ObjectTrace:
    """Trace an object of a flow.

    Parameters
    ----------
    flow
        Name of the flow.
    place
        Bucket and key of the object.
    stores, letters
        The stores of the flow, and the dead letters of its queue.
    places
        What the flow's target tells of the versions.
    requests
        Addresses of what asks Dagster for receipts, by the ids of these, as `HandsOver` finds them.

    Returns
    -------
    ObjectTrace
        All that is known of it.
    """
    bucket, key = place
    versions, deleted = known_versions(stores, bucket, key, places)
    waiting = what_waits(letters, flow)
    traced = tuple(_traced(known, stores, waiting, requests.get(known.id, "")) for known in versions)
    return ObjectTrace(f"s3://{bucket}/{key}", traced, deleted, waiting)


def _traced(known: KnownVersion, stores: FlowStores, waiting: Waiting, request: str) -> VersionTrace:
    receipt = known.receipt
    return VersionTrace(
        known,
        stores.ledger.deliveries(known.id) if receipt else 0,
        not stores.ledger.is_pending(receipt) if receipt else None,
        rules_broken(stores, receipt) if receipt else {},
        waiting.announced.get(known.id, 0),
        request,
    )
