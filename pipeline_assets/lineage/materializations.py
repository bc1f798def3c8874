"""Materializations: what was done to a place and what it holds now, whether the bridge tells it or a run does."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from pipeline_assets.events.ledger import Ledger
from pipeline_assets.lineage.bridge import PartitionEvent, Place
from pipeline_assets.lineage.metadata import (
    State,
    flow_state,
    made_with,
    place_state,
    sources_table,
    state_figures,
    work_figures,
)
from pipeline_assets.lineage.rejected import RejectionReader
from pipeline_assets.lineage.sentences import work_sentence
from pipeline_assets.lineage.shown import RECEIPTS
from pipeline_assets.lineage.store_figures import NO_FIGURES, Figures, StoreReader
from pipeline_assets.lineage.tick_time import STATES_END, TickTime

_DATA_VERSION = "dagster/data_version"
_NONE = "NULL"


@dataclass(frozen=True, slots=True)
class PlaceNow:
    """What a tick knows of a place beside its receipts.

    Parameters
    ----------
    state
        What it holds by the ledger.
    first
        Metadata that come first: what was rejected, and what its store says.
    sentence
        What its store says in place of the rows; empty where it says nothing.
    in_rows
        Whether receipts count rows of it.
    """

    state: State
    first: Figures
    sentence: str
    in_rows: bool


def places_now(
    events: Sequence[PartitionEvent],
    ledger: Ledger,
    flow: str,
    tick: TickTime,
    *,
    reader: StoreReader,
    rejections: RejectionReader,
) -> dict[Place, PlaceNow]:
    """What is known of the places of some events, as far as the time of the tick suffices.

    Partitions of very many objects take long to add up, and stores may take long to answer.

    Parameters
    ----------
    events
        The planned materializations.
    ledger
        Holds the accounts, and what is open.
    flow
        Name of the flow.
    tick
        Time of the tick.
    reader
        Asks the stores behind assets.
    rejections
        Reads what was rejected.

    Returns
    -------
    dict of Place and PlaceNow
        Without the places that are left to the next tick.
    """
    of_place: dict[Place, list[PartitionEvent]] = {}
    for event in events:
        of_place.setdefault(event.place, []).append(event)
    problems = ledger.problems.of(flow)
    found: dict[Place, PlaceNow] = {}
    for place, mine in tick.while_left(of_place.items(), STATES_END):
        as_received = any(event.as_received for event in mine)
        state = (
            place_state(ledger, flow, place, as_received=as_received, problems=problems)
            if place.partition
            else flow_state(ledger, flow, problems)
        )
        says = reader.read(place)
        first = {**rejections.metadata_of(*mine), **says.figures}
        found[place] = PlaceNow(state, first, says.sentence, reader.in_rows(place))
    return found


def materialization(
    event: PartitionEvent,
    state: State,
    made_of: Collection[Place],
    instance: dg.DagsterInstance,
    *,
    description: str = "",
    first: Figures = NO_FIGURES,
    further: Figures = NO_FIGURES,
    in_rows: bool = True,
) -> dg.AssetMaterialization:
    """The materialization of a place, the same whether the bridge tells it or a run does.

    Parameters
    ----------
    event
        What was done; with at least one code version.
    state
        What the place holds now.
    made_of
        Places that it is made of, where Dagster tells by versions whether it is stale.
    instance
        Where their newest events are.
    description
        What was done, for people; made of the event by default.
    first, further
        More metadata, before and behind the figures of rows.
    in_rows
        Whether receipts count rows of the place; if not, there are no figures of rows.

    Returns
    -------
    dg.AssetMaterialization
        With the data version of the place, and the ids of the reports that it tells of.
    """
    versions = _versions(event, made_of, instance)
    waited = datetime.now(UTC) - datetime.fromisoformat(event.oldest) if event.oldest else timedelta()
    version = made_with(state.data_version, event.code_versions[-1]) if versions else state.data_version
    return dg.AssetMaterialization(
        asset_key=dg.AssetKey.from_user_string(event.place.asset),
        partition=event.place.partition or None,
        description=description
        or work_sentence(event.sources, event.counts, refused=event.refused, restated=event.restated),
        metadata={
            **first,
            **(_row_figures(event, state) if in_rows else {}),
            **further,
            "data_version": version,
            "seconds_to_dagster": round(waited.total_seconds(), 3),
            "code_version": ", ".join(sorted(set(event.code_versions))),
            # A path is copied by a click.
            **({"newest_source": dg.MetadataValue.path(event.sources[-1].uri)} if event.sources else {}),
            "sources": dg.MetadataValue.md(sources_table(event.sources)),
            # Of use to the bridge alone, so they come last.
            RECEIPTS: dg.MetadataValue.json(event.report_ids),
        },
        tags={_DATA_VERSION: version, **versions},
    )


def _versions(event: PartitionEvent, made_of: Collection[Place], instance: dg.DagsterInstance) -> dict[str, str]:
    """Tags with the versions of an event's code and inputs, by which Dagster calls its partition stale.

    Without them it compares times. It wants all of them or none, and compares what a partition is made of by the number
    of the event that told it.

    Returns
    -------
    dict[str, str]
        The tags; empty for a place that is not told stale by versions.
    """
    tags: dict[str, str] = {}
    for place in made_of:
        key = dg.AssetKey.from_user_string(place.asset)
        record = instance.get_latest_data_version_record(key, partition_key=place.partition)
        newest = record.asset_materialization if record else None
        version = (newest.tags or {}).get(_DATA_VERSION, _NONE) if newest else _NONE
        tags[f"dagster/input_data_version/{place.asset}"] = version
        tags[f"dagster/input_event_pointer/{place.asset}"] = str(record.storage_id) if record else _NONE
    return {**tags, "dagster/code_version": event.code_versions[-1]} if tags else tags


def _row_figures(event: PartitionEvent, held: State) -> dict[str, int | float | str]:
    """What a place holds now, and what was done."""
    return {
        **state_figures(event.place.partition, held, as_received=event.as_received),
        **work_figures(
            event.counts, size=event.size, seconds=event.seconds, objects=len(event.sources), refused=event.refused
        ),
    }
