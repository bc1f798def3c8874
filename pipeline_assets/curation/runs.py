"""Which run of a raw object a piece of work is."""

from __future__ import annotations

from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.sources import ObjectVersion


class Runs:
    """The run of each object: the next one after that of the ledger, for `only` or, where it is None, for all."""

    def __init__(self, ledger: Ledger, only: ObjectVersion | None = None) -> None:
        self._ledger = ledger
        self._only = only
        self._receipts: dict[str, Receipt | None] = {}

    def earlier(self, version: ObjectVersion) -> Receipt | None:
        """The receipt that an object had before."""
        if version.id not in self._receipts:
            self._receipts[version.id] = self._ledger.receipt(version.id)
        return self._receipts[version.id]

    def run_of(self, version: ObjectVersion) -> int:
        """The run that an object is in."""
        recorded = earlier.run if (earlier := self.earlier(version)) else 0
        again = self._only is None or self._only.id == version.id
        return recorded + 1 if again else max(recorded, 1)
