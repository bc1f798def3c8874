"""What a person sees of a check in Dagster: its result for the newest event of its asset."""

from __future__ import annotations

import asyncio

import dagster as dg
from dagster._core.loader import LoadingContextForTest


def shown(instance: dg.DagsterInstance, asset: str, name: str) -> dg.AssetCheckEvaluation | None:
    """The result of a check as its asset's page has it, or None where that says "not evaluated"."""
    key = dg.AssetCheckKey(dg.AssetKey.from_user_string(asset), name)
    record = instance.event_log_storage.get_latest_asset_check_execution_by_key([key]).get(key)
    is_of_newest = record and asyncio.run(record.targets_latest_materialization(LoadingContextForTest(instance)))
    return record.evaluation if record and is_of_newest else None


def is_planned(instance: dg.DagsterInstance, asset: str, name: str) -> bool:
    """Whether the newest of a check is that a run, which may have failed since, was going to evaluate it."""
    key = dg.AssetCheckKey(dg.AssetKey.from_user_string(asset), name)
    record = instance.event_log_storage.get_latest_asset_check_execution_by_key([key]).get(key)
    return bool(record and not isinstance(record.evaluation, dg.AssetCheckEvaluation))
