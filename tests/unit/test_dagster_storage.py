"""Dagster's storage of a local instance holds what Dagster's own does, and is looked through once by a process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from alembic.script import ScriptDirectory

from deploy.local.dagster_processes import settle_dagster
from deploy.local.dagster_storage import OneMachineStorage

DAYS = [f"2026-03-{day:02d}" for day in range(1, 5)]
KEY = dg.AssetKey(["curated", "orders"])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("dagster")
    settle_dagster(found)
    return found


@pytest.fixture
def ours(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def days_told(instance: dg.DagsterInstance) -> list[str]:
    return sorted(instance.get_materialized_partitions(KEY))


def test_what_one_tells_the_other_shows(home: Path, ours: dg.DagsterInstance, tmp_path: Path) -> None:
    assert isinstance(ours.get_ref().storage, OneMachineStorage)
    (tmp_path / "dagster.yaml").write_text(f"storage: {{sqlite: {{base_dir: {home}}}}}\n")
    with dg.DagsterInstance.from_config(str(tmp_path)) as dagsters:
        for number, day in enumerate(DAYS):
            event = dg.AssetMaterialization(KEY, partition=day)
            (ours, dagsters)[number % 2].report_runless_asset_event(event)
            ours.add_dynamic_partitions("tenant", [day])
            assert days_told(ours) == days_told(dagsters) == DAYS[: number + 1]
            assert sorted(dagsters.get_dynamic_partitions("tenant")) == DAYS[: number + 1]
        ours.add_run(dg.DagsterRun("a_job", "0" * 32))
        assert dagsters.get_run_by_id("0" * 32)


def test_its_tables_are_compared_with_the_migrations_once(
    home: Path, ours: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ours.get_runs_count() >= 0
    compared: list[object] = []
    monkeypatch.setattr(ScriptDirectory, "from_config", compared.append)
    for _ in range(3):
        with dg.DagsterInstance.from_config(str(home)) as again:
            again.get_runs_count()
            again.all_instigator_state()
            again.get_asset_keys()
    assert compared == []
