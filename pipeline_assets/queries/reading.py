"""Account of what one query has read from the lake."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock


@dataclass(slots=True)
class Reading:
    """Account of what one query has read.

    Parameters
    ----------
    scanned_bytes
        Bytes that were fetched.
    changed
        Whether an object turned out to be another than the one that was listed.
    fault
        What the last request failed with.
    """

    scanned_bytes: int = 0
    changed: bool = False
    fault: Exception | None = None
    _lock: Lock = field(default_factory=Lock)

    def add(self, size: int) -> None:
        """Count bytes that were fetched.

        Parameters
        ----------
        size
            How many, 0 or more.
        """
        with self._lock:
            self.scanned_bytes += size
