"""Everything Dagster is told: what the rooms define, merged, and the policies that hold for all assets.

A room is a package whose module `definitions` has `defs`. Loading this opens nothing and needs no environment variable:
those that are set are shown as addresses of what is stored.
"""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import dagster as dg

from pipeline_assets.flows import FLOWS
from pipeline_assets.lineage.code_references import with_code_references
from pipeline_assets.lineage.definitions import bridged
from pipeline_assets.lineage.policies import with_policies


def _rooms() -> Iterator[dg.Definitions]:
    for path in sorted(Path(__file__).parent.glob("*/definitions.py")):
        module = import_module(f"{__package__}.{path.parent.name}.definitions")
        if hasattr(module, "defs"):
            yield module.defs


def _all_defined() -> dg.Definitions:
    merged = dg.Definitions.merge(*_rooms(), bridged(FLOWS))
    merged = merged.permissive_map_resolved_asset_specs(with_policies, selection=None)
    return dg.Definitions(
        assets=list(with_code_references(merged.assets or ())),
        asset_checks=merged.asset_checks,
        jobs=merged.jobs,
        sensors=merged.sensors,
        resources=merged.resources,
        executor=merged.executor,
    )


defs = _all_defined()
