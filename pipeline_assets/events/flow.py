"""Protocol of a flow: what its queue, an operator and Dagster ask of it, and what it may be able to do besides.

Whoever works on any flow knows it as `Flow`. What only some flows can do is a protocol of its own, and is asked for by
`capability`. A flow of objects in buckets derives from `ObjectFlow`, which has the one `ingest` there is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar, runtime_checkable

from pipeline_assets.events.environment import Environment
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.events.time_budget import RESERVE_SECONDS, TimeBudget
from pipeline_assets.storage.bucket import Storage

if TYPE_CHECKING:
    from pipeline_assets.events.quarantine import Quarantine
    from pipeline_assets.events.rejection import Rejection


class FlowStores(Protocol):
    """Stores that every flow has: where its objects come from, and where what is known of them is kept."""

    @property
    def storage(self) -> Storage:
        """The buckets."""

    @property
    def ledger(self) -> Ledger:
        """The receipts."""

    @property
    def quarantine(self) -> Quarantine:
        """What the flow rejects."""


class FlowSettings(Protocol):
    """Settings that every flow has, read from the environment."""

    @classmethod
    def from_environment(cls, environment: Environment = None) -> Self:
        """Read the settings; raises `MissingSettingError` naming the first variable that is absent."""

    @property
    def queue_url(self) -> str:
        """Address of the queue that feeds the flow; empty where a process does not look into it."""

    @property
    def bucket(self) -> str:
        """Name of the bucket of the flow's objects; empty where a process does not look into it."""


StoresT = TypeVar("StoresT", bound=FlowStores)
StoresT_contra = TypeVar("StoresT_contra", bound=FlowStores, contravariant=True)
SettingsT = TypeVar("SettingsT", bound=FlowSettings)
ReceiptT_co = TypeVar("ReceiptT_co", bound=Receipt | None, covariant=True)
CapabilityT = TypeVar("CapabilityT")

#: Opens the stores that settings name, for as long as the context lasts.
OpenStores = Callable[[SettingsT], AbstractContextManager[StoresT]]


class Flow(Protocol[StoresT_contra]):
    """A flow: a name, the rules that its quarantine knows, and what becomes of one object version."""

    @property
    def name(self) -> str:
        """Name of the flow, as in the registry."""

    @property
    def rule_names(self) -> tuple[str, ...]:
        """Rules that what lies in the quarantine may have broken."""

    def ingest(
        self,
        version: ObjectVersion,
        stores: StoresT_contra,
        *,
        redo: bool = False,
        report: bool = True,
        seconds_left: Callable[[], float] | None = None,
    ) -> Receipt | None:
        """Ingest one object version, as `ObjectFlow.ingest` does.

        Parameters
        ----------
        version
            The object version.
        stores
            The stores of the flow.
        redo
            Whether to work the object through again from its beginning, as a new run.
        report
            Whether the receipt has to be shown in Dagster.
        seconds_left
            Tells how much time the process has, in seconds; None where nobody counts.

        Returns
        -------
        Receipt | None
            None where the object is no data of the flow and so has no receipt.

        Raises
        ------
        TransientError
            The event is to be delivered again.
        TimeBudgetReachedError
            The time is used up; the next delivery goes on where this one stopped.
        """


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at an object version.

    Parameters
    ----------
    redo
        Work the object through again from its beginning, as a new run.
    report
        Whether the receipt has to be shown in Dagster; a Dagster run shows it itself.
    budget
        How much time there is.
    """

    redo: bool = False
    report: bool = True
    budget: TimeBudget = field(default_factory=TimeBudget)


class ObjectFlow(ABC, Generic[StoresT, ReceiptT_co]):
    """Base of the flows whose input is objects in a bucket."""

    #: Work stops with this left of a function's time: what is begun just before has to end within it.
    reserve_seconds = RESERVE_SECONDS

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the flow, as in the registry."""

    @property
    @abstractmethod
    def rule_names(self) -> tuple[str, ...]:
        """Rules that what lies in the quarantine may have broken."""

    def ingest(
        self,
        version: ObjectVersion,
        stores: StoresT,
        *,
        redo: bool = False,
        report: bool = True,
        seconds_left: Callable[[], float] | None = None,
    ) -> ReceiptT_co:
        """Bring one object version in and leave its receipt; a repeated delivery changes nothing.

        Parameters
        ----------
        version
            The object version, with the stamp of the event that announced it.
        stores
            Where it comes from and where it goes.
        redo
            Work the object through again from its beginning, as a new run.
        report
            Whether the receipt has to be shown in Dagster; a Dagster run shows it itself.
        seconds_left
            Tells how much time the process has; None where nobody counts.

        Returns
        -------
        Receipt or None
            None where the object is no data of the flow and so has no receipt.

        Raises
        ------
        TransientError
            A store does not answer, or another worker is on the object: the event is to be delivered again.
        TimeBudgetReachedError
            The time is used up; the next delivery goes on where this one stopped.
        """
        return self.work(version, stores, Attempt(redo, report, TimeBudget(seconds_left, self.reserve_seconds)))

    @abstractmethod
    def work(self, version: ObjectVersion, stores: StoresT, attempt: Attempt) -> ReceiptT_co:
        """Make one attempt at an object version.

        Parameters
        ----------
        version
            The object version.
        stores
            The stores of the flow.
        attempt
            How it is to be worked through, and in what time.

        Returns
        -------
        Receipt or None
            As `ingest` returns it.

        Raises
        ------
        TransientError
            The event is to be delivered again.
        TimeBudgetReachedError
            The time is used up; the next delivery goes on where this one stopped.
        """


