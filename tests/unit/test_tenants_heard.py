"""Of each tenant something is heard, or it is named."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from pipeline_assets.compras.assets import TENANTS_KEY
from pipeline_assets.compras.checks import tenants_heard


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        ephemeral.add_dynamic_partitions("tenants", ["t1", "t2", "t3"])
        yield ephemeral


def judged(instance: dg.DagsterInstance) -> dg.AssetCheckResult:
    with dg.build_asset_context(instance=instance) as context:
        result = tenants_heard(context)
    assert isinstance(result, dg.AssetCheckResult)
    return result


def test_a_tenant_that_nothing_came_of_is_named(instance: dg.DagsterInstance) -> None:
    for tenant in ("t1", "t3"):
        instance.report_runless_asset_event(dg.AssetMaterialization(TENANTS_KEY, partition=tenant))
    found = judged(instance)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert found.description == "within 36 hours nothing was heard of 1 of 3 tenants: t2"
    instance.report_runless_asset_event(dg.AssetMaterialization(TENANTS_KEY, partition="t2"))
    assert judged(instance).passed


def test_what_came_too_long_ago_does_not_count(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    for tenant in ("t3", "t1", "t2"):
        instance.report_runless_asset_event(dg.AssetMaterialization(TENANTS_KEY, partition=tenant))
    monkeypatch.setattr("pipeline_assets.compras.checks._HOURS", 0.0)
    found = judged(instance)
    assert (found.passed, found.description) == (
        False,
        "within 0 hours nothing was heard of 3 of 3 tenants: t1, t2, t3",
    )
    assert "never" not in str(found.metadata["quiet"])
