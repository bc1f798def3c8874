"""Evaluations of checks by sensors: stored where what Dagster shows is no longer what is so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord


def evaluation_in(record: AssetCheckExecutionRecord | None) -> dg.AssetCheckEvaluation | None:
    """The evaluation in a record; None where a check was only planned, in a run that failed before it."""
    found = record.evaluation if record else None
    return found if isinstance(found, dg.AssetCheckEvaluation) else None


def shown_evaluation(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> dg.AssetCheckEvaluation | None:
    """The evaluation that Dagster shows beside an asset, if any.

    Dagster hides one that is older than the latest materialization, unless both are of one run, as all are that come
    without a run.

    Parameters
    ----------
    instance
        Where the evaluations are.
    key
        The check.

    Returns
    -------
    dg.AssetCheckEvaluation or None
        The latest; None where there is none, or where it is hidden.
    """
    record = instance.get_latest_asset_check_evaluation_record(key)
    if record is None or (evaluation := evaluation_in(record)) is None:
        return None
    newest = instance.get_latest_materialization_event(key.asset_key)
    hidden = newest and newest.run_id != record.run_id and newest.timestamp > record.create_timestamp
    return None if hidden else evaluation
