"""Ticks of a bridge, and runs beside them, in this process and against real stores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from pipeline_assets.definitions import defs
from pipeline_assets.lineage import resources

if TYPE_CHECKING:
    import pytest

#: By the asset and the partition.
Newest = dict[tuple[str, str], dg.AssetMaterialization]


@dataclass
class Ticks:
    """An instance of Dagster whose bridges tick when they are told to."""

    instance: dg.DagsterInstance

    def tick(self, flow: str) -> Newest:
        """One tick of a flow's bridge, stored as the daemon stores it: the materializations by their places."""
        bridge = defs.resolve_sensor_def(f"{flow}_bridge")
        opened = {name: (defs.resources or {})[name] for name in bridge.required_resource_keys}
        repository = defs.get_repository_def()
        with dg.build_sensor_context(self.instance, repository_def=repository, resources=opened) as context:
            result = bridge(context)
        assert isinstance(result, dg.SensorResult)
        for event in result.asset_events:
            self.instance.report_runless_asset_event(event)
        events = [each for each in result.asset_events if isinstance(each, dg.AssetMaterialization)]
        return {(each.asset_key.to_user_string(), each.partition or ""): each for each in events}

    def show(self, flow: str) -> Newest:
        """Ticks of a flow's bridge until nothing of it waits: the newest materialization of each place."""
        found: Newest = {}
        while events := self.tick(flow):
            found |= events
        return found

    def run(self, asset: str, partition: str = "") -> dg.AssetMaterialization:
        """Materialize a partition in a run, and give the event that it stored."""
        key = dg.AssetKey.from_user_string(asset)
        job = dg.define_asset_job("by_hand", dg.AssetSelection.assets(key) - dg.AssetSelection.all_asset_checks())
        of_job = dg.Definitions(assets=defs.assets, jobs=[job], resources=defs.resources)
        resolved = of_job.resolve_job_def("by_hand")
        result = resolved.execute_in_process(instance=self.instance, partition_key=partition or None)
        (event,) = result.asset_materializations_for_node(key.to_python_identifier())
        return event


def values(event: dg.AssetMaterialization) -> dict[str, Any]:
    """The metadata of an event as plain values."""
    return {name: value.value for name, value in event.metadata.items()}


@contextmanager
def ticking(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Ticks]:
    """An instance that has seen nothing, in an environment."""
    cached = (resources._ledger, resources._quarantine, resources._messages, resources._cloudwatch)  # noqa: SLF001
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for opened in cached:
        opened.cache_clear()
    with dg.DagsterInstance.ephemeral() as instance:
        yield Ticks(instance)
    for opened in cached:
        opened.cache_clear()
