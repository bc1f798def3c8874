"""Receipts that wait to be shown in Dagster: how many of a flow, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipeline_assets.events.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Waiting:
    """Receipts of a flow that wait.

    Parameters
    ----------
    receipts
        How many.
    oldest
        When the oldest was recorded, in UTC; None where none waits.
    """

    receipts: int
    oldest: datetime | None

    def seconds(self, now: datetime) -> float:
        """Time that the oldest has waited at a time, in seconds; 0 where none waits."""
        return max((now - self.oldest).total_seconds(), 0.0) if self.oldest else 0.0

    @property
    def sentence(self) -> str:
        """What waits, for people."""
        if self.oldest is None:
            return "no receipt waits"
        many = "1 receipt waits" if self.receipts == 1 else f"{self.receipts:,} receipts wait"
        return f"{many}, the oldest since {self.oldest:%Y-%m-%d %H:%M:%S} UTC"


def waiting_of(ledger: Ledger, flow: str) -> Waiting:
    """Count the receipts of a flow that wait; raises `TransientError` where the ledger does not answer."""
    if not (first := ledger.pending(flow, limit=1)):
        return Waiting(0, None)
    return Waiting(max(ledger.pending_count(flow), 1), datetime.fromisoformat(first[0].receipt.recorded_at))
