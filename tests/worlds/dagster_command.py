"""`dagster asset materialize` as a person types it to work days out again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from click.testing import CliRunner, Result
from dagster._cli.asset import asset_materialize_command

from deploy.local.instance import PROJECT
from deploy.local.outputs import environment_contract
from deploy.local.processes import inherited_environment
from pipeline_assets.lineage import resources

if TYPE_CHECKING:
    from tests.worlds.stack import RunningStack


def said_of(assets: str, days: str) -> list[str]:
    """What a person types behind `dagster asset materialize` to work days out again."""
    selection = " or ".join(f"key:{each}" for each in assets.split(","))
    return ["-m", "pipeline_assets.definitions", "--select", selection, "--partition-range", days]


def contract(stack: RunningStack) -> dict[str, str]:
    return {**inherited_environment(), **environment_contract(stack.instance, stack.outputs)}


def materialize(stack: RunningStack, assets: str, days: str) -> Result:
    """Dagster's command, run in this process, which has its imports already; with its answer."""
    resources._ledger.cache_clear()  # noqa: SLF001
    done = CliRunner().invoke(asset_materialize_command, said_of(assets, days), env=contract(stack))
    resources._ledger.cache_clear()  # noqa: SLF001
    return done


def materialize_apart(stack: RunningStack, assets: str, days: str) -> subprocess.CompletedProcess[str]:
    """Dagster's command as a process of its own, with all that it prints."""
    command = [sys.executable, str(Path(sys.executable).with_name("dagster")), "asset", "materialize"]
    return subprocess.run(
        [*command, *said_of(assets, days)],
        check=False,
        cwd=PROJECT,
        env={**os.environ, **contract(stack)},
        capture_output=True,
        text=True,
        timeout=240,
    )
