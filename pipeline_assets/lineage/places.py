"""Which assets and partitions the definitions have, and which of them are made of which."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby

import dagster as dg

from pipeline_assets.lineage.bridge import Place, Standing
from pipeline_assets.lineage.partitions import is_left_out

#: What Dagster takes in no partition key, by the error it raises elsewhere.
_UNFIT = ("...", *"\a\b\f\n\r\t\v\0")
_LONGEST_KEY = 255


def standing_in(repository: dg.RepositoryDefinition, instance: dg.DagsterInstance) -> Callable[[Place], Standing]:
    """How to tell whether the definitions, and the instance for dynamic partitions, have a place."""
    graph = repository.asset_graph

    def has(place: Place, at: datetime) -> bool:
        key = dg.AssetKey.from_user_string(place.asset)
        if not graph.has(key):
            return False
        partitions = graph.get(key).partitions_def
        if partitions is None:
            return not place.partition
        with dg.partition_loading_context(effective_dt=at, dynamic_partitions_store=instance):
            return partitions.has_partition_key(place.partition)

    def left_out(place: Place) -> bool:
        key = dg.AssetKey.from_user_string(place.asset)
        partitions = graph.get(key).partitions_def if graph.has(key) else None
        return partitions is not None and is_left_out(partitions, place.partition)

    def standing(place: Place) -> Standing:
        now = datetime.now(UTC)
        if has(place, now):
            return Standing.KNOWN
        if dynamic_name(repository, place) and _fit(place.partition):
            return Standing.NEW
        if has(place, now + timedelta(days=1)):
            return Standing.EARLY
        return Standing.LEFT_OUT if left_out(place) else Standing.UNKNOWN

    return standing


def _fit(partition: str) -> bool:
    return 0 < len(partition) <= _LONGEST_KEY and not any(text in partition for text in _UNFIT)


def dynamic_name(repository: dg.RepositoryDefinition, place: Place) -> str:
    """The name of the dynamic partitions of a place's asset; empty where the asset has other partitions or none."""
    graph, key = repository.asset_graph, dg.AssetKey.from_user_string(place.asset)
    partitions = graph.get(key).partitions_def if graph.has(key) else None
    return partitions.name or "" if isinstance(partitions, dg.DynamicPartitionsDefinition) else ""


def requests_for(
    places: Iterable[Place], repository: dg.RepositoryDefinition
) -> Iterator[dg.AddDynamicPartitionsRequest]:
    """The requests that add the dynamic partitions of some places, each key once."""
    named = sorted({(dynamic_name(repository, place), place.partition) for place in places})
    for name, keys in groupby(named, key=lambda each: each[0]):
        yield dg.AddDynamicPartitionsRequest(name, [key for _, key in keys])


def made_of_in(repository: dg.RepositoryDefinition) -> Callable[[Place], Collection[Place]]:
    """What each partition is made of, where Dagster tells by versions whether it is stale.

    That is where code with a version of its own makes a partition from the same partition of each parent: elsewhere a
    partition is made of many, or of none, and Dagster compares nothing.

    Returns
    -------
    Callable[[Place], Collection[Place]]
        Tells the parents of a place; empty for one that is not told stale by versions.
    """
    graph = repository.asset_graph

    @cache
    def parents(asset: str) -> Sequence[str]:
        key = dg.AssetKey.from_user_string(asset)
        node = graph.get(key) if graph.has(key) else None
        if node is None or node.code_version is None or node.partitions_def is None:
            return ()
        made = sorted(node.parent_keys)
        # Dagster wants the versions of all parents or of none, and of external ones nobody tells any.
        outside = node.parent_keys & graph.external_asset_keys
        alike = all(graph.get(parent).partitions_def == node.partitions_def for parent in made)
        mappings = (graph.get_partition_mapping(key, parent) for parent in made)
        if outside or not alike or any(isinstance(mapping, dg.AllPartitionMapping) for mapping in mappings):
            return ()
        return [parent.to_user_string() for parent in made]

    return lambda place: [Place(parent, place.partition) for parent in parents(place.asset)]