@dataclass(frozen=True, slots=True)
class Preview:
    """What today's rules say of a file that has not been uploaded yet.

    Parameters
    ----------
    rows, rejected
        How many rows it has, and how many of them would be rejected.
    rejections
        The first of these, at most twenty.
    refused
        Why the whole file would be refused; empty when it would be taken.
    """

    rows: int = 0
    rejected: int = 0
    rejections: tuple[Rejection, ...] = ()
    refused: str = ""


@runtime_checkable
class Correctable(Protocol):
    """Capability: a rejected file can be replaced, whole, by a corrected one under its key."""

    @property
    def column_names(self) -> tuple[str, ...]:
        """Columns of a file, in their order."""

    @property
    def left_out(self) -> str:
        """What becomes of what a corrected file leaves out, after "and"."""

    def preview(self, path: Path, key: str) -> Preview:
        """Judge a file by today's rules as if it arrived now under `key`; changes nothing."""


@runtime_checkable
class HandsOver(Protocol):
    """Capability: what is too large for the flow's function is asked of Dagster, and has its receipt from there."""

    def requests(self, key: str, stores: Any) -> Mapping[str, str]:  # noqa: ANN401 - those of the flow
        """Find what is asked for because of an object.

        Parameters
        ----------
        key
            Key of the object.
        stores
            The stores of the flow.

        Returns
        -------
        mapping of str to str
            Addresses of requests by the ids of the receipts that they ask for, of other objects too.

        Raises
        ------
        TransientError
            The bucket does not answer.
        """


@runtime_checkable
class Replayable(Protocol):
    """Capability: what was rejected of a source can be brought in again from the quarantine alone."""

    def replay(self, receipt: Receipt, stores: Any) -> Receipt:  # noqa: ANN401 - those of the flow
        """Bring what was rejected in by today's rules; raises `TransientError`.

        Parameters
        ----------
        receipt
            Receipt of the source.
        stores
            Stores of the flow.

        Returns
        -------
        Receipt
            Of a new run, with what is still rejected.
        """


def capability(flow: object, wanted: type[CapabilityT]) -> CapabilityT | None:
    """The flow as one that has a capability, or None when it has not."""
    return flow if isinstance(flow, wanted) else None
