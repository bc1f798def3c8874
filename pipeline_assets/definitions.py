"""Everything Dagster is told: what the rooms define, merged, and the policies that hold for all assets.

A room is a package whose module `definitions` has `defs` and, where stores know figures that receipts do not,
`STORE_FIGURES`. Loading this opens nothing and needs no environment variable; those that are set give the addresses of
what is stored and the days of the deployment.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType

import dagster as dg

from pipeline_assets.flows import FLOWS
from pipeline_assets.lineage.code_references import with_code_references
from pipeline_assets.lineage.definitions import bridged
from pipeline_assets.lineage.policies import with_policies


def _rooms() -> Iterator[ModuleType]:
    for path in sorted(Path(__file__).parent.glob("*/definitions.py")):
        module = import_module(f"{__package__}.{path.parent.name}.definitions")
        if hasattr(module, "defs"):
            yield module


def _all_defined() -> dg.Definitions:
    rooms = list(_rooms())
    figures = [each for room in rooms for each in getattr(room, "STORE_FIGURES", ())]
    merged = dg.Definitions.merge(*(room.defs for room in rooms), bridged(FLOWS, figures))
    merged = merged.permissive_map_resolved_asset_specs(with_policies, selection=None)
    return dg.Definitions(
        assets=list(with_code_references(merged.assets or ())),
        asset_checks=merged.asset_checks,
        jobs=merged.jobs,
        sensors=merged.sensors,
        resources=merged.resources,
        executor=merged.executor,
    )


@contextmanager
def _nothing_thrown_away() -> Iterator[None]:
    """Look for no garbage meanwhile: all that is imported and defined stays, and to look through it takes a fifth."""
    looked_for = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looked_for:
            gc.enable()


with _nothing_thrown_away():
    defs = _all_defined()
