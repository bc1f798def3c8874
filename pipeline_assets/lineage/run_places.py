"""Which places a run of Dagster is to tell, and which it has told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import dagster as dg

from pipeline_assets.lineage.bridge import Place
from pipeline_assets.lineage.shown import RECEIPTS, listed_in

#: A run works from the first of these on; a place that it is to tell is left to it until it has ended.
_WORKING: Final = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
_KINDS: Final = {dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED, dg.DagsterEventType.ASSET_MATERIALIZATION}
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class RunPlaces:
    """Places of one run.

    Parameters
    ----------
    planned
        Partitions, or subsets of them, that the run is to tell, by asset; an empty partition where there are none.
    told
        Places that it has told, each with the reports that its event names.
    """

    planned: dict[str, list[Any]]
    told: dict[Place, list[str]]

    def plans(self, place: Place) -> bool:
        """Whether the run is to tell a place, or has told it."""
        return any(place.partition in each for each in self.planned.get(place.asset, ()))

    def owes(self, place: Place) -> bool:
        """Whether the run has yet to tell a partition; an asset without any is told as a whole, naming no receipts."""
        return bool(place.partition) and place not in self.told and self.plans(place)


def places_of(instance: dg.DagsterInstance, run_id: str) -> RunPlaces:
    """The places of a run, by what Dagster has stored of it until now."""
    planned: dict[str, list[Any]] = {}
    told: dict[Place, list[str]] = {}
    for event in _events(instance, run_id):
        if event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION:
            made = event.step_materialization_data.materialization
            told[Place(made.asset_key.to_user_string(), made.partition or "")] = listed_in(made, RECEIPTS)
        else:
            data = event.asset_materialization_planned_data
            partitions = data.partitions_subset or (data.partition or "",)
            planned.setdefault(data.asset_key.to_user_string(), []).append(partitions)
    return RunPlaces(planned, told)


def owed_by_runs(instance: dg.DagsterInstance) -> Callable[[Place], bool]:
    """How to tell whether a run that works now is about to tell a place."""
    working = instance.get_runs(filters=dg.RunsFilter(statuses=_WORKING))
    runs = [places_of(instance, run.run_id) for run in working]
    return lambda place: any(run.owes(place) for run in runs)


def _events(instance: dg.DagsterInstance, run_id: str) -> Iterator[dg.DagsterEvent]:
    cursor: str | None = None
    while True:
        page = instance.get_records_for_run(run_id, cursor, _KINDS, limit=_PAGE)
        for record in page.records:
            if record.event_log_entry.dagster_event:
                yield record.event_log_entry.dagster_event
        if not page.has_more:
            return
        cursor = page.cursor
