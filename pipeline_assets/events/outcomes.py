"""The one vocabulary of outcomes: what becomes of a row, and whether an event is tried again.

Every row of an object version ends as exactly one of *accepted*, *duplicate* (the same row again inside one object),
*superseded* (a newer object version already owns it) or *quarantined* (bad data, kept and replayable), so that
``received == accepted + quarantined + duplicate + superseded`` holds for every object version. Retry is for the event,
never for a row: `TransientError` is delivered again, `TerminalError` never is.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from pipeline_assets.errors import UserError


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows by outcome; every field is a number of rows, zero or more."""

    received: int = 0
    accepted: int = 0
    quarantined: int = 0
    duplicate: int = 0
    superseded: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.received + other.received,
            self.accepted + other.accepted,
            self.quarantined + other.quarantined,
            self.duplicate + other.duplicate,
            self.superseded + other.superseded,
        )

    def __sub__(self, other: Counts) -> Counts:
        return Counts(
            self.received - other.received,
            self.accepted - other.accepted,
            self.quarantined - other.quarantined,
            self.duplicate - other.duplicate,
            self.superseded - other.superseded,
        )

    @property
    def conserved(self) -> bool:
        """Whether every received row has exactly one outcome."""
        return self.received == self.accepted + self.quarantined + self.duplicate + self.superseded

    def as_dict(self) -> dict[str, int]:
        """The counts by name, in the order of the fields."""
        return asdict(self)


class OvertakenError(Exception):
    """Raised when another worker has taken an object further, or has begun it again; nothing was changed."""


class IngestError(Exception):
    """Base of the errors that decide an event's fate; carries what a log line and a receipt need to name it.

    Attributes: `flow`, `object_uri` (empty when no object is known), `rule` (short name of what was violated).
    """

    def __init__(self, message: str, *, flow: str = "", object_uri: str = "", rule: str = "") -> None:
        super().__init__(message)
        self.flow = flow
        self.object_uri = object_uri
        self.rule = rule

    def attributes(self) -> dict[str, str]:
        """What identifies the failure, for structured logs."""
        return {"flow": self.flow, "object_uri": self.object_uri, "rule": self.rule, "error": str(self)}


class TransientError(IngestError):
    """The target is down, throttled or busy: the event must be delivered again."""


class TerminalError(IngestError, UserError):
    """The input can never succeed as it is: it is quarantined and not delivered again; whoever gave it is told."""


class TimeBudgetReachedError(IngestError):
    """The work was stopped at its time budget with everything done so far committed: a continuation goes on.

    `moved` says that a step forward was made. Without one the event is delivered again instead, so that it is counted:
    a continuation would go round for ever.
    """

    def __init__(self, message: str, *, flow: str = "", object_uri: str = "", moved: bool = False) -> None:
        super().__init__(message, flow=flow, object_uri=object_uri, rule="time_budget")
        self.moved = moved
