"""The one vocabulary of outcomes: what becomes of a row, and whether an event is tried again.

Every row of an object version ends as exactly one of *accepted*, *duplicate* (the same row again inside one object),
*superseded* (a newer object version already owns it) or *quarantined* (bad data, kept and replayable), so that
``received == accepted + quarantined + duplicate + superseded`` holds for every object version. Retry is for the event,
never for a row: see `pipeline_assets.errors`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass


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
