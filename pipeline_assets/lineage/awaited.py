"""Days of a run whose work a function ends: each is told once all of its objects have receipts.

An export puts objects into a bucket, and the function behind the bucket works them in. Only then is known what became
of their rows, and what the bridge would tell of them: so the run waits for the receipts and tells the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pipeline_assets import __version__
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.lineage.bridge import Place
from pipeline_assets.lineage.materializations import materialization
from pipeline_assets.lineage.metadata import place_state
from pipeline_assets.lineage.redo import event_of
from pipeline_assets.lineage.rejected import RejectionReader
from pipeline_assets.lineage.run_days import RunDays

if TYPE_CHECKING:
    import dagster as dg

#: So long no day has become complete: then the function is behind, or stopped, and its days are left to the bridge.
PATIENCE_SECONDS: Final = 60.0
_LOOK_EVERY = 0.5
#: Of the days that wait so many are looked at while others are exported.
_LOOKED_AT = 10


@dataclass(frozen=True, slots=True)
class AwaitedDay:
    """A day whose objects are on their way.

    Parameters
    ----------
    day
        The partition.
    receipt_ids
        Ids of the receipts that its objects will have, by the asset that tells of them.
    description
        What was done, where there is no object to tell of.
    further
        More metadata.
    """

    day: str
    receipt_ids: Mapping[str, Sequence[str]]
    description: str
    further: Mapping[str, dg.MetadataValue[Any] | int | float | str]


class AwaitedDays:
    """Days of a run, oldest first, until they are told.

    Parameters
    ----------
    run
        The days of the run: what no receipt came for fails there.
    instance
        Dagster's instance.
    ledger
        Where the receipts come.
    rejections
        Reads what was rejected.
    flow
        Name of the flow that works the objects in.
    """

    def __init__(
        self, run: RunDays, instance: dg.DagsterInstance, ledger: Ledger, rejections: RejectionReader, *, flow: str
    ) -> None:
        self._run = run
        self._instance = instance
        self._ledger = ledger
        self._rejections = rejections
        self._flow = flow
        self._waiting: list[AwaitedDay] = []

    def add(self, day: AwaitedDay) -> None:
        """Await one more day."""
        self._waiting.append(day)

    def told(self, most: int = _LOOKED_AT) -> Iterator[dg.AssetMaterialization]:
        """The events of those of the first days that are complete by now."""
        for day in self._waiting[:most]:
            events = self._events(day)
            if events is not None:
                self._waiting.remove(day)
                yield from events

    def told_at_last(self) -> Iterator[dg.AssetMaterialization]:
        """The events of all other days as they become complete; those that do not are failed."""
        since = time.monotonic()
        while self._waiting:
            events = list(self.told(len(self._waiting)))
            yield from events
            if events:
                since = time.monotonic()
            elif time.monotonic() - since >= PATIENCE_SECONDS:
                break
            else:
                time.sleep(_LOOK_EVERY)
        for late in self._waiting:
            self._run.fail(
                late.day,
                f"exported, but not all of its objects have a receipt after {PATIENCE_SECONDS:.0f} seconds: the "
                "function that works them in is behind or stopped; the day is shown once it has done so",
            )

    def _events(self, waiting: AwaitedDay) -> list[dg.AssetMaterialization] | None:
        """The events of a day; None while a receipt is missing."""
        events: list[dg.AssetMaterialization] | None = None
        with self._run.trying([waiting.day]):
            found = {asset: self._receipts(ids) for asset, ids in waiting.receipt_ids.items()}
            if any(receipts is None for receipts in found.values()):
                return None
            events = [self._event(waiting, asset, receipts or []) for asset, receipts in found.items()]
        return events or []

    def _receipts(self, ids: Sequence[str]) -> list[Receipt] | None:
        receipts = []
        for receipt_id in ids:
            receipt = self._ledger.receipt(receipt_id)
            if receipt is None:
                return None
            receipts.append(receipt)
        return receipts

    def _event(self, waiting: AwaitedDay, asset: str, receipts: list[Receipt]) -> dg.AssetMaterialization:
        place = Place(asset, waiting.day)
        event = event_of(place, receipts, __version__, as_received=True)
        return materialization(
            event,
            place_state(self._ledger, self._flow, place, as_received=True),
            (),
            self._instance,
            description="" if receipts else waiting.description,
            first=self._rejections.metadata_of(event),
            further=waiting.further,
        )
